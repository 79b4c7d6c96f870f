// Pairs that must be two kernels, and cannot be.
// RUN: mqa-opt %s --mqa-fuse-topk --mqa-split-topk --split-input-file --verify-diagnostics

module attributes {mqa.target = #mqa.target<chip = "sm_90a">} {
  func.func private @select$topk()
  func.func @select(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %blocks: tensor<?x8xi32>, %counts: tensor<?xi32>, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %q, %c0 : tensor<?x4x32xbf16>
    %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
    %init = tensor.empty(%m) : tensor<?x64xf32>
    %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    // expected-error@+1 {{must become two kernels, but the module has a function of one of their names, 'select$logits' and 'select$topk'}}
    %best = mqa.topk ins(%logits, none, %ke : tensor<?x64xf32>, tensor<?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
    return %best : tensor<?x16xi32>
  }
}
