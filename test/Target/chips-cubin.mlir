// ptxas takes the kernels of every chip, without spills that matter.
// REQUIRES: ptxas
// RUN: sed -e 's/xf8E4M3FN/xbf16/g' %examples/logits.mlir > %t.bf16.mlir
// RUN: mqa-compile %examples/logits.mlir --target=sm_80 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %examples/paged_logits.mlir --target=sm_80 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %t.bf16.mlir --target=sm_80 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %examples/logits.mlir --target=sm_86 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %examples/paged_logits.mlir --target=sm_86 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %t.bf16.mlir --target=sm_86 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %examples/logits.mlir --target=sm_89 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %examples/paged_logits.mlir --target=sm_89 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %t.bf16.mlir --target=sm_89 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %examples/logits.mlir --target=sm_120 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %examples/paged_logits.mlir --target=sm_120 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %t.bf16.mlir --target=sm_120 --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// CHECK-NOT: {{(129|1[3-9][0-9]|[2-9][0-9][0-9]|[0-9]{4,}) bytes spill stores}}
