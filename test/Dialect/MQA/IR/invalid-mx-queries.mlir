// RUN: mqa-opt %s -split-input-file -verify-diagnostics

func.func @no_scales(%q: tensor<?x4x16xi8>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{with 'q' of 'i8' (MXFP4) needs 'q_scale', which has the block scales}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x16xi8>, tensor<?x32xbf16>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @other_queries(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x4xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'q' must have element type 'i8' or 'f4E2M1FN' or 'f8E4M3FN', found 'bf16'}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @float_scales(%q: tensor<?x4x16xi8>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x4xf32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'q_scale' must have element type 'i32' or 'f8E8M0FNU', found 'f32'}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x16xi8>, tensor<?x32xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4xf32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @scales(%q: tensor<?x4x16xi8>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x3xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{dimension H of 'q_scale' is 3, but 'q' has 4}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x16xi8>, tensor<?x32xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x3xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @head_dim(%q: tensor<?x4x128xi8>, %k: tensor<?x256xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x4xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{head dim D of MXFP4 queries must be 32, 64, 96 or 128, found 256}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x128xi8>, tensor<?x256xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @keys(%q: tensor<?x4x16xi8>, %k: tensor<?x16xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x4xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of elements of a key (dimension 1 of 'k') must be D = 32, found 16}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x16xi8>, tensor<?x16xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @groups(%q: tensor<?x4x32xf8E4M3FN>, %k: tensor<?x2x32xbf16>, %ke: tensor<?xi32>, %q_scale: tensor<?x4xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{with 'q_scale' has no key groups}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xf8E4M3FN>, tensor<?x2x32xbf16>, tensor<?xi32>)
       q_scale(%q_scale : tensor<?x4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @paged(%q: tensor<2x3x4x16xi8>, %k: tensor<?x16x32xbf16>, %lens: tensor<2xi32>, %table: tensor<2x?xi32>, %q_scale: tensor<2x4xi32>, %out: tensor<6x?xf32>) -> tensor<6x?xf32> {
  // expected-error @+1 {{dimension R of 'q_scale' is 2, but 'out' has 6}}
  %0 = mqa.paged_logits ins(%q, %k, none, none, %lens, %table : tensor<2x3x4x16xi8>, tensor<?x16x32xbf16>, tensor<2xi32>, tensor<2x?xi32>)
       q_scale(%q_scale : tensor<2x4xi32>) outs(%out : tensor<6x?xf32>) -> tensor<6x?xf32>
  return %0 : tensor<6x?xf32>
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 64, 32], dims = [0, 1, 2], swizzle = 16>
func.func @fp8_of_mxfp8(%packed: memref<1x64x32xf8E4M3FN, #smem>, %words: memref<1x64xi32, #smem>, %q: memref<1x64x32xf8E4M3FN, #queries, #smem>,
                        %folded: memref<1x64xf32, #smem>, %factors: memref<2x1xf32, #smem>) {
  // expected-error@+1 {{makes no f8E4M3FN of MXFP8}}
  mqa.decode_queries %packed, %words into %q, %folded, %factors : memref<1x64x32xf8E4M3FN, #smem>, memref<1x64xi32, #smem> into memref<1x64x32xf8E4M3FN, #queries, #smem>, memref<1x64xf32, #smem>, memref<2x1xf32, #smem>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 64, 32], dims = [0, 1, 2], swizzle = 16>
func.func @rows(%packed: memref<1x64x32xi8, #smem>, %words: memref<1x64xi32, #smem>, %q: memref<1x64x32xf8E4M3FN, #queries, #smem>,
                %folded: memref<1x64xf32, #smem>, %factors: memref<2x1xf32, #smem>) {
  // expected-error@+1 {{'packed' must have the queries and heads of 'q', and rows of 16, found}}
  mqa.decode_queries %packed, %words into %q, %folded, %factors : memref<1x64x32xi8, #smem>, memref<1x64xi32, #smem> into memref<1x64x32xf8E4M3FN, #queries, #smem>, memref<1x64xf32, #smem>, memref<2x1xf32, #smem>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 64, 32], dims = [0, 1, 2], swizzle = 16>
func.func @words(%packed: memref<1x64x16xi8, #smem>, %words: memref<1x32xi32, #smem>, %q: memref<1x64x32xf8E4M3FN, #queries, #smem>,
                 %folded: memref<1x64xf32, #smem>, %factors: memref<2x1xf32, #smem>) {
  // expected-error@+1 {{'words' must have the queries and heads of 'q', found}}
  mqa.decode_queries %packed, %words into %q, %folded, %factors : memref<1x64x16xi8, #smem>, memref<1x32xi32, #smem> into memref<1x64x32xf8E4M3FN, #queries, #smem>, memref<1x64xf32, #smem>, memref<2x1xf32, #smem>
  return
}

// -----

#smem = #gpu.address_space<workgroup>
#queries = #mqa.staged<shape = [1, 64, 32], dims = [0, 1, 2], swizzle = 16>
func.func @factors(%packed: memref<1x64x16xi8, #smem>, %words: memref<1x64xi32, #smem>, %q: memref<1x64x32xf8E4M3FN, #queries, #smem>,
                   %folded: memref<1x64xf32, #smem>, %factors: memref<1x1xf32, #smem>) {
  // expected-error@+1 {{'factors' must be 2 for each query of 'q', found}}
  mqa.decode_queries %packed, %words into %q, %folded, %factors : memref<1x64x16xi8, #smem>, memref<1x64xi32, #smem> into memref<1x64x32xf8E4M3FN, #queries, #smem>, memref<1x64xf32, #smem>, memref<1x1xf32, #smem>
  return
}
