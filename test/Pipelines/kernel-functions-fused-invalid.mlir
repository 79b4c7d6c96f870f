// What a kernel function of logits and their selection consists of.
// RUN: mqa-opt %s --mqa-fuse-topk --mqa-verify-kernel-functions --split-input-file --verify-diagnostics
// RUN: mqa-opt %s --mqa-to-nvvm --split-input-file --verify-diagnostics
// RUN: mqa-opt %s --mqa-to-cpu --split-input-file --verify-diagnostics

// A pair that cannot be fused: the reason is that of the remark.
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-error@+1 {{'mqa.topk' op in a kernel function must be fused with the mqa.logits that it reads: the logits have another user, 'func.return'}}
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best, %logits : tensor<?x16xi32>, tensor<?x?xf32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>, %init: tensor<?x?xf32>) -> (tensor<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-error@+1 {{'mqa.topk' op in a kernel function must be fused with the mqa.logits that it reads: the logits go to an argument}}
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// expected-error@+1 {{every argument of a kernel function must be an operand of its mqa.logits and mqa.topk, but argument #4 of type 'index' is none}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>, %m: index) -> (tensor<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// expected-error@+1 {{a kernel function on tensors must return the result of its mqa.topk, and nothing else}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %indices : tensor<?x16xi32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>, %more: tensor<?xi32>, %others: tensor<?x?xf32>) -> (tensor<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-error@+1 {{a kernel function must consist of one mqa.logits, mqa.paged_logits, mqa.topk or mqa.merge_topk on its arguments, found also 'mqa.topk'}}
  %0 = mqa.topk ins(%others, none, %more : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// The second operand 'ke' is not in the way of the first, but an argument is one operand.
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-error@+1 {{operand 'offset' must be an argument of the function, and of its own}}
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) offset(%ke : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<2147483647x32xbf16>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %init = tensor.empty(%m) : tensor<?x2147483647xf32>
  // expected-error@+1 {{dimension 0 of 'k' must be at most 2147482623 in a kernel, found 2147483647}}
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<2147483647x32xbf16>, tensor<?xi32>) outs(%init : tensor<?x2147483647xf32>) -> tensor<?x2147483647xf32>
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x2147483647xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @f(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %indices, %c0 : tensor<?x16xi32>
  %init = tensor.empty(%m) : tensor<?x2147483647xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x2147483647xf32>) -> tensor<?x2147483647xf32>
  // expected-error@+1 {{dimension 1 of 'logits' must be at most 2147482623 in a kernel, found 2147483647}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x2147483647xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {next_n = 2} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// The number of rows is no operand of its own, the number of columns is.
// expected-error@+1 {{argument #4 of type 'index' is none}}
func.func @f(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {next_n = 2} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

// The parts of a pair that was split before.
// expected-error@+1 {{attribute 'mqa.steps' must name functions of the module: 'g' needs one with mqa.logits or mqa.paged_logits, and "g$logits" is none}}
module attributes {mqa.steps = {g = ["g$logits", "f"]}} {
  func.func @f(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}

// -----

// expected-error@+1 {{'g' needs one with mqa.logits or mqa.paged_logits, and "f" is none}}
module attributes {mqa.steps = {g = ["f", "h"]}} {
  func.func @f(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}

// -----

// A function and a pair of the same name would be two kernels of one name.
// expected-error@+1 {{attribute 'mqa.steps' has an entry 'f', which is the name of a function}}
module attributes {mqa.steps = {f = ["g", "f"]}} {
  func.func @f(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %best = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}

// -----

// Rows that name their sequences need two kernels on a GPU.
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
  %init = mqa.unstored_logits(%m) : tensor<?x300xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x300xf32>) -> tensor<?x300xf32>
  // expected-error@+1 {{the number of columns must be dynamic, or mqa.topk have 'block_table'}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x300xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}
