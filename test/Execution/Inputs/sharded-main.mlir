// What each process does: the whole problem by itself, its part of it by the functions of sharded.mlir, and a comparison.
func.func private @printI64(i64)
func.func private @printNewline()

// LLVM 22 has no conversion of shard.all_gather to MPI: a sum of shards in their places, as integers, has the same bits.
func.func @gather_i32(%own: tensor<1x4x3xi32>) -> tensor<2x4x3xi32> {
  %p = shard.process_multi_index on @grid axes = [0] : index
  %c0 = arith.constant 0 : i32
  %zeros = tensor.splat %c0 : tensor<2x4x3xi32>
  %placed = tensor.insert_slice %own into %zeros[%p, 0, 0] [1, 4, 3] [1, 1, 1] : tensor<1x4x3xi32> into tensor<2x4x3xi32>
  %all = shard.all_reduce %placed on @grid grid_axes = [0] : tensor<2x4x3xi32> -> tensor<2x4x3xi32>
  return %all : tensor<2x4x3xi32>
}
func.func @gather_f32(%own: tensor<1x4x3xf32>) -> tensor<2x4x3xf32> {
  %bits = arith.bitcast %own : tensor<1x4x3xf32> to tensor<1x4x3xi32>
  %all = func.call @gather_i32(%bits) : (tensor<1x4x3xi32>) -> tensor<2x4x3xi32>
  %values = arith.bitcast %all : tensor<2x4x3xi32> to tensor<2x4x3xf32>
  return %values : tensor<2x4x3xf32>
}

// (a i + b j + c l + e) mod n - n / 2: small integers, whose sums are exact in any order.
func.func @number(%i: index, %j: index, %l: index, %n: index) -> f32 {
  %c5 = arith.constant 5 : index
  %c3 = arith.constant 3 : index
  %c7 = arith.constant 7 : index
  %c2 = arith.constant 2 : index
  %a = arith.muli %i, %c5 : index
  %b = arith.muli %j, %c3 : index
  %c = arith.muli %l, %c7 : index
  %ab = arith.addi %a, %b : index
  %abc = arith.addi %ab, %c : index
  %r = arith.remui %abc, %n : index
  %h = arith.divui %n, %c2 : index
  %s = arith.subi %r, %h : index
  %x = arith.index_cast %s : index to i32
  %f = arith.sitofp %x : i32 to f32
  return %f : f32
}

// Elements that differ, counted, and how many were compared.
func.func @compare(%found: tensor<?x?xf32>, %expected: tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i64
  %m = tensor.dim %found, %c0 : tensor<?x?xf32>
  %n = tensor.dim %found, %c1 : tensor<?x?xf32>
  %wrong = scf.for %i = %c0 to %m step %c1 iter_args(%outer = %zero) -> (i64) {
    %row = scf.for %j = %c0 to %n step %c1 iter_args(%inner = %outer) -> (i64) {
      %a = tensor.extract %found[%i, %j] : tensor<?x?xf32>
      %b = tensor.extract %expected[%i, %j] : tensor<?x?xf32>
      %differs = arith.cmpf une, %a, %b : f32
      %one = arith.extui %differs : i1 to i64
      %sum = arith.addi %inner, %one : i64
      scf.yield %sum : i64
    }
    scf.yield %row : i64
  }
  func.call @printI64(%wrong) : (i64) -> ()
  func.call @printNewline() : () -> ()
  %mn = arith.muli %m, %n : index
  %count = arith.index_cast %mn : index to i64
  func.call @printI64(%count) : (i64) -> ()
  func.call @printNewline() : () -> ()
  return
}

