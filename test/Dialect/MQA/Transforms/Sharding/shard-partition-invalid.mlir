// Annotations that the ops cannot follow, as nobody but a user writes them.
// RUN: mqa-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(func.func(shard-partition))'

shard.grid @grid(shape = 4)
func.func @head_dim(%q: tensor<4x4x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>, %e: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %q0 = shard.shard %q to %whole : tensor<4x4x16xbf16>
  %q1 = shard.shard %q0 to %whole annotate_for_users : tensor<4x4x16xbf16>
  %k0 = shard.shard %k to %s : tensor<8x16xbf16>
  %k1 = shard.shard %k0 to %s annotate_for_users : tensor<8x16xbf16>
  %ke0 = shard.shard %ke to %whole : tensor<4xi32>
  %ke1 = shard.shard %ke0 to %whole annotate_for_users : tensor<4xi32>
  %e0 = shard.shard %e to %whole : tensor<4x8xf32>
  %e1 = shard.shard %e0 to %whole annotate_for_users : tensor<4x8xf32>
  // expected-error @below {{'mqa.logits' op cannot be sharded over dimension 1 of operand 1}}
  %0 = mqa.logits ins(%q1, %k1, none, none, none, %ke1 : tensor<4x4x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%e1 : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
  %1 = shard.shard %0 to %whole : tensor<4x8xf32>
  %2 = shard.shard %1 to %whole annotate_for_users : tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// -----

// What processes have of the maximum over the heads does not add up.
shard.grid @grid(shape = 4)
func.func @maximum_of_heads(%q: tensor<4x4x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>, %e: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %q0 = shard.shard %q to %s : tensor<4x4x16xbf16>
  %q1 = shard.shard %q0 to %s annotate_for_users : tensor<4x4x16xbf16>
  %k0 = shard.shard %k to %whole : tensor<8x16xbf16>
  %k1 = shard.shard %k0 to %whole annotate_for_users : tensor<8x16xbf16>
  %ke0 = shard.shard %ke to %whole : tensor<4xi32>
  %ke1 = shard.shard %ke0 to %whole annotate_for_users : tensor<4xi32>
  %e0 = shard.shard %e to %whole : tensor<4x8xf32>
  %e1 = shard.shard %e0 to %whole annotate_for_users : tensor<4x8xf32>
  // expected-error @below {{'mqa.logits' op cannot be sharded over dimension 1 of operand 0}}
  %0 = mqa.logits ins(%q1, %k1, none, none, none, %ke1 : tensor<4x4x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%e1 : tensor<4x8xf32>) {clean, head_reduction = #mqa.head_reduction<max>} -> tensor<4x8xf32>
  %1 = shard.shard %0 to %whole : tensor<4x8xf32>
  %2 = shard.shard %1 to %whole annotate_for_users : tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// -----

shard.grid @grid(shape = 4)
func.func @two_ways(%q: tensor<4x4x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>, %e: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %q0 = shard.shard %q to %s : tensor<4x4x16xbf16>
  %q1 = shard.shard %q0 to %s annotate_for_users : tensor<4x4x16xbf16>
  %k0 = shard.shard %k to %whole : tensor<8x16xbf16>
  %k1 = shard.shard %k0 to %whole annotate_for_users : tensor<8x16xbf16>
  %ke0 = shard.shard %ke to %whole : tensor<4xi32>
  %ke1 = shard.shard %ke0 to %whole annotate_for_users : tensor<4xi32>
  %e0 = shard.shard %e to %s : tensor<4x8xf32>
  %e1 = shard.shard %e0 to %s annotate_for_users : tensor<4x8xf32>
  // expected-error @below {{'mqa.logits' op is sharded in two ways: dimension 0 of operand 2 is sharded over other axes than the same dimension of an operand before it}}
  %0 = mqa.logits ins(%q1, %k1, none, none, none, %ke1 : tensor<4x4x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%e1 : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
  %1 = shard.shard %0 to %s : tensor<4x8xf32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// -----

shard.grid @grid(shape = 3)
func.func @unequal(%q: tensor<4x4x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>, %e: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %s = shard.sharding @grid split_axes = [[0]] : !shard.sharding
  %c = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %q0 = shard.shard %q to %whole : tensor<4x4x16xbf16>
  %q1 = shard.shard %q0 to %whole annotate_for_users : tensor<4x4x16xbf16>
  %k0 = shard.shard %k to %s : tensor<8x16xbf16>
  %k1 = shard.shard %k0 to %s annotate_for_users : tensor<8x16xbf16>
  %ke0 = shard.shard %ke to %whole : tensor<4xi32>
  %ke1 = shard.shard %ke0 to %whole annotate_for_users : tensor<4xi32>
  %e0 = shard.shard %e to %c : tensor<4x8xf32>
  %e1 = shard.shard %e0 to %c annotate_for_users : tensor<4x8xf32>
  // expected-error @below {{'mqa.logits' op cannot be sharded equally over 3 processes: dimension 0 of operand 1 has 8 elements}}
  %0 = mqa.logits ins(%q1, %k1, none, none, none, %ke1 : tensor<4x4x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%e1 : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
  %1 = shard.shard %0 to %c : tensor<4x8xf32>
  %2 = shard.shard %1 to %c annotate_for_users : tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// -----

// Forced keys of a row may be on any process.
shard.grid @grid(shape = 4)
func.func @forced(%logits: tensor<4x8xf32>, %ke: tensor<4xi32>, %i: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %c = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %l0 = shard.shard %logits to %c : tensor<4x8xf32>
  %l1 = shard.shard %l0 to %c annotate_for_users : tensor<4x8xf32>
  %ke0 = shard.shard %ke to %whole : tensor<4xi32>
  %ke1 = shard.shard %ke0 to %whole annotate_for_users : tensor<4xi32>
  %i0 = shard.shard %i to %whole : tensor<4x3xi32>
  %i1 = shard.shard %i0 to %whole annotate_for_users : tensor<4x3xi32>
  // expected-error @below {{'mqa.topk' op cannot be sharded over dimension 1 of operand 0}}
  %0 = mqa.topk ins(%l1, none, %ke1 : tensor<4x8xf32>, tensor<4xi32>) outs(%i1 : tensor<4x3xi32>) {force_first = 1} -> tensor<4x3xi32>
  %1 = shard.shard %0 to %whole : tensor<4x3xi32>
  %2 = shard.shard %1 to %whole annotate_for_users : tensor<4x3xi32>
  return %2 : tensor<4x3xi32>
}
