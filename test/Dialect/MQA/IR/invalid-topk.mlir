// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @f(%l: tensor<?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'logits' must have shape MxN (rank 2), found rank 1}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'logits' must have shape MxS (rank 2), found rank 3}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {compressed} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf64>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'logits' must have element type 'f32' or 'bf16' or 'f16', found 'f64'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf64>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ks: tensor<?xi64>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'ks' must have element type 'i32', found 'i64'}}
  %0 = mqa.topk ins(%l, %ks, %ke : tensor<?x?xf32>, tensor<?xi64>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<4x?xf32>, %ke: tensor<5xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension M of 'ke' is 5, but 'logits' has 4}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<4x?xf32>, tensor<5xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<?x?x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'context_lens' must have shape B (rank 1), found rank 3}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?x?x?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<?xf32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'context_lens' must have element type 'i32', found 'f32'}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xf32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'block_table' must have shape BxW (rank 2), found rank 1}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<2xi32>, %table: tensor<3x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension B of 'block_table' is 3, but 'context_lens' has 2}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<2xi32>) block_table(%table : tensor<3x?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<4x?xf32>, %ke: tensor<?xi32>, %table: tensor<2x?xi32>, %seq: tensor<5xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension M of 'sequence' is 5, but 'logits' has 4}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<4x?xf32>, tensor<?xi32>) block_table(%table : tensor<2x?xi32>) sequence(%seq : tensor<5xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<4x?xf32>, %ke: tensor<?xi32>, %off: tensor<5xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension M of 'offset' is 5, but 'logits' has 4}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<4x?xf32>, tensor<?xi32>) offset(%off : tensor<5xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi64>) {
  // expected-error@+1 {{operand 'indices' must have element type 'i32', found 'i64'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi64>) -> tensor<?x16xi64>
  return
}

// -----

