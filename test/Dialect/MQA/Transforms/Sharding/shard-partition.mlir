// The program of one process, from annotations that upstream's pass completes.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(sharding-propagation,shard-partition),canonicalize,cse)' | FileCheck %s

shard.grid @grid(shape = 4)
shard.grid @grid2(shape = 2x4)

// Rows of queries: the op on them, and nothing else.
// CHECK-LABEL: func @queries(
// CHECK-SAME: %[[Q:.*]]: tensor<32x64x128xbf16>, %[[K:.*]]: tensor<256x128xbf16>, %[[W:.*]]: tensor<32x64xf32>, %[[KE:.*]]: tensor<32xi32>, %[[E:.*]]: tensor<32x256xf32>) -> tensor<32x256xf32>
// CHECK-NEXT: %[[R:.*]] = mqa.logits ins(%[[Q]], %[[K]], none, %[[W]], none, %[[KE]] :
// CHECK-SAME: outs(%[[E]] : tensor<32x256xf32>) {clean} -> tensor<32x256xf32>
// CHECK-NEXT: return %[[R]]
func.func @queries(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xbf16>, %w: tensor<128x64xf32>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %qa = shard.shard %q to %s : tensor<128x64x128xbf16>
  %qb = shard.shard %qa to %s annotate_for_users : tensor<128x64x128xbf16>
  %0 = mqa.logits ins(%qb, %k, none, %w, none, %ke : tensor<128x64x128xbf16>, tensor<256x128xbf16>, tensor<128x64xf32>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  %r0 = shard.shard %0 to %s : tensor<128x256xf32>
  %r1 = shard.shard %r0 to %s annotate_for_users : tensor<128x256xf32>
  return %r1 : tensor<128x256xf32>
}

// Keys: ranges count from the first key of the process.
// CHECK-LABEL: func @keys(
// CHECK-SAME: %[[KS:[a-z0-9]*]]: tensor<128xi32>, %[[KE:[a-z0-9]*]]: tensor<128xi32>, %{{.*}}: tensor<128x64xf32>) -> tensor<128x64xf32>
// CHECK: %[[P:.*]] = shard.process_multi_index on @grid axes = [0]
// CHECK: %[[OFFSET:.*]] = arith.muli %[[P]], %c64
// CHECK: %[[FIRST:.*]] = arith.index_cast %[[OFFSET]] : index to i32
// CHECK: %[[POSITIVE:.*]] = arith.maxsi %[[KS]]
// CHECK: %[[FIRSTS:.*]] = tensor.splat %[[FIRST]] : tensor<128xi32>
// CHECK: %[[KSL:.*]] = arith.subi %[[POSITIVE]], %[[FIRSTS]]
// CHECK: %[[POSITIVE2:.*]] = arith.maxsi %[[KE]]
// CHECK: %[[KEL:.*]] = arith.subi %[[POSITIVE2]], %[[FIRSTS]]
// CHECK: mqa.logits ins(%{{.*}}, %{{.*}}, %{{.*}}, none, %[[KSL]], %[[KEL]] : tensor<128x64x128xbf16>, tensor<64x128xbf16>, tensor<64xf32>,
func.func @keys(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xbf16>, %scale: tensor<256xf32>, %ks: tensor<128xi32>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %0 = mqa.logits ins(%q, %k, %scale, none, %ks, %ke : tensor<128x64x128xbf16>, tensor<256x128xbf16>, tensor<256xf32>, tensor<128xi32>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %1 = shard.shard %0 to %s : tensor<128x256xf32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<128x256xf32>
  return %2 : tensor<128x256xf32>
}

// Heads: a sum of f32 logits, rounded behind it; cells that are not written come from one process.
// CHECK-LABEL: func @heads(
// CHECK-SAME: tensor<128x16x128xbf16>, %{{.*}}: tensor<256x128xbf16>, %{{.*}}: tensor<128x16xf32>, %{{.*}}: tensor<128xi32>, %[[E:.*]]: tensor<128x256xbf16>) -> tensor<128x256xbf16>
// CHECK: %[[WIDE:.*]] = arith.extf %[[E]] : tensor<128x256xbf16> to tensor<128x256xf32>
// CHECK: %[[P:.*]] = shard.process_multi_index on @grid axes = [0]
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[P]], %c0
// CHECK: %[[INIT:.*]] = arith.select %[[FIRST]], %[[WIDE]], %{{.*}} : tensor<128x256xf32>
// CHECK: %[[PART:.*]] = mqa.logits ins({{.*}} : tensor<128x16x128xbf16>, {{.*}}) outs(%[[INIT]] : tensor<128x256xf32>) -> tensor<128x256xf32>
// CHECK: %[[SUM:.*]] = shard.all_reduce %[[PART]] on @grid grid_axes = [0] : tensor<128x256xf32> -> tensor<128x256xf32>
// CHECK: %[[R:.*]] = arith.truncf %[[SUM]] : tensor<128x256xf32> to tensor<128x256xbf16>
// CHECK: return %[[R]]
func.func @heads(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xbf16>, %w: tensor<128x64xf32>, %ke: tensor<128xi32>, %e: tensor<128x256xbf16>) -> tensor<128x256xbf16> {
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %qa = shard.shard %q to %s : tensor<128x64x128xbf16>
  %qb = shard.shard %qa to %s annotate_for_users : tensor<128x64x128xbf16>
  %0 = mqa.logits ins(%qb, %k, none, %w, none, %ke : tensor<128x64x128xbf16>, tensor<256x128xbf16>, tensor<128x64xf32>, tensor<128xi32>) outs(%e : tensor<128x256xbf16>) -> tensor<128x256xbf16>
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %r0 = shard.shard %0 to %whole : tensor<128x256xbf16>
  %r1 = shard.shard %r0 to %whole annotate_for_users : tensor<128x256xbf16>
  return %r1 : tensor<128x256xbf16>
}

// Key groups go with their heads; where every cell is written, `out` needs no care.
// CHECK-LABEL: func @groups(
// CHECK-SAME: tensor<128x16x128xbf16>, %{{.*}}: tensor<256x2x128xbf16>, %{{.*}}: tensor<256x2xf32>
// CHECK-NEXT: %[[PART:.*]] = mqa.logits
// CHECK-NEXT: shard.all_reduce %[[PART]]
// CHECK-NEXT: return
func.func @groups(%q: tensor<128x64x128xbf16>, %k: tensor<256x8x128xbf16>, %scale: tensor<256x8xf32>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %qa = shard.shard %q to %s : tensor<128x64x128xbf16>
  %qb = shard.shard %qa to %s annotate_for_users : tensor<128x64x128xbf16>
  %0 = mqa.logits ins(%qb, %k, %scale, none, none, %ke : tensor<128x64x128xbf16>, tensor<256x8x128xbf16>, tensor<256x8xf32>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %r0 = shard.shard %0 to %whole : tensor<128x256xf32>
  %r1 = shard.shard %r0 to %whole annotate_for_users : tensor<128x256xf32>
  return %r1 : tensor<128x256xf32>
}

// Two axes: queries and keys. A dynamic number of keys is divided equally.
// CHECK-LABEL: func @both(
// CHECK-SAME: tensor<64x64x128xbf16>, %[[K:.*]]: tensor<?x128xbf16>, %{{.*}}: tensor<64xi32>, %{{.*}}: tensor<64x?xf32>) -> tensor<64x?xf32>
// CHECK: %[[P:.*]] = shard.process_multi_index on @grid2 axes = [1]
// CHECK: %[[N:.*]] = tensor.dim %[[K]], %c0
// CHECK: arith.muli %[[P]], %[[N]]
// CHECK: mqa.logits
func.func @both(%q: tensor<128x64x128xbf16>, %k: tensor<?x128xbf16>, %ke: tensor<128xi32>, %e: tensor<128x?xf32>) -> tensor<128x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<128x64x128xbf16>, tensor<?x128xbf16>, tensor<128xi32>) outs(%e : tensor<128x?xf32>) {clean} -> tensor<128x?xf32>
  %s = shard.sharding @grid2 split_axes = [[0], [1]] : !shard.sharding
  %1 = shard.shard %0 to %s : tensor<128x?xf32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<128x?xf32>
  return %2 : tensor<128x?xf32>
}

