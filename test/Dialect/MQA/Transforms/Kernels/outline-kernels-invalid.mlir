// RUN: mqa-opt %s --mqa-outline-kernels --split-input-file --verify-diagnostics

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{on tensors cannot be launched: bufferize the module first (one-shot-bufferize)}}
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  // expected-error@+1 {{with 'key_offset', 'num_keys' or 'ranges' cannot become a kernel}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) key_offset(%n) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %n, %gy = %n, %gz = %n) threads(%tx, %ty, %tz) in (%sx = %n, %sy = %n, %sz = %n) {
    // expected-error@+1 {{is launched from a func.func of the outermost module, found it in a 'gpu.launch'}}
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
    gpu.terminator
  }
  return
}

// -----

module {
  module @other {
    func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
      // expected-error@+1 {{is launched from a func.func of the outermost module, found it in a 'func.func'}}
      mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
      return
    }
  }
}

// -----

// What the first op reads may change before the second one is there.
func.func @pair(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %indices: memref<?x8xi32>, %m: index, %n: index, %zero: bf16) {
  %l = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%l : memref<?x?xf32>)
  linalg.fill ins(%zero : bf16) outs(%q : memref<?x4x32xbf16>)
  // expected-error@+1 {{cannot be one kernel with mqa.logits: 'linalg.fill', which stands between the two ops, may change what they read}}
  mqa.topk ins(%l, none, %ke : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x8xi32>)
  return
}

// -----

func.func @alone(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %m: index, %n: index) {
  %l = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  // expected-error@+1 {{writes logits that are not stored, and no mqa.topk selects from them}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%l : memref<?x?xf32>)
  return
}

// -----

// A launch has one 'ke'.
func.func @ranges(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %other: memref<?xi32>, %indices: memref<?x8xi32>, %m: index, %n: index) {
  %l = mqa.unstored_logits(%m, %n) : memref<?x?xf32>
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%l : memref<?x?xf32>)
  // expected-error@+1 {{operand 'ke' must be that of the mqa.logits with which it is fused}}
  mqa.topk ins(%l, none, %other : memref<?x?xf32>, memref<?xi32>) outs(%indices : memref<?x8xi32>)
  return
}

// -----

// One list of key blocks for all rows.
func.func @f(%logits: memref<?x?xf32>, %ke: memref<?xi32>, %list: memref<1x16xi32>, %n: memref<4xi32>, %out: memref<?x8xi32>) {
  %all = memref.reinterpret_cast %list to offset: [0], sizes: [4, 16], strides: [0, 1] : memref<1x16xi32> to memref<4x16xi32, strided<[0, 1]>>
  // expected-error@+1 {{rows of the operand 'key_blocks' of a launch must lie at least 16 elements apart, found 0}}
  mqa.topk ins(%logits, none, %ke : memref<?x?xf32>, memref<?xi32>) blocks(%all, %n : memref<4x16xi32, strided<[0, 1]>>, memref<4xi32>) of 8 outs(%out : memref<?x8xi32>)
  return
}

// -----

// Of a function that is the kernel, its argument says it.
func.func @kernel(%q: memref<?x4x32xbf16, strided<[64, 32, 1]>>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  // expected-error@+1 {{rows of the operand 'q' of a launch must lie at least 128 elements apart, found 64}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16, strided<[64, 32, 1]>>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return
}
