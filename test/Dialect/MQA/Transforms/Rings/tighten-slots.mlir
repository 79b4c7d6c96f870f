// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-tighten-slots)))' --allow-unregistered-dialect | FileCheck %s

#smem = #gpu.address_space<workgroup>
#rows = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
#rows8 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
!staged_ring = !mqa.ring<2, memref<64x32xf8E4M3FN, #rows, #smem>>
!staged = memref<64x32xf8E4M3FN, #rows, #smem>
!ring = !mqa.ring<2, memref<64x32xf8E4M3FN, #smem>>
!slot = memref<64x32xf8E4M3FN, strided<[32, 1], offset: ?>, #smem>
gpu.module @kernels {
  // A tile that a WGMMA reads is in use until the wait.
  // CHECK-LABEL: gpu.func @after_wait
  // CHECK: mqa.wgmma_wait
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.reduce"
  gpu.func @after_wait(%p: i32, %b: memref<8x32xf8E4M3FN, #rows8, #smem>) kernel {
    %ring = mqa.ring_create : !staged_ring
    %k = mqa.ring_get %ring[%p] : !staged_ring -> !staged
    %d = mqa.wgmma %k, %b : !staged, memref<8x32xf8E4M3FN, #rows8, #smem> -> !mqa.fragment<vector<64x8xf32>>
    %e = mqa.wgmma_wait %d {pending = 0 : i64} : !mqa.fragment<vector<64x8xf32>>
    "test.reduce"(%e) : (!mqa.fragment<vector<64x8xf32>>) -> ()
    mqa.ring_release %ring[%p] : !staged_ring
    gpu.return
  }

  // A use inside a loop, through a view, keeps the slot until the loop ends.
  // CHECK-LABEL: gpu.func @after_loop
  // CHECK: scf.for
  // CHECK: memref.copy
  // CHECK: }
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @after_loop(%p: i32, %n: index, %to: memref<8x32xf8E4M3FN>) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    scf.for %i = %n to %n step %n {
      %v = memref.subview %k[0, 0] [8, 32] [1, 1] : !slot to memref<8x32xf8E4M3FN, strided<[32, 1], offset: ?>, #smem>
      memref.copy %v, %to : memref<8x32xf8E4M3FN, strided<[32, 1], offset: ?>, #smem> to memref<8x32xf8E4M3FN>
    }
    "test.other"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // Another position's slot is another slot.
  // CHECK-LABEL: gpu.func @no_get
  // CHECK: "test.other"
  // CHECK-NEXT: mqa.ring_release
  gpu.func @no_get(%p: i32, %q: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    "test.other"() : () -> ()
    mqa.ring_release %ring[%q] : !ring
    gpu.return
  }

  // What was loaded is in use until it is stored: the release waits for that. The
  // wait for the slot moves down to the load.
  // CHECK-LABEL: gpu.func @after_store
  // CHECK: "test.other"
  // CHECK-NEXT: %[[S:.*]] = mqa.ring_get
  // CHECK-NEXT: %[[V:.*]] = memref.load %[[S]]
  // CHECK-NEXT: %[[P:.*]] = arith.mulf %[[V]], %[[V]]
  // CHECK-NEXT: "test.other"
  // CHECK-NEXT: scf.if
  // CHECK-NEXT: memref.store %[[P]]
  // CHECK-NEXT: }
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @after_store(%p: i32, %i: index, %c: i1, %out: memref<?xf32>) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64xf32, #smem>>
    %s = mqa.ring_get %ring[%p] : !mqa.ring<2, memref<64xf32, #smem>> -> memref<64xf32, strided<[1], offset: ?>, #smem>
    "test.other"() : () -> ()
    %v = memref.load %s[%i] : memref<64xf32, strided<[1], offset: ?>, #smem>
    %m = arith.mulf %v, %v : f32
    "test.other"() : () -> ()
    scf.if %c {
      memref.store %m, %out[%i] : memref<?xf32>
    }
    "test.other"() : () -> ()
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<64xf32, #smem>>
    gpu.return
  }

  // At level 5 a vector of a tile is read when the WGMMA does, so up to where the
  // contraction's sums are stored: also by a loop's results, or a choice.
  // CHECK-LABEL: gpu.func @vectors
  // CHECK: vector.transfer_read
  // CHECK: vector.contract
  // CHECK: vector.multi_reduction
  // CHECK: vector.transfer_write
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @vectors(%p: i32, %n: index, %q: vector<4x16x32xf8E4M3FN>, %out: memref<4x64xf32>) kernel {
    %ring = mqa.ring_create : !ring
    %c0 = arith.constant 0 : index
    %f8 = arith.constant 0.0 : f8E4M3FN
    %zero = arith.constant dense<0.0> : vector<4x16x64xf32>
    %zeros = arith.constant dense<0.0> : vector<4x64xf32>
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    %v = vector.transfer_read %k[%c0, %c0], %f8 {in_bounds = [true, true]} : !slot, vector<64x32xf8E4M3FN>
    %s = vector.contract {indexing_maps = [affine_map<(p, h, n, d) -> (p, h, d)>, affine_map<(p, h, n, d) -> (n, d)>, affine_map<(p, h, n, d) -> (p, h, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %v, %zero : vector<4x16x32xf8E4M3FN>, vector<64x32xf8E4M3FN> into vector<4x16x64xf32>
    %sum = scf.for %i = %c0 to %n step %n iter_args(%before = %zeros) -> (vector<4x64xf32>) {
      %r = vector.multi_reduction <add>, %s, %before [1] : vector<4x16x64xf32> to vector<4x64xf32>
      scf.yield %r : vector<4x64xf32>
    }
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<4x64xf32>, memref<4x64xf32>
    "test.other"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // Two gets of a slot: the release is for both. (It is found for the second.)
  // CHECK-LABEL: gpu.func @two_gets
  // CHECK: memref.copy %{{.*}}, %arg2 :
  // CHECK-NEXT: memref.copy
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @two_gets(%p: i32, %to: memref<64x32xf8E4M3FN>, %to2: memref<64x32xf8E4M3FN>) kernel {
    %ring = mqa.ring_create : !ring
    %a = mqa.ring_get %ring[%p] : !ring -> !slot
    %b = mqa.ring_get %ring[%p] : !ring -> !slot
    memref.copy %b, %to2 : !slot to memref<64x32xf8E4M3FN>
    memref.copy %a, %to : !slot to memref<64x32xf8E4M3FN>
    "test.other"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // A copy that goes on by itself: when it is over is not known here.
  // CHECK-LABEL: gpu.func @copy
  // CHECK: nvgpu.tma.async.store
  // CHECK-NEXT: "test.wait"
  // CHECK-NEXT: mqa.ring_release
  gpu.func @copy(%p: i32, %i: index, %map: !nvgpu.tensormap.descriptor<tensor = memref<64x32xf8E4M3FN, #smem>, swizzle = none, l2promo = none, oob = zero, interleave = none>) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    nvgpu.tma.async.store %k to %map[%i, %i] : !slot -> !nvgpu.tensormap.descriptor<tensor = memref<64x32xf8E4M3FN, #smem>, swizzle = none, l2promo = none, oob = zero, interleave = none>
    "test.wait"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // Two tiles in a loop: the first slot's release does not wait for the second.
  // CHECK-LABEL: gpu.func @two_tiles
  // CHECK: scf.for
  // CHECK: memref.copy
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  // CHECK: mqa.ring_get
  // CHECK-NEXT: memref.copy
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @two_tiles(%p: i32, %p2: i32, %n: index, %to: memref<64x32xf8E4M3FN>) kernel {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      %a = mqa.ring_get %ring[%p] : !ring -> !slot
      memref.copy %a, %to : !slot to memref<64x32xf8E4M3FN>
      "test.other"() : () -> ()
      mqa.ring_release %ring[%p] : !ring
      %b = mqa.ring_get %ring[%p2] : !ring -> !slot
      memref.copy %b, %to : !slot to memref<64x32xf8E4M3FN>
      "test.other"() : () -> ()
      mqa.ring_release %ring[%p2] : !ring
    }
    gpu.return
  }

  // Two blocks: a load in another one does not move the wait.
  // CHECK-LABEL: gpu.func @two_blocks
  // CHECK: mqa.ring_get
  // CHECK-NEXT: cf.br
  gpu.func @two_blocks(%p: i32, %i: index, %out: memref<?xf32>) kernel {
    %ring = mqa.ring_create : !mqa.ring<2, memref<64xf32, #smem>>
    %s = mqa.ring_get %ring[%p] : !mqa.ring<2, memref<64xf32, #smem>> -> memref<64xf32, strided<[1], offset: ?>, #smem>
    cf.br ^next
  ^next:
    %v = memref.load %s[%i] : memref<64xf32, strided<[1], offset: ?>, #smem>
    memref.store %v, %out[%i] : memref<?xf32>
    mqa.ring_release %ring[%p] : !mqa.ring<2, memref<64xf32, #smem>>
    gpu.return
  }

  // A converter gives its slot back when it has written what it made of it: the release
  // moves up to there. The slot that it fills is full no sooner than the code says.
  // CHECK-LABEL: gpu.func @converter
  // CHECK: %[[RAW:.*]] = mqa.ring_create {reader = #mqa.role<converter>}
  // CHECK: %[[KEYS:.*]] = mqa.ring_create {filler = #mqa.role<converter>}
  // CHECK: mqa.ring_acquire %[[KEYS]]
  // CHECK-NEXT: "test.other"() {first}
  // CHECK-NEXT: %[[FROM:.*]] = mqa.ring_get %[[RAW]]
  // CHECK-NEXT: memref.load %[[FROM]]
  // CHECK-NEXT: arith.extf
  // CHECK-NEXT: "test.other"() {second}
  // CHECK-NEXT: memref.store
  // CHECK-NEXT: mqa.ring_release %[[RAW]]
  // CHECK-NEXT: "test.other"() {third}
  // CHECK-NEXT: mqa.ring_commit %[[KEYS]]
  gpu.func @converter(%p: i32, %i: index) kernel {
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !mqa.ring<2, memref<64xbf16, #smem>>
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !mqa.ring<2, memref<64xf32, #smem>>
    %from = mqa.ring_get %raw[%p] : !mqa.ring<2, memref<64xbf16, #smem>> -> memref<64xbf16, strided<[1], offset: ?>, #smem>
    %into = mqa.ring_acquire %keys[%p] : !mqa.ring<2, memref<64xf32, #smem>> -> memref<64xf32, strided<[1], offset: ?>, #smem>
    "test.other"() {first} : () -> ()
    %v = memref.load %from[%i] : memref<64xbf16, strided<[1], offset: ?>, #smem>
    %f = arith.extf %v : bf16 to f32
    "test.other"() {second} : () -> ()
    memref.store %f, %into[%i] : memref<64xf32, strided<[1], offset: ?>, #smem>
    "test.other"() {third} : () -> ()
    mqa.ring_commit %keys[%p] : !mqa.ring<2, memref<64xf32, #smem>>
    mqa.ring_release %raw[%p] : !mqa.ring<2, memref<64xbf16, #smem>>
    gpu.return
  }

  // Elements that a loop converts: the slot is read until the loop ends.
  // CHECK-LABEL: gpu.func @converter_loop
  // CHECK: %[[FROM:.*]] = mqa.ring_get
  // CHECK: scf.for
  // CHECK: memref.load %[[FROM]]
  // CHECK: memref.store
  // CHECK: }
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  // CHECK-NEXT: mqa.ring_commit
  gpu.func @converter_loop(%p: i32, %n: index) kernel {
    %raw = mqa.ring_create {reader = #mqa.role<converter>} : !mqa.ring<2, memref<64xf16, #smem>>
    %keys = mqa.ring_create {filler = #mqa.role<converter>} : !mqa.ring<2, memref<64xf16, #smem>>
    %from = mqa.ring_get %raw[%p] : !mqa.ring<2, memref<64xf16, #smem>> -> memref<64xf16, strided<[1], offset: ?>, #smem>
    %into = mqa.ring_acquire %keys[%p] : !mqa.ring<2, memref<64xf16, #smem>> -> memref<64xf16, strided<[1], offset: ?>, #smem>
    scf.for %i = %n to %n step %n {
      %v = memref.load %from[%i] : memref<64xf16, strided<[1], offset: ?>, #smem>
      memref.store %v, %into[%i] : memref<64xf16, strided<[1], offset: ?>, #smem>
    }
    "test.other"() : () -> ()
    mqa.ring_release %raw[%p] : !mqa.ring<2, memref<64xf16, #smem>>
    mqa.ring_commit %keys[%p] : !mqa.ring<2, memref<64xf16, #smem>>
    gpu.return
  }
}
