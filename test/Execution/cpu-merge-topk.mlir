// mqa.merge_topk on a CPU: the keys of whole rows, dealt out to lists.
// RUN: mqa-compile %s --target=cpu -o %t.mqa
// RUN: mqa-run %t.mqa --kernel=merge --seq-len=33 --seq-len-kv=5000 --mask=random --verify --reruns=2 | FileCheck %s
// RUN: mqa-run %t.mqa --kernel=merge --seq-len=7 --seq-len-kv=3000 --num-lists=50 --pattern="all equal" --mask=full --verify | FileCheck %s --check-prefix=MANY
// RUN: mqa-run %t.mqa --kernel=two --seq-len-kv=4500 --pattern="NaN, and fewer numbers than k" --verify | FileCheck %s --check-prefix=TWO
// RUN: not mqa-run %t.mqa --kernel=two --num-lists=3 2>&1 | FileCheck %s --check-prefix=FIXED
// RUN: not mqa-run %t.mqa --kernel=merge --max-seqlen-k=3 2>&1 | FileCheck %s --check-prefix=COLUMNS
// RUN: not mqa-run %t.mqa --kernel=merge --batch=3 2>&1 | FileCheck %s --check-prefix=BATCH

// CHECK: shape: {{.*}}M=33 N=5000
// CHECK: lists: {{.*}}8
// CHECK: wrong indices: {{ *}}0 (33 rows checked)
// CHECK: wrong values: {{ *}}0
// CHECK: outside writes: {{ *}}0
// CHECK: changed reruns: {{ *}}0 of 2
// CHECK: result: {{ *}}pass

// MANY: lists: {{.*}}50
// MANY: result: {{ *}}pass

// TWO: lists: {{.*}}2
// TWO: result: {{ *}}pass

// FIXED: error: --num-lists of this kernel is 2, found 3
// COLUMNS: error: --max-seqlen-k is for a kernel with compressed logits
// BATCH: error: this kernel is of mqa.merge_topk: its options are --seq-len, --seq-len-kv, --num-lists, --mask and --pattern

func.func @merge(%lists: tensor<?x?x300xi32>, %scores: tensor<?x?x300xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>,
                 %indices: tensor<?x300xi32>, %values: tensor<?x300xf32>) -> (tensor<?x300xi32>, tensor<?x300xf32>) {
  %0:2 = mqa.merge_topk ins(%lists, %scores, %ks, %ke : tensor<?x?x300xi32>, tensor<?x?x300xf32>, tensor<?xi32>, tensor<?xi32>)
         outs(%indices, %values : tensor<?x300xi32>, tensor<?x300xf32>) {order = #mqa.order<score>} -> tensor<?x300xi32>, tensor<?x300xf32>
  return %0#0, %0#1 : tensor<?x300xi32>, tensor<?x300xf32>
}

func.func @two(%lists: memref<2x?x64xi32>, %scores: memref<2x?x64xf32>, %ke: memref<?xi32>, %indices: memref<?x64xi32>) {
  mqa.merge_topk ins(%lists, %scores, none, %ke : memref<2x?x64xi32>, memref<2x?x64xf32>, memref<?xi32>)
    outs(%indices : memref<?x64xi32>) {tie_break = #mqa.tie_break<greatest>, base = #mqa.base<absolute>}
  return
}
