// RUN: mqa-opt %examples/logits.mlir --mqa-to-nvvm | FileCheck %s
// RUN: mqa-opt %examples/logits.mlir --mqa-to-nvvm="schedule='block_q = 4, block_kv = 128, tile_kv = 64, stages = 6'" | FileCheck %s --check-prefix=GIVEN
// RUN: not mqa-opt %examples/logits.mlir --mqa-to-nvvm="schedule='block_q = 4, block_kv = 288, tile_kv = 288, stages = 6'" 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not mqa-opt %examples/logits.mlir --mqa-to-nvvm=chip=sm_70 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not mqa-opt %examples/logits.mlir --mqa-to-nvvm=chip=cpu 2>&1 | FileCheck %s --check-prefix=CPU

// CHIP: error: the target must be sm_80, sm_86, sm_89, sm_90a, sm_120 or cpu, found 'sm_70'
// CPU: error: 'mqa.logits' op needs a module whose 'mqa.target' (mqa-attach-target) is a GPU, found #mqa.target<chip = "cpu">
// BAD: schedule #mqa.schedule<block_q = 4, {{.*}}> does not fit: tile_kv is 288 accumulator columns, but WGMMA has at most 256

// The target of NVVM follows from ours.
// CHECK: module attributes {gpu.container_module, mqa.target = #mqa.target<chip = "sm_90a">}
// CHECK: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx86">]
// CHECK: llvm.func @logits(%{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>
// CHECK-SAME: nvvm.maxntid = array<i32: 640, 1, 1>
// CHECK: wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3
// CHECK-NOT: unrealized_conversion_cast
// GIVEN: nvvm.maxntid = array<i32: 384, 1, 1>
// GIVEN: wgmma.mma_async.sync.aligned.m64n64k32.f32.e4m3.e4m3
