// RUN: echo -n bytes > %t.mqa
// RUN: mqa-opt %s --mqa-bind-kernels=bundle=%t.mqa | FileCheck %s

// Ops of upstream alone, and the bundle once.
// CHECK-DAG: memref.global "private" constant @mqa_bundle : memref<5xi8> = dense<[98, 121, 116, 101, 115]> {alignment = 16 : i64}
// "f_logits", "q", "n", each with a 0 behind it.
// CHECK-DAG: memref.global "private" constant @f_logits_launch : memref<13xi8> = dense<[102, 95, 108, 111, 103, 105, 116, 115, 0, 113, 0, 110, 0]>
// CHECK-DAG: memref.global "private" @f_logits_state : memref<1xi64> = dense<0>
// CHECK-DAG: memref.global "private" @g_state : memref<1xi64>
// CHECK-DAG: func.func private @mqa_program_launch(memref<?xi8>, memref<?xi8>, memref<?xi64>, memref<?xi64>) attributes {llvm.emit_c_interface}

// CHECK-LABEL: func.func private @f_logits(
// CHECK-SAME: %[[Q:.*]]: memref<?x32xbf16, strided<[?, 1], offset: ?>>, %[[N:.*]]: index) {
// CHECK: %[[WORDS:.*]] = memref.alloca() : memref<20xi64>
// CHECK: %{{.*}}, %[[OFFSET:.*]], %[[SIZES:.*]]:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata %[[Q]]
// CHECK: %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[Q]]
// Of two bytes each.
// CHECK: %[[C2:.*]] = arith.constant 2 : index
// CHECK: %[[BYTES:.*]] = arith.muli %[[OFFSET]], %[[C2]]
// CHECK: %[[FIRST:.*]] = arith.addi %[[ADDRESS]], %[[BYTES]]
// CHECK: %[[WORD:.*]] = arith.index_cast %[[FIRST]] : index to i64
// CHECK: %[[P0:.*]] = arith.constant 0 : index
// CHECK: memref.store %[[WORD]], %[[WORDS]][%[[P0]]]
// CHECK: arith.index_cast %[[SIZES]]#0
// CHECK: %[[P2:.*]] = arith.constant 2 : index
// CHECK: memref.store %{{.*}}, %[[WORDS]][%[[P2]]]
// CHECK: arith.index_cast %[[STRIDES]]#0
// CHECK: %[[P6:.*]] = arith.constant 6 : index
// CHECK: memref.store %{{.*}}, %[[WORDS]][%[[P6]]]
// CHECK: %[[NUMBER:.*]] = arith.index_cast %[[N]] : index to i64
// CHECK: %[[P10:.*]] = arith.constant 10 : index
// CHECK: memref.store %[[NUMBER]], %[[WORDS]][%[[P10]]]
// CHECK: call @mqa_program_launch(
// CHECK: return
// CHECK-NOT: mqa.launch
func.func private @f_logits(memref<?x32xbf16, strided<[?, 1], offset: ?>>, index) attributes {mqa.launch = #mqa.launch<kernel = "f_logits", function = "mqa_logits_launch", operands = ["q", "n"]>}
func.func private @g(memref<1xi32>) attributes {mqa.launch = #mqa.launch<kernel = "g", function = "mqa_topk_launch", operands = ["ke"]>}
func.func private @other(memref<1xi32>)
