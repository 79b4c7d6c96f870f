// One annotation for each function; --sharding-propagation finds the others.
shard.grid @grid(shape = 2x2)

// Queries over axis 1, keys and their scales over axis 0.
func.func @queries_and_keys(%q: tensor<4x4x16xbf16>, %k: tensor<8x16xbf16>, %scale: tensor<8xf32>, %w: tensor<4x4xf32>, %ks: tensor<4xi32>, %ke: tensor<4xi32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = mqa.logits ins(%q, %k, %scale, %w, %ks, %ke : tensor<4x4x16xbf16>, tensor<8x16xbf16>, tensor<8xf32>, tensor<4x4xf32>, tensor<4xi32>, tensor<4xi32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  %s = shard.sharding @grid split_axes = [[1], [0]] : !shard.sharding
  %1 = shard.shard %0 to %s : tensor<4x8xf32>
  %2 = shard.shard %1 to %s annotate_for_users : tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// Heads, and so key groups, over axis 0. Cells outside of ranges keep what `out` has.
func.func @heads(%q: tensor<4x4x16xbf16>, %k: tensor<8x2x16xbf16>, %scale: tensor<8x2xf32>, %w: tensor<4x4xf32>, %ks: tensor<4xi32>, %ke: tensor<4xi32>, %out: tensor<4x8xbf16>) -> tensor<4x8xbf16> {
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %qa = shard.shard %q to %s : tensor<4x4x16xbf16>
  %qb = shard.shard %qa to %s annotate_for_users : tensor<4x4x16xbf16>
  %0 = mqa.logits ins(%qb, %k, %scale, %w, %ks, %ke : tensor<4x4x16xbf16>, tensor<8x2x16xbf16>, tensor<8x2xf32>, tensor<4x4xf32>, tensor<4xi32>, tensor<4xi32>) outs(%out : tensor<4x8xbf16>) -> tensor<4x8xbf16>
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %r0 = shard.shard %0 to %whole : tensor<4x8xbf16>
  %r1 = shard.shard %r0 to %whole annotate_for_users : tensor<4x8xbf16>
  return %r1 : tensor<4x8xbf16>
}

// Columns of the logits over axis 0.
func.func @topk(%logits: tensor<4x8xf32>, %ks: tensor<4xi32>, %ke: tensor<4xi32>, %indices: tensor<4x3xi32>, %values: tensor<4x3xf32>) -> (tensor<4x3xi32>, tensor<4x3xf32>) {
  %s = shard.sharding @grid split_axes = [[], [0]] : !shard.sharding
  %a = shard.shard %logits to %s : tensor<4x8xf32>
  %b = shard.shard %a to %s annotate_for_users : tensor<4x8xf32>
  %0:2 = mqa.topk ins(%b, %ks, %ke : tensor<4x8xf32>, tensor<4xi32>, tensor<4xi32>) outs(%indices, %values : tensor<4x3xi32>, tensor<4x3xf32>) {order = #mqa.order<score>} -> tensor<4x3xi32>, tensor<4x3xf32>
  %whole = shard.sharding @grid split_axes = [[]] : !shard.sharding
  %r0 = shard.shard %0#0 to %whole : tensor<4x3xi32>
  %r1 = shard.shard %r0 to %whole annotate_for_users : tensor<4x3xi32>
  %r2 = shard.shard %0#1 to %whole : tensor<4x3xf32>
  %r3 = shard.shard %r2 to %whole annotate_for_users : tensor<4x3xf32>
  return %r1, %r3 : tensor<4x3xi32>, tensor<4x3xf32>
}
