// What the program of test/Examples/program.mlir computes, by linalg alone, and a main that compares the two.

#mn = affine_map<(m, n) -> (m, n)>

func.func @reference(%x: tensor<?x8xf32>, %project: tensor<8x128xf32>, %keys: tensor<?x32xf32>,
                     %weights: tensor<?x4xf32>, %ke: tensor<?xi32>)
    -> (tensor<?x?xf32>, tensor<?x4xi32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0xFF800000 : f32
  %minus1 = arith.constant -1 : i32
  %i0 = arith.constant 0 : i32
  %i1 = arith.constant 1 : i32
  %i4 = arith.constant 4 : i32
  %m = tensor.dim %x, %c0 : tensor<?x8xf32>
  %n = tensor.dim %keys, %c0 : tensor<?x32xf32>

  %flat_init = tensor.empty(%m) : tensor<?x128xf32>
  %flat_zero = linalg.fill ins(%zero : f32) outs(%flat_init : tensor<?x128xf32>) -> tensor<?x128xf32>
  %flat = linalg.matmul ins(%x, %project : tensor<?x8xf32>, tensor<8x128xf32>)
                        outs(%flat_zero : tensor<?x128xf32>) -> tensor<?x128xf32>
  %q = tensor.expand_shape %flat [[0], [1, 2]] output_shape [%m, 4, 32] : tensor<?x128xf32> into tensor<?x4x32xf32>
  %scores_init = tensor.empty(%m, %n) : tensor<?x4x?xf32>
  %scores_zero = linalg.fill ins(%zero : f32) outs(%scores_init : tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  %scores = linalg.generic {indexing_maps = [affine_map<(m, h, n, d) -> (m, h, d)>, affine_map<(m, h, n, d) -> (n, d)>,
                                             affine_map<(m, h, n, d) -> (m, h, n)>],
                            iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %keys : tensor<?x4x32xf32>, tensor<?x32xf32>) outs(%scores_zero : tensor<?x4x?xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %sum, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x4x?xf32>
  %logits_init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits_zero = linalg.fill ins(%zero : f32) outs(%logits_init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(m, n, h) -> (m, h, n)>, affine_map<(m, n, h) -> (m, h)>,
                                           affine_map<(m, n, h) -> (m, n)>],
                          iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%scores, %weights : tensor<?x4x?xf32>, tensor<?x4xf32>) outs(%logits_zero : tensor<?x?xf32>) {
  ^bb0(%s: f32, %w: f32, %sum: f32):
    %relu = arith.maximumf %s, %zero : f32
    %p = arith.mulf %relu, %w : f32
    %r = arith.addf %sum, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %logits = linalg.generic {indexing_maps = [#mn, affine_map<(m, n) -> (m)>, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%sums, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%logits_init : tensor<?x?xf32>) {
  ^bb0(%s: f32, %end: i32, %out: f32):
    %key = linalg.index 1 : index
    %key_i32 = arith.index_cast %key : index to i32
    %seen = arith.cmpi slt, %key_i32, %end : i32
    %r = arith.select %seen, %s, %none : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>

  // How many keys are better than each; NaN and -inf do not occur inside of ranges.
  %counts_init = tensor.empty(%m, %n) : tensor<?x?xi32>
  %counts_zero = linalg.fill ins(%i0 : i32) outs(%counts_init : tensor<?x?xi32>) -> tensor<?x?xi32>
  %ranks = linalg.generic {indexing_maps = [affine_map<(m, n, i) -> (m, n)>, affine_map<(m, n, i) -> (m, i)>,
                                            affine_map<(m, n, i) -> (m, n)>],
                           iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%logits, %logits : tensor<?x?xf32>, tensor<?x?xf32>) outs(%counts_zero : tensor<?x?xi32>) {
  ^bb0(%own: f32, %other: f32, %count: i32):
    %key = linalg.index 1 : index
    %other_key = linalg.index 2 : index
    %greater = arith.cmpf ogt, %other, %own : f32
    %equal = arith.cmpf oeq, %other, %own : f32
    %ahead = arith.cmpi ult, %other_key, %key : index
    %tie = arith.andi %equal, %ahead : i1
    %better = arith.ori %greater, %tie : i1
    %step = arith.select %better, %i1, %i0 : i32
    %r = arith.addi %count, %step : i32
    linalg.yield %r : i32
  } -> tensor<?x?xi32>
  %indices_init = tensor.empty(%m) : tensor<?x4xi32>
  %indices_none = linalg.fill ins(%minus1 : i32) outs(%indices_init : tensor<?x4xi32>) -> tensor<?x4xi32>
  %values_init = tensor.empty(%m) : tensor<?x4xf32>
  %values_none = linalg.fill ins(%none : f32) outs(%values_init : tensor<?x4xf32>) -> tensor<?x4xf32>
  %best:2 = scf.for %row = %c0 to %m step %c1 iter_args(%i = %indices_none, %v = %values_none)
      -> (tensor<?x4xi32>, tensor<?x4xf32>) {
    %end = tensor.extract %ke[%row] : tensor<?xi32>
    %row_best:3 = scf.for %key = %c0 to %n step %c1 iter_args(%ri = %i, %rv = %v, %place = %c0)
        -> (tensor<?x4xi32>, tensor<?x4xf32>, index) {
      %key_i32 = arith.index_cast %key : index to i32
      %rank = tensor.extract %ranks[%row, %key] : tensor<?x?xi32>
      %seen = arith.cmpi slt, %key_i32, %end : i32
      %good = arith.cmpi slt, %rank, %i4 : i32
      %selected = arith.andi %seen, %good : i1
      %next:3 = scf.if %selected -> (tensor<?x4xi32>, tensor<?x4xf32>, index) {
        %value = tensor.extract %logits[%row, %key] : tensor<?x?xf32>
        %ni = tensor.insert %key_i32 into %ri[%row, %place] : tensor<?x4xi32>
        %nv = tensor.insert %value into %rv[%row, %place] : tensor<?x4xf32>
        %np = arith.addi %place, %c1 : index
        scf.yield %ni, %nv, %np : tensor<?x4xi32>, tensor<?x4xf32>, index
      } else {
        scf.yield %ri, %rv, %place : tensor<?x4xi32>, tensor<?x4xf32>, index
      }
      scf.yield %next#0, %next#1, %next#2 : tensor<?x4xi32>, tensor<?x4xf32>, index
    }
    scf.yield %row_best#0, %row_best#1 : tensor<?x4xi32>, tensor<?x4xf32>
  }
  return %logits, %best#0, %best#1 : tensor<?x?xf32>, tensor<?x4xi32>, tensor<?x4xf32>
}

// ((i * a + j * b) mod c) - d, as small numbers that bf16 holds.
func.func private @numbers(%rows: index, %columns: index, %a: index, %b: index, %c: index, %d: f32) -> tensor<?x?xf32> {
  %init = tensor.empty(%rows, %columns) : tensor<?x?xf32>
  %0 = linalg.generic {indexing_maps = [#mn], iterator_types = ["parallel", "parallel"]} outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %ia = arith.muli %i, %a : index
    %jb = arith.muli %j, %b : index
    %sum = arith.addi %ia, %jb : index
    %rest = arith.remui %sum, %c : index
    %rest_i32 = arith.index_cast %rest : index to i32
    %value = arith.sitofp %rest_i32 : i32 to f32
    %r = arith.subf %value, %d : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

func.func private @count_different(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> i32 {
  %i0 = arith.constant 0 : i32
  %i1 = arith.constant 1 : i32
  %init = tensor.from_elements %i0 : tensor<i32>
  %0 = linalg.generic {indexing_maps = [#mn, #mn, affine_map<(m, n) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%init : tensor<i32>) {
  ^bb0(%x: f32, %y: f32, %count: i32):
    %differs = arith.cmpf une, %x, %y : f32
    %step = arith.select %differs, %i1, %i0 : i32
    %r = arith.addi %count, %step : i32
    linalg.yield %r : i32
  } -> tensor<i32>
  %1 = tensor.extract %0[] : tensor<i32>
  return %1 : i32
}

func.func private @print_rows(%indices: tensor<?x4xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %i0 = arith.constant 0 : i32
  %m = tensor.dim %indices, %c0 : tensor<?x4xi32>
  scf.for %row = %c0 to %m step %c1 {
    %v = vector.transfer_read %indices[%row, %c0], %i0 {in_bounds = [true]} : tensor<?x4xi32>, vector<4xi32>
    vector.print %v : vector<4xi32>
  }
  return
}

func.func @main() {
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c3 = arith.constant 3 : index
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c11 = arith.constant 11 : index
  %c13 = arith.constant 13 : index
  %c21 = arith.constant 21 : index
  %c32 = arith.constant 32 : index
  %c128 = arith.constant 128 : index
  %f2 = arith.constant 2.0 : f32
  %f3 = arith.constant 3.0 : f32
  %f4 = arith.constant 4.0 : f32
  %x_any = call @numbers(%c6, %c8, %c5, %c3, %c7, %f3) : (index, index, index, index, index, f32) -> tensor<?x?xf32>
  %x = tensor.cast %x_any : tensor<?x?xf32> to tensor<?x8xf32>
  %project_any = call @numbers(%c8, %c128, %c11, %c7, %c5, %f2) : (index, index, index, index, index, f32) -> tensor<?x?xf32>
  %project = tensor.cast %project_any : tensor<?x?xf32> to tensor<8x128xf32>
  %keys_any = call @numbers(%c21, %c32, %c13, %c5, %c9, %f4) : (index, index, index, index, index, f32) -> tensor<?x?xf32>
  %keys = tensor.cast %keys_any : tensor<?x?xf32> to tensor<?x32xf32>
  %weights_any = call @numbers(%c6, %c4, %c1, %c2, %c5, %f2) : (index, index, index, index, index, f32) -> tensor<?x?xf32>
  %weights = tensor.cast %weights_any : tensor<?x?xf32> to tensor<?x4xf32>
  // Empty, shorter than k, within a chunk, beyond the last key.
  %ke_static = arith.constant dense<[0, 3, 21, 25, 9, 14]> : tensor<6xi32>
  // In memory of the program's, where a device may read it: a constant is not.
  %ke_init = tensor.empty() : tensor<6xi32>
  %ke_made = linalg.copy ins(%ke_static : tensor<6xi32>) outs(%ke_init : tensor<6xi32>) -> tensor<6xi32>
  %ke = tensor.cast %ke_made : tensor<6xi32> to tensor<?xi32>

  %ours:3 = call @indexer(%x, %project, %keys, %weights, %ke, %c3) :
      (tensor<?x8xf32>, tensor<8x128xf32>, tensor<?x32xf32>, tensor<?x4xf32>, tensor<?xi32>, index)
      -> (tensor<?x?xf32>, tensor<?x4xi32>, tensor<?x4xf32>)
  %right:3 = call @reference(%x, %project, %keys, %weights, %ke) :
      (tensor<?x8xf32>, tensor<8x128xf32>, tensor<?x32xf32>, tensor<?x4xf32>, tensor<?xi32>)
      -> (tensor<?x?xf32>, tensor<?x4xi32>, tensor<?x4xf32>)

  %logits = call @count_different(%ours#0, %right#0) : (tensor<?x?xf32>, tensor<?x?xf32>) -> i32
  vector.print str "different logits: "
  vector.print %logits : i32
  %our_values = tensor.cast %ours#2 : tensor<?x4xf32> to tensor<?x?xf32>
  %right_values = tensor.cast %right#2 : tensor<?x4xf32> to tensor<?x?xf32>
  %values = call @count_different(%our_values, %right_values) : (tensor<?x?xf32>, tensor<?x?xf32>) -> i32
  vector.print str "different values: "
  vector.print %values : i32
  call @print_rows(%ours#1) : (tensor<?x4xi32>) -> ()
  call @print_rows(%right#1) : (tensor<?x4xi32>) -> ()
  return
}