// A paged cache is whole; columns begin with `key_offset`.
// CHECK-LABEL: func @paged(
// CHECK-SAME: tensor<8x2x64x128xbf16>, %{{.*}}: tensor<40x64x128xbf16>, %{{.*}}: tensor<8x2xi32>, %{{.*}}: tensor<8x4xi32>, %{{.*}}: tensor<16x64xf32>) -> tensor<16x64xf32>
// CHECK: %[[P:.*]] = shard.process_multi_index on @grid axes = [0]
// CHECK: %[[OFFSET:.*]] = arith.muli %[[P]], %c64
// CHECK: mqa.paged_logits {{.*}} key_offset(%[[OFFSET]]) outs({{.*}} : tensor<16x64xf32>)
func.func @paged(%q: tensor<8x2x64x128xbf16>, %k: tensor<40x64x128xbf16>, %lens: tensor<8x2xi32>, %table: tensor<8x4xi32>, %e: tensor<16x256xf32>) -> tensor<16x256xf32> {
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<8x2x64x128xbf16>, tensor<40x64x128xbf16>, tensor<8x2xi32>, tensor<8x4xi32>) outs(%e : tensor<16x256xf32>) -> tensor<16x256xf32>
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %1 = shard.shard %0 to %s : tensor<16x256xf32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<16x256xf32>
  return %2 : tensor<16x256xf32>
}

