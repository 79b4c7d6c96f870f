// RUN: mqa-opt %s --mqa-fuse-topk --remarks-filter='mqa-.*' --remark-format=emitRemark --allow-unregistered-dialect --split-input-file --verify-diagnostics | FileCheck %s

// Near misses: each stays as it is, and a remark tells why.
// CHECK-NOT: mqa.unstored_logits

func.func @second_reader(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>, tensor<?x?xf32>) {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: the logits have another user, 'func.return'}}
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best, %logits : tensor<?x16xi32>, tensor<?x?xf32>
}

// -----

func.func @other_bounds(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?xi32>) -> (tensor<?x16xi32>) {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: 'ks' and 'ke' must be those of mqa.logits}}
  %best = mqa.topk ins(%logits, %other, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @exchanged(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>) {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: 'ks' and 'ke' must be those of mqa.logits}}
  %best = mqa.topk ins(%logits, %ke, %ks : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @compressed(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>) {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) {compressed} -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: 'compressed' rows of logits have to be stored}}
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) num_keys(%n) outs(%indices : tensor<?x16xi32>) {compressed} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @compressed_logits(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>) {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) {compressed} -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: 'compressed' rows of logits have to be stored}}
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @argument(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %init: tensor<?x?xf32>) -> (tensor<?x16xi32>) {
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: the logits go to an argument}}
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @initialized(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> (tensor<?x16xi32>) {
  %init = "test.make"(%m, %n) : (index, index) -> tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: the logits go to what 'test.make' makes, which is not known to be uninitialized}}
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @copied(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?x?xf32>) -> (tensor<?x16xi32>) {
  %init = bufferization.alloc_tensor() copy(%other) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: the logits go to what 'bufferization.alloc_tensor' makes, which is not known to be uninitialized}}
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @no_bounds(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: 'ks' and 'ke' must be those of mqa.logits}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%ke : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_block(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %all = scf.for %i = %m to %n step %m iter_args(%last = %indices) -> (tensor<?x16xi32>) {
    // expected-remark@+1 {{not fused with mqa.logits: the two ops are in different blocks}}
    %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%last : tensor<?x16xi32>) -> tensor<?x16xi32>
    scf.yield %best : tensor<?x16xi32>
  }
  return %all : tensor<?x16xi32>
}

// -----

func.func @tile(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) key_offset(%n) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.logits: the op that computes logits is a tile}}
  %best = mqa.topk ins(%logits, %ks, %ke : tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_lens(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?xi32>, %others: tensor<?x?xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: 'context_lens' must be that of mqa.paged_logits}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%other : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {next_n = 2} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @rows_of_sequences(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: 'context_lens' must be that of mqa.paged_logits}}
  %best = mqa.topk ins(%logits, none, %lens : tensor<?x?xf32>, tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_sequence(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: 'sequence' must be that of mqa.paged_logits}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) block_table(%table : tensor<?x?xi32>) sequence(%other : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 16} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_key_blocks(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %blocks: tensor<?x8xi32>, %counts: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %others: tensor<?x8xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m) : tensor<?x64xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-remark@+1 {{not fused with mqa.logits: 'key_blocks', 'num_key_blocks' and their size must be those of mqa.logits}}
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x64xf32>, tensor<?xi32>) num_keys(%n) blocks(%others, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_num_keys(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %blocks: tensor<?x8xi32>, %counts: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m) : tensor<?x64xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-remark@+1 {{not fused with mqa.logits: 'num_keys' must be the number of keys of mqa.logits, dimension 0 of its 'k'}}
  %best = mqa.topk ins(%logits, none, %ke : tensor<?x64xf32>, tensor<?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @no_table(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?x2xi32>, %table: tensor<?x?xi32>, %blocks: tensor<?x8xi32>, %counts: tensor<?xi32>, %m: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m) : tensor<?x64xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?x2xi32>, tensor<?x?xi32>) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: 'block_table' must be that of mqa.paged_logits}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x64xf32>) context_lens(%lens : tensor<?x2xi32>) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_next_n(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?xi32>, %others: tensor<?x?xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: next_n must be that of mqa.paged_logits, which is 2, found 4}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {next_n = 4} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @no_next_n(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?xi32>, %others: tensor<?x?xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: next_n must be that of mqa.paged_logits, which is 2, found 1}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) {} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_table(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?xi32>, %others: tensor<?x?xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: 'block_table' must be that of mqa.paged_logits}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) block_table(%others : tensor<?x?xi32>) outs(%indices : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 16, next_n = 2} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @other_blocks(%q: tensor<?x2x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>, %other: tensor<?xi32>, %others: tensor<?x?xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m, %n) : tensor<?x?xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x2x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: 'block_kv' must be that of mqa.paged_logits, which is 16, found 32}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x?xf32>) context_lens(%lens : tensor<?xi32>) block_table(%table : tensor<?x?xi32>) outs(%indices : tensor<?x16xi32>) {base = #mqa.base<slot>, block_kv = 32, next_n = 2} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @bounds_change(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %m: index, %n: index, %indices: memref<?x16xi32>) {
  %init = memref.alloc(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%init : memref<?x?xf32>)
  %c0 = arith.constant 0 : i32
  memref.store %c0, %ke[%m] : memref<?xi32>
  // expected-remark@+1 {{not fused with mqa.logits: 'memref.store', which stands between the two ops, may have effects on memory}}
  mqa.topk ins(%init, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}

// -----

func.func @memory_is_read(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %m: index, %n: index, %indices: memref<?x16xi32>) {
  %init = memref.alloc(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%init : memref<?x?xf32>)
  // expected-remark@+1 {{not fused with mqa.logits: the logits have another user, 'memref.copy'}}
  mqa.topk ins(%init, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  memref.copy %init, %init : memref<?x?xf32> to memref<?x?xf32>
  return
}

// -----

func.func @strided(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %m: index, %n: index, %indices: memref<?x16xi32>) {
  %init = memref.alloc(%m) : memref<?x8xf32, strided<[16, 1]>>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%init : memref<?x8xf32, strided<[16, 1]>>)
  // expected-remark@+1 {{not fused with mqa.logits: the logits go to a memref that is not contiguous, or not in the default memory space}}
  mqa.topk ins(%init, none, %ke : memref<?x8xf32, strided<[16, 1]>>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  return
}

// -----

// Of rows that name their sequences, and of key blocks, a GPU makes two kernels with the logits between them in scratch.
func.func @rows_of_a_number_of_columns(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %m: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m) : tensor<?x300xf32>
  %logits = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?xi32>, tensor<?x?xi32>) sequence(%sequence : tensor<?xi32>) outs(%init : tensor<?x300xf32>) -> tensor<?x300xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: the number of columns must be dynamic, or mqa.topk have 'block_table'}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x300xf32>) context_lens(%lens : tensor<?xi32>) outs(%indices : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}

