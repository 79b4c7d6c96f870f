// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,mqa-lower-rings,gpu.module(gpu.func(mqa-lower-layouts,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s --check-prefixes=CHECK,TMA
// RUN: sed 's/by tensor_map/by async_chunks/' %s | mqa-opt --pass-pipeline='builtin.module(mqa-attach-target{chip=sm_80},mqa-lower-rings,gpu.module(gpu.func(mqa-lower-layouts,canonicalize,cse)))' --allow-unregistered-dialect | FileCheck %s --check-prefixes=CHECK,ASYNC

// Slots that no put is expanded to.

#smem = #gpu.address_space<workgroup>
!t = memref<64xf32, strided<[1], offset: ?>, #smem>
!s = memref<?xf32, strided<[1], offset: ?>>
#rows = #mqa.staged<shape = [32, 64], dims = [0, 1], swizzle = 8>
#short_rows = #mqa.staged<shape = [64, 16], dims = [0, 1], swizzle = 8>
!k = memref<32x64xf16, #rows, #smem>
!short = memref<64x16xf16, #short_rows, #smem>
gpu.module @kernels {
  // Two kinds in one slot, with an op that is not ours in between: the lane that starts
  // the copies arrives, or each lane whose copies are there, and each lane for what
  // it has written.
  // CHECK-LABEL: gpu.func @two_kinds
  // CHECK: %[[FULL:[0-9]+]] = nvgpu.mbarrier.create
  // TMA: nvgpu.mbarrier.init %[[FULL]][%c0], %c33
  // ASYNC: nvgpu.mbarrier.init %[[FULL]][%c0], %c64
  // CHECK: nvgpu.mbarrier.try_wait.parity
  // CHECK: "test.other"() {first}
  // TMA: scf.if
  // TMA-NEXT: nvgpu.mbarrier.arrive.expect_tx %[[FULL]][%{{.*}}], %c256
  // TMA-NEXT: memref.subview
  // TMA-NEXT: nvgpu.tma.async.load
  // TMA-NEXT: }
  // TMA-NEXT: nvvm.bar.warp.sync
  // ASYNC: mqa.async_copy
  // ASYNC: mqa.async_arrive %[[FULL]]
  // CHECK: "test.other"() {second}
  // CHECK-NOT: nvgpu.mbarrier.arrive
  // CHECK: scf.for
  // CHECK: memref.load
  // CHECK: memref.store
  // CHECK: "test.other"() {third}
  // No matrix unit reads a tile without #mqa.staged: there is nothing to fence.
  // CHECK-NOT: nvvm.fence.proxy
  // CHECK: nvgpu.mbarrier.arrive %[[FULL]]
  gpu.func @two_kinds(%arg: memref<?xf32>, %other: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<4, memref<64xf32, #smem>, memref<64xf32, #smem>>
    %s = memref.subview %arg[%n] [%n] [1] : memref<?xf32> to !s
    %t:2 = mqa.ring_acquire %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>, memref<64xf32, #smem>> -> !t, !t
    "test.other"() {first} : () -> ()
    mqa.fill_tile %s into %t#0 by tensor_map : !s into !t
    "test.other"() {second} : () -> ()
    mqa.fill_tile %other into %t#1 by elements : memref<?xf32> into !t
    "test.other"() {third} : () -> ()
    mqa.ring_commit %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>, memref<64xf32, #smem>>
    gpu.return
  }

  // Two slots of a ring that are filled by different kinds: each is made full by as
  // many arrivals as the other, the last of which is at its commit.
  // CHECK-LABEL: gpu.func @two_slots
  // CHECK: %[[FULL:[0-9]+]] = nvgpu.mbarrier.create
  // TMA: nvgpu.mbarrier.init %[[FULL]][%c0], %c33
  // ASYNC: nvgpu.mbarrier.init %[[FULL]][%c0], %c64
  // TMA: scf.if %[[FIRST:[0-9]+]] {
  // TMA-NEXT: nvgpu.mbarrier.arrive.expect_tx %[[FULL]][%{{.*}}], %c256
  // ASYNC: mqa.async_arrive %[[FULL]]
  // CHECK: nvgpu.mbarrier.arrive %[[FULL]]
  // CHECK: nvgpu.mbarrier.try_wait.parity
  // CHECK: memref.store
  // TMA: scf.if %[[FIRST]] {
  // TMA-NEXT: nvgpu.mbarrier.arrive %[[FULL]]
  // TMA-NEXT: }
  // ASYNC: mqa.async_arrive %[[FULL]]
  // CHECK: nvgpu.mbarrier.arrive %[[FULL]]
  // CHECK: nvvm.bar.warp.sync
  gpu.func @two_slots(%arg: memref<?xf32>, %other: memref<?xf32>, %p: i32, %q: i32, %n: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<4, memref<64xf32, #smem>>
    %s = memref.subview %arg[%n] [%n] [1] : memref<?xf32> to !s
    %t = mqa.ring_acquire %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>> -> !t
    mqa.fill_tile %s into %t by tensor_map : !s into !t
    mqa.ring_commit %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>>
    %u = mqa.ring_acquire %ring[%q] : !mqa.ring<4, memref<64xf32, #smem>> -> !t
    mqa.fill_tile %other into %u by elements : memref<?xf32> into !t
    mqa.ring_commit %ring[%q] : !mqa.ring<4, memref<64xf32, #smem>>
    gpu.return
  }

  // Two copies by tensor maps: one lane starts both where the last of them stands, and
  // expects the bytes of both.
  // CHECK-LABEL: gpu.func @together
  // TMA: nvgpu.mbarrier.init %{{.*}}[%c0], %c1 :
  // CHECK: "test.other"
  // TMA-NEXT: arith.remui
  // TMA: nvgpu.mbarrier.arrive.expect_tx %{{.*}}, %c512
  // TMA-COUNT-2: nvgpu.tma.async.load
  // TMA-NOT: nvgpu.mbarrier.arrive
  // ASYNC: mqa.async_copy
  // ASYNC: mqa.async_arrive
  // ASYNC-NOT: mqa.async_arrive
  // CHECK: gpu.return
  gpu.func @together(%arg: memref<?xf32>, %other: memref<?xf32>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<4, memref<64xf32, #smem>, memref<64xf32, #smem>>
    %s = memref.subview %arg[%n] [%n] [1] : memref<?xf32> to !s
    %o = memref.subview %other[%n] [%n] [1] : memref<?xf32> to !s
    %t:2 = mqa.ring_acquire %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>, memref<64xf32, #smem>> -> !t, !t
    mqa.fill_tile %s into %t#0 by tensor_map : !s into !t
    "test.other"() : () -> ()
    mqa.fill_tile %o into %t#1 by tensor_map : !s into !t
    mqa.ring_commit %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>, memref<64xf32, #smem>>
    gpu.return
  }

  // A fill in a loop, which may be executed more than once, or never: each lane
  // arrives once, behind the loop.
  // CHECK-LABEL: gpu.func @in_loop
  // CHECK: nvgpu.mbarrier.init %{{.*}}[%c0], %c32
  // CHECK: scf.for
  // CHECK: mqa.async_copy
  // CHECK: mqa.async_arrive
  // CHECK-NEXT: "test.other"() {behind}
  // CHECK-NOT: nvgpu.mbarrier.arrive
  // CHECK: gpu.return
  gpu.func @in_loop(%arg: memref<?xf32>, %p: i32, %n: index, %m: index) kernel {
    %ring = mqa.ring_create : !mqa.ring<4, memref<64xf32, #smem>>
    %t = mqa.ring_acquire %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>> -> !t
    scf.for %i = %n to %m step %n {
      %s = memref.subview %arg[%i] [%n] [1] : memref<?xf32> to !s
      mqa.fill_tile %s into %t by async_chunks : !s into !t
    }
    "test.other"() {behind} : () -> ()
    mqa.ring_commit %ring[%p] : !mqa.ring<4, memref<64xf32, #smem>>
    gpu.return
  }

  // Two warps convert slots of one ring to slots of another. What they read lies as the
  // type says: they wait for a full slot, and release it. What they write has the layout
  // that the matrix unit reads: 16-byte column c of row r at c xor (r mod 8). Each
  // warp arrives when its lanes have written; where the unit reads by another proxy, behind a
  // fence of each lane.
  // CHECK-LABEL: gpu.func @converts
  // TMA-SAME: !nvgpu.tensormap.descriptor<tensor = memref<32x64xbf16, {{.*}}>, swizzle = none
  // CHECK: %[[RAW_FULL:[0-9]+]] = nvgpu.mbarrier.create
  // CHECK: %[[RAW_EMPTY:[0-9]+]] = nvgpu.mbarrier.create
  // CHECK: %[[WIDE_FULL:[0-9]+]] = nvgpu.mbarrier.create
  // CHECK: %[[WIDE_EMPTY:[0-9]+]] = nvgpu.mbarrier.create
  // TMA: nvgpu.mbarrier.init %[[RAW_FULL]][%c0], %c1 :
  // ASYNC: nvgpu.mbarrier.init %[[RAW_FULL]][%c0], %c32
  // TMA: nvgpu.mbarrier.init %[[RAW_EMPTY]][%c0], %c2 :
  // ASYNC: nvgpu.mbarrier.init %[[RAW_EMPTY]][%c0], %c64
  // CHECK: nvgpu.mbarrier.init %[[WIDE_FULL]][%c0], %c2 :
  // CHECK: nvgpu.mbarrier.init %[[WIDE_EMPTY]][%c0], %c4 :
  // ASYNC: mqa.async_copy
  // ASYNC-NOT: arith.xori {{.*}} : index
  // CHECK: nvgpu.mbarrier.try_wait.parity %[[RAW_FULL]]
  // CHECK: nvgpu.mbarrier.try_wait.parity %[[WIDE_EMPTY]]
  // CHECK: scf.for %[[I:[a-z0-9]+]] =
  // CHECK: scf.for %[[J:[a-z0-9]+]] =
  // CHECK: memref.load %{{.*}}[%[[I]], %[[J]]]
  // CHECK-DAG: %[[COLUMN:.*]] = affine.apply #{{.*}}(%[[J]])
  // CHECK-DAG: %[[LINE:.*]] = affine.apply #{{.*}}(%[[I]])
  // CHECK: %[[MOVED:.*]] = arith.xori %[[COLUMN]], %[[LINE]]
  // CHECK: %[[START:.*]] = arith.muli %[[MOVED]], %c8
  // CHECK: %[[AT:.*]] = arith.addi %[[START]], %{{.*}}
  // CHECK: memref.store %{{.*}}, %{{.*}}[%[[I]], %[[AT]]]
  // TMA: nvvm.bar.warp.sync
  // CHECK: nvgpu.mbarrier.arrive %[[RAW_EMPTY]]
  // TMA: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  // ASYNC-NOT: nvvm.fence.proxy
  // CHECK: nvvm.bar.warp.sync
  // CHECK: nvgpu.mbarrier.arrive %[[WIDE_FULL]]
  gpu.func @converts(%arg: memref<?x64xbf16>, %p: i32, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %raw = mqa.ring_create {consumers = 2 : i64, reader = #mqa.role<converter>} : !mqa.ring<4, memref<32x64xbf16, #smem>>
    %wide = mqa.ring_create {consumers = 4 : i64, producers = 2 : i64, filler = #mqa.role<converter>} : !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
    %s = memref.subview %arg[%n, 0] [%n, 64] [1, 1] : memref<?x64xbf16> to memref<?x64xbf16, strided<[64, 1], offset: ?>>
    %a = mqa.ring_acquire %raw[%p] : !mqa.ring<4, memref<32x64xbf16, #smem>> -> memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
    mqa.fill_tile %s into %a by tensor_map : memref<?x64xbf16, strided<[64, 1], offset: ?>> into memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
    mqa.ring_commit %raw[%p] : !mqa.ring<4, memref<32x64xbf16, #smem>>
    %from = mqa.ring_get %raw[%p] : !mqa.ring<4, memref<32x64xbf16, #smem>> -> memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
    %into = mqa.ring_acquire %wide[%p] : !mqa.ring<4, memref<32x64xf16, #rows, #smem>> -> !k
    scf.for %i = %c0 to %c32 step %c1 {
      scf.for %j = %c0 to %c64 step %c1 {
        %v = memref.load %from[%i, %j] : memref<32x64xbf16, strided<[64, 1], offset: ?>, #smem>
        %f = arith.extf %v : bf16 to f32
        %h = arith.truncf %f : f32 to f16
        memref.store %h, %into[%i, %j] : !k
      }
    }
    mqa.ring_release %raw[%p] : !mqa.ring<4, memref<32x64xbf16, #smem>>
    mqa.ring_commit %wide[%p] : !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
    %t = mqa.ring_get %wide[%p] : !mqa.ring<4, memref<32x64xf16, #rows, #smem>> -> !k
    "test.use"(%t) : (!k) -> ()
    mqa.ring_release %wide[%p] : !mqa.ring<4, memref<32x64xf16, #rows, #smem>>
    gpu.return
  }

  // Vectors of 16 bytes, in rows of 32 bytes, four of which are a line of 128: the
  // column follows from the line. An element is read where it was written.
  // CHECK-LABEL: gpu.func @vectors
  // CHECK: %[[AT:.*]] = arith.xori
  // CHECK: vector.store %{{.*}}, %[[T:.*]][%{{[a-z0-9]+}}, %{{.*}}] : memref<64x16xf16, strided<[16, 1], offset: ?>, {{.*}}>, vector<8xf16>
  // CHECK: memref.load %[[T]][
  gpu.func @vectors(%v: vector<8xf16>, %p: i32, %i: index, %chunk: index) kernel {
    %c8 = arith.constant 8 : index
    %ring = mqa.ring_create : !mqa.ring<4, memref<64x16xf16, #short_rows, #smem>>
    %t = mqa.ring_acquire %ring[%p] : !mqa.ring<4, memref<64x16xf16, #short_rows, #smem>> -> !short
    %j = arith.muli %chunk, %c8 : index
    vector.transfer_write %v, %t[%i, %j] {in_bounds = [true]} : vector<8xf16>, !short
    %x = memref.load %t[%i, %j] : !short
    "test.use"(%x) : (f16) -> ()
    mqa.ring_commit %ring[%p] : !mqa.ring<4, memref<64x16xf16, #short_rows, #smem>>
    gpu.return
  }

  // By chunks on each target, and in four warps where no tensor map fills the ring: fp8
  // becomes f16, or elements stay what they are.
  // CHECK-LABEL: gpu.func @chunks
  // CHECK-SAME: %{{.*}}: memref<?x64xf8E4M3FN>
  // CHECK: nvgpu.mbarrier.init %{{.*}}[%c0], %c128
  // CHECK: vector.load %{{.*}} {alignment = 8 : i64} : {{.*}}, vector<8xf8E4M3FN>
  // CHECK: nvvm.prmt
  // CHECK: vector.store %{{.*}} {alignment = 16 : i64}
  // CHECK: vector.load %{{.*}} {alignment = 16 : i64} : {{.*}}, vector<8xf16>
  // CHECK-NOT: nvvm.prmt
  // CHECK: vector.store %{{.*}} {alignment = 16 : i64}
  // TMA: nvvm.fence.proxy
  // ASYNC-NOT: nvvm.fence.proxy
  // CHECK: nvgpu.mbarrier.arrive
  gpu.func @chunks(%arg: memref<?x64xf8E4M3FN>, %other: memref<?x64xf16>, %p: i32, %n: index) kernel {
    %ring = mqa.ring_create {producers = 4 : i64} : !mqa.ring<2, memref<32x64xf16, #rows, #smem>, memref<32x64xf16, #rows, #smem>>
    %s = memref.subview %arg[%n, 0] [%n, 64] [1, 1] : memref<?x64xf8E4M3FN> to memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>>
    %o = memref.subview %other[%n, 0] [%n, 64] [1, 1] : memref<?x64xf16> to memref<?x64xf16, strided<[64, 1], offset: ?>>
    %t:2 = mqa.ring_acquire %ring[%p] : !mqa.ring<2, memref<32x64xf16, #rows, #smem>, memref<32x64xf16, #rows, #smem>> -> !k, !k
    mqa.fill_tile %s into %t#0 by chunks : memref<?x64xf8E4M3FN, strided<[64, 1], offset: ?>> into !k
    mqa.fill_tile %o into %t#1 by chunks : memref<?x64xf16, strided<[64, 1], offset: ?>> into !k
    mqa.ring_commit %ring[%p] : !mqa.ring<2, memref<32x64xf16, #rows, #smem>, memref<32x64xf16, #rows, #smem>>
    gpu.return
  }
}
