// Logits and top-k in one kernel, whose indices are slots of the sequence that each row names: its table has no batch.
// RUN: mqa-compile %s --target=cpu -o %t.mqa
// RUN: mqa-run %t.mqa --kernel=topk --seq-len=33 --seq-len-kv=900 --mask=random --verify --reruns=2 | FileCheck %s

// CHECK: wrong indices: {{ *}}0 (33 rows checked)
// CHECK: changed reruns: {{ *}}0 of 2
// CHECK: result: {{ *}}pass
func.func @logits(%q: tensor<?x2x32xbf16>, %k: tensor<?x32xbf16>, %w: tensor<?x2xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, %w, %ks, %ke : tensor<?x2x32xbf16>, tensor<?x32xbf16>, tensor<?x2xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func @topk(%q: tensor<?x2x32xbf16>, %k: tensor<?x32xbf16>, %w: tensor<?x2xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %indices: tensor<?x60xi32>) -> tensor<?x60xi32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x2x32xbf16>
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %out = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, %w, %ks, %ke : tensor<?x2x32xbf16>, tensor<?x32xbf16>, tensor<?x2xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  %0 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%indices : tensor<?x60xi32>) {base = #mqa.base<slot>, block_kv = 16} -> tensor<?x60xi32>
  return %0 : tensor<?x60xi32>
}
