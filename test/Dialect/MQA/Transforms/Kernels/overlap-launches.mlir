// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-overlap-launches)))' | FileCheck %s
// Once is enough.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(gpu.func(mqa-overlap-launches,mqa-overlap-launches)))' | FileCheck %s

#smem = #gpu.address_space<workgroup>
!barriers = !nvgpu.mbarrier.group<memorySpace = #smem, num_barriers = 2>
!map = !nvgpu.tensormap.descriptor<tensor = memref<64x64xf8E4M3FN, #smem>, swizzle = swizzle_64b, l2promo = l2promo_128b, oob = zero, interleave = none>
gpu.module @kernels {
  // Shared memory, mbarriers and the kernel's parameters need no other kernel.
  // CHECK-LABEL: gpu.func @prologue
  // CHECK-SAME: overlaps_launches = true>
  // CHECK: scf.if
  // CHECK: nvgpu.tma.prefetch.descriptor
  // CHECK: memref.store
  // CHECK: }
  // CHECK-NEXT: gpu.barrier
  // CHECK-NEXT: nvvm.griddepcontrol wait
  // CHECK-NEXT: memref.load
  // CHECK-NOT: griddepcontrol
  gpu.func @prologue(%map: !map, %lens: memref<?xi32>) workgroup(%own: memref<4xi32, #smem>) kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c0_i32 = arith.constant 0 : i32
    %thread = gpu.thread_id x
    %full = nvgpu.mbarrier.create -> !barriers
    %is_first = arith.cmpi eq, %thread, %c0 : index
    scf.if %is_first {
      nvgpu.tma.prefetch.descriptor %map : !map
      nvgpu.mbarrier.init %full[%c0], %c1 : !barriers
      nvvm.fence.mbarrier.init
      memref.store %c0_i32, %own[%c0] : memref<4xi32, #smem>
    }
    gpu.barrier
    %length = memref.load %lens[%c0] : memref<?xi32>
    memref.store %length, %own[%c1] : memref<4xi32, #smem>
    gpu.return
  }

  // A read that only some threads do counts; all threads wait.
  // CHECK-LABEL: gpu.func @nested
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-NEXT: scf.for
  gpu.func @nested(%lens: memref<?xi32>, %n: index) workgroup(%own: memref<4xi32, #smem>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %i = %c0 to %n step %c1 {
      %is_last = arith.cmpi eq, %i, %n : index
      scf.if %is_last {
        %length = memref.load %lens[%i] : memref<?xi32>
        memref.store %length, %own[%c0] : memref<4xi32, #smem>
      }
    }
    gpu.return
  }

  // A write too: the kernel ahead may still read there.
  // CHECK-LABEL: gpu.func @write
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-NEXT: memref.store
  gpu.func @write(%out: memref<?xf32>, %value: f32) kernel {
    %c0 = arith.constant 0 : index
    memref.store %value, %out[%c0] : memref<?xf32>
    gpu.return
  }

  // An op that does not say what it touches may touch anything.
  // CHECK-LABEL: gpu.func @unknown
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-NEXT: nvvm.inline_ptx
  gpu.func @unknown() kernel {
    nvvm.inline_ptx "membar.gl;"
    gpu.return
  }

  // CHECK-LABEL: gpu.func @nothing
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-NEXT: gpu.return
  gpu.func @nothing() kernel {
    gpu.return
  }

  // CHECK-LABEL: gpu.func @callee
  // CHECK-NOT: griddepcontrol
  // CHECK-NEXT: memref.load
  gpu.func @callee(%lens: memref<?xi32>, %i: index) -> i32 {
    %length = memref.load %lens[%i] : memref<?xi32>
    gpu.return %length : i32
  }

  // Before rings are lowered: what they are filled from is read by their ops.
  // CHECK-LABEL: gpu.func @rings
  // CHECK: gpu.thread_id x
  // CHECK-NEXT: nvvm.griddepcontrol wait
  // CHECK: mqa.ring_put
  // CHECK-NOT: griddepcontrol
  gpu.func @rings(%s: memref<?xf32>, %p: i32, %n: index) kernel {
    %thread = gpu.thread_id x
    %ring = mqa.ring_create : !mqa.ring<4, memref<64xf32, #smem>>
    %t = memref.subview %s[%n] [%n] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    mqa.ring_put %ring[%p], %t : !mqa.ring<4, memref<64xf32, #smem>>, memref<?xf32, strided<[1], offset: ?>>
    gpu.return
  }

  // Reads in other blocks come behind the first one's end.
  // CHECK-LABEL: gpu.func @two_blocks
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-NEXT: cf.cond_br
  gpu.func @two_blocks(%lens: memref<?xi32>, %own: memref<4xi32, #smem>, %i: index, %c: i1) kernel {
    cf.cond_br %c, ^read, ^end
  ^read:
    %length = memref.load %lens[%i] : memref<?xi32>
    memref.store %length, %own[%i] : memref<4xi32, #smem>
    cf.br ^end
  ^end:
    gpu.return
  }

  // That followers may start is no wait, and nothing that has to be waited for.
  // CHECK-LABEL: gpu.func @launch_dependents
  // CHECK: nvvm.griddepcontrol launch_dependents
  // CHECK-NEXT: nvvm.griddepcontrol wait
  // CHECK-NEXT: memref.load
  gpu.func @launch_dependents(%lens: memref<?xi32>, %own: memref<4xi32, #smem>, %i: index) kernel {
    nvvm.griddepcontrol launch_dependents
    %length = memref.load %lens[%i] : memref<?xi32>
    memref.store %length, %own[%i] : memref<4xi32, #smem>
    gpu.return
  }

  // A wait that comes behind the first load is too late for that.
  // CHECK-LABEL: gpu.func @late_wait
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-NEXT: memref.load
  // CHECK-NEXT: nvvm.griddepcontrol wait
  gpu.func @late_wait(%lens: memref<?xi32>, %own: memref<4xi32, #smem>, %i: index) kernel {
    %length = memref.load %lens[%i] : memref<?xi32>
    nvvm.griddepcontrol wait
    memref.store %length, %own[%i] : memref<4xi32, #smem>
    gpu.return
  }

  // One in time is enough; the kernel may then be launched so.
  // CHECK-LABEL: gpu.func @waits_already
  // CHECK-SAME: overlaps_launches = true
  // CHECK: nvvm.griddepcontrol wait
  // CHECK-NOT: griddepcontrol
  // CHECK: gpu.return
  gpu.func @waits_already(%lens: memref<?xi32>, %own: memref<4xi32, #smem>, %i: index) kernel attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", schedule = <block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>>} {
    nvvm.griddepcontrol wait
    %length = memref.load %lens[%i] : memref<?xi32>
    memref.store %length, %own[%i] : memref<4xi32, #smem>
    gpu.return
  }
}
