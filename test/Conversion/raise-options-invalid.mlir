// RUN: not mqa-opt %s --mqa-raise=operand-type=f8E4M3FN 2>&1 | FileCheck %s
// CHECK: error: option 'operand-type' of mqa-raise must be bf16 or f16, found 'f8E4M3FN'
func.func @f() {
  return
}
