// A whole program: ops of upstream, and four ops of ours, two of them in a loop.
// docs/programs.md tells how it is compiled and run; test/Execution/program.test does it.

// Logits of all keys; and the four best keys of each query, selected chunk by chunk:
// the logits of a chunk are never in memory.
func.func @indexer(%x: tensor<?x8xf32>, %project: tensor<8x128xf32>, %keys: tensor<?x32xf32>,
                   %weights: tensor<?x4xf32>, %ke: tensor<?xi32>, %chunks: index)
    -> (tensor<?x?xf32>, tensor<?x4xi32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x8xf32>
  %n = tensor.dim %keys, %c0 : tensor<?x32xf32>

  // Queries are projected, and rounded as the keys are.
  %flat_init = tensor.empty(%m) : tensor<?x128xf32>
  %flat_zero = linalg.fill ins(%zero : f32) outs(%flat_init : tensor<?x128xf32>) -> tensor<?x128xf32>
  %flat = linalg.matmul ins(%x, %project : tensor<?x8xf32>, tensor<8x128xf32>)
                        outs(%flat_zero : tensor<?x128xf32>) -> tensor<?x128xf32>
  %heads = tensor.expand_shape %flat [[0], [1, 2]] output_shape [%m, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %q_init = tensor.empty(%m) : tensor<?x4x32xbf16>
  %q = linalg.generic {indexing_maps = [affine_map<(m, h, d) -> (m, h, d)>, affine_map<(m, h, d) -> (m, h, d)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%heads : tensor<?x4x32xf32>) outs(%q_init : tensor<?x4x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %r = arith.truncf %in : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<?x4x32xbf16>
  %k_init = tensor.empty(%n) : tensor<?x32xbf16>
  %k = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n, d)>, affine_map<(n, d) -> (n, d)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%keys : tensor<?x32xf32>) outs(%k_init : tensor<?x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %r = arith.truncf %in : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<?x32xbf16>

  %logits_init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, %weights, none, %ke :
          tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?xi32>)
      outs(%logits_init : tensor<?x?xf32>) {clean} -> tensor<?x?xf32>

  // The best keys of each chunk, as lists.
  %size = arith.divui %n, %chunks : index
  %size_i32 = arith.index_cast %size : index to i32
  %indices_init = tensor.empty(%chunks, %m) : tensor<?x?x4xi32>
  %values_init = tensor.empty(%chunks, %m) : tensor<?x?x4xf32>
  %lists:2 = scf.for %i = %c0 to %chunks step %c1
      iter_args(%indices = %indices_init, %values = %values_init) -> (tensor<?x?x4xi32>, tensor<?x?x4xf32>) {
    %first = arith.muli %i, %size : index
    %first_i32 = arith.index_cast %first : index to i32
    %k_chunk = tensor.extract_slice %k[%first, 0] [%size, 32] [1, 1] : tensor<?x32xbf16> to tensor<?x32xbf16>
    %bounds_init = tensor.empty(%m) : tensor<?xi32>
    %ke_chunk = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
        ins(%ke : tensor<?xi32>) outs(%bounds_init : tensor<?xi32>) {
    ^bb0(%end: i32, %out: i32):
      %r = arith.subi %end, %first_i32 : i32
      linalg.yield %r : i32
    } -> tensor<?xi32>
    %offset = linalg.fill ins(%first_i32 : i32) outs(%bounds_init : tensor<?xi32>) -> tensor<?xi32>
    %chunk_init = tensor.empty(%m, %size) : tensor<?x?xf32>
    %chunk = mqa.logits ins(%q, %k_chunk, none, %weights, none, %ke_chunk :
            tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?xi32>)
        outs(%chunk_init : tensor<?x?xf32>) -> tensor<?x?xf32>
    %indices_list = tensor.extract_slice %indices[%i, 0, 0] [1, %m, 4] [1, 1, 1] : tensor<?x?x4xi32> to tensor<?x4xi32>
    %values_list = tensor.extract_slice %values[%i, 0, 0] [1, %m, 4] [1, 1, 1] : tensor<?x?x4xf32> to tensor<?x4xf32>
    %best:2 = mqa.topk ins(%chunk, none, %ke_chunk : tensor<?x?xf32>, tensor<?xi32>)
        offset(%offset : tensor<?xi32>)
        outs(%indices_list, %values_list : tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>, tensor<?x4xf32>
    %next_indices = tensor.insert_slice %best#0 into %indices[%i, 0, 0] [1, %m, 4] [1, 1, 1] : tensor<?x4xi32> into tensor<?x?x4xi32>
    %next_values = tensor.insert_slice %best#1 into %values[%i, 0, 0] [1, %m, 4] [1, 1, 1] : tensor<?x4xf32> into tensor<?x?x4xf32>
    scf.yield %next_indices, %next_values : tensor<?x?x4xi32>, tensor<?x?x4xf32>
  }

  %best_init = tensor.empty(%m) : tensor<?x4xi32>
  %best_values_init = tensor.empty(%m) : tensor<?x4xf32>
  %best:2 = mqa.merge_topk ins(%lists#0, %lists#1, none, %ke : tensor<?x?x4xi32>, tensor<?x?x4xf32>, tensor<?xi32>)
      outs(%best_init, %best_values_init : tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>, tensor<?x4xf32>
  return %logits, %best#0, %best#1 : tensor<?x?xf32>, tensor<?x4xi32>, tensor<?x4xf32>
}
