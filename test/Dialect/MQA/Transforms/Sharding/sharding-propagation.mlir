// What upstream's pass puts on operands and results, from one annotation.
// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(sharding-propagation))' | FileCheck %s

shard.grid @grid(shape = 4)

// Queries go with queries; keys stay whole.
// CHECK-LABEL: @queries
// CHECK-DAG: %[[ROWS:.*]] = shard.sharding @grid split_axes = {{\[\[}}0]]
// CHECK-DAG: %[[Q:.*]] = shard.shard %{{.*}} annotate_for_users : tensor<128x64x128xbf16>
// CHECK-DAG: %[[K:.*]] = shard.shard %{{.*}} annotate_for_users : tensor<256x128xbf16>
// CHECK-DAG: %[[W:.*]] = shard.shard %{{.*}} annotate_for_users : tensor<128x64xf32>
// CHECK-DAG: %[[KE:.*]] = shard.shard %{{.*}} annotate_for_users : tensor<128xi32>
// CHECK: %[[R:.*]] = mqa.logits ins(%[[Q]], %[[K]], none, %[[W]], none, %[[KE]]
// CHECK-NEXT: %[[S:.*]] = shard.sharding @grid split_axes = {{\[\[}}0]]
// CHECK-NEXT: shard.shard %[[R]] to %[[S]] : tensor<128x256xf32>
func.func @queries(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xbf16>, %w: tensor<128x64xf32>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %qa = shard.shard %q to %s : tensor<128x64x128xbf16>
  %qb = shard.shard %qa to %s annotate_for_users : tensor<128x64x128xbf16>
  %0 = mqa.logits ins(%qb, %k, none, %w, none, %ke : tensor<128x64x128xbf16>, tensor<256x128xbf16>, tensor<128x64xf32>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  return %0 : tensor<128x256xf32>
}

// Columns of logits go with keys and with their scales.
// CHECK-LABEL: @keys
// CHECK-DAG: %[[K:.*]] = shard.shard %{{.*}} annotate_for_users : tensor<256x128xbf16>
// CHECK-DAG: %[[SCALE:.*]] = shard.shard %{{.*}} annotate_for_users : tensor<256xf32>
// CHECK: %[[R:.*]] = mqa.logits ins(%{{.*}}, %[[K]], %[[SCALE]]
// CHECK-NEXT: %[[S:.*]] = shard.sharding @grid split_axes = {{\[\[}}], [0]]
// CHECK-NEXT: shard.shard %[[R]] to %[[S]] : tensor<128x256xf32>
func.func @keys(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xbf16>, %scale: tensor<256xf32>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %ka = shard.shard %k to %s : tensor<256x128xbf16>
  %kb = shard.shard %ka to %s annotate_for_users : tensor<256x128xbf16>
  %0 = mqa.logits ins(%q, %kb, %scale, none, none, %ke : tensor<128x64x128xbf16>, tensor<256x128xbf16>, tensor<256xf32>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  return %0 : tensor<128x256xf32>
}

// The head dim stays whole: such an annotation is no option.
// CHECK-LABEL: @head_dim
// CHECK: mqa.logits
// CHECK-NOT: shard.shard
// CHECK: return
func.func @head_dim(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xbf16>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>) -> tensor<128x256xf32> {
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %ka = shard.shard %k to %s : tensor<256x128xbf16>
  %kb = shard.shard %ka to %s annotate_for_users : tensor<256x128xbf16>
  %0 = mqa.logits ins(%q, %kb, none, none, none, %ke : tensor<128x64x128xbf16>, tensor<256x128xbf16>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) {clean} -> tensor<128x256xf32>
  return %0 : tensor<128x256xf32>
}

// From logits to the selection, whose results are whole.
// CHECK-LABEL: @topk
// CHECK: mqa.logits
// CHECK-NEXT: %[[L:.*]] = shard.sharding @grid split_axes = {{\[\[}}], [0]]
// CHECK: %[[R:.*]] = mqa.topk
// CHECK-NEXT: %[[S:.*]] = shard.sharding @grid split_axes = {{\[\[}}]]
// CHECK-NEXT: shard.shard %[[R]] to %[[S]] : tensor<128x16xi32>
func.func @topk(%q: tensor<128x64x128xbf16>, %k: tensor<256x128xbf16>, %ke: tensor<128xi32>, %e: tensor<128x256xf32>, %i: tensor<128x16xi32>) -> tensor<128x16xi32> {
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %ka = shard.shard %k to %s : tensor<256x128xbf16>
  %kb = shard.shard %ka to %s annotate_for_users : tensor<256x128xbf16>
  %0 = mqa.logits ins(%q, %kb, none, none, none, %ke : tensor<128x64x128xbf16>, tensor<256x128xbf16>, tensor<128xi32>) outs(%e : tensor<128x256xf32>) -> tensor<128x256xf32>
  %1 = mqa.topk ins(%0, none, %ke : tensor<128x256xf32>, tensor<128xi32>) outs(%i : tensor<128x16xi32>) -> tensor<128x16xi32>
  return %1 : tensor<128x16xi32>
}
