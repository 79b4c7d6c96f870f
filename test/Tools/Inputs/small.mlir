// An op that compiles in a fifth of a second: for tests that compile it many times.
func.func @logits(%q: memref<?x1x16xbf16>, %k: memref<?x16xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x1x16xbf16>, memref<?x16xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>) {schedule = #mqa.schedule<block_q = 4, block_kv = 32, tile_kv = 32, query_stages = 1, stages = 2>}
  return
}
