// A fused kernel for the CPU: what its launch needs of both ops is in the manifest.
// RUN: mqa-compile %examples/topk.mlir --target=cpu -o %t.mqa
// RUN: mqa-compile %examples/paged_topk.mlir --target=cpu -o %t.paged.mqa
// RUN: mqa-compile %s --target=cpu -o %t.sizes.mqa
// RUN: head -c 9000 %t.mqa | FileCheck %s
// RUN: head -c 9000 %t.paged.mqa | FileCheck %s --check-prefix=PAGED

// CHECK: "base": "relative"
// CHECK: "clean": false
// CHECK: "has_key_groups": false
// CHECK: "k": 2048
// CHECK: "logits_type": "f32"
// CHECK: "name": "topk"
// CHECK: "num_columns": -1
// CHECK: "num_heads": 64
// CHECK: "num_keys": -1
// CHECK: "num_queries": -1
// CHECK: "op": "mqa.logits_topk"
// CHECK: "order": "key"
// CHECK-NOT: "operand": "out"
// CHECK: "operand": "q"
// CHECK: "operand": "ke"
// CHECK-NOT: "operand": "out"
// CHECK: "operand": "indices"
// CHECK: "scratch_bytes": {{[1-9][0-9]+}}
// CHECK: "task_keys": {{128|512}}
// CHECK: "task_queries": 16
// CHECK: "tie_break": "smallest"
// CHECK: "name": "logits"

// PAGED: "batch": -1
// PAGED: "block_kv": 64
// PAGED: "next_n": 1
// PAGED: "num_columns": -1
// PAGED: "op": "mqa.paged_logits_topk"
// PAGED: "element_type": "index"
// PAGED-NEXT: "kind": "index"
// PAGED-NEXT: "operand": "num_keys"
// PAGED: "task_keys": {{64|512}}
// PAGED: "task_queries": 1

// The most keys of a row are computed from a size; there is no key, or no query; memrefs.
func.func @computed(%q: tensor<?x1x4x32xbf16>, %k: tensor<?x64x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %m = tensor.dim %q, %c0 : tensor<?x1x4x32xbf16>
  %b = tensor.dim %table, %c1 : tensor<?x?xi32>
  %n = arith.muli %b, %c64 : index
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x1x4x32xbf16>, tensor<?x64x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}
func.func @no_keys(%q: tensor<4x4x32xbf16>, %k: tensor<0x32xbf16>, %lens: tensor<4xi32>, %indices: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %init = tensor.empty() : tensor<4x0xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %lens : tensor<4x4x32xbf16>, tensor<0x32xbf16>, tensor<4xi32>) outs(%init : tensor<4x0xf32>) -> tensor<4x0xf32>
  %best = mqa.topk ins(%logits, none, %lens : tensor<4x0xf32>, tensor<4xi32>) outs(%indices : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %best : tensor<4x16xi32>
}
func.func @memrefs(%q: memref<4x4x32xbf16>, %k: memref<300x32xbf16>, %lens: memref<4xi32>, %indices: memref<4x16xi32>) {
  %init = memref.alloc() : memref<4x300xf32>
  mqa.logits ins(%q, %k, none, none, none, %lens : memref<4x4x32xbf16>, memref<300x32xbf16>, memref<4xi32>) outs(%init : memref<4x300xf32>)
  mqa.topk ins(%init, none, %lens : memref<4x300xf32>, memref<4xi32>) outs(%indices : memref<4x16xi32>)
  return
}
func.func @no_queries(%q: tensor<0x4x32xbf16>, %k: tensor<?x32xbf16>, %lens: tensor<0xi32>, %indices: tensor<0x16xi32>) -> tensor<0x16xi32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%n) : tensor<0x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %lens : tensor<0x4x32xbf16>, tensor<?x32xbf16>, tensor<0xi32>) outs(%init : tensor<0x?xf32>) -> tensor<0x?xf32>
  %best = mqa.topk ins(%logits, none, %lens : tensor<0x?xf32>, tensor<0xi32>) outs(%indices : tensor<0x16xi32>) -> tensor<0x16xi32>
  return %best : tensor<0x16xi32>
}
