// RUN: mqa-opt %s --mqa-outline-kernels --split-input-file --allow-unregistered-dialect | FileCheck %s
// Nothing is left to do.
// RUN: mqa-opt %s --mqa-outline-kernels --split-input-file --allow-unregistered-dialect | mqa-opt --mqa-outline-kernels --split-input-file --allow-unregistered-dialect | FileCheck %s

// Ops in a loop and in a branch share a kernel, whatever the strides of their rows.

// CHECK: func.func private @f_logits(memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>>, memref<?x32xbf16, strided<[?, 1], offset: ?>>, memref<?xi32, strided<[1], offset: ?>>, memref<?x?xf32, strided<[?, 1], offset: ?>>)
// CHECK-SAME: mqa.launch = #mqa.launch<kernel = "f_logits", function = "mqa_logits_launch", operands = ["q", "k", "ke", "out"]>
// CHECK-LABEL: func.func @f(
// CHECK: scf.for
// CHECK: %[[Q:.*]] = memref.cast %{{.*}} : memref<?x4x32xbf16> to memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>>
// CHECK: func.call @f_logits(%[[Q]], %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: scf.if
// CHECK: func.call @f_logits(
// CHECK-NOT: mqa.logits
// CHECK: module @mqa_kernels attributes {mqa.kernels}
// CHECK-NEXT: func.func @f_logits(%[[Q:.*]]: memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>>, %[[K:.*]]: memref<?x32xbf16, strided<[?, 1], offset: ?>>, %[[KE:.*]]: memref<?xi32, strided<[1], offset: ?>>, %[[OUT:.*]]: memref<?x?xf32, strided<[?, 1], offset: ?>>)
// CHECK-NEXT: mqa.logits ins(%[[Q]], %[[K]], none, none, none, %[[KE]] : {{.*}}) outs(%[[OUT]] : {{.*}}) {clean}
// CHECK-NEXT: return
// CHECK-NOT: mqa.logits
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index, %c: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {clean}
  }
  scf.if %c {
    %rows = memref.subview %k[%n, 0] [%n, 32] [2, 1] : memref<?x32xbf16> to memref<?x32xbf16, strided<[64, 1], offset: ?>>
    %columns = memref.subview %out[0, 0] [%n, %n] [1, 1] : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1]>>
    mqa.logits ins(%q, %rows, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16, strided<[64, 1], offset: ?>>, memref<?xi32>) outs(%columns : memref<?x?xf32, strided<[?, 1]>>) {clean}
  }
  return
}

// -----

// Ops that differ in an attribute, in a type, or in an operand that is there have kernels of their own. One value may be two
// operands. Names that no kernel may have are changed.