// Sequences of a paged cache with their rows.
// CHECK-LABEL: func @sequences(
// CHECK-SAME: tensor<2x2x64x128xbf16>, %{{.*}}: tensor<40x64x128xbf16>, %{{.*}}: tensor<2x2xi32>, %{{.*}}: tensor<2x4xi32>, %{{.*}}: tensor<4x256xf32>) -> tensor<4x256xf32>
// CHECK-NEXT: mqa.paged_logits
// CHECK-NEXT: return
func.func @sequences(%q: tensor<8x2x64x128xbf16>, %k: tensor<40x64x128xbf16>, %lens: tensor<8x2xi32>, %table: tensor<8x4xi32>, %e: tensor<16x256xf32>) -> tensor<16x256xf32> {
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<8x2x64x128xbf16>, tensor<40x64x128xbf16>, tensor<8x2xi32>, tensor<8x4xi32>) outs(%e : tensor<16x256xf32>) -> tensor<16x256xf32>
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %1 = shard.shard %0 to %s : tensor<16x256xf32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<16x256xf32>
  return %2 : tensor<16x256xf32>
}

// Each process selects of its own keys; all of what these are.
// CHECK-LABEL: func @topk(
// CHECK-SAME: %[[L:.*]]: tensor<128x64xf32>, %[[KS:.*]]: tensor<128xi32>, %[[KE:.*]]: tensor<128xi32>, %[[I:.*]]: tensor<128x16xi32>, %[[V:.*]]: tensor<128x16xf32>)
// CHECK: %[[OFFSETS:.*]] = tensor.splat
// CHECK: %[[OWN:.*]]:2 = mqa.topk ins(%[[L]], %{{.*}}, %{{.*}} : {{.*}}) offset(%{{.*}} : tensor<128xi32>) outs({{.*}}) {base = #mqa.base<absolute>, order = #mqa.order<any>, tie_break = #mqa.tie_break<greatest>}
// CHECK: %[[END:.*]] = arith.minsi %[[KE]]
// CHECK: %[[LISTI:.*]] = tensor.expand_shape %[[OWN]]#0
// CHECK: %[[ALLI:.*]] = shard.all_gather %[[LISTI]] on @grid grid_axes = [0] gather_axis = 0 : tensor<1x128x16xi32> -> tensor<4x128x16xi32>
// CHECK: %[[LISTV:.*]] = tensor.expand_shape %[[OWN]]#1
// CHECK: %[[ALLV:.*]] = shard.all_gather %[[LISTV]] on @grid grid_axes = [0] gather_axis = 0 : tensor<1x128x16xf32> -> tensor<4x128x16xf32>
// CHECK: %[[R:.*]]:2 = mqa.merge_topk ins(%[[ALLI]], %[[ALLV]], %[[KS]], %[[END]] : {{.*}}) outs(%[[I]], %[[V]] : {{.*}}) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>}
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @topk(%logits: tensor<128x256xf32>, %ks: tensor<128xi32>, %ke: tensor<128xi32>, %i: tensor<128x16xi32>, %v: tensor<128x16xf32>) -> (tensor<128x16xi32>, tensor<128x16xf32>) {
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %a = shard.shard %logits to %s : tensor<128x256xf32>
  %b = shard.shard %a to %s annotate_for_users : tensor<128x256xf32>
  %0:2 = mqa.topk ins(%b, %ks, %ke : tensor<128x256xf32>, tensor<128xi32>, tensor<128xi32>) outs(%i, %v : tensor<128x16xi32>, tensor<128x16xf32>) {order = #mqa.order<score>, tie_break = #mqa.tie_break<greatest>} -> tensor<128x16xi32>, tensor<128x16xf32>
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %r0 = shard.shard %0#0 to %whole : tensor<128x16xi32>
  %r1 = shard.shard %r0 to %whole annotate_for_users : tensor<128x16xi32>
  %r2 = shard.shard %0#1 to %whole : tensor<128x16xf32>
  %r3 = shard.shard %r2 to %whole annotate_for_users : tensor<128x16xf32>
  return %r1, %r3 : tensor<128x16xi32>, tensor<128x16xf32>
}

// Rows of lists.
// CHECK-LABEL: func @merge(
// CHECK-SAME: tensor<3x32x16xi32>, %{{.*}}: tensor<3x32x16xf32>, %{{.*}}: tensor<32xi32>, %{{.*}}: tensor<32x16xi32>) -> tensor<32x16xi32>
// CHECK-NEXT: mqa.merge_topk
// CHECK-NEXT: return
func.func @merge(%li: tensor<3x128x16xi32>, %lv: tensor<3x128x16xf32>, %ke: tensor<128xi32>, %i: tensor<128x16xi32>) -> tensor<128x16xi32> {
  %0 = mqa.merge_topk ins(%li, %lv, none, %ke : tensor<3x128x16xi32>, tensor<3x128x16xf32>, tensor<128xi32>) outs(%i : tensor<128x16xi32>) -> tensor<128x16xi32>
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %1 = shard.shard %0 to %s : tensor<128x16xi32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<128x16xi32>
  return %2 : tensor<128x16xi32>
}

// Typed keys and their block scales: four for each key, which stay together.
// CHECK-LABEL: func @typed_keys(
// CHECK: mqa.logits ins({{.*}} : tensor<128x64x128xbf16>, tensor<64x128xf4E2M1FN>, tensor<64x4xf8E8M0FNU>, tensor<128xi32>)
func.func @typed_keys(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xf4E2M1FN>, %scale: tensor<256x4xf8E8M0FNU>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %0 = mqa.logits ins(%q, %k, %scale, none, none, %ke : tensor<128x64x128xbf16>, tensor<256x128xf4E2M1FN>, tensor<256x4xf8E8M0FNU>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %1 = shard.shard %0 to %s : tensor<128x256xf32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<128x256xf32>
  return %2 : tensor<128x256xf32>
}

// CHECK-LABEL: func @typed_heads(
// CHECK: mqa.logits ins({{.*}} : tensor<128x16x128xf4E2M1FN>, tensor<256x128xbf16>, tensor<128x16xf32>, tensor<128xi32>) q_scale({{.*}} : tensor<128x16x4xf8E8M0FNU>)
func.func @typed_heads(%q: tensor<128x64x128xf4E2M1FN>, %k: tensor<256x128xbf16>, %w: tensor<128x64xf32>, %ke: tensor<128xi32>, %q_scale: tensor<128x64x4xf8E8M0FNU>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %qa = shard.shard %q to %s : tensor<128x64x128xf4E2M1FN>
  %qb = shard.shard %qa to %s annotate_for_users : tensor<128x64x128xf4E2M1FN>
  %0 = mqa.logits ins(%qb, %k, none, %w, none, %ke : tensor<128x64x128xf4E2M1FN>, tensor<256x128xbf16>, tensor<128x64xf32>, tensor<128xi32>)
       q_scale(%q_scale : tensor<128x64x4xf8E8M0FNU>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %r0 = shard.shard %0 to %whole : tensor<128x256xf32>
  %r1 = shard.shard %r0 to %whole annotate_for_users : tensor<128x256xf32>
  return %r1 : tensor<128x256xf32>
}
