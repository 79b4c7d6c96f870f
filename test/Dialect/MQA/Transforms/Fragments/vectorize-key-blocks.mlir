// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s

gpu.module @kernels {
  // A column has the key of its block, which must be in the query's range. With clean, others become -inf.
  // CHECK-LABEL: gpu.func @clean
  // CHECK: scf.for %[[C:.*]] =
  // CHECK: %[[BLOCK:.*]] = arith.divui %{{.*}}, %{{.*}} : vector<1x128xindex>
  // CHECK: %[[IDS:.*]] = mqa.gather_columns %{{.*}}[%[[BLOCK]]] mask %[[HAS:.*]], %c-1_i32
  // CHECK: %[[ID:.*]] = arith.index_cast %[[IDS]] : vector<1x128xi32> to vector<1x128xindex>
  // CHECK: %[[EXISTS:.*]] = arith.cmpi ult, %[[ID]], %{{.*}}
  // CHECK: %[[KEY:.*]] = arith.select %[[EXISTS]], %{{.*}}, %{{.*}} : vector<1x128xi1>, vector<1x128xindex>
  // CHECK: %[[BELOW:.*]] = arith.cmpi slt, %[[KEY]], %{{.*}}
  // CHECK: %[[ABOVE:.*]] = arith.cmpi sge, %[[KEY]], %{{.*}}
  // CHECK: %[[SEES:.*]] = arith.andi %[[BELOW]], %[[ABOVE]]
  // CHECK: %[[LOGITS:.*]] = arith.select %[[SEES]], %{{.*}}, %{{.*}} : vector<1x128xi1>, vector<1x128xf32>
  // CHECK: vector.transfer_write %[[LOGITS]], %{{.*}}[%c0, %[[C]]], %{{.*}}
  gpu.func @clean(%v: vector<1x128xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %b: memref<1x?xi32>, %n: memref<1xi32>, %keys: index, %columns: index, %out: memref<1x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c128 = arith.constant 128 : index
    %seen = mqa.make_ranges %ks, %ke keys(%keys) : memref<?xi32>, memref<?xi32>
    %ranges = mqa.block_ranges %seen blocks(%b, %n) columns(%columns) {block_size = 8} : memref<1x?xi32>, memref<1xi32>
    scf.for %c = %c0 to %columns step %c128 {
      mqa.store_logits %v, %ranges first_key(%c) outs(%out : memref<1x?xf32>) {clean} : vector<1x128xf32>
    }
    gpu.return
  }

  // Without it, they are not written.
  // CHECK-LABEL: gpu.func @keep
  // CHECK: %[[SEES:.*]] = arith.cmpi slt, %{{.*}}, %{{.*}} : vector<1x128xindex>
  // CHECK: %[[MASK:.*]] = arith.andi %{{.*}}, %{{.*}} : vector<1x128xi1>
  // CHECK: vector.transfer_write %arg0, %{{.*}}[%c0, %{{.*}}], %[[MASK]]
  gpu.func @keep(%v: vector<1x128xf32>, %ke: memref<?xi32>, %b: memref<1x?xi32>, %n: memref<1xi32>, %keys: index, %columns: index, %out: memref<1x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %seen = mqa.make_ranges none, %ke keys(%keys) : memref<?xi32>
    %ranges = mqa.block_ranges %seen blocks(%b, %n) columns(%columns) {block_size = 16} : memref<1x?xi32>, memref<1xi32>
    mqa.store_logits %v, %ranges first_key(%c0) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }
}
