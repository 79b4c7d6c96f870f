// Every kernel assembles without spills, and ptxas neither serialises WGMMA nor
// ignores setmaxnreg: mqa-compile reports each of these as a warning.
// REQUIRES: ptxas
// RUN: mqa-compile %examples/logits.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: sed -e 's/x64x128xf8/x64x64xf8/; s/<?x128xf8/<?x64xf8/' %examples/logits.mlir > %t.h64d64.mlir
// RUN: mqa-compile %t.h64d64.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: sed -e 's/x64x128xf8/x64x32xf8/; s/<?x128xf8/<?x32xf8/' %examples/logits.mlir > %t.h64d32.mlir
// RUN: mqa-compile %t.h64d32.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: sed -e 's/x64x128xf8/x32x128xf8/; s/<?x64xf32/<?x32xf32/' %examples/logits.mlir > %t.h32d128.mlir
// RUN: mqa-compile %t.h32d128.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: sed -e 's/x64x128xf8/x32x64xf8/; s/<?x128xf8/<?x64xf8/; s/<?x64xf32/<?x32xf32/' %examples/logits.mlir > %t.h32d64.mlir
// RUN: mqa-compile %t.h32d64.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: sed -e 's/x64x128xf8/x32x32xf8/; s/<?x128xf8/<?x32xf8/; s/<?x64xf32/<?x32xf32/' %examples/logits.mlir > %t.h32d32.mlir
// RUN: mqa-compile %t.h32d32.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %bench/ceiling.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// CHECK-NOT: {{.}}