func.func @f(%l: tensor<?x?xbf16>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>, %v: tensor<?x16xbf16>) {
  // expected-error@+1 {{operand 'values' must have element type 'f32', found 'bf16'}}
  %0:2 = mqa.topk ins(%l, none, %ke : tensor<?x?xbf16>, tensor<?xi32>) outs(%i, %v : tensor<?x16xi32>, tensor<?x16xbf16>) -> tensor<?x16xi32>, tensor<?x16xbf16>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>, %v: tensor<?x8xf32>) {
  // expected-error@+1 {{dimension K of 'values' is 8, but 'indices' has 16}}
  %0:2 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i, %v : tensor<?x16xi32>, tensor<?x8xf32>) -> tensor<?x16xi32>, tensor<?x8xf32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x?xi32>) {
  // expected-error@+1 {{number of selected keys k (dimension 1 of 'indices') must be from 1 to 4096, found a dynamic one}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x?xi32>) -> tensor<?x?xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x0xi32>) {
  // expected-error@+1 {{number of selected keys k (dimension 1 of 'indices') must be from 1 to 4096, found 0}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x0xi32>) -> tensor<?x0xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x4097xi32>) {
  // expected-error@+1 {{number of selected keys k (dimension 1 of 'indices') must be from 1 to 4096, found 4097}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x4097xi32>) -> tensor<?x4097xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{must have either 'ke' or 'context_lens', found neither}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %lens: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{must have either 'ke' or 'context_lens', found both}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) context_lens(%lens : tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ks: tensor<?xi32>, %lens: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'context_lens', whose ranges begin at 0, and must not have 'ks'}}
  %0 = mqa.topk ins(%l, %ks, none : tensor<?x?xf32>, tensor<?xi32>) context_lens(%lens : tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %n: index, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'num_keys', which is for 'compressed' ops and those with 'key_blocks': this one has as many keys as 'logits' has columns}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) num_keys(%n) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{attribute 'force_first' must be 0 or more, found -1}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {force_first = -1} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{attribute 'force_last' must be 0 or more, found -2}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {force_last = -2} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{attributes 'force_first' and 'force_last' must be at most k = 16 together, found 16 and 1}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {force_first = 16, force_last = 1} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{attributes 'force_first' and 'force_last' must be at most k = 16 together, found 9223372036854775807 and 9223372036854775807}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {force_first = 9223372036854775807, force_last = 9223372036854775807} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{with base = slot must have 'block_table'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{with base = slot must have 'block_kv'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'block_table', which is for base = slot, found base = relative}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'block_kv', which is for base = slot, found base = absolute}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<absolute>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %seq: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'sequence', which must have a 'block_table'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) sequence(%seq : tensor<?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<?x2xi32>, %table: tensor<?x?xi32>, %seq: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'sequence', and must have 'context_lens' of one dimension, a length for each row}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?x2xi32>) block_table(%table : tensor<?x?xi32>) sequence(%seq : tensor<?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{block_kv P (attribute 'block_kv') must be a power of two from 1 to 65536, found 0}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 0} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{block_kv P (attribute 'block_kv') must be a power of two from 1 to 65536, found 48}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 48} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{block_kv P (attribute 'block_kv') must be a power of two from 1 to 65536, found 131072}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 131072} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'next_n', which is for rows that are in the order of their sequences: of 'context_lens', or of a 'block_table' without 'sequence'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {next_n = 1} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %seq: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'next_n', which is for rows that are in the order of their sequences: of 'context_lens', or of a 'block_table' without 'sequence'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) sequence(%seq : tensor<?xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64, next_n = 1} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{next_n T (attribute 'next_n') must be 1 or more, found 0}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%i : tensor<?x16xi32>) {next_n = 0} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<?x?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{next_n T (dimension 1 of 'context_lens') must be 1 or more, found a dynamic one}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?x?xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<?x2xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension 1 of 'context_lens' is 2, but 'next_n' is 3}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?x2xi32>) outs(%i : tensor<?x16xi32>) {next_n = 3} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<7x?xf32>, %lens: tensor<?x2xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension 0 of 'logits' is 7, but must be next_n = 2 for each sequence of 'context_lens'}}
  %0 = mqa.topk ins(%l, none, none : tensor<7x?xf32>) context_lens(%lens : tensor<?x2xi32>) outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<3x2xi32>, %i: tensor<8x16xi32>) {
  // expected-error@+1 {{dimension 0 of 'indices' is 8, but must be next_n = 2 for each sequence of 'context_lens'}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<3x2xi32>) outs(%i : tensor<8x16xi32>) -> tensor<8x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<3x?xi32>, %off: tensor<8xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension 0 of 'offset' is 8, but must be next_n = 4 for each sequence of 'block_table'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<3x?xi32>) offset(%off : tensor<8xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64, next_n = 4} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{expected the number of tensor results (0) to be equal to the number of output tensors (1)}}
  mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>)
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>, %v: tensor<?x16xf32>) {
  // expected-error@+1 {{expected the number of tensor results (1) to be equal to the number of output tensors (2)}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i, %v : tensor<?x16xi32>, tensor<?x16xf32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %lens: tensor<7xi32>, %table: tensor<?x?xi32>, %seq: tensor<8xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension M of 'sequence' is 8, but 'context_lens' has 7}}
  %0 = mqa.topk ins(%l, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<7xi32>) block_table(%table : tensor<?x?xi32>) sequence(%seq : tensor<8xi32>) outs(%i : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %b: tensor<?x8xi32>, %n: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{'key_block_size' must be 8 or 16, found 32}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) blocks(%b, %n : tensor<?x8xi32>, tensor<?xi32>) of 32 outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %b: tensor<?x8xi32>, %n: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{with 'key_blocks' has no 'compressed' rows}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) blocks(%b, %n : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%i : tensor<?x16xi32>) {compressed} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'key_blocks', 'num_key_blocks' and 'key_block_size' together}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) outs(%i : tensor<?x16xi32>) {key_block_size = 8 : i64} -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x65xf32>, %ke: tensor<?xi32>, %b: tensor<?x8xi32>, %n: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension 1 of 'logits' is 65, but must be at most 64: 8 columns for each of the 8 blocks of a row of 'key_blocks'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x65xf32>, tensor<?xi32>) blocks(%b, %n : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<5x64xf32>, %ke: tensor<?xi32>, %b: tensor<6x8xi32>, %n: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{dimension M of 'key_blocks' is 6, but 'logits' has 5}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<5x64xf32>, tensor<?xi32>) blocks(%b, %n : tensor<6x8xi32>, tensor<?xi32>) of 8 outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %b: tensor<?x8xi32>, %n: tensor<?xi64>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{operand 'num_key_blocks'}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) blocks(%b, %n : tensor<?x8xi32>, tensor<?xi64>) of 8 outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%l: tensor<?x?xf32>, %ke: tensor<?xi32>, %table: tensor<?x?xi32>, %b: tensor<?x8xi32>, %n: tensor<?xi32>, %i: tensor<?x16xi32>) {
  // expected-error@+1 {{has 'block_table' and 'block_kv' together}}
  %0 = mqa.topk ins(%l, none, %ke : tensor<?x?xf32>, tensor<?xi32>) block_table(%table : tensor<?x?xi32>) blocks(%b, %n : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%i : tensor<?x16xi32>) -> tensor<?x16xi32>
  return
}

// -----

func.func @f(%logits: tensor<?x?xf32>, %ke: tensor<?xi32>, %b: tensor<?x?xi32>, %n: tensor<?xi32>, %i: tensor<?x8xi32>) {
  // expected-error@+2 {{'key_block_size' is given twice: 'of 8', and among the attributes 8 : i64}}
  %0 = mqa.topk ins(%logits, none, %ke : tensor<?x?xf32>, tensor<?xi32>) blocks(%b, %n : tensor<?x?xi32>, tensor<?xi32>) of 8
      outs(%i : tensor<?x8xi32>) {key_block_size = 8 : i64} -> tensor<?x8xi32>
  return
}
