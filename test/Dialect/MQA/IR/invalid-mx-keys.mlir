// RUN: mqa-opt %s -split-input-file -verify-diagnostics

func.func @no_scales(%q: tensor<?x4x32xbf16>, %k: tensor<?x16xi8>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{with 'k' of 'i8' (MXFP4) needs 'k_scale', which has the block scales}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x16xi8>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @float_scales(%q: tensor<?x4x32xbf16>, %k: tensor<?x16xi8>, %k_scale: tensor<?xf32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'k_scale' must have element type 'i32' or 'f8E8M0FNU', found 'f32'}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x16xi8>, tensor<?xf32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @queries(%q: tensor<?x4x32xf8E5M2>, %k: tensor<?x16xi8>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{with 'k' of 'i8' (MXFP4) needs 'q' of f8E4M3FN, bf16 or f16, found 'f8E5M2'}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x32xf8E5M2>, tensor<?x16xi8>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @head_dim(%q: tensor<?x4x256xbf16>, %k: tensor<?x128xi8>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{head dim D of MXFP4 keys must be 32, 64, 96 or 128, found 256}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x256xbf16>, tensor<?x128xi8>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @bytes(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xi8>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of bytes of a key (dimension 1 of 'k') must be D / 2 = 32, found 64}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xi8>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @groups(%q: tensor<?x4x64xbf16>, %k: tensor<?x2x32xi8>, %k_scale: tensor<?x2xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'k' must have shape NxX (rank 2), found rank 3}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x2x32xi8>, tensor<?x2xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @paged_bytes(%q: tensor<?x1x4x64xbf16>, %k: tensor<?x64x64xi8>, %k_scale: tensor<?x64xi32>, %lens: tensor<?xi32>, %table: tensor<?x?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of bytes of a key (dimension 2 of 'k') must be D / 2 = 32, found 64}}
  %0 = mqa.paged_logits ins(%q, %k, %k_scale, none, %lens, %table : tensor<?x1x4x64xbf16>, tensor<?x64x64xi8>, tensor<?x64xi32>, tensor<?xi32>, tensor<?x?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @fp8_queries(%q: tensor<?x4x32xf8E5M2>, %k: tensor<?x32xf8E4M3FN>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{with 'k' of 'f8E4M3FN' (MXFP8) needs 'q' of f8E4M3FN, bf16 or f16, found 'f8E5M2'}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x32xf8E5M2>, tensor<?x32xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @fp8_head_dim(%q: tensor<?x4x48xbf16>, %k: tensor<?x48xf8E4M3FN>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{head dim D of MXFP8 keys must be 32, 64, 96 or 128, found 48}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x48xbf16>, tensor<?x48xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @fp8_elements(%q: tensor<?x4x64xbf16>, %k: tensor<?x32xf8E4M3FN>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{number of elements of a key (dimension 1 of 'k') must be D = 64, found 32}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x32xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Words are the scales of fp8 and fp4 alone.
func.func @words_of_bf16(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %k_scale: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'k_scale' must have element type 'f32', found 'i32'}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @fp8_beside_bf16(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xf8E4M3FN>, %k_scale: tensor<?xf32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{operand 'k' must have element type 'bf16', found 'f8E4M3FN'}}
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xf8E4M3FN>, tensor<?xf32>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
