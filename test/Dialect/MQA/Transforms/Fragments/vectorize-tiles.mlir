// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s

#at_128x128 = #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>
#one_query = #mqa.staged<shape = [1, 1, 1, 4, 16, 1, 128], dims = [0, 1, 0, 1, 1, 0, 2], swizzle = 16>
#at_1x2x4x16x1x128 = #mqa.staged<shape = [1, 2, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_1x8x4x8x2x128 = #mqa.staged<shape = [1, 8, 4, 8, 2, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#at_64x128 = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x32x128xf8E4M3FN, #at_1x2x4x16x1x128, #smem>
!k = memref<64x128xf8E4M3FN, #at_64x128, #smem>
!s = memref<64xf32, #smem>
!w = memref<4x32xf32, #smem>
!f = memref<2x4xf32, #smem>

// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-DAG: #[[S:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @tile
  // What does not depend on the tile is read outside the loop.
  // CHECK-DAG: %[[KSV:.*]] = vector.transfer_read %{{.*}} : memref<?xi32>, vector<4xi32>
  // CHECK-DAG: vector.transfer_read %{{.*}}[%c0{{.*}}, %c0{{.*}}], {{.*}} : memref<4x32xf32, #gpu.address_space<workgroup>>, vector<4x16xf32>
  // CHECK-DAG: vector.transfer_read %{{.*}}[%c0{{.*}}, %c16{{.*}}], {{.*}} : memref<4x32xf32, #gpu.address_space<workgroup>>, vector<4x16xf32>
  // CHECK: scf.for %[[N:.*]] =
  // CHECK: %[[TILE:.*]] = mqa.subtile %{{.*}}[%c0{{.*}}, %c0{{.*}}, %c0{{.*}}] : {{.*}} to memref<4x16x128xf8E4M3FN, {{.*}}>
  // CHECK: vector.transfer_read %[[TILE]]{{.*}} : memref<4x16x128xf8E4M3FN, {{.*}}>, vector<4x16x128xf8E4M3FN>
  // CHECK: %[[SCORES:.*]] = vector.contract {indexing_maps = [#[[Q]], #[[K]], #[[S]]], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} {{.*}} : vector<4x16x128xf8E4M3FN>, vector<64x128xf8E4M3FN> into vector<4x16x64xf32>
  // CHECK: %[[RELU:.*]] = arith.maximumf %[[SCORES]], %{{.*}} : vector<4x16x64xf32>
  // CHECK: %[[WEIGHTED:.*]] = arith.mulf %[[RELU]], %{{.*}} : vector<4x16x64xf32>
  // CHECK: %[[SUM:.*]] = vector.multi_reduction <add>, %[[WEIGHTED]], %{{.*}} [1] : vector<4x16x64xf32> to vector<4x64xf32>
  // The second head tile adds to the first.
  // CHECK: mqa.subtile %{{.*}}[%c0{{.*}}, %c1{{.*}}, %c0{{.*}}]
  // CHECK: vector.contract
  // CHECK: %[[ALL:.*]] = vector.multi_reduction <add>, %{{.*}}, %[[SUM]] [1]
  // CHECK: %[[SCALE:.*]] = vector.transfer_read %{{.*}} : memref<64xf32, {{.*}}>, vector<64xf32>
  // CHECK: %[[LOGITS:.*]] = arith.mulf %[[ALL]], %{{.*}} : vector<4x64xf32>
  // CHECK: arith.cmpi sge
  // CHECK: arith.cmpi slt
  // CHECK: %[[MASK:.*]] = arith.andi
  // CHECK: vector.transfer_write %[[LOGITS]], %{{.*}}[%c0{{.*}}, %[[N]]], %[[MASK]] {in_bounds = [true, true]} : vector<4x64xf32>, memref<?x?xf32>
  gpu.func @tile(%q: !q, %k: !k, %s: !s, %w: !w, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      %logits = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, !s, !w) : vector<4x64xf32>
      mqa.store_logits %logits, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    }
    gpu.return
  }

  // Both head tiles are started before the first is reduced. One takes x + |x|
  // and half the weight, the other the maximum of the bits.
  // CHECK-LABEL: gpu.func @mixed
  // CHECK: arith.constant dense<5.000000e-01> : vector<4x16xf32>
  // CHECK: scf.for
  // CHECK: %[[S0:.*]] = vector.contract
  // CHECK: %[[S1:.*]] = vector.contract
  // CHECK: %[[ABS:.*]] = math.absf %[[S0]]
  // CHECK: arith.addf %[[S0]], %[[ABS]]
  // CHECK: vector.multi_reduction
  // CHECK: %[[BITS:.*]] = arith.bitcast %[[S1]]
  // CHECK: arith.maxsi %[[BITS]]
  gpu.func @mixed(%q: !q, %k: !k, %s: !s, %w: !w, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      %logits1 = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, !s, !w) {accumulators = 2 : i64, relu = #mqa.relu<mixed>} : vector<4x64xf32>
      mqa.store_logits %logits1, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    }
    gpu.return
  }

  // NaN counts as 0: the other kind of maximum. In half precision it comes behind
  // the conversion, which would keep NaN with a relu of its own.
  // CHECK-LABEL: gpu.func @nan_as_zero
  // CHECK: %[[ALL:.*]] = vector.contract
  // CHECK: arith.maxnumf %[[ALL]], %{{.*}} : vector<4x16x64xf32>
  // CHECK: arith.constant dense<0.000000e+00> : vector<4x64xf16>
  // CHECK: %[[EACH:.*]] = vector.contract
  // CHECK: %[[SHORT:.*]] = arith.truncf %[[EACH]] : vector<4x16x64xf32> to vector<4x16x64xf16>
  // CHECK: arith.maxnumf %[[SHORT]], %{{.*}} : vector<4x16x64xf16>
  gpu.func @nan_as_zero(%q: !q, %k: !k, %s: !s, %w: !w, %f: !f, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %0 = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, !s, !w) {activation = #mqa.activation<relu_nan_as_zero>} : vector<4x64xf32>
    mqa.store_logits %0, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    %1 = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, !s, !w) factors(%f : !f) {activation = #mqa.activation<relu_nan_as_zero>, reduction = #mqa.reduction<f16>} : vector<4x64xf32>
    mqa.store_logits %1, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    gpu.return
  }

  // The weights of 8 head tiles are too many to keep: each are read where they
  // are used.
  // CHECK-LABEL: gpu.func @eight_queries
  // CHECK: scf.for
  // CHECK: mqa.subtile {{.*}} to memref<8x8x128xf8E4M3FN, {{.*}}>
  // CHECK: vector.contract {{.*}} into vector<8x8x64xf32>
  // CHECK: vector.transfer_read %{{.*}}[%c0{{.*}}, %c0{{.*}}], {{.*}} : memref<8x68xf32, #gpu.address_space<workgroup>>, vector<8x8xf32>
  // CHECK: vector.contract
  // CHECK: vector.transfer_read %{{.*}}[%c0{{.*}}, %c8{{.*}}], {{.*}} : memref<8x68xf32, #gpu.address_space<workgroup>>, vector<8x8xf32>
  gpu.func @eight_queries(%q: memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>, %k: !k, %s: !s, %w: memref<8x68xf32, #smem>, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      %logits2 = mqa.tile_logits ins(%q, %k, %s, %w : memref<8x64x128xf8E4M3FN, #at_1x8x4x8x2x128, #smem>, !k, !s, memref<8x68xf32, #smem>) {relu = #mqa.relu<add_abs>} : vector<8x64xf32>
      mqa.store_logits %logits2, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<8x64xf32>
    }
    gpu.return
  }

  // CHECK-LABEL: gpu.func @fast
  // CHECK: arith.truncf %{{.*}} : vector<4x16xf32> to vector<4x16xf16>
  // CHECK: scf.for
  // CHECK: arith.maximumf
  // CHECK: arith.truncf %{{.*}} : vector<4x16x64xf32> to vector<4x16x64xf16>
  // CHECK: vector.multi_reduction <add>, %{{.*}}, %{{.*}} [1] : vector<4x16x64xf16> to vector<4x64xf16>
  // CHECK: arith.extf %{{.*}} : vector<4x64xf16> to vector<4x64xf32>
  // The key's scale, then both factors of the query.
  // CHECK-COUNT-3: arith.mulf %{{.*}} : vector<4x64xf32>
  // CHECK: vector.transfer_write
  gpu.func @fast(%q: !q, %k: !k, %s: !s, %w: !w, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>, %f: !f) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %n step %c64 {
      %logits3 = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, !s, !w) factors(%f : !f) {reduction = #mqa.reduction<f16>} : vector<4x64xf32>
      mqa.store_logits %logits3, %ranges first_key(%i) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    }
    gpu.return
  }

  // Logits of other heads, to which these are added.
  // CHECK-LABEL: gpu.func @onto
  // CHECK-SAME: %[[BEFORE:[a-z0-9]+]]: vector<4x64xf32>
  // CHECK: %[[LOGITS:.*]] = arith.mulf %{{.*}} : vector<4x64xf32>
  // CHECK: arith.addf %[[BEFORE]], %[[LOGITS]] : vector<4x64xf32>
  gpu.func @onto(%q: !q, %k: !k, %s: !s, %w: !w, %before: vector<4x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) : memref<?xi32>, memref<?xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, !s, !w) onto(%before : vector<4x64xf32>) {relu = #mqa.relu<add_abs>} : vector<4x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xf32>) : vector<4x64xf32>
    gpu.return
  }

  // Compressed rows: a column counts from its range's start. Ranges end with the
  // keys, and what does not fit the row is masked.
  // CHECK-LABEL: gpu.func @compressed
  // CHECK-SAME: %{{[a-z0-9]+}}: index, %[[NUM_KEYS:[a-z0-9]+]]: index, %[[OUT:[a-z0-9]+]]: memref
  // CHECK-DAG: %[[COLUMNS:.*]] = memref.dim %[[OUT]], %c1
  // CHECK-DAG: vector.broadcast %[[NUM_KEYS]] : index to vector<4xindex>
  // CHECK: %[[STARTED:.*]] = arith.cmpi sge, %[[KEY:.*]], %[[START:.*]] : vector<4x64xindex>
  // CHECK: %[[COLUMN:.*]] = arith.subi %[[KEY]], %[[START]] : vector<4x64xindex>
  // CHECK: %[[END:.*]] = vector.broadcast %[[COLUMNS]] : index to vector<4x64xindex>
  // CHECK: %[[FITS:.*]] = arith.cmpi slt, %[[COLUMN]], %[[END]]
  // CHECK: %[[MASK:.*]] = arith.andi %{{.*}}, %[[FITS]]
  // CHECK: mqa.scatter_columns %{{.*}}, %{{.*}}[%[[COLUMN]]] mask %[[MASK]] : vector<4x64xbf16>
  gpu.func @compressed(%logits: vector<4x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %num_keys: index, %out: memref<?x?xbf16>) kernel {
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) {compressed} : memref<?xi32>, memref<?xi32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xbf16>) : vector<4x64xf32>
    gpu.return
  }

  // The last queries of a sequence of ke[0] keys: one length for all of them, and
  // nothing for those that a tile has more. A range from 0 has no start to look at.
  // CHECK-LABEL: gpu.func @causal
  // CHECK-SAME: %[[KE:[a-z0-9]+]]: memref<1xi32>
  // CHECK: %[[LENGTH:.*]] = memref.load %[[KE]][%c0]
  // CHECK: %[[QUERY:.*]] = vector.step : vector<4xindex>
  // CHECK: %[[END:.*]] = arith.addi %[[QUERY]], %{{.*}} : vector<4xindex>
  // CHECK: %[[EXISTS:.*]] = arith.cmpi slt, %[[QUERY]], %{{.*}} : vector<4xindex>
  // CHECK: arith.select %[[EXISTS]], %[[END]], %{{.*}} : vector<4xi1>, vector<4xindex>
  // CHECK: %[[MASK:.*]] = arith.cmpi slt, %{{.*}} : vector<4x64xindex>
  // CHECK: vector.transfer_write %{{.*}}, %{{.*}}, %[[MASK]]
  gpu.func @causal(%logits: vector<4x64xf32>, %ke: memref<1xi32>, %n: index, %num_keys: index, %out: memref<3x?xf32>) kernel {
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) {next_n = 3 : i64} : memref<1xi32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<3x?xf32>) : vector<4x64xf32>
    gpu.return
  }

  // All four warps of a WGMMA have heads of one query.
  // CHECK-LABEL: gpu.func @one_query
  // CHECK: mqa.subtile {{.*}} to memref<1x64x128xf8E4M3FN, {{.*}}>
  // CHECK: vector.contract {{.*}} into vector<1x64x128xf32>
  gpu.func @one_query(%q: memref<1x64x128xf8E4M3FN, #one_query, #smem>, %k: memref<128x128xf8E4M3FN, #at_128x128, #smem>, %w: memref<1x64xf32, #smem>, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, %w : memref<1x64x128xf8E4M3FN, #one_query, #smem>, memref<128x128xf8E4M3FN, #at_128x128, #smem>, memref<1x64xf32, #smem>) {relu = #mqa.relu<add_abs>} : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }
}
