// RUN: mqa-opt %s -split-input-file -verify-diagnostics

func.func @no_scales(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xf4E2M1FN>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{with 'k' of 'f4E2M1FN' (MXFP4) needs 'k_scale', which has the block scales}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xf4E2M1FN>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @no_query_scales(%q: tensor<?x4x32xf4E2M1FN>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{with 'q' of 'f4E2M1FN' (MXFP4) needs 'q_scale', which has the block scales}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xf4E2M1FN>, tensor<?x32xbf16>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @elements(%q: tensor<?x4x64xbf16>, %k: tensor<?x32xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of elements of a key (dimension 1 of 'k') must be D = 64, found 32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x32xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @head_dim(%q: tensor<?x4x48xf4E2M1FN>, %k: tensor<?x48xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x4x4xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{head dim D of MXFP4 queries must be 32, 64, 96 or 128, found 48}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x48xf4E2M1FN>, tensor<?x48xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4x4xf8E8M0FNU>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// As many scales as D has blocks are no words.
func.func @two_scales(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?x2xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of block scales (dimension 1 of 'k_scale') must be 4, as many as a word has, found 2}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @dynamic_scales(%q: tensor<?x4x64xf4E2M1FN>, %k: tensor<?x64xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x4x?xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of block scales (dimension 2 of 'q_scale') must be 4, as many as a word has, found a dynamic one}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x64xf4E2M1FN>, tensor<?x64xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4x?xf8E8M0FNU>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @one_dimension(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'k_scale' must have shape Nx4 (rank 2), found rank 1}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @scales_of_bf16(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xbf16>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'k_scale' must have element type 'f32', found 'f8E8M0FNU'}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @half_bytes(%q: memref<?x4x64xbf16>, %k: memref<?x64xf4E2M1FN, strided<[65, 1]>>, %k_scale: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error @+1 {{operand 'k' of 'f4E2M1FN' must have strides and an offset of multiples of 2, found 'memref<?x64xf4E2M1FN, strided<[65, 1]>>'}}
  mqa.logits ins(%q, %k, %k_scale, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf4E2M1FN, strided<[65, 1]>>, memref<?xi32>, memref<?xi32>)
       outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @no_words(%q: memref<?x4x64xbf16>, %k: memref<?x64xf4E2M1FN>, %k_scale: memref<?x4xf8E8M0FNU, strided<[4, 1], offset: 2>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error @+1 {{operand 'k_scale' of 'f8E8M0FNU' must have strides and an offset of multiples of 4, found 'memref<?x4xf8E8M0FNU, strided<[4, 1], offset: 2>>'}}
  mqa.logits ins(%q, %k, %k_scale, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf4E2M1FN>, memref<?x4xf8E8M0FNU, strided<[4, 1], offset: 2>>, memref<?xi32>)
       outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @paged_scales(%q: tensor<?x1x4x64xbf16>, %k: tensor<?x64x64xf4E2M1FN>, %k_scale: tensor<?x64x2xf8E8M0FNU>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of block scales (dimension 2 of 'k_scale') must be 4, as many as a word has, found 2}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : tensor<?x1x4x64xbf16>, tensor<?x64x64xf4E2M1FN>, tensor<?x64x2xf8E8M0FNU>, tensor<?xi32>, tensor<?x?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @paged_block(%q: memref<?x1x4x64xbf16>, %k: memref<?x64x64xf4E2M1FN>, %k_scale: memref<?x64x4xf8E8M0FNU, strided<[258, 4, 1]>>, %lens: memref<?xi32>, %table: memref<?x?xi32>, %out: memref<?x?xf32>) {
  // expected-error @+1 {{operand 'k_scale' of 'f8E8M0FNU' must have strides and an offset of multiples of 4}}
  mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : memref<?x1x4x64xbf16>, memref<?x64x64xf4E2M1FN>, memref<?x64x4xf8E8M0FNU, strided<[258, 4, 1]>>, memref<?xi32>, memref<?x?xi32>)
       outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @paged_queries(%q: tensor<?x4x64xf4E2M1FN>, %k: tensor<?x64x64xbf16>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %sequence: tensor<?xi32>, %q_scale: tensor<?x4x2xf8E8M0FNU>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of block scales (dimension 2 of 'q_scale') must be 4, as many as a word has, found 2}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<?x4x64xf4E2M1FN>, tensor<?x64x64xbf16>, tensor<?xi32>, tensor<?x?xi32>)
       sequence(%sequence : tensor<?xi32>) q_scale(%q_scale : tensor<?x4x2xf8E8M0FNU>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