// -----

func.func @blocks_too_large(%q: tensor<65536x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<65536xi32>, %blocks: tensor<65536x1024xi32>, %counts: tensor<65536xi32>, %indices: tensor<65536x16xi32>) -> tensor<65536x16xi32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %k, %c0 : tensor<?x32xbf16>
  %init = tensor.empty() : tensor<65536x8192xf32>
  %logits = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<65536x4x32xbf16>, tensor<?x32xbf16>, tensor<65536xi32>) blocks(%blocks, %counts : tensor<65536x1024xi32>, tensor<65536xi32>) of 8 outs(%init : tensor<65536x8192xf32>) -> tensor<65536x8192xf32>
  // expected-remark@+1 {{not fused with mqa.logits: the logits of a static number of queries must have a static number of columns, and at most 512 MiB}}
  %best = mqa.topk ins(%logits, none, %ke : tensor<65536x8192xf32>, tensor<65536xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<65536x1024xi32>, tensor<65536xi32>) of 8 outs(%indices : tensor<65536x16xi32>) -> tensor<65536x16xi32>
  return %best : tensor<65536x16xi32>
}

// -----

func.func @num_keys_beside_a_table(%q: tensor<?x4x32xbf16>, %k: tensor<?x16x32xbf16>, %lens: tensor<?x1xi32>, %table: tensor<?x?xi32>, %q4: tensor<?x1x4x32xbf16>, %blocks: tensor<?x8xi32>, %counts: tensor<?xi32>, %m: index, %n: index, %indices: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %init = tensor.empty(%m) : tensor<?x64xf32>
  %logits = mqa.paged_logits ins(%q4, %k, none, none, %lens, %table : tensor<?x1x4x32xbf16>, tensor<?x16x32xbf16>, tensor<?x1xi32>, tensor<?x?xi32>) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-remark@+1 {{not fused with mqa.paged_logits: 'num_keys' must be left out, as 'block_table' says how many keys a sequence has}}
  %best = mqa.topk ins(%logits, none, none : tensor<?x64xf32>) context_lens(%lens : tensor<?x1xi32>) block_table(%table : tensor<?x?xi32>) num_keys(%n) blocks(%blocks, %counts : tensor<?x8xi32>, tensor<?xi32>) of 8 outs(%indices : tensor<?x16xi32>) {block_kv = 16} -> tensor<?x16xi32>
  return %best : tensor<?x16xi32>
}
