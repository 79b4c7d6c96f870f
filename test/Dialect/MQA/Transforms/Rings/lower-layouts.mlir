// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-lower-layouts,canonicalize,cse)))' --allow-unregistered-dialect --split-input-file | FileCheck %s

#smem = #gpu.address_space<workgroup>
#rows = #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>
!k = memref<64x128xf8E4M3FN, #rows, #smem>
gpu.module @kernels {
  // Key 13, d 100: column 6 of the row is in the place of 6 xor (13 mod 8) = 3, and
  // its fifth element is in that of 3 * 16 + 4.
  // CHECK-LABEL: gpu.func @element
  // CHECK-SAME: %[[K:[a-z0-9]+]]: memref<64x128xf8E4M3FN, #staged, #gpu.address_space<workgroup>>
  // CHECK-DAG: %[[KEY:.*]] = arith.constant 13 : index
  // CHECK-DAG: %[[PLACE:.*]] = arith.constant 52 : index
  // CHECK: %[[MEMORY:.*]] = mqa.layout_cast %[[K]] : {{.*}} to memref<64x128xf8E4M3FN, strided<[128, 1], offset: ?>, #gpu.address_space<workgroup>>
  // CHECK: memref.load %[[MEMORY]][%[[KEY]], %[[PLACE]]]
  // CHECK: memref.store %{{.*}}, %[[MEMORY]][%[[KEY]], %[[PLACE]]] {nontemporal = true}
  gpu.func @element(%k: !k) kernel {
    %key = arith.constant 13 : index
    %d = arith.constant 100 : index
    %e = memref.load %k[%key, %d] : !k
    %f = "test.double"(%e) : (f8E4M3FN) -> f8E4M3FN
    memref.store %f, %k[%key, %d] {nontemporal = true} : !k
    gpu.return
  }

  // CHECK-LABEL: gpu.func @any_element
  // CHECK-SAME: %[[K:[a-z0-9]+]]: memref{{.*}}, %[[KEY:[a-z0-9]+]]: index, %[[D:[a-z0-9]+]]: index
  // CHECK-DAG: %[[COLUMN_OF:.*]] = affine.apply #{{.*}}()[%[[D]]]
  // CHECK-DAG: %[[LINE_OF:.*]] = affine.apply #{{.*}}()[%[[KEY]]]
  // CHECK: %[[MOVED:.*]] = arith.xori %[[COLUMN_OF]], %[[LINE_OF]]
  // CHECK: %[[START:.*]] = arith.muli %[[MOVED]], %c16
  // CHECK: %[[INDEX:.*]] = arith.addi %[[START]], %{{.*}}
  // CHECK: memref.load %{{.*}}[%[[KEY]], %[[INDEX]]]
  gpu.func @any_element(%k: !k, %key: index, %d: index) kernel {
    %e = memref.load %k[%key, %d] : !k
    "test.use"(%e) : (f8E4M3FN) -> ()
    gpu.return
  }

  // 32 elements from a multiple of 16 on: two runs, whose columns are apart. From
  // anywhere on: 32 elements.
  // CHECK-LABEL: gpu.func @runs
  // CHECK-COUNT-2: vector.load %{{.*}} : memref<64x128xf8E4M3FN, strided<[128, 1], offset: ?>, {{.*}}>, vector<16xf8E4M3FN>
  // CHECK-NOT: vector.load
  // CHECK: "test.use"
  // CHECK-COUNT-2: vector.store {{.*}} vector<16xf8E4M3FN>
  // CHECK-NOT: vector.store
  // CHECK: "test.then"
  // CHECK-COUNT-32: vector.load {{.*}} vector<1xf8E4M3FN>
  // CHECK-NOT: vector.load
  gpu.func @runs(%k: !k, %key: index, %chunk: index) kernel {
    %c16 = arith.constant 16 : index
    %zero = arith.constant 0.0 : f8E4M3FN
    %d = arith.muli %chunk, %c16 : index
    %v = vector.transfer_read %k[%key, %d], %zero {in_bounds = [true]} : !k, vector<32xf8E4M3FN>
    "test.use"(%v) : (vector<32xf8E4M3FN>) -> ()
    vector.transfer_write %v, %k[%key, %d] {in_bounds = [true]} : vector<32xf8E4M3FN>, !k
    "test.then"() : () -> ()
    %w = vector.transfer_read %k[%key, %chunk], %zero {in_bounds = [true]} : !k, vector<32xf8E4M3FN>
    "test.use"(%w) : (vector<32xf8E4M3FN>) -> ()
    gpu.return
  }

  // A tile that a branch gives.
  // CHECK-LABEL: gpu.func @branch
  // CHECK: %[[TILE:.*]] = arith.select
  // CHECK: %[[MEMORY:.*]] = mqa.layout_cast %[[TILE]]
  // CHECK: memref.load %[[MEMORY]]
  gpu.func @branch(%k: !k, %k2: !k, %c: i1, %key: index) kernel {
    %t = arith.select %c, %k, %k2 : !k
    %e = memref.load %t[%key, %key] : !k
    "test.use"(%e) : (f8E4M3FN) -> ()
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
// Rows of 64 bytes: two of them are a line.
#chunks = #mqa.staged<shape = [2, 16, 32], dims = [1, 0, 1], swizzle = 8>
!k = memref<16x64xbf16, #chunks, #smem>
gpu.module @kernels {
  // Key 7, d 41: element 9 of chunk 1, in column 1 xor (7 / 2 mod 4) = 2.
  // CHECK-LABEL: gpu.func @chunks
  // CHECK-DAG: %[[CHUNK:.*]] = arith.constant 1 : index
  // CHECK-DAG: %[[KEY:.*]] = arith.constant 7 : index
  // CHECK-DAG: %[[PLACE:.*]] = arith.constant 17 : index
  // CHECK: memref.load %{{.*}}[%[[CHUNK]], %[[KEY]], %[[PLACE]]] : memref<2x16x32xbf16, strided<[512, 32, 1], offset: ?>
  gpu.func @chunks(%k: !k) kernel {
    %key = arith.constant 7 : index
    %d = arith.constant 41 : index
    %e = memref.load %k[%key, %d] : !k
    "test.use"(%e) : (bf16) -> ()
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#q = #mqa.staged<shape = [2, 4, 4, 16, 1, 128], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#group = #mqa.staged<shape = [4, 4, 16, 1, 128], dims = [1, 0, 1, 0, 2], swizzle = 16>
#head_tile = #mqa.staged<shape = [4, 16, 1, 128], dims = [0, 1, 0, 2], swizzle = 16>
!q = memref<8x64x128xf8E4M3FN, #q, #smem>
!group = memref<4x64x128xf8E4M3FN, #group, #smem>
!head_tile = memref<4x16x128xf8E4M3FN, #head_tile, #smem>
gpu.module @kernels {
  // A consumer group's queries, then 16 heads of them: views of the memory. What the unit
  // reads keeps its layout.
  // CHECK-LABEL: gpu.func @parts
  // CHECK-SAME: %[[Q:[a-z0-9]+]]: memref{{.*}}, %[[G:[a-z0-9]+]]: index
  // CHECK: %[[MEMORY:.*]] = mqa.layout_cast %[[Q]]
  // CHECK: %[[GROUP:.*]] = memref.subview %[[MEMORY]][%[[G]], 0, 0, 0, 0, 0] [1, 4, 4, 16, 1, 128] [1, 1, 1, 1, 1, 1]
  // CHECK: %[[TILE:.*]] = memref.subview %[[GROUP]][3, 0, 0, 0, 0] [1, 4, 16, 1, 128] [1, 1, 1, 1, 1]
  // CHECK: %[[PART:.*]] = mqa.layout_cast %[[TILE]] : {{.*}} to memref<4x16x128xf8E4M3FN, #staged{{[0-9]*}}, {{.*}}>
  // CHECK: "test.multiply"(%[[PART]])
  // Query 2, head 5: warp 2, row 5 of it.
  // CHECK: memref.load %[[TILE]][%c2, %c5, %c0, %{{.*}}]
  gpu.func @parts(%q: !q, %g: index) kernel {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c5 = arith.constant 5 : index
    %group = mqa.subtile %q[%g, %c0, %c0] : !q to !group
    %t = mqa.subtile %group[%c0, %c3, %c0] : !group to !head_tile
    "test.multiply"(%t) : (!head_tile) -> ()
    %e = memref.load %t[%c2, %c5, %c0] : !head_tile
    "test.use"(%e) : (f8E4M3FN) -> ()
    gpu.return
  }

  // Two dims of memory count the parts of one dim of the tile.
  // CHECK-LABEL: gpu.func @two_counts
  // CHECK: memref.subview %{{.*}}[0, 2, 0, 0] [1, 1, 8, 128] [1, 1, 1, 1]
  // CHECK: memref.subview %{{.*}}[1, 1, 0, 0] [1, 1, 8, 128] [1, 1, 1, 1]
  gpu.func @two_counts(%k: memref<48x128xf8E4M3FN, #mqa.staged<shape = [2, 3, 8, 128], dims = [0, 0, 0, 1], swizzle = 16>, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %a = mqa.subtile %k[%c2, %c0] : memref<48x128xf8E4M3FN, #mqa.staged<shape = [2, 3, 8, 128], dims = [0, 0, 0, 1], swizzle = 16>, #smem> to memref<8x128xf8E4M3FN, #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>, #smem>
    %b = mqa.subtile %k[%c4, %c0] : memref<48x128xf8E4M3FN, #mqa.staged<shape = [2, 3, 8, 128], dims = [0, 0, 0, 1], swizzle = 16>, #smem> to memref<8x128xf8E4M3FN, #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>, #smem>
    "test.use"(%a, %b) : (memref<8x128xf8E4M3FN, #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>, #smem>, memref<8x128xf8E4M3FN, #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>, #smem>) -> ()
    gpu.return
  }
}