func.func @main() {
  %ok = mpi.init : !mpi.retval
  %p0 = shard.process_multi_index on @grid axes = [0] : index
  %p1 = shard.process_multi_index on @grid axes = [1] : index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c7 = arith.constant 7 : index
  %q = tensor.generate {
  ^bb0(%i: index, %j: index, %l: index):
    %x = func.call @number(%i, %j, %l, %c5) : (index, index, index, index) -> f32
    %y = arith.truncf %x : f32 to bf16
    tensor.yield %y : bf16
  } : tensor<4x4x16xbf16>
  %k = tensor.generate {
  ^bb0(%i: index, %l: index):
    %x = func.call @number(%i, %c1, %l, %c7) : (index, index, index, index) -> f32
    %y = arith.truncf %x : f32 to bf16
    tensor.yield %y : bf16
  } : tensor<8x16xbf16>
  %groups = tensor.generate {
  ^bb0(%i: index, %j: index, %l: index):
    %x = func.call @number(%i, %j, %l, %c7) : (index, index, index, index) -> f32
    %y = arith.truncf %x : f32 to bf16
    tensor.yield %y : bf16
  } : tensor<8x2x16xbf16>
  %scale = arith.constant dense<[1.0, 0.5, 2.0, 1.0, 4.0, 0.25, 1.0, 2.0]> : tensor<8xf32>
  %scales = arith.constant dense<[[1.0, 0.5], [2.0, 1.0], [4.0, 0.25], [1.0, 2.0], [1.0, 1.0], [0.5, 0.5], [2.0, 1.0], [1.0, 0.5]]> : tensor<8x2xf32>
  %w = tensor.generate {
  ^bb0(%i: index, %j: index):
    %x = func.call @number(%i, %j, %c1, %c4) : (index, index, index, index) -> f32
    tensor.yield %x : f32
  } : tensor<4x4xf32>
  // Ranges that begin before the first key and end behind the last; in one shard alone; across both; reversed.
  %ks = arith.constant dense<[-2147483648, 5, 2, 6]> : tensor<4xi32>
  %ke = arith.constant dense<[2147483647, 8, 7, 3]> : tensor<4xi32>
  %poison = arith.constant 99.0 : f32
  %out = tensor.splat %poison : tensor<4x8xf32>

  // The parts of this process: rows of axis 1, keys of axis 0.
  %m = arith.muli %p1, %c2 : index
  %n = arith.muli %p0, %c4 : index
  %q_part = tensor.extract_slice %q[%m, 0, 0] [2, 4, 16] [1, 1, 1] : tensor<4x4x16xbf16> to tensor<2x4x16xbf16>
  %k_part = tensor.extract_slice %k[%n, 0] [4, 16] [1, 1] : tensor<8x16xbf16> to tensor<4x16xbf16>
  %scale_part = tensor.extract_slice %scale[%n] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %w_part = tensor.extract_slice %w[%m, 0] [2, 4] [1, 1] : tensor<4x4xf32> to tensor<2x4xf32>
  %ks_part = tensor.extract_slice %ks[%m] [2] [1] : tensor<4xi32> to tensor<2xi32>
  %ke_part = tensor.extract_slice %ke[%m] [2] [1] : tensor<4xi32> to tensor<2xi32>
  %out_part = tensor.extract_slice %out[%m, %n] [2, 4] [1, 1] : tensor<4x8xf32> to tensor<2x4xf32>
  %part = func.call @queries_and_keys(%q_part, %k_part, %scale_part, %w_part, %ks_part, %ke_part, %out_part) : (tensor<2x4x16xbf16>, tensor<4x16xbf16>, tensor<4xf32>, tensor<2x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %whole = mqa.logits ins(%q, %k, %scale, %w, %ks, %ke : tensor<4x4x16xbf16>, tensor<8x16xbf16>, tensor<8xf32>, tensor<4x4xf32>, tensor<4xi32>, tensor<4xi32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  %expected = tensor.extract_slice %whole[%m, %n] [2, 4] [1, 1] : tensor<4x8xf32> to tensor<2x4xf32>
  %f0 = tensor.cast %part : tensor<2x4xf32> to tensor<?x?xf32>
  %e0 = tensor.cast %expected : tensor<2x4xf32> to tensor<?x?xf32>
  func.call @compare(%f0, %e0) : (tensor<?x?xf32>, tensor<?x?xf32>) -> ()

  // Two of four heads, and one of two groups.
  %h = arith.muli %p0, %c2 : index
  %q_heads = tensor.extract_slice %q[0, %h, 0] [4, 2, 16] [1, 1, 1] : tensor<4x4x16xbf16> to tensor<4x2x16xbf16>
  %k_group = tensor.extract_slice %groups[0, %p0, 0] [8, 1, 16] [1, 1, 1] : tensor<8x2x16xbf16> to tensor<8x1x16xbf16>
  %scale_group = tensor.extract_slice %scales[0, %p0] [8, 1] [1, 1] : tensor<8x2xf32> to tensor<8x1xf32>
  %w_heads = tensor.extract_slice %w[0, %h] [4, 2] [1, 1] : tensor<4x4xf32> to tensor<4x2xf32>
  %out16 = arith.truncf %out : tensor<4x8xf32> to tensor<4x8xbf16>
  %sum = func.call @heads(%q_heads, %k_group, %scale_group, %w_heads, %ks, %ke, %out16) : (tensor<4x2x16xbf16>, tensor<8x1x16xbf16>, tensor<8x1xf32>, tensor<4x2xf32>, tensor<4xi32>, tensor<4xi32>, tensor<4x8xbf16>) -> tensor<4x8xbf16>
  %all = mqa.logits ins(%q, %groups, %scales, %w, %ks, %ke : tensor<4x4x16xbf16>, tensor<8x2x16xbf16>, tensor<8x2xf32>, tensor<4x4xf32>, tensor<4xi32>, tensor<4xi32>) outs(%out16 : tensor<4x8xbf16>) -> tensor<4x8xbf16>
  %sum32 = arith.extf %sum : tensor<4x8xbf16> to tensor<4x8xf32>
  %all32 = arith.extf %all : tensor<4x8xbf16> to tensor<4x8xf32>
  %f1 = tensor.cast %sum32 : tensor<4x8xf32> to tensor<?x?xf32>
  %e1 = tensor.cast %all32 : tensor<4x8xf32> to tensor<?x?xf32>
  func.call @compare(%f1, %e1) : (tensor<?x?xf32>, tensor<?x?xf32>) -> ()

  // Four of eight columns; all rows.
  %columns = tensor.extract_slice %whole[0, %n] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  %indices = tensor.empty() : tensor<4x3xi32>
  %values = tensor.empty() : tensor<4x3xf32>
  %best:2 = func.call @topk(%columns, %ks, %ke, %indices, %values) : (tensor<4x4xf32>, tensor<4xi32>, tensor<4xi32>, tensor<4x3xi32>, tensor<4x3xf32>) -> (tensor<4x3xi32>, tensor<4x3xf32>)
  %own:2 = mqa.topk ins(%whole, %ks, %ke : tensor<4x8xf32>, tensor<4xi32>, tensor<4xi32>) outs(%indices, %values : tensor<4x3xi32>, tensor<4x3xf32>) {order = #mqa.order<score>} -> tensor<4x3xi32>, tensor<4x3xf32>
  %best32 = arith.sitofp %best#0 : tensor<4x3xi32> to tensor<4x3xf32>
  %own32 = arith.sitofp %own#0 : tensor<4x3xi32> to tensor<4x3xf32>
  %f2 = tensor.cast %best32 : tensor<4x3xf32> to tensor<?x?xf32>
  %e2 = tensor.cast %own32 : tensor<4x3xf32> to tensor<?x?xf32>
  func.call @compare(%f2, %e2) : (tensor<?x?xf32>, tensor<?x?xf32>) -> ()
  %f3 = tensor.cast %best#1 : tensor<4x3xf32> to tensor<?x?xf32>
  %e3 = tensor.cast %own#1 : tensor<4x3xf32> to tensor<?x?xf32>
  func.call @compare(%f3, %e3) : (tensor<?x?xf32>, tensor<?x?xf32>) -> ()
  %e = mpi.finalize : !mpi.retval
  return
}
