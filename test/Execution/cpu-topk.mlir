// mqa.topk on a CPU: compressed logits whose number of keys comes with the launch, and slots of a paged cache.
// RUN: mqa-compile %s --target=cpu -o %t.mqa
// RUN: mqa-run %t.mqa --kernel=compressed --seq-len=33 --seq-len-kv=3000 --mask=random --verify --reruns=2 | FileCheck %s
// RUN: mqa-run %t.mqa --kernel=slots --seq-len=18 --seq-len-kv=2000 --mask=random --verify --reruns=2 | FileCheck %s --check-prefix=SLOTS

// CHECK: wrong indices: {{ *}}0 (33 rows checked)
// CHECK: wrong values: {{ *}}0
// CHECK: outside writes: {{ *}}0
// CHECK: changed reruns: {{ *}}0 of 2
// CHECK: result: {{ *}}pass

// SLOTS: wrong indices: {{ *}}0 (18 rows checked)
// SLOTS: result: {{ *}}pass
func.func @compressed(%logits: tensor<?x?xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %num_keys: index, %indices: tensor<?x300xi32>, %values: tensor<?x300xf32>) -> (tensor<?x300xi32>, tensor<?x300xf32>) {
  %0:2 = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xbf16>, tensor<?xi32>, tensor<?xi32>) num_keys(%num_keys) outs(%indices, %values : tensor<?x300xi32>, tensor<?x300xf32>) {compressed, order = #mqa.order<score>, base = #mqa.base<absolute>} -> tensor<?x300xi32>, tensor<?x300xf32>
  return %0#0, %0#1 : tensor<?x300xi32>, tensor<?x300xf32>
}

func.func @slots(%logits: tensor<?x?xf32>, %lens: tensor<?x2xi32>, %table: tensor<?x?xi32>, %indices: tensor<?x128xi32>) -> tensor<?x128xi32> {
  %0 = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?x2xi32>) block_table(%table : tensor<?x?xi32>) outs(%indices : tensor<?x128xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x128xi32>
  return %0 : tensor<?x128xi32>
}
