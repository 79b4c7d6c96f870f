// The maximum over the heads, as vectors of a tile and in registers.
// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-vectorize-tiles,cse)))' | FileCheck %s --check-prefix=TILE
// RUN: mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-vectorize-tiles,mqa-distribute-vectors,canonicalize,cse)))' | FileCheck %s

// Terms of heads that are padding are -inf, whatever their scores and weights are.
// TILE-LABEL: gpu.func @padding
// TILE: %[[LEAST:.*]] = arith.constant dense<0xFF800000> : vector<4x64xf32>
// TILE: %[[SCORES:.*]] = vector.contract
// TILE: %[[RELU:.*]] = arith.maximumf %[[SCORES]], %{{.*}} : vector<4x16x64xf32>
// TILE: %[[TERMS:.*]] = arith.mulf %[[RELU]], %{{.*}} : vector<4x16x64xf32>
// TILE: %[[EXISTS:.*]] = vector.broadcast %{{.*}} to vector<4x16x64xi1>
// TILE: %[[NONE:.*]] = arith.constant dense<0xFF800000> : vector<4x16x64xf32>
// TILE: %[[OWN:.*]] = arith.select %[[EXISTS]], %[[TERMS]], %[[NONE]]
// TILE: %[[MAX:.*]] = vector.multi_reduction <maximumf>, %[[OWN]], %[[LEAST]] [1] : vector<4x16x64xf32> to vector<4x64xf32>
// TILE: %[[SCALE:.*]] = vector.broadcast %{{.*}} : vector<64xf32> to vector<4x64xf32>
// TILE: arith.mulf %[[MAX]], %[[SCALE]]

// A thread has two rows of a head tile, and no product is fused with a sum.
// CHECK-LABEL: gpu.func @padding
// CHECK-NOT: math.fma
// CHECK-NOT: arith.addf
// CHECK: arith.select
// CHECK: arith.maximumf {{.*}} fastmath<nsz> : f32
// CHECK: gpu.shuffle xor
// CHECK: arith.maximumf {{.*}} fastmath<nsz> : f32
// CHECK: memref.store
// CHECK-NOT: arith.addf
// CHECK: gpu.return

#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xbf16, #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>, #smem>
!k = memref<64x32xbf16, #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 8>, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @padding(%q: !q, %k: !k, %s: memref<64xf32, #smem>, %w: memref<4x16xf32, #smem>, %ke: memref<4xi32>, %n: index, %out: memref<4x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %heads = arith.constant 5 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %logits = mqa.tile_logits ins(%q, %k, %s, %w : !q, !k, memref<64xf32, #smem>, memref<4x16xf32, #smem>) num_heads(%heads)
        {head_reduction = #mqa.head_reduction<max>} : vector<4x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<4x?xf32>) : vector<4x64xf32>
    gpu.return
  }
}
}

// -----

// With one query, each warp has 16 of the heads: the maxima of warps meet in shared memory.
// TILE-LABEL: gpu.func @warps
// TILE: vector.multi_reduction <maximumf>
// CHECK-LABEL: gpu.func @warps
// CHECK-NOT: arith.addf
// CHECK: nvvm.barrier
// CHECK: nvvm.barrier
// CHECK: memref.load
// CHECK-COUNT-3: arith.maximumf {{.*}} fastmath<nsz> : f32
// CHECK: gpu.return

#smem = #gpu.address_space<workgroup>
!q = memref<1x64x128xf8E4M3FN, #mqa.staged<shape = [1, 1, 1, 4, 16, 1, 128], dims = [0, 1, 0, 1, 1, 0, 2], swizzle = 16>, #smem>
!k = memref<128x128xf8E4M3FN, #mqa.staged<shape = [128, 128], dims = [0, 1], swizzle = 16>, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @warps(%q: !q, %k: !k, %ke: memref<1xi32>, %n: index, %out: memref<1x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<1xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k)
        {activation = #mqa.activation<none>, head_reduction = #mqa.head_reduction<max>} : vector<1x128xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<1x?xf32>) : vector<1x128xf32>
    gpu.return
  }
}
}

