// RUN: mqa-opt %s --split-input-file --verify-diagnostics

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: !words, %n: !counts, %out: !out) {
  // expected-error@+1 {{'key_block_size' must be 8 or 16, found 64}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      blocks(%b, %n : !words, !counts) of 64 outs(%out : !out) -> !out
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: !words, %n: !counts, %out: !out) {
  // expected-error@+1 {{has 'key_blocks', 'num_key_blocks' and 'key_block_size' together}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      outs(%out : !out) {key_block_size = 8 : i64} -> !out
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: !words, %n: !counts, %out: !out) {
  // expected-error@+1 {{with 'key_blocks' has no block_max}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      blocks(%b, %n : !words, !counts) of 8 outs(%out : !out) {block_max = 8 : i64} -> !out
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: tensor<?x64x128xbf16>, %s: !counts, %k: !k, %lens: !counts, %t: !words, %b: !words, %n: !counts, %out: !out) {
  // expected-error@+1 {{with 'key_blocks' has no rows_per_sequence}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : tensor<?x64x128xbf16>, !k, !counts, !words)
      sequence(%s : !counts) blocks(%b, %n : !words, !counts) of 8 outs(%out : !out) {rows_per_sequence = 2 : i64} -> !out
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: tensor<?x16xi32>, %n: !counts, %out: tensor<?x200xf32>) {
  // expected-error@+1 {{dimension 1 of 'out' is 200, but must be at most 128: 8 columns for each of the 16 blocks of a row of 'key_blocks'}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      blocks(%b, %n : tensor<?x16xi32>, !counts) of 8 outs(%out : tensor<?x200xf32>) -> tensor<?x200xf32>
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: tensor<?x?xi64>, %n: !counts, %out: !out) {
  // expected-error@+1 {{operand 'key_blocks' must have element type 'i32', found 'i64'}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      blocks(%b, %n : tensor<?x?xi64>, !counts) of 8 outs(%out : !out) -> !out
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: !words, %n: !words, %out: !out) {
  // expected-error@+1 {{operand 'num_key_blocks' must have shape R (rank 1), found rank 2}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      blocks(%b, %n : !words, !words) of 8 outs(%out : !out) -> !out
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: tensor<5x?xi32>, %n: !counts, %out: !out) {
  // expected-error@+1 {{dimension 0 of 'key_blocks' is 5, but must be next_n = 2 for each sequence of 'q'}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      blocks(%b, %n : tensor<5x?xi32>, !counts) of 8 outs(%out : !out) -> !out
  return
}

// -----

!q = tensor<?x2x64x128xbf16>
!k = tensor<?x64x128xbf16>
!words = tensor<?x?xi32>
!counts = tensor<?xi32>
!out = tensor<?x?xf32>
func.func @f(%q: !q, %k: !k, %lens: !counts, %t: !words, %b: !words, %n: !counts, %out: !out) {
  // expected-error@+2 {{'key_block_size' is given twice: 'of 16', and among the attributes 16 : i64}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %t : !q, !k, !counts, !words)
      blocks(%b, %n : !words, !counts) of 16 outs(%out : !out) {key_block_size = 16 : i64} -> !out
  return
}
