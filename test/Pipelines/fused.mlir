// Logits and their selection in one kernel, down to the NVVM dialect. With WGMMA they are two kernels.
// RUN: mqa-opt %examples/topk.mlir --mqa-to-nvvm=chip=sm_89 --mlir-print-ir-after=mqa-fuse-topk,mqa-tile-logits,mqa-specialize-warps,mqa-vectorize-tiles,mqa-distribute-vectors,mqa-expand-candidates --mlir-disable-threading 2>&1 | FileCheck %s --check-prefix=LEVELS
// RUN: mqa-opt %s --mqa-to-nvvm=chip=sm_89 | FileCheck %s --implicit-check-not=memref. --implicit-check-not=mqa.meet --implicit-check-not=mqa.cut_lists
// RUN: mqa-opt %s --mqa-to-nvvm | FileCheck %s --check-prefix=STEPS

// STEPS: mqa.steps = {no_key = ["no_key$logits", "no_key$topk"], one_head = ["one_head$logits", "one_head$topk"], three = ["three$logits", "three$topk"]}
// STEPS: llvm.func @one_head$logits(
// STEPS: wgmma
// STEPS: llvm.func @three$logits(
// STEPS: wgmma
// STEPS: llvm.func @no_key$logits(
// STEPS: llvm.func @one_head$topk(
// STEPS: nvvm.redux.sync
// STEPS: llvm.func @three$topk(
// STEPS: llvm.func @no_key$topk(

// LEVELS: IR Dump After {{.*}}mqa-fuse-topk
// LEVELS: mqa.unstored_logits
// LEVELS: IR Dump After {{.*}}mqa-tile-logits
// LEVELS: gpu.func @topk
// LEVELS-NOT: mqa.unstored_logits
// LEVELS: mqa.filtered_rows
// LEVELS: mqa.cut_lists
// LEVELS: IR Dump After {{.*}}mqa-specialize-warps
// LEVELS: mqa.meet {
// LEVELS: num_threads = {{[1-9][0-9]*}} : i64
// LEVELS: mqa.store_logits
// LEVELS: IR Dump After {{.*}}mqa-vectorize-tiles
// LEVELS: mqa.append_logits
// LEVELS: IR Dump After {{.*}}mqa-distribute-vectors
// LEVELS: memref.atomic_rmw mins
// LEVELS: IR Dump After {{.*}}mqa-expand-candidates
// LEVELS-NOT: mqa.meet
// LEVELS-NOT: mqa.cut_lists
// LEVELS: llvm.func @topk(

// One head: all rows of a tile are queries.
// CHECK: llvm.func @one_head(
// CHECK: nvvm.vote.sync ballot
// CHECK: llvm.atomicrmw add %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// CHECK: llvm.atomicrmw min %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: llvm.atomicrmw max %{{.*}} acq_rel : !llvm.ptr<1>, i32
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: llvm.atomicrmw add %{{.*}} acq_rel : !llvm.ptr<1>, i32
// CHECK: llvm.fence syncscope("device") acq_rel
func.func @one_head(%q: tensor<?x1x64xbf16>, %k: tensor<?x64xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x64xi32>) -> tensor<?x64xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x1x64xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x64xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x1x64xbf16>, tensor<?x64xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x64xi32>) -> tensor<?x64xi32>
  return %best : tensor<?x64xi32>
}

// Three queries of a sequence, where a tile has room for four.
// CHECK: llvm.func @three(
// CHECK: llvm.atomicrmw min %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// CHECK: llvm.atomicrmw add %{{.*}} acq_rel : !llvm.ptr<1>, i32
func.func @three(%q: tensor<?x3x64x128xf8E4M3FN>, %k: tensor<?x64x128xf8E4M3FN>, %s: tensor<?x64xf32>, %w: tensor<?x64xf32>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %n: index, %indices: tensor<?x512xi32>, %values: tensor<?x512xf32>) -> (tensor<?x512xi32>, tensor<?x512xf32>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %b = tensor.dim %q, %c0 : tensor<?x3x64x128xf8E4M3FN>
  %m = arith.muli %b, %c3 : index
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, %s, %w, %lens, %table : tensor<?x3x64x128xf8E4M3FN>, tensor<?x64x128xf8E4M3FN>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best:2 = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%indices, %values : tensor<?x512xi32>, tensor<?x512xf32>) {base = #mqa.base<slot>, block_kv = 64, next_n = 3, order = #mqa.order<score>, force_last = 64} -> tensor<?x512xi32>, tensor<?x512xf32>
  return %best#0, %best#1 : tensor<?x512xi32>, tensor<?x512xf32>
}

// No key: the kernel for any number of them.
// CHECK: llvm.func @no_key(
// CHECK-SAME: selection = <k = 16>, logits_type = tensor<5x?xf32>, list_places = 7680>
// CHECK: llvm.atomicrmw add
func.func @no_key(%q: tensor<5x4x32xbf16>, %k: tensor<0x32xbf16>, %ke: tensor<5xi32>, %indices: tensor<5x16xi32>) -> tensor<5x16xi32> {
  %init = tensor.empty() : tensor<5x0xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<5x4x32xbf16>, tensor<0x32xbf16>, tensor<5xi32>) outs(%init : tensor<5x0xf32>) -> tensor<5x0xf32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<5x0xf32>, tensor<5xi32>) outs(%indices : tensor<5x16xi32>) -> tensor<5x16xi32>
  return %best : tensor<5x16xi32>
}
