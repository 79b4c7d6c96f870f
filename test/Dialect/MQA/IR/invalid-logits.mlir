// RUN: mqa-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

func.func @f(%q: tensor<?x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must have shape MxHxD (rank 3), found rank 2}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x1x1x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must have shape NxD (rank 2), found rank 4}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x1x1x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

// Keys with groups have a scale each.
func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x1x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must have shape NxG (rank 2), found rank 1}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x1x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x4x128xf8E4M3FN>, %s: tensor<?x8xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension G of 'k_scale' is 8, but 'k' has 4}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x4x128xf8E4M3FN>, tensor<?x8xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x6x128xf8E4M3FN>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{number of key groups G (dimension 1 of 'k') must be a divisor of H = 64, found 6}}
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x6x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x?x128xf8E4M3FN>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{number of key groups G (dimension 1 of 'k') must be a divisor of H = 64, found a dynamic one}}
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x?x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ke: memref<?xi32>, %out: tensor<?x?xf32>, %n: index) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  // expected-error@+1 {{with 'ranges' must be on memrefs, found 'out' of 'tensor<?x?xf32>'}}
  %0 = mqa.logits ins(%q, %k, none, none : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>) ranges(%ranges) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?xf32>) {
  // expected-error@+1 {{operand 'out' must have shape MxS (rank 2), found rank 1}}
  %0 = mqa.logits ins(%q, %k, none, none, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?xf32>) {compressed} -> tensor<?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?x1xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must have shape N (rank 1), found rank 2}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?x1xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?xf32>) {
  // expected-error@+1 {{operand 'out' must have shape MxN (rank 2), found rank 1}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E5M2>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must have element type 'f8E5M2', found 'f8E4M3FN'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E5M2>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf16>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must have element type 'f8E4M3FN', found 'f16'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf16>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xbf16>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must have element type 'f32', found 'bf16'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xbf16>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf16>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'weights' must have element type 'f32' or 'bf16', found 'f16'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf16>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi64>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'ks' must have element type 'i32', found 'i64'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi64>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xf32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'ke' must have element type 'i32', found 'f32'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xf32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf64>) {
  // expected-error@+1 {{operand 'out' must have element type 'f32' or 'bf16' or 'f16', found 'f64'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf64>) -> tensor<?x?xf64>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x64xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension D of 'k' is 64, but 'q' has 128}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x64xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x32xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension H of 'weights' is 32, but 'q' has 64}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<7x128xf8E4M3FN>, %s: tensor<8xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension N of 'k_scale' is 8, but 'k' has 7}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<7x128xf8E4M3FN>, tensor<8xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<3xi32>, %ke: tensor<4xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension M of 'ke' is 4, but 'ks' has 3}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<3xi32>, tensor<4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<6x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<5x?xf32>) {
  // expected-error@+1 {{dimension M of 'out' is 5, but 'q' has 6}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<6x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<5x?xf32>) -> tensor<5x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x129x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x129xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{number of heads H (dimension 1 of 'q') must be from 1 to 128, found 129}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x129x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x129xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x?x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x?xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{number of heads H (dimension 1 of 'q') must be from 1 to 128, found a dynamic one}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x?x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x40xf8E4M3FN>, %k: tensor<?x40xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{head dim D (dimension 2 of 'q') must be a multiple of 16 up to 256, found 40}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x40xf8E4M3FN>, tensor<?x40xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x?xf8E4M3FN>, %k: tensor<?x?xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{head dim D (dimension 2 of 'q') must be a multiple of 16 up to 256, found a dynamic one}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x?xf8E4M3FN>, tensor<?x?xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operands must be all tensors or all memrefs: 'out' is 'tensor<?x?xf32>' and 'k' is 'memref<?x128xf8E4M3FN>'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: vector<4xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{operand 'ks' must be a ranked tensor or a memref, found 'vector<4xi32>'}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, vector<4xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{on tensors must have a result of type 'tensor<?x?xf32>'}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{on memrefs writes 'out' and has no result}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN, strided<[?, 256, 1], offset: ?>>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'q' must be contiguous inside a row: stride of dimension 1 must be 128, found 256}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN, strided<[?, 256, 1], offset: ?>>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN, strided<[?, ?], offset: ?>>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k' must be contiguous inside a row: stride of dimension 1 must be 1, found a dynamic one}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN, strided<[?, ?], offset: ?>>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

// Scales may be strided from key to key, but not inside the row of a key's groups.
func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x2x128xf8E4M3FN>, %s: memref<?x2xf32, strided<[4, 2]>>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'k_scale' must be contiguous inside a row: stride of dimension 1 must be 1, found 2}}
  mqa.logits ins(%q, %k, %s, none, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x2x128xf8E4M3FN>, memref<?x2xf32, strided<[4, 2]>>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32, strided<[2]>>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{operand 'ks' must be contiguous inside a row: stride of dimension 0 must be 1, found 2}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32, strided<[2]>>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %s: memref<?xf32>, %w: memref<?x64xf32>, %ks: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32, affine_map<(d0, d1) -> (d0 floordiv 2, d1)>>) {
  // expected-error@+1 {{operand 'out' must have a strided layout}}
  mqa.logits ins(%q, %k, %s, %w, %ks, %ke : memref<?x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<?xf32>, memref<?x64xf32>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32, affine_map<(d0, d1) -> (d0 floordiv 2, d1)>>)
  return
}

