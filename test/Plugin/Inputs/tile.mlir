// Tiles each op of ours: rows of selections, and rows and keys of logits.
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %logits = transform.structured.match ops{["mqa.logits", "mqa.paged_logits"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops:2 = transform.structured.tile_using_for %logits tile_sizes [4, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    %selections = transform.structured.match ops{["mqa.topk", "mqa.merge_topk"]} in %root : (!transform.any_op) -> !transform.any_op
    %rows, %row_loop = transform.structured.tile_using_for %selections tile_sizes [2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
