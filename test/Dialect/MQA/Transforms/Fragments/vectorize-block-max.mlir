// RUN: mqa-opt %s --allow-unregistered-dialect --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s

// The maximum of each block over the keys of the range, rounded when it is taken; written where a block has such a key.
// CHECK-LABEL: gpu.func @blocks
// CHECK: %[[LOGITS:.*]] = "test.logits"
// CHECK: arith.cmpi sge
// CHECK: arith.cmpi slt
// CHECK: %[[SEEN:.*]] = arith.andi %{{.*}} : vector<4x128xi1>
// CHECK: %[[OWN:.*]] = arith.select %[[SEEN]], %[[LOGITS]], %{{.*}} : vector<4x128xi1>, vector<4x128xf32>
// CHECK: %[[IN_BLOCKS:.*]] = vector.shape_cast %[[OWN]] : vector<4x128xf32> to vector<4x2x64xf32>
// CHECK: %[[MAX:.*]] = vector.multi_reduction <maximumf>, %[[IN_BLOCKS]], %{{.*}} [2] : vector<4x2x64xf32> to vector<4x2xf32>
// CHECK: %[[ROUNDED:.*]] = arith.truncf %[[MAX]] : vector<4x2xf32> to vector<4x2xf16>
// CHECK: %[[BEFORE_END:.*]] = arith.cmpi slt, %{{.*}} : vector<4x2xindex>
// CHECK: %[[BEHIND_START:.*]] = arith.cmpi sge, %{{.*}} : vector<4x2xindex>
// CHECK: arith.andi %[[BEFORE_END]], %[[BEHIND_START]]
// CHECK: arith.cmpi slt, %{{.*}} : vector<4xindex>
// CHECK: %[[SOME:.*]] = arith.andi %{{.*}} : vector<4x2xi1>
// CHECK: %[[J:.*]] = arith.divui %{{.*}}, %c64
// CHECK: vector.transfer_write %[[ROUNDED]], %{{.*}}[%c0{{.*}}, %[[J]]], %[[SOME]] {in_bounds = [true, true]} : vector<4x2xf16>, memref<?x?xf16>
gpu.module @kernels {
  gpu.func @blocks(%ks: memref<?xi32>, %ke: memref<?xi32>, %n: index, %out: memref<?x?xf16>) kernel {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges %ks, %ke keys(%num_keys) {block_max = 64} : memref<?xi32>, memref<?xi32>
    %logits = "test.logits"() : () -> vector<4x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<?x?xf16>) : vector<4x128xf32>
    gpu.return
  }
}
