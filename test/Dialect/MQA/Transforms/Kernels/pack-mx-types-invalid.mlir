// RUN: mqa-opt %s --mqa-pack-mx-types --split-input-file --verify-diagnostics

func.func @computed(%q: tensor<?x4x64xbf16>, %f: tensor<?x64xf32>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{'arith.truncf' op has a value of type 'tensor<?x64xf4E2M1FN>' of an operand with block scales: only functions with a body, their calls, control flow, and casts, copies, reshapes and slices of whole bytes and words may have it}}
  %k = arith.truncf %f : tensor<?x64xf32> to tensor<?x64xf4E2M1FN>
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @read(%q: tensor<?x4x64xbf16>, %k: tensor<?x64xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x4xf32>) {
  // expected-error @+1 {{'arith.extf' op has a value of type 'tensor<?x4xf8E8M0FNU>' of an operand with block scales}}
  %f = arith.extf %k_scale : tensor<?x4xf8E8M0FNU> to tensor<?x4xf32>
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0, %f : tensor<?x?xf32>, tensor<?x4xf32>
}

// -----

// The first element of the slice lies in the middle of a byte.
func.func @columns(%q: tensor<?x4x64xbf16>, %k: tensor<?x128xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>, %n: index) -> tensor<?x?xf32> {
  // expected-error @+1 {{'tensor.extract_slice' op has a value of type 'tensor<?x128xf4E2M1FN>' of an operand with block scales}}
  %half = tensor.extract_slice %k[0, 1] [%n, 64] [1, 1] : tensor<?x128xf4E2M1FN> to tensor<?x64xf4E2M1FN>
  %0 = mqa.logits ins(%q, %half, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Nobody knows how many bytes an unknown number of elements is.
func.func @unknown(%q: tensor<?x4x64xbf16>, %k: tensor<?x?xf4E2M1FN>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{'tensor.cast' op has a value of type 'tensor<?x64xf4E2M1FN>' of an operand with block scales}}
  %known = tensor.cast %k : tensor<?x?xf4E2M1FN> to tensor<?x64xf4E2M1FN>
  %0 = mqa.logits ins(%q, %known, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func private @external() -> tensor<?x64xf4E2M1FN>
func.func @declared(%q: tensor<?x4x64xbf16>, %k_scale: tensor<?x4xf8E8M0FNU>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{'func.call' op has a value of type 'tensor<?x64xf4E2M1FN>' of an operand with block scales}}
  %k = call @external() : () -> tensor<?x64xf4E2M1FN>
  %0 = mqa.logits ins(%q, %k, %k_scale, none, none, %ke : tensor<?x4x64xbf16>, tensor<?x64xf4E2M1FN>, tensor<?x4xf8E8M0FNU>, tensor<?xi32>)
       outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @logits(%q: memref<?x4x64xbf16>, %k: memref<?x64xf4E2M1FN>, %k_scale: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  mqa.logits ins(%q, %k, %k_scale, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf4E2M1FN>, memref<?xi32>, memref<?xi32>)
      outs(%out : memref<?x?xf32>)
  return
}
func.func @refers() {
  // expected-error @+1 {{'func.constant' op refers to 'logits', whose typed arguments or results become bytes and words: only func.call in a func.func may}}
  %f = func.constant @logits : (memref<?x4x64xbf16>, memref<?x64xf4E2M1FN>, memref<?xi32>, memref<?xi32>, memref<?x?xf32>) -> ()
  return
}

// -----

gpu.module @device {
  gpu.func @logits(%q: memref<?x4x64xbf16>, %k: memref<?x64xf4E2M1FN>, %k_scale: memref<?xi32>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
    // expected-error @+1 {{with typed operands must be in a func.func, found it in a 'gpu.func'}}
    mqa.logits ins(%q, %k, %k_scale, none, none, %ke : memref<?x4x64xbf16>, memref<?x64xf4E2M1FN>, memref<?xi32>, memref<?xi32>)
        outs(%out : memref<?x?xf32>)
    gpu.return
  }
}
