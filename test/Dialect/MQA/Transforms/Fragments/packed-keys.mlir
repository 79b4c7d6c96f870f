// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s --check-prefix=VECTOR
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,mqa-distribute-vectors,canonicalize,cse)))' | FileCheck %s

// Packed keys are decoded to vectors, and these into the registers that products
// read their rows from.

#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 1, 64, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>, #smem>
!q64 = memref<1x8x64xf8E4M3FN, #mqa.staged<shape = [1, 1, 1, 8, 64], dims = [0, 1, 0, 1, 2], swizzle = 16>, #smem>
!q4 = memref<4x64x128xf8E4M3FN, #mqa.staged<shape = [1, 2, 4, 32, 128], dims = [0, 1, 0, 1, 2], swizzle = 16>, #smem>
!k = memref<128x64xi8, #smem>
!part = memref<64x64xi8, #smem>
!part64 = memref<64x32xi8, #smem>

gpu.module @kernels {
  // A tile of 128 keys is two products, each of a part of the bytes and words. The
  // second one's keys are decoded while the first one is under way. The sums of both
  // are scaled and stored at once. A scale is 2^(exponent - 127) / 64, and NaN for
  // 255: infinity by zero.
  // VECTOR-LABEL: gpu.func @two_products
  // VECTOR: %[[BYTES:.*]] = memref.subview %{{.*}}[0, 0] [64, 64] [1, 1] : memref<128x64xi8, {{.*}}>
  // VECTOR: %[[WORDS:.*]] = memref.subview %{{.*}}[0] [64] [1]
  // VECTOR: %[[KEYS:.*]], %[[EXPONENTS:.*]] = mqa.decode_mx %[[BYTES]], %[[WORDS]] : {{.*}} -> vector<64x128xf8E4M3FN>, vector<64xi32>
  // VECTOR: vector.contract {{.*}} %[[KEYS]], %{{.*}}, %{{.*}} : vector<64x128xf8E4M3FN>, vector<1x64x128xf8E4M3FN> into vector<64x1x64xf32>
  // VECTOR-DAG: memref.subview %{{.*}}[64, 0] [64, 64] [1, 1] : memref<128x64xi8, {{.*}}>
  // VECTOR-DAG: memref.subview %{{.*}}[64] [64] [1]
  // VECTOR: %[[NEXT:.*]], %[[NEXT_EXPONENTS:.*]] = mqa.decode_mx
  // VECTOR: arith.maximumf
  // VECTOR: %[[SUMS:.*]] = vector.multi_reduction
  // VECTOR: vector.contract {{.*}} %[[NEXT]],
  // VECTOR: %[[NEXT_SUMS:.*]] = vector.multi_reduction
  // VECTOR: %[[JOINED:.*]] = vector.insert_strided_slice %[[SUMS]], %{{.*}} {offsets = [0, 0], {{.*}} : vector<64x1xf32> into vector<128x1xf32>
  // VECTOR: %[[ALL:.*]] = vector.insert_strided_slice %[[NEXT_SUMS]], %[[JOINED]] {offsets = [64, 0], {{.*}} : vector<64x1xf32> into vector<128x1xf32>
  // VECTOR: %[[FIRST:.*]] = vector.insert_strided_slice %[[EXPONENTS]], %{{.*}} {offsets = [0],
  // VECTOR: %[[BOTH:.*]] = vector.insert_strided_slice %[[NEXT_EXPONENTS]], %[[FIRST]] {offsets = [64],
  // VECTOR: %[[SHIFTED:.*]] = arith.shli %[[BOTH]], %{{.*}} : vector<128xi32>
  // VECTOR: %[[BITS:.*]] = arith.maxui %[[SHIFTED]], %{{.*}} : vector<128xi32>
  // VECTOR: %[[POWER:.*]] = arith.bitcast %[[BITS]] : vector<128xi32> to vector<128xf32>
  // VECTOR: %[[LESS:.*]] = arith.mulf %[[POWER]],
  // VECTOR: %[[SCALES:.*]] = math.fma %[[POWER]], %{{.*}}, %[[LESS]] : vector<128xf32>
  // VECTOR: %[[LOGITS:.*]] = vector.transpose %[[ALL]], [1, 0]
  // VECTOR: vector.broadcast %[[SCALES]] : vector<128xf32> to vector<1x128xf32>
  // VECTOR: vector.transfer_write
  // VECTOR-NOT: vector.transfer_write
  // VECTOR: gpu.return

  // The block's threads compute the tables, a thread for each number of halvings.
  // CHECK-LABEL: gpu.func @two_products
  // CHECK-SAME: workgroup(%[[TABLES:.*]] : memref<20x2xi32, #gpu.address_space<workgroup>>
  // CHECK: %[[THREAD:.*]] = gpu.thread_id x
  // CHECK: %[[IN:.*]] = arith.cmpi ult, %[[THREAD]], %c20 : index
  // CHECK: scf.if %[[IN]]
  // CHECK: memref.store %{{.*}}, %[[TABLES]][%[[THREAD]], %c0]
  // CHECK: memref.store %{{.*}}, %[[TABLES]][%[[THREAD]], %c1]
  // CHECK: gpu.barrier
  // A lane has 16 bytes of each of two keys, 8 apart. Both words of block scales
  // are compared at once.
  // CHECK-DAG: %[[QUAD:.*]] = arith.remui %{{.*}}, %c4 : index
  // CHECK-DAG: %[[COLUMN:.*]] = arith.muli %[[QUAD]], %c16 : index
  // CHECK-DAG: %[[WORD:.*]] = memref.load %{{.*}}[%[[KEY:.*]]] : memref<64xi32
  // CHECK-DAG: vector.load %{{.*}}[%[[KEY]], %[[COLUMN]]] {alignment = 16 : i64} : {{.*}}, vector<16xi8>
  // CHECK-DAG: %[[NEXT:.*]] = arith.addi %[[KEY]], %c8 : index
  // CHECK-DAG: %[[OTHER:.*]] = memref.load %{{.*}}[%[[NEXT]]] : memref<64xi32
  // CHECK-DAG: vector.load %{{.*}}[%[[NEXT]], %[[COLUMN]]] {alignment = 16 : i64} : {{.*}}, vector<16xi8>
  // CHECK: nvvm.prmt <default> %{{.*}}, %[[WORD]], %[[OTHER]]
  // CHECK-COUNT-3: llvm.inline_asm {{.*}}"max.u16x2
  // CHECK: nvvm.prmt <default> %{{.*}}, %[[WORD]], %[[OTHER]]
  // CHECK: arith.subi
  // CHECK: llvm.inline_asm {{.*}}"min.u16x2
  // Both tables.
  // CHECK-COUNT-2: vector.load %[[TABLES]][%{{.*}}, %c0] {alignment = 8 : i64} : {{.*}}, vector<2xi32>
  // CHECK: %[[A:.*]] = mqa.pack_operand {{.*}} : <vector<64x128xf8E4M3FN>>
  // The greatest block scale of the key that the lane has of this product.
  // CHECK: %[[EXPONENT:.*]] = nvvm.prmt
  // CHECK-NOT: nvvm.wgmma.fence.aligned
  // CHECK: %[[ACC:.*]] = mqa.wgmma %[[A]], %{{.*}} : !mqa.operand_fragment<vector<64x128xf8E4M3FN>>, memref<1x64x128xf8E4M3FN, {{.*}}> -> <vector<64x64xf32>>
  // CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
  // CHECK: %[[NEXT_A:.*]] = mqa.pack_operand
  // CHECK: %[[NEXT_EXPONENT:.*]] = nvvm.prmt
  // CHECK: mqa.wgmma_wait %[[ACC]] after %[[A]] {pending = 0 : i64}
  // CHECK: mqa.wgmma %[[NEXT_A]]
  // Two shuffles leave each lane of a quad one of its two keys of each product, and a
  // third one leaves it one of both products'.
  // CHECK-COUNT-2: gpu.shuffle xor %{{.*}}, %c1_i32
  // CHECK: gpu.shuffle xor %{{.*}}, %c2_i32
  // CHECK-NOT: gpu.shuffle
  // CHECK: arith.select %[[SECOND:.*]], %[[NEXT_EXPONENT]], %[[EXPONENT]] : i32
  // CHECK: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @two_products(%q: !q, %k: !k, %s: memref<128xi32, #smem>, %w: memref<1x64xf32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, memref<128xi32, #smem>, memref<1x64xf32, #smem>) {rows = #mqa.rows<keys>} : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }

  // A key of 64 elements has two blocks: a lane has half of one, 8 bytes.
  // CHECK-LABEL: gpu.func @half_blocks
  // CHECK: %[[QUAD:.*]] = arith.remui %{{.*}}, %c4 : index
  // CHECK: arith.muli %[[QUAD]], %c8 : index
  // CHECK-COUNT-2: vector.load {{.*}} {alignment = 8 : i64} : {{.*}}, vector<8xi8>
  // CHECK: arith.divui %{{.*}}, %c2_i32 : i32
  // CHECK: mqa.pack_operand {{.*}} : <vector<64x64xf8E4M3FN>>
  gpu.func @half_blocks(%q: !q64, %k: !part64, %s: memref<64xi32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, none : !q64, !part64, memref<64xi32, #smem>) {rows = #mqa.rows<keys>} : vector<1x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x64xf32>
    gpu.return
  }

  // Two head tiles share what was decoded.
  // CHECK-LABEL: gpu.func @head_tiles
  // CHECK: %[[A:.*]] = mqa.pack_operand
  // CHECK: mqa.wgmma %[[A]]
  // CHECK-NOT: mqa.pack_operand
  // CHECK: mqa.wgmma %[[A]]
  // CHECK: gpu.return
  gpu.func @head_tiles(%q: !q4, %k: !part, %s: memref<64xi32, #smem>, %ke: memref<4xi32>, %n: index, %out: memref<4x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, none : !q4, !part, memref<64xi32, #smem>) {rows = #mqa.rows<keys>} : vector<4x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<4x?xf32>) : vector<4x64xf32>
    gpu.return
  }

  // With two accumulators, a product is under way while the one ahead of it is
  // reduced. All is stored at once.
  // VECTOR-LABEL: gpu.func @two_accumulators
  // VECTOR: mqa.decode_mx
  // VECTOR: %[[P0:.*]] = vector.contract
  // VECTOR: mqa.decode_mx
  // VECTOR: %[[P1:.*]] = vector.contract
  // VECTOR: arith.maximumf %[[P0]],
  // VECTOR: mqa.decode_mx
  // VECTOR: %[[P2:.*]] = vector.contract
  // VECTOR: arith.maximumf %[[P1]],
  // VECTOR: mqa.decode_mx
  // VECTOR: %[[P3:.*]] = vector.contract
  // VECTOR: arith.maximumf %[[P2]],
  // VECTOR: arith.maximumf %[[P3]],
  // VECTOR: vector.transfer_write {{.*}} : vector<1x256xf32>
  // VECTOR-NOT: vector.transfer_write
  // VECTOR: gpu.return
  // Each lane ends with a key of the first two products and one of the others.
  // CHECK-LABEL: gpu.func @two_accumulators
  // CHECK: mqa.wgmma %
  // CHECK: mqa.wgmma %
  // CHECK: mqa.wgmma_wait {{.*}} {pending = 1 : i64}
  // CHECK: mqa.wgmma %
  // CHECK: mqa.wgmma_wait {{.*}} {pending = 1 : i64}
  // CHECK: mqa.wgmma %
  // CHECK: mqa.wgmma_wait {{.*}} {pending = 1 : i64}
  // CHECK: mqa.wgmma_wait {{.*}} {pending = 0 : i64}
  // CHECK-COUNT-4: gpu.shuffle xor %{{.*}}, %c1_i32
  // CHECK-COUNT-2: gpu.shuffle xor %{{.*}}, %c2_i32
  // CHECK-COUNT-2: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @two_accumulators(%q: !q, %k: memref<256x64xi8, #smem>, %s: memref<256xi32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, none : !q, memref<256x64xi8, #smem>, memref<256xi32, #smem>) {accumulators = 2 : i64, rows = #mqa.rows<keys>} : vector<1x256xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x256xf32>
    gpu.return
  }

  // Sums of three products leave two lanes of a quad with the same ones.
  // CHECK-LABEL: gpu.func @three_products
  // CHECK-COUNT-3: mqa.wgmma %
  // CHECK-COUNT-3: gpu.shuffle xor %{{.*}}, %c1_i32
  // CHECK-COUNT-3: gpu.shuffle xor %{{.*}}, %c2_i32
  // CHECK-COUNT-3: memref.store
  // CHECK-NOT: memref.store
  // CHECK: gpu.return
  gpu.func @three_products(%q: !q, %k: memref<192x64xi8, #smem>, %s: memref<192xi32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, none : !q, memref<192x64xi8, #smem>, memref<192xi32, #smem>) {accumulators = 2 : i64, rows = #mqa.rows<keys>} : vector<1x192xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x192xf32>
    gpu.return
  }
}
