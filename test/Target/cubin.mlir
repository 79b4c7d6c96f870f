// Every kernel assembles without spills that matter, and ptxas neither serialises
// WGMMA nor ignores setmaxnreg: mqa-compile reports each of these as a warning.
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
// RUN: mqa-compile %examples/logits.mlir --mqa-schedule=fast --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %t.h32d32.mlir --mqa-schedule=fast --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// Static sizes move more work to compile time, and registers with it.
// RUN: sed -e 's/<?x64x128xf8/<7x64x128xf8/g; s/<?x128xf8/<70x128xf8/g; s/: tensor<?xf32>,/: tensor<70xf32>,/; s/8E4M3FN>, tensor<?xf32>,/8E4M3FN>, tensor<70xf32>,/; s/<?x64xf32/<7x64xf32/g; s/<?xi32/<7xi32/g; s/<?x?xf32/<7x70xf32/g' %examples/logits.mlir > %t.static.mlir
// RUN: mqa-compile %t.static.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// RUN: mqa-compile %bench/ceiling.mlir --emit=cubin -o %t.cubin 2>&1 | FileCheck %s --allow-empty
// CHECK-NOT: {{.}}
