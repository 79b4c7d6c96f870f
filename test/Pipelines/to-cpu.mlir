// RUN: mqa-opt %examples/logits.mlir --mqa-to-cpu | FileCheck %s
// RUN: mqa-opt %examples/logits.mlir --mqa-to-cpu="task-sizes=4,64 register-tile=4,16" | FileCheck %s --check-prefix=SIZES

// CHECK: llvm.func @logits(
// CHECK-SAME: task_sizes = [16, 128]
// CHECK: llvm.intr.fmuladd{{.*}}vector<32xf32>
// CHECK-NOT: unrealized_conversion_cast
// CHECK: llvm.func @_mlir_ciface_logits(
// SIZES: task_sizes = [4, 64]
// SIZES: llvm.intr.fmuladd{{.*}}vector<16xf32>
