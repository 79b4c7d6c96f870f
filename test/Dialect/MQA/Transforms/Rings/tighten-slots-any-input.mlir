// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-tighten-slots)))' --allow-unregistered-dialect | FileCheck %s

// What the passes before do not make: a release that stays where it is waits for
// whatever its program waits for.

#at_64x32 = #mqa.staged<shape = [64, 32], dims = [0, 1], swizzle = 16>
#at_8x32 = #mqa.staged<shape = [8, 32], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!ring = !mqa.ring<2, memref<64x32xf8E4M3FN, #at_64x32, #smem>>
!slot = memref<64x32xf8E4M3FN, #at_64x32, #smem>
!b = memref<8x32xf8E4M3FN, #at_8x32, #smem>
!f = !mqa.fragment<vector<64x8xf32>>
gpu.module @kernels {
  func.func private @callee(!slot)

  // The wait for the WGMMA is in a branch that may not be taken.
  // CHECK-LABEL: gpu.func @wait_in_branch
  // CHECK: scf.if
  // CHECK: mqa.wgmma_wait
  // CHECK: "test.other"
  // CHECK: mqa.wgmma_wait
  // CHECK-NEXT: mqa.ring_release
  gpu.func @wait_in_branch(%p: i32, %a: !slot, %b: !b, %c: i1) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    %d = mqa.wgmma %k, %b : !slot, !b -> !f
    scf.if %c {
      %e = mqa.wgmma_wait %d {pending = 0 : i64} : !f
      "test.use"(%e) : (!f) -> ()
    }
    "test.other"() : () -> ()
    %other = mqa.wgmma %a, %b : !slot, !b -> !f
    %done = mqa.wgmma_wait %other {pending = 0 : i64} : !f
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // Nobody waits for this WGMMA but by the wait for another one.
  // CHECK-LABEL: gpu.func @wait_for_another
  // CHECK: mqa.wgmma_wait
  // CHECK-NEXT: mqa.ring_release
  gpu.func @wait_for_another(%p: i32, %a: !slot, %b: !b) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    %d = mqa.wgmma %k, %b : !slot, !b -> !f
    %d2 = mqa.wgmma %a, %b : !slot, !b -> !f
    %e = mqa.wgmma_wait %d2 {pending = 0 : i64} : !f
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // What text or a function does with an address is not known, nor when a copy
  // that it starts has read it.
  // CHECK-LABEL: gpu.func @assembly
  // CHECK: llvm.inline_asm
  // CHECK-NEXT: "test.wait"
  // CHECK-NEXT: mqa.ring_release
  gpu.func @assembly(%p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    %i = memref.extract_aligned_pointer_as_index %k : !slot -> index
    %address = arith.index_cast %i : index to i32
    llvm.inline_asm has_side_effects "starts a copy from $0;", "r" %address : (i32) -> ()
    "test.wait"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // CHECK-LABEL: gpu.func @call
  // CHECK: func.call
  // CHECK-NEXT: "test.wait"
  // CHECK-NEXT: mqa.ring_release
  gpu.func @call(%p: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    func.call @callee(%k) : (!slot) -> ()
    "test.wait"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // The address of a copy that goes on by itself, as a pointer.
  // CHECK-LABEL: gpu.func @pointer
  // CHECK: nvvm.cp.async.bulk.global.shared.cta
  // CHECK-NEXT: "test.wait"
  // CHECK-NEXT: mqa.ring_release
  gpu.func @pointer(%p: i32, %to: !llvm.ptr<1>, %n: i32) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    %i = memref.extract_aligned_pointer_as_index %k : !slot -> index
    %address = arith.index_cast %i : index to i32
    %from = llvm.inttoptr %address : i32 to !llvm.ptr<3>
    nvvm.cp.async.bulk.global.shared.cta %to, %from, %n : <1>, <3>
    "test.wait"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }

  // A slot that was got outside, perhaps the same one, is needed behind the last
  // use of the one that was got here.
  // CHECK-LABEL: gpu.func @got_outside
  // CHECK: scf.if
  // CHECK: memref.copy
  // CHECK: memref.copy
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @got_outside(%p: i32, %p2: i32, %c: i1, %to: memref<64x32xf8E4M3FN>) kernel {
    %ring = mqa.ring_create : !ring
    %a = mqa.ring_get %ring[%p2] : !ring -> !slot
    scf.if %c {
      %k = mqa.ring_get %ring[%p] : !ring -> !slot
      memref.copy %k, %to : !slot to memref<64x32xf8E4M3FN>
      memref.copy %a, %to : !slot to memref<64x32xf8E4M3FN>
      "test.other"() : () -> ()
      mqa.ring_release %ring[%p] : !ring
    }
    gpu.return
  }

  // A loop carries the tile on to a use in its next iteration.
  // CHECK-LABEL: gpu.func @carried
  // CHECK: mqa.ring_get
  // CHECK-NEXT: scf.for
  // CHECK: memref.copy
  // CHECK: }
  // CHECK-NEXT: mqa.ring_release
  // CHECK-NEXT: "test.other"
  gpu.func @carried(%p: i32, %n: index, %none: !slot, %to: memref<64x32xf8E4M3FN>) kernel {
    %ring = mqa.ring_create : !ring
    %k = mqa.ring_get %ring[%p] : !ring -> !slot
    %last = scf.for %i = %n to %n step %n iter_args(%t = %none) -> (!slot) {
      memref.copy %t, %to : !slot to memref<64x32xf8E4M3FN>
      scf.yield %k : !slot
    }
    "test.other"() : () -> ()
    mqa.ring_release %ring[%p] : !ring
    gpu.return
  }
}
