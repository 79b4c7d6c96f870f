// Each pass that asks for limits of the chip, where no target says which that is.
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-select-schedule)' 2>&1 | FileCheck %s --check-prefix=OP
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-tile-logits)' 2>&1 | FileCheck %s --check-prefix=OP
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-stage-tiles)))' 2>&1 | FileCheck %s --check-prefix=OP
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-specialize-warps)))' 2>&1 | FileCheck %s --check-prefix=KERNEL
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(gpu.func(mqa-expand-puts)))' 2>&1 | FileCheck %s --check-prefix=KERNEL
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-lower-rings)' 2>&1 | FileCheck %s --check-prefix=KERNEL
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(convert-mqa-to-nvvm))' 2>&1 | FileCheck %s --check-prefix=MODULE
// A CPU has no schedules.
// RUN: not mqa-opt %s --split-input-file --pass-pipeline='builtin.module(mqa-attach-target{chip=cpu},mqa-select-schedule)' 2>&1 | FileCheck %s --check-prefix=CPU

// OP: error: 'mqa.logits' op needs a module whose 'mqa.target' (mqa-attach-target) is a GPU, found none
// KERNEL: error: 'gpu.func' op needs a module whose 'mqa.target' (mqa-attach-target) is a GPU, found none
// MODULE: error: 'gpu.module' op needs a module whose 'mqa.target' (mqa-attach-target) is a GPU, found none
// CPU: error: 'mqa.logits' op needs a module whose 'mqa.target' (mqa-attach-target) is a GPU, found #mqa.target<chip = "cpu">
func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>}
  return
}

// -----

gpu.module @kernels {
  gpu.func @f(%q: memref<4x64x128xf8E4M3FN>, %k: memref<64x128xf8E4M3FN>, %ke: memref<4xi32>, %rows: memref<4x?xf32>, %n: index) kernel {
    scf.for %i = %n to %n step %n {
      scf.for %j = %n to %n step %n {
        %out = memref.subview %rows[0, %j] [4, 64] [1, 1] : memref<4x?xf32> to memref<4x64xf32, strided<[?, 1], offset: ?>>
        mqa.logits ins(%q, %k, none, none, none, %ke : memref<4x64x128xf8E4M3FN>, memref<64x128xf8E4M3FN>, memref<4xi32>) key_offset(%j) outs(%out : memref<4x64xf32, strided<[?, 1], offset: ?>>) {schedule = #mqa.schedule<block_q = 4, block_kv = 64, tile_kv = 64, stages = 2>}
      }
    }
    gpu.return
  }
}

// -----

!ring = !mqa.ring<4, memref<128xf32, #gpu.address_space<workgroup>>>
gpu.module @kernels {
  gpu.func @f(%s: memref<?xf32>, %n: index, %p: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>} {
    %ring = mqa.ring_create : !ring
    scf.for %i = %n to %n step %n {
      mqa.ring_put %ring[%p], %s : !ring, memref<?xf32>
    }
    gpu.return
  }
}
