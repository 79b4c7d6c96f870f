// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s --check-prefixes=CHECK,TMA
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},gpu.module(gpu.func(mqa-specialize-warps)))' | FileCheck %s --check-prefixes=CHECK,ASYNC
// What comes of it, down to NVVM.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-specialize-warps,mqa-tighten-slots,mqa-expand-puts)),mqa-lower-rings,gpu.module(gpu.func(mqa-lower-layouts)))' | FileCheck %s --check-prefix=LOWERED

// A role between two rings: it gets slots of one, and fills slots of the other.

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 4, 4, 16, 1, 64], dims = [0, 1, 0, 1, 0, 2], swizzle = 8>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
!own = !mqa.ring<2, memref<32xf32, #smem>, memref<32xf32, #smem>>
!two = memref<32xf32, strided<[1], offset: ?>, #smem>
!raw = !mqa.ring<4, memref<32x64xbf16, #smem>>
!from = memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
!keys = !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
!into = memref<32x64xf16, #rows, #smem>
!q = memref<4x64x64xf16, #queries, #smem>
gpu.module @kernels {
  // Consumers know nothing of it, and neither does the producer. The converter's four
  // warps, a group behind the producers', share the elements of a row.
  // CHECK-LABEL: gpu.func @converter
  // TMA: %[[RAW:[a-z0-9_]+]] = mqa.ring_create {consumers = 4 : i64, reader = #mqa.role<converter>}
  // ASYNC: %[[RAW:[a-z0-9_]+]] = mqa.ring_create {consumers = 4 : i64, producers = 4 : i64, reader = #mqa.role<converter>}
  // CHECK: %[[KEYS:[a-z0-9_]+]] = mqa.ring_create {consumers = 4 : i64, filler = #mqa.role<converter>, producers = 4 : i64}
  // CHECK: %[[TID:[a-z0-9_]+]] = gpu.thread_id x
  // CHECK: scf.if
  // CHECK-NOT: %[[RAW]]
  // CHECK: mqa.ring_get %[[KEYS]]
  // CHECK-NEXT: mqa.tile_logits
  // CHECK-NEXT: mqa.store_logits
  // CHECK-NEXT: mqa.ring_release %[[KEYS]]
  // CHECK-NOT: %[[RAW]]
  // CHECK: } else {
  // CHECK: arith.subi %[[TID]], %{{.*}}
  // TMA: arith.cmpi ult, %{{.*}}, %c32
  // ASYNC: arith.cmpi ult, %{{.*}}, %c128
  // CHECK: mqa.ring_put %[[RAW]]
  // CHECK-NOT: mqa.
  // CHECK-NOT: memref.load
  // CHECK: %[[C256:.*]] = arith.constant 256 : index
  // CHECK: %[[OWN:[a-z0-9_]+]] = arith.subi %[[TID]], %[[C256]]
  // CHECK: arith.cmpi ult, %[[OWN]], %c128
  // CHECK: scf.if
  // CHECK: %[[FROM:[a-z0-9_]+]] = mqa.ring_get %[[RAW]][%[[P:[a-z0-9_]+]]]
  // CHECK-NEXT: %[[INTO:[a-z0-9_]+]] = mqa.ring_acquire %[[KEYS]][%[[P]]]
  // CHECK: scf.for %[[R:[a-z0-9_]+]] = %{{.*}} to %{{.*}} step
  // CHECK: scf.for %[[C:[a-z0-9_]+]] = %{{.*}} to %{{.*}} step
  // CHECK: memref.load %[[FROM]][%[[R]], %[[C]]]
  // CHECK: memref.store %{{.*}}, %[[INTO]][%[[R]], %[[C]]]
  // CHECK: mqa.ring_release %[[RAW]][%[[P]]]
  // CHECK-NEXT: mqa.ring_commit %[[KEYS]][%[[P]]]
  // CHECK-NOT: mqa.
  // CHECK: gpu.return
  // LOWERED-LABEL: gpu.func @converter
  // LOWERED: nvgpu.tma.async.load
  // LOWERED: scf.for
  // LOWERED: arith.xori
  // LOWERED: memref.store
  // LOWERED: nvvm.fence.proxy
  // LOWERED: nvgpu.mbarrier.arrive
  gpu.func @converter(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        %rows = memref.subview %k[%j, 0] [32, 64] [1, 1] : memref<?x64xbf16> to memref<32x64xbf16, strided<[64, 1], offset: ?>>
        mqa.ring_put %raw[%at], %rows : !raw, memref<32x64xbf16, strided<[64, 1], offset: ?>>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }

  // The largest element of a row, which a loop carries, is the converter's too, and so are
  // the arithmetic and a slot's view; what leads to no slot is not left in it.
  // CHECK-LABEL: gpu.func @carried
  // CHECK: mqa.tile_logits
  // CHECK-NOT: arith.maximumf
  // CHECK: mqa.ring_put
  // CHECK-NOT: arith.maximumf
  // CHECK: mqa.ring_get
  // CHECK: mqa.ring_acquire
  // CHECK: memref.subview
  // CHECK: %[[MAX:[a-z0-9_]+]] = scf.for
  // CHECK: arith.maximumf
  // CHECK: arith.divf %{{.*}}, %[[MAX]]
  // CHECK: memref.store
  // CHECK: mqa.ring_commit
  gpu.func @carried(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        %rows = memref.subview %k[%j, 0] [32, 64] [1, 1] : memref<?x64xbf16> to memref<32x64xbf16, strided<[64, 1], offset: ?>>
        mqa.ring_put %raw[%at], %rows : !raw, memref<32x64xbf16, strided<[64, 1], offset: ?>>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        %row = memref.subview %from[0, 0] [1, 64] [1, 1] : !from to memref<64xbf16, strided<[1], offset: ?>, #smem>
        %max = scf.for %c = %c0 to %c64 step %c1 iter_args(%before = %zero) -> (f32) {
          %v = memref.load %row[%c] : memref<64xbf16, strided<[1], offset: ?>, #smem>
          %f = arith.extf %v : bf16 to f32
          %m = arith.maximumf %f, %before : f32
          scf.yield %m : f32
        }
        scf.for %c = %c0 to %c64 step %c1 {
          %v = memref.load %row[%c] : memref<64xbf16, strided<[1], offset: ?>, #smem>
          %f = arith.extf %v : bf16 to f32
          %d = arith.divf %f, %max : f32
          %h = arith.truncf %d : f32 to f16
          memref.store %h, %into[%c0, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }

  // Cleaners are of the producers' group.
  // CHECK-LABEL: gpu.func @cleans
  // CHECK: mqa.ring_create {{.*}}reader = #mqa.role<converter>
  // CHECK: mqa.ring_create {consumers = 4 : i64, filler = #mqa.role<converter>
  // CHECK: mqa.ring_put
  // TMA: arith.subi %{{.*}}, %c160
  // ASYNC: arith.subi %{{.*}}, %c192
  // CHECK: mqa.clean_rows
  // CHECK: arith.subi %{{.*}}, %c256
  // CHECK: mqa.ring_acquire
  gpu.func @cleans(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      mqa.clean_rows %out, %ranges : memref<?x?xf32>
    }
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        %rows = memref.subview %k[%j, 0] [32, 64] [1, 1] : memref<?x64xbf16> to memref<32x64xbf16, strided<[64, 1], offset: ?>>
        mqa.ring_put %raw[%at], %rows : !raw, memref<32x64xbf16, strided<[64, 1], offset: ?>>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }

  // A producer that fills a slot by itself, and by what it computes.
  // CHECK-LABEL: gpu.func @producer
  // CHECK: mqa.tile_logits
  // CHECK-NOT: memref.store
  // CHECK: mqa.ring_acquire %[[OWN:[a-z0-9_]+]][%{{.*}}]
  // CHECK: memref.store
  // CHECK: mqa.fill_tile
  // CHECK: mqa.ring_commit %[[OWN]]
  // CHECK: mqa.ring_acquire
  // CHECK-NOT: mqa.fill_tile
  // CHECK: gpu.return
  gpu.func @producer(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32, %s: memref<?xf32>) kernel attributes {known_block_size = array<i32: 384, 1, 1>} {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !keys
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    %own = mqa.ring_create : !own
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        %rows = memref.subview %k[%j, 0] [32, 64] [1, 1] : memref<?x64xbf16> to memref<32x64xbf16, strided<[64, 1], offset: ?>>
        mqa.ring_put %raw[%at], %rows : !raw, memref<32x64xbf16, strided<[64, 1], offset: ?>>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %o:2 = mqa.ring_acquire %own[%at] : !own -> !two, !two
        scf.forall (%c) in (32) {
          memref.store %zero, %o#0[%c] : !two
        }
        mqa.fill_tile %s into %o#1 by elements : memref<?xf32> into !two
        mqa.ring_commit %own[%at] : !own
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %s2, %unused = mqa.ring_get %own[%at] : !own -> !two, !two
        %l = mqa.tile_logits ins(%q, %t, %s2, none : !q, !into, !two) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
        mqa.ring_release %own[%at] : !own
      }
    }
    gpu.return
  }

  // Two groups of converters, as many warps as `producers` of the filled ring says, take tiles in
  // turn: the rings have a multiple of two slots, so each group always gets the same ones. A group
  // begins with the tile of its turn, and goes on by two tiles.
  // CHECK-LABEL: gpu.func @turns
  // CHECK: mqa.ring_create {consumers = 4 : i64, {{.*}}reader = #mqa.role<converter>, turns = 2 : i64}
  // CHECK: mqa.ring_create {consumers = 4 : i64, filler = #mqa.role<converter>, producers = 4 : i64}
  // CHECK: %[[C256:.*]] = arith.constant 256 : index
  // CHECK: %[[OWN:[a-z0-9_]+]] = arith.subi %{{.*}}, %[[C256]]
  // CHECK: %[[TURN:[a-z0-9_]+]] = arith.divui %[[OWN]], %c128
  // CHECK: %[[STEP:[a-z0-9_]+]] = arith.muli %c1{{.*}}, %c2
  // CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %[[STEP]] {
  // CHECK: mqa.ring_acquire
  gpu.func @turns(%q: !q, %k: memref<?x64xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 512, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !raw
    %keys = mqa.ring_create {filler = #mqa.role<converter>, producers = 8 : i64} : !keys
    %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
    %block = gpu.block_id x
    %grid = gpu.grid_dim x
    scf.for %i = %block to %n step %grid {
      scf.for %j = %c0 to %n step %c1 {
        %at = arith.index_cast %j : index to i32
        %rows = memref.subview %k[%j, 0] [32, 64] [1, 1] : memref<?x64xbf16> to memref<32x64xbf16, strided<[64, 1], offset: ?>>
        mqa.ring_put %raw[%at], %rows : !raw, memref<32x64xbf16, strided<[64, 1], offset: ?>>
        %from = mqa.ring_get %raw[%at] : !raw -> !from
        %into = mqa.ring_acquire %keys[%at] : !keys -> !into
        scf.forall (%r, %c) in (32, 64) {
          %v = memref.load %from[%r, %c] : !from
          %f = arith.extf %v : bf16 to f32
          %h = arith.truncf %f : f32 to f16
          memref.store %h, %into[%r, %c] : !into
        }
        mqa.ring_release %raw[%at] : !raw
        mqa.ring_commit %keys[%at] : !keys
        %t = mqa.ring_get %keys[%at] : !keys -> !into
        %l = mqa.tile_logits ins(%q, %t, none, none : !q, !into) : vector<4x32xf32>
        mqa.store_logits %l, %ranges first_key(%j) outs(%out : memref<?x?xf32>) : vector<4x32xf32>
        mqa.ring_release %keys[%at] : !keys
      }
    }
    gpu.return
  }
}