// -----

// Keys as rows: even and odd heads, and then the lanes of a quad.
// TILE-LABEL: gpu.func @key_rows
// TILE: vector.multi_reduction <maximumf>, %{{.*}}, %{{.*}} [2] : vector<64x2x64xf32> to vector<64x2xf32>
// TILE: vector.transpose
// CHECK-LABEL: gpu.func @key_rows
// CHECK-NOT: arith.addf
// CHECK: arith.maximumf {{.*}} fastmath<nsz> : f32
// CHECK: gpu.shuffle xor
// CHECK: gpu.return

#smem = #gpu.address_space<workgroup>
!q = memref<2x64x128xf8E4M3FN, #mqa.staged<shape = [1, 2, 64, 128], dims = [1, 0, 1, 2], swizzle = 16>, #smem>
!k = memref<64x128xf8E4M3FN, #mqa.staged<shape = [64, 128], dims = [0, 1], swizzle = 16>, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @key_rows(%q: !q, %k: !k, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<2xi32>
    %logits = mqa.tile_logits ins(%q, %k, none, none : !q, !k)
        {activation = #mqa.activation<none>, head_reduction = #mqa.head_reduction<max>, rows = #mqa.rows<keys>} : vector<2x64xf32>
    mqa.store_logits %logits, %ranges first_key(%n) outs(%out : memref<2x?xf32>) : vector<2x64xf32>
    gpu.return
  }
}
}

// -----

// Logits of other heads: the scale multiplies both where the condition holds.
// TILE-LABEL: gpu.func @onto
// TILE: %[[OWN:.*]] = vector.multi_reduction <maximumf>
// TILE: %[[SCALE:.*]] = vector.broadcast %{{.*}} : vector<64xf32> to vector<4x64xf32>
// TILE: %[[BOTH:.*]] = arith.maximumf %{{.*}}, %[[OWN]] fastmath<nsz> : vector<4x64xf32>
// TILE: %[[FACTOR:.*]] = arith.select %{{.*}}, %[[SCALE]], %{{.*}} : vector<4x64xf32>
// TILE: arith.mulf %[[BOTH]], %[[FACTOR]] : vector<4x64xf32>
// A thread carries its maxima, beginning with -inf, and scales them in the last turn alone.
// CHECK-LABEL: gpu.func @onto
// CHECK-DAG: %[[LEAST:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: %{{.*}}:{{[0-9]+}} = scf.for {{.*}} iter_args(%[[OTHER:[^ ]*]] = %[[LEAST]], {{.*}}) -> (f32
// CHECK-NOT: arith.addf
// CHECK: gpu.shuffle xor
// CHECK: %[[OWN:.*]] = arith.maximumf {{.*}} fastmath<nsz> : f32
// CHECK: %[[BOTH:.*]] = arith.maximumf %[[OTHER]], %{{.*}} fastmath<nsz> : f32
// CHECK: %[[FACTOR:.*]] = arith.select %{{.*}}, %{{.*}}, %[[ONE]] : f32
// CHECK: arith.mulf %[[BOTH]], %[[FACTOR]] : f32
// CHECK: scf.yield
// CHECK: memref.store

#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xbf16, #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>, #smem>
!k = memref<64x32xbf16, #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 8>, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @onto(%last: i1, %q: !q, %k: !k, %s: memref<64xf32, #smem>, %ke: memref<4xi32>, %n: index, %out: memref<4x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %none = arith.constant dense<0xFF800000> : vector<4x64xf32>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %all = scf.for %i = %c0 to %n step %c1 iter_args(%other = %none) -> (vector<4x64xf32>) {
      %logits = mqa.tile_logits ins(%q, %k, %s, none : !q, !k, memref<64xf32, #smem>) onto(%other : vector<4x64xf32>)
          scales_onto(%last) {activation = #mqa.activation<none>, head_reduction = #mqa.head_reduction<max>} : vector<4x64xf32>
      scf.yield %logits : vector<4x64xf32>
    }
    mqa.store_logits %all, %ranges first_key(%n) outs(%out : memref<4x?xf32>) : vector<4x64xf32>
    gpu.return
  }
}
}