// CHECK-LABEL: func.func @"1.c"
// CHECK: call @kernel_1_c_logits(%{{.*}}, %{{.*}}, %[[KE:.*]], %{{.*}})
// CHECK: call @kernel_1_c_logits_0(
// CHECK: call @kernel_1_c_logits_1(%{{.*}}, %{{.*}}, %[[B:.*]], %[[E:.*]], %{{.*}})
// CHECK: call @kernel_1_c_logits_2(
// CHECK-NOT: kernel_1_c_logits_3
// CHECK: module @mqa_kernels_0
// CHECK: func.func @kernel_1_c_logits(
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, none, none, none, %{{.*}} :
// CHECK: func.func @kernel_1_c_logits_0(
// CHECK: activation = #mqa.activation<none>
// CHECK: func.func @kernel_1_c_logits_1(%{{.*}}: {{.*}}, %{{.*}}: {{.*}}, %[[B:.*]]: memref<?xi32, strided<[1], offset: ?>>, %[[E:.*]]: memref<?xi32, strided<[1], offset: ?>>, %{{.*}}
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, none, none, %[[B]], %[[E]] :
// CHECK: func.func @kernel_1_c_logits_2(
func.func private @mqa_kernels()
func.func @"1.c"(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %q3: memref<3x4x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {activation = #mqa.activation<none>}
  mqa.logits ins(%q, %k, none, none, %ke, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  mqa.logits ins(%q3, %k, none, none, none, %ke : memref<3x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// A kernel function that others call is the kernel. What it returned is what the caller gave it.

// CHECK: func.func private @kernel(memref<?x4x32xbf16, strided<[?, 32, 1], offset: ?>> {other.name = "q"}, memref<?x32xbf16, strided<[?, 1], offset: ?>>, memref<?xi32, strided<[1], offset: ?>>, memref<?x?xf32, strided<[?, 1], offset: ?>>) attributes {mqa.launch =
// CHECK-LABEL: func.func @host(
// CHECK-SAME: %[[OUT:[a-z0-9]*]]: memref<?x?xf32>)
// CHECK: %[[CAST:.*]] = memref.cast %[[OUT]]
// CHECK: call @kernel(%{{.*}}, %{{.*}}, %{{.*}}, %[[CAST]]) : {{.*}} -> ()
// CHECK: return %[[OUT]]
// CHECK: module @mqa_kernels
// CHECK-NEXT: func.func @kernel(
// CHECK-NEXT: mqa.logits
// CHECK-NEXT: return{{$}}
func.func @kernel(%q: memref<?x4x32xbf16> {other.name = "q"}, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> (memref<?x?xf32> {other.name = "out"}) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return %out : memref<?x?xf32>
}
func.func @host(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> memref<?x?xf32> {
  %0 = call @kernel(%q, %k, %ke, %out) : (memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?x?xf32>) -> memref<?x?xf32>
  return %0 : memref<?x?xf32>
}

// -----

// One that is used in another way stays a function.

// CHECK-DAG: func.func @kernel(%{{.*}}: memref<?x4x32xbf16>,
// CHECK-DAG: call @kernel_logits(
// CHECK-DAG: constant @kernel
func.func @kernel(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}
func.func @address() -> ((memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?x?xf32>) -> ()) {
  %0 = constant @kernel : (memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?x?xf32>) -> ()
  return %0 : (memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?x?xf32>) -> ()
}

// -----

// A fused pair is one launch, at the place of the second op, and logits are nowhere. Their number of columns comes from the keys.

// CHECK: operands = ["q", "k", "ke", "offset", "indices"]
// CHECK-LABEL: func.func @pair(
// CHECK-NOT: mqa.
// CHECK: %[[INDICES:.*]] = memref.alloc
// CHECK: call @pair_logits_topk(
// CHECK-NOT: mqa.unstored_logits
// CHECK: func.func @pair_logits_topk(%[[Q:.*]]: memref<?x4x32xbf16, {{.*}}>, %[[K:.*]]: memref<?x32xbf16, {{.*}}>, %[[KE:.*]]: memref<?xi32, {{.*}}>, %[[OFFSET:.*]]: memref<?xi32, {{.*}}>, %[[INDICES:.*]]: memref<?x8xi32, {{.*}}>)
// CHECK-DAG: %[[M:.*]] = memref.dim %[[Q]], %c0
// CHECK-DAG: %[[N:.*]] = memref.dim %[[K]], %c0
// CHECK: %[[L:.*]] = mqa.unstored_logits(%[[M]], %[[N]]) : memref<?x?xf32>
// CHECK: mqa.logits ins(%[[Q]], %[[K]], none, none, none, %[[KE]] : {{.*}}) outs(%[[L]] : {{.*}})
// CHECK: mqa.topk ins(%[[L]], none, %[[KE]] : {{.*}}) offset(%[[OFFSET]] : {{.*}}) outs(%[[INDICES]] :
func.func @pair(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %offset: memref<?xi32>, %m: index, %n: index) -> memref<?x8xi32> {
  %l = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%l : memref<?x?xf32>)
  %indices = memref.alloc(%m) : memref<?x8xi32>
  %copy = memref.alloc(%m) : memref<?xi32>
  memref.copy %offset, %copy : memref<?xi32> to memref<?xi32>
  mqa.topk ins(%l, none, %ke : memref<?x?xf32>, memref<?xi32>) offset(%copy : memref<?xi32>) outs(%indices : memref<?x8xi32>)
  return %indices : memref<?x8xi32>
}

// -----

// With a paged cache, the number of columns is told.

// CHECK: operands = ["q", "k", "context_lens", "block_table", "indices", "num_keys"]
// CHECK: call @paged_paged_logits_topk(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[N:.*]]) : ({{.*}}, index) -> ()
// CHECK: func.func @paged_paged_logits_topk({{.*}}, %[[N:.*]]: index)
// CHECK: %[[M:.*]] = arith.muli
// CHECK: mqa.unstored_logits(%[[M]], %[[N]])
func.func @paged(%q: memref<?x2x4x32xbf16>, %k: memref<?x16x32xbf16>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %indices: memref<?x8xi32>, %m: index, %n: index) {
  %n2 = arith.addi %n, %n : index
  %l = mqa.unstored_logits(%m, %n2) : memref<?x?xf32>
  mqa.paged_logits ins(%q, %k, none, none, %lens, %table : memref<?x2x4x32xbf16>, memref<?x16x32xbf16>, memref<?xi32>, memref<?x?xi32>) outs(%l : memref<?x?xf32>)
  mqa.topk ins(%l, none, none : memref<?x?xf32>) context_lens(%lens : memref<?xi32>) outs(%indices : memref<?x8xi32>) {next_n = 2}
  return
}

// -----

// Blocks of a function, global memory, strided scales, lists, and a number of keys.

// CHECK-DAG: @blocks_logits({{.*}}memref<?xf32, strided<[1], offset: ?>>
// CHECK-DAG: @blocks_logits_0({{.*}}memref<?xf32, strided<[?], offset: ?>>
// CHECK-DAG: @blocks_merge_topk(memref<?x?x8xi32, strided<[?, ?, 1], offset: ?>>
// CHECK-DAG: @blocks_topk({{.*}}, index) attributes {mqa.launch = #mqa.launch<kernel = "blocks_topk", function = "mqa_topk_launch", operands = ["logits", "ks", "ke", "indices", "num_keys"]>}
// CHECK: memref.memory_space_cast %{{.*}} : memref<?x4x32xbf16, #gpu.address_space<global>> to memref<?x4x32xbf16>
#global = #gpu.address_space<global>
func.func @blocks(%q: memref<?x4x32xbf16, #global>, %k: memref<?x32xbf16>, %s: memref<?xf32>, %s2: memref<?xf32, strided<[2]>>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %li: memref<?x?x8xi32>, %lv: memref<?x?x8xf32>, %i: memref<?x8xi32>, %n: index, %c: i1) {
  cf.cond_br %c, ^a, ^b
^a:
  mqa.logits ins(%q, %k, %s, none, none, %ke : memref<?x4x32xbf16, #global>, memref<?x32xbf16>, memref<?xf32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  mqa.topk ins(%out, %ke, %ke : memref<?x?xf32>, memref<?xi32>, memref<?xi32>) num_keys(%n) outs(%i : memref<?x8xi32>) {compressed}
  return
^b:
  mqa.logits ins(%q, %k, %s2, none, none, %ke : memref<?x4x32xbf16, #global>, memref<?x32xbf16>, memref<?xf32, strided<[2]>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  mqa.merge_topk ins(%li, %lv, none, %ke : memref<?x?x8xi32>, memref<?x?x8xf32>, memref<?xi32>) outs(%i : memref<?x8xi32>)
  return
}
