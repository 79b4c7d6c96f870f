// RUN: mqa-opt %s --pass-pipeline='builtin.module(mqa-attach-target,gpu.module(convert-mqa-to-nvvm))' --split-input-file --verify-diagnostics

gpu.module @kernels {
  // expected-note@+1 {{of this}}
  llvm.func @mqa_dynamic_shared_memory()
  gpu.func @f(%i: index) kernel {
    // expected-error@+1 {{becomes 'mqa_dynamic_shared_memory', a name that the module has}}
    %memory = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

// What is no op of a kernel's last level.

gpu.module @kernels {
  gpu.func @f(%p: i32) kernel {
    // expected-error@+1 {{failed to legalize operation 'mqa.ring_create'}}
    %ring = mqa.ring_create : !mqa.ring<4, memref<64xf32, #gpu.address_space<workgroup>>>
    gpu.return
  }
}

// -----

// A load of a staged tile is not one of its memory.
#rows = #mqa.staged<shape = [8, 128], dims = [0, 1], swizzle = 16>
#smem = #gpu.address_space<workgroup>
gpu.module @kernels {
  gpu.func @f(%memory: memref<8x128xf8E4M3FN, #smem>, %i: index) kernel {
    %k = mqa.layout_cast %memory : memref<8x128xf8E4M3FN, #smem> to memref<8x128xf8E4M3FN, #rows, #smem>
    // expected-error@+1 {{is of a staged tile, and must be lowered by mqa-lower-layouts}}
    %e = memref.load %k[%i, %i] : memref<8x128xf8E4M3FN, #rows, #smem>
    gpu.return
  }
}
