// RUN: mqa-opt %s --pass-pipeline='builtin.module(gpu.module(convert-mqa-to-nvvm))' | FileCheck %s

// What a loop says about itself goes where the translation to LLVM IR looks for it.
// CHECK-DAG: #[[LICM:.*]] = #llvm.loop_licm<disable = true>
// CHECK-DAG: #[[LOOP:.*]] = #llvm.loop_annotation<licm = #[[LICM]]>
module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  gpu.module @kernels {
    // CHECK-LABEL: llvm.func @rows
    gpu.func @rows(%end: index) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      cf.br ^head(%c0 : index)
    ^head(%row: index):
      %more = arith.cmpi slt, %row, %end : index
      // CHECK: llvm.cond_br
      cf.cond_br %more, ^body, ^end
    ^body:
      %next = arith.addi %row, %c1 : index
      // CHECK: llvm.br {{.*}} {loop_annotation = #[[LOOP]]}
      cf.br ^head(%next : index) {llvm.loop_annotation = #llvm.loop_annotation<licm = <disable = true>>}
    ^end:
      gpu.return
    }
  }
}