// -----

func.func @f(%q: tensor<?x64x128xi8>, %k: tensor<?x128xi8>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{with 'q' of 'i8' (MXFP4) needs 'q_scale', which has the block scales}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x128xi8>, tensor<?x128xi8>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x0x128xf8E4M3FN>, %k: tensor<?x128xf8E4M3FN>, %s: tensor<?xf32>, %w: tensor<?x0xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{number of heads H (dimension 1 of 'q') must be from 1 to 128, found 0}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x0x128xf8E4M3FN>, tensor<?x128xf8E4M3FN>, tensor<?xf32>, tensor<?x0xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: tensor<?x64x272xbf16>, %k: tensor<?x272xbf16>, %s: tensor<?xf32>, %w: tensor<?x64xf32>, %ks: tensor<?xi32>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  // expected-error@+1 {{head dim D (dimension 2 of 'q') must be a multiple of 16 up to 256, found 272}}
  %0 = mqa.logits ins(%q, %k, %s, %w, %ks, %ke : tensor<?x64x272xbf16>, tensor<?x272xbf16>, tensor<?xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%q: memref<2x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<2xi32>
  // expected-error@+1 {{with 'ranges' has no 'ks', 'ke', 'compressed' or 'block_max', which the ranges say}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<2x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<2xi32>) ranges(%ranges) outs(%out : memref<2x?xf32>)
  return
}

// -----

func.func @f(%q: memref<2x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ke: memref<2xi32>, %n: index, %out: memref<2x?xf32>) {
  %ranges = mqa.make_ranges none, %ke keys(%n) : memref<2xi32>
  // expected-error@+1 {{with 'ranges' has no 'ks', 'ke', 'compressed' or 'block_max', which the ranges say}}
  mqa.logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>) ranges(%ranges) outs(%out : memref<2x?xf32>) {compressed}
  return
}

// -----

func.func @f(%q: memref<2x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %out: memref<2x?xf32>) {
  // expected-error@+1 {{needs 'ke', or 'ranges' where it is a tile}}
  mqa.logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>) outs(%out : memref<2x?xf32>)
  return
}

// -----

func.func @f(%q: memref<2x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ks: memref<2xi32>, %out: memref<2x?xf32>) {
  // expected-error@+1 {{needs 'ke', or 'ranges' where it is a tile}}
  mqa.logits ins(%q, %k, none, none, %ks, none : memref<2x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>, memref<2xi32>) outs(%out : memref<2x?xf32>)
  return
}

// -----

func.func @f(%q: memref<2x64x128xf8E4M3FN>, %k: memref<?x128xf8E4M3FN>, %ranges: !mqa.ranges, %out: memref<2x?xf32>) {
  // expected-error@+1 {{operand 'ranges' must come from an mqa.make_ranges, found an argument of a block}}
  mqa.logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN>, memref<?x128xf8E4M3FN>) ranges(%ranges) outs(%out : memref<2x?xf32>)
  return
}

// -----

// A tile of compressed ranges has all columns, of which there may be fewer than keys.
func.func @f(%q: memref<2x64x128xf8E4M3FN>, %k: memref<32x128xf8E4M3FN>, %ke: memref<?xi32>, %n: index, %out: memref<2x16xf32>) {
  %all = mqa.make_ranges none, %ke keys(%n) {compressed} : memref<?xi32>
  %ranges = mqa.narrow_ranges %all[%n] rows %n
  mqa.logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN>, memref<32x128xf8E4M3FN>) ranges(%ranges) outs(%out : memref<2x16xf32>)
  %others = mqa.make_ranges none, %ke keys(%n) : memref<?xi32>
  // expected-error@+1 {{dimension N of 'out' is 16, but 'k' has 32}}
  mqa.logits ins(%q, %k, none, none : memref<2x64x128xf8E4M3FN>, memref<32x128xf8E4M3FN>) ranges(%others) outs(%out : memref<2x16xf32>)
  return
}