// -----

// With factors of queries, a finite scale's magnitude multiplies the own heads ahead of them, and its sign the maximum of all.
// TILE-LABEL: gpu.func @factors
// TILE: %[[OWN:.*]] = vector.multi_reduction <maximumf>
// TILE: %[[SCALE:.*]] = vector.transfer_read {{.*}} : memref<64xf32{{.*}}>, vector<64xf32>
// TILE: %[[MAGNITUDE:.*]] = math.absf %[[SCALE]] : vector<64xf32>
// TILE: %[[FINITE:.*]] = arith.cmpf olt, %[[MAGNITUDE]], %{{.*}} : vector<64xf32>
// TILE: %[[SIGN:.*]] = math.copysign %{{.*}}, %[[SCALE]] : vector<64xf32>
// TILE: %[[FIRST:.*]] = arith.select %[[FINITE]], %[[MAGNITUDE]], %{{.*}}
// TILE: %[[LAST:.*]] = arith.select %[[FINITE]], %[[SIGN]], %[[SCALE]]
// TILE: %[[LASTS:.*]] = vector.broadcast %[[LAST]] : vector<64xf32> to vector<4x64xf32>
// TILE: %[[FIRSTS:.*]] = vector.broadcast %[[FIRST]] : vector<64xf32> to vector<4x64xf32>
// TILE: %[[SCALED:.*]] = arith.mulf %[[OWN]], %[[FIRSTS]]
// TILE: %[[ONCE:.*]] = arith.mulf %[[SCALED]], %{{.*}}
// TILE: %[[TWICE:.*]] = arith.mulf %[[ONCE]], %{{.*}}
// TILE: %[[BOTH:.*]] = arith.maximumf %{{.*}}, %[[TWICE]] fastmath<nsz> : vector<4x64xf32>
// TILE: %[[FACTOR:.*]] = arith.select %{{.*}}, %[[LASTS]], %{{.*}} : vector<4x64xf32>
// TILE: arith.mulf %[[BOTH]], %[[FACTOR]] : vector<4x64xf32>
// CHECK-LABEL: gpu.func @factors
// CHECK: math.copysign {{.*}} : f32
// CHECK: arith.maximumf {{.*}} fastmath<nsz> : f32
// CHECK: memref.store

#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xbf16, #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>, #smem>
!k = memref<64x32xbf16, #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 8>, #smem>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
gpu.module @kernels {
  gpu.func @factors(%last: i1, %q: !q, %k: !k, %s: memref<64xf32, #smem>, %f: memref<2x4xf32, #smem>, %ke: memref<4xi32>, %n: index, %out: memref<4x?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %num_keys = arith.constant 4096 : index
    %ranges = mqa.make_ranges none, %ke keys(%num_keys) : memref<4xi32>
    %none = arith.constant dense<0xFF800000> : vector<4x64xf32>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %all = scf.for %i = %c0 to %n step %c1 iter_args(%other = %none) -> (vector<4x64xf32>) {
      %logits = mqa.tile_logits ins(%q, %k, %s, none : !q, !k, memref<64xf32, #smem>) onto(%other : vector<4x64xf32>) factors(%f : memref<2x4xf32, #smem>)
          scales_onto(%last) {activation = #mqa.activation<none>, head_reduction = #mqa.head_reduction<max>} : vector<4x64xf32>
      scf.yield %logits : vector<4x64xf32>
    }
    mqa.store_logits %all, %ranges first_key(%n) outs(%out : memref<4x?xf32>) : vector<4x64xf32>
    gpu.return
  }
}
}
