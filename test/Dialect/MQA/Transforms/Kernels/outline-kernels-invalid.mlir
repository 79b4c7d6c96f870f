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
