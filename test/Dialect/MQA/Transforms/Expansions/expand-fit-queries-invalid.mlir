// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-fit-queries)))' --split-input-file --verify-diagnostics --allow-unregistered-dialect

#at_1x1x4x16x1x48 = #mqa.staged<shape = [1, 1, 4, 16, 1, 48], dims = [0, 1, 0, 1, 0, 2]>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<4x16x48xf8E4M3FN, #at_1x1x4x16x1x48, #smem>, %w: memref<4x16xf32, #smem>) kernel {
    // expected-error@+1 {{must have memory whose rows are heads of 32, 64 or 128 bytes}}
    %f = mqa.fit_queries %q, %w : memref<4x16x48xf8E4M3FN, #at_1x1x4x16x1x48, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%q: memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, %w: memref<4x16xf32, #smem>, %id: i32) kernel {
    nvvm.barrier id = %id number_of_threads = %id
    // expected-error@+1 {{needs 1 named barriers that nothing else uses; the 16 of a block are taken}}
    %f = mqa.fit_queries %q, %w : memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

#halves = #mqa.staged<shape = [2, 4, 16, 32], dims = [2, 0, 1, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x16x64xf8E4M3FN, #halves, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %w: memref<4x16xf32, #smem>) kernel {
    // expected-error@+1 {{must have memory whose rows are heads of 32, 64 or 128 bytes}}
    %f = mqa.fit_queries %q, %w : !q, memref<4x16xf32, #smem> -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

#smem = #gpu.address_space<workgroup>
#one = #mqa.staged<shape = [1, 1, 32], dims = [0, 1, 2], swizzle = 16>
!q = memref<1x1x32xf8E4M3FN, #one, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %w: memref<1x16xf32, #smem>) kernel {
    // expected-error@+1 {{'q' must be of a multiple of 512 bytes, which a warp takes at a time}}
    %f = mqa.fit_queries %q, %w : !q, memref<1x16xf32, #smem> -> memref<2x1xf32, #smem>
    gpu.return
  }
}

// -----

// The factors of the first queries would be those of the next when they are used.

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>
!w = memref<4x16xf32, #smem>
!f = memref<2x4xf32, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %w: !w, %none: !f, %n: index, %c: i1) kernel {
    %last = scf.for %i = %n to %n step %n iter_args(%before = %none) -> (!f) {
      // expected-error@+1 {{has factors that are used after it may be executed again, which writes them in the same place}}
      %f = mqa.fit_queries %q, %w : !q, !w -> !f
      "test.use"(%before) : (!f) -> ()
      %next = scf.if %c -> (!f) {
        scf.yield %f : !f
      } else {
        scf.yield %none : !f
      }
      // expected-note@+1 {{they are carried there by this}}
      scf.yield %next : !f
    }
    gpu.return
  }
}

// -----

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>
!w = memref<4x16xf32, #smem>
gpu.module @kernels {
  gpu.func @f(%q: !q, %w: !w, %t: index) kernel {
    %c16 = arith.constant 16 : index
    // expected-error@+1 {{must have whole warps, found 16 threads}}
    %f = mqa.fit_queries %q, %w threads %t of %c16 : !q, !w -> memref<2x4xf32, #smem>
    gpu.return
  }
}

// -----

// What a function, or text, meets at is not known.

#at_1x1x4x16x1x32 = #mqa.staged<shape = [1, 1, 4, 16, 1, 32], dims = [0, 1, 0, 1, 0, 2], swizzle = 16>
#smem = #gpu.address_space<workgroup>
!q = memref<4x16x32xf8E4M3FN, #at_1x1x4x16x1x32, #smem>
!w = memref<4x16xf32, #smem>
gpu.module @kernels {
  func.func private @callee()
  gpu.func @f(%q: !q, %w: !w, %t: index) kernel {
    func.call @callee() : () -> ()
    // expected-error@+1 {{needs 1 named barriers that nothing else uses; the 16 of a block are taken}}
    %f = mqa.fit_queries %q, %w : !q, !w -> memref<2x4xf32, #smem>
    gpu.return
  }
  gpu.func @g(%q: !q, %w: !w, %t: index) kernel {
    llvm.inline_asm has_side_effects "bar.sync 1, 128;", "" : () -> ()
    // expected-error@+1 {{needs 1 named barriers that nothing else uses; the 16 of a block are taken}}
    %f = mqa.fit_queries %q, %w : !q, !w -> memref<2x4xf32, #smem>
    gpu.return
  }
}
