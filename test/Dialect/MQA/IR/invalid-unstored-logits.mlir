// RUN: mqa-opt %s --split-input-file --verify-diagnostics

func.func @sizes(%m: index) -> tensor<?x?xf32> {
  // expected-error@+1 {{must have one size for each dynamic dimension of 'tensor<?x?xf32>', found 1}}
  %0 = mqa.unstored_logits(%m) : tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @encoding() -> tensor<4x8xf32, "x"> {
  // expected-error@+1 {{must be a tensor without an encoding, found "x"}}
  %0 = mqa.unstored_logits() : tensor<4x8xf32, "x">
  return %0 : tensor<4x8xf32, "x">
}

// -----

func.func @strides() {
  // expected-error@+1 {{must be a contiguous memref in the default memory space, found 'memref<4x8xf32, strided<[16, 1]>>'}}
  %0 = mqa.unstored_logits() : memref<4x8xf32, strided<[16, 1]>>
  return
}

// -----

func.func @space() {
  // expected-error@+1 {{must be a contiguous memref in the default memory space, found 'memref<4x8xf32, 1>'}}
  %0 = mqa.unstored_logits() : memref<4x8xf32, 1>
  return
}

// -----

func.func @rank() {
  // expected-error@+1 {{result #0 must be}}
  %0 = mqa.unstored_logits() : tensor<8xf32>
  return
}

// -----

func.func @type() {
  // expected-error@+1 {{result #0 must be}}
  %0 = mqa.unstored_logits() : tensor<4x8xf64>
  return
}
