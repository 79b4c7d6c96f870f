// What a kernel function consists of: every target refuses the same functions with
// the same words. A new pipeline gets a line here.
// RUN: mqa-opt %s --mqa-verify-kernel-functions --split-input-file --verify-diagnostics
// RUN: mqa-opt %s --mqa-to-nvvm --split-input-file --verify-diagnostics
// RUN: mqa-opt %s --mqa-to-cpu --split-input-file --verify-diagnostics

// Several blocks; ops of which none is in the first.
// expected-error@+1 {{a kernel function must have one block, found 3}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>, %c: i1) -> tensor<?x?xf32> {
  cf.cond_br %c, ^a, ^b
^a:
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
^b:
  return %out : tensor<?x?xf32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{a kernel function must consist of one mqa.logits, mqa.paged_logits, mqa.topk or mqa.merge_topk on its arguments, found also 'arith.constant'}}
  %ke = arith.constant dense<1> : tensor<4xi32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<4xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{a kernel function must consist of one mqa.logits, mqa.paged_logits, mqa.topk or mqa.merge_topk on its arguments, found also 'tensor.empty'}}
  %out = tensor.empty() : tensor<4x8xf32>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %s: tensor<8x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{found also 'tensor.cast'}}
  %k = tensor.cast %s : tensor<8x32xbf16> to tensor<?x32xbf16>
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  // expected-error@+1 {{found also 'mqa.logits'}}
  %1 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  // expected-error@+1 {{found also 'scf.for'}}
  scf.for %i = %n to %n step %n {
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  }
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  // expected-error@+1 {{with 'key_offset', 'num_keys' or 'ranges' cannot become a kernel}}
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) key_offset(%n) outs(%out : memref<?x?xf32>)
  return
}

// -----

func.func @f(%indices: memref<?x?x8xi32>, %values: memref<?x?x8xf32>, %ke: memref<?xi32>, %n: index, %out: memref<?x8xi32>) {
  // expected-error@+1 {{with 'key_offset', 'num_keys' or 'ranges' cannot become a kernel}}
  mqa.merge_topk ins(%indices, %values, none, %ke : memref<?x?x8xi32>, memref<?x?x8xf32>, memref<?xi32>) num_keys(%n) outs(%out : memref<?x8xi32>)
  return
}

// -----

// expected-error@+1 {{every argument of a kernel function must be an operand of its mqa.logits, but argument #0 of type 'tensor<4xf32>' is none}}
func.func @f(%zz: tensor<4xf32>, %q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{operand 'ke' must be an argument of the function, and of its own}}
  %0 = mqa.logits ins(%q, %k, none, none, %ke, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// expected-error@+1 {{argument #5 of type 'index' is none}}
func.func @f(%q: tensor<32x1x32xbf16>, %ke: tensor<32xi32>, %out: tensor<32x32xf32>, %k: tensor<32x32xbf16>, %w: tensor<32x1xf32>, %more: index) -> tensor<32x32xf32> {
  %0 = mqa.logits ins(%q, %k, none, %w, none, %ke : tensor<32x1x32xbf16>, tensor<32x32xbf16>, tensor<32x1xf32>, tensor<32xi32>) outs(%out : tensor<32x32xf32>) -> tensor<32x32xf32>
  return %0 : tensor<32x32xf32>
}

// -----

// expected-error@+1 {{a kernel function on tensors must return the result of its mqa.logits, and nothing else}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0, %0 : tensor<?x?xf32>, tensor<?x?xf32>
}

// -----

// expected-error@+1 {{a kernel function on tensors must return the result of its mqa.logits, and nothing else}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %out : tensor<?x?xf32>
}

// -----

// expected-error@+1 {{a kernel function on tensors must return the result of its mqa.logits, and nothing else}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

// expected-error@+1 {{a kernel function on tensors must return the result of its mqa.logits, and nothing else}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?xi32>) {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0, %ke : tensor<?x?xf32>, tensor<?xi32>
}

// -----

// expected-error@+1 {{a kernel function on memrefs can only return its 'out', once}}
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> memref<?xi32> {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return %ke : memref<?xi32>
}

// -----

// expected-error@+1 {{a kernel function on memrefs can only return its 'out', once}}
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) -> (memref<?x?xf32>, memref<?x?xf32>) {
  mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  return %out, %out : memref<?x?xf32>, memref<?x?xf32>
}

// -----

// Attributes by which the compiler tells itself what a kernel is.
// expected-error@+1 {{a kernel function cannot have attribute 'mqa.kernel' on itself: the compiler sets its own}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> attributes {mqa.kernel = #mqa.kernel<op = "mqa.logits", clean = true, task_sizes = [16, 128]>} {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// expected-error@+1 {{cannot have attribute 'llvm.linkage' on itself}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> attributes {llvm.linkage = #llvm.linkage<internal>} {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// expected-error@+1 {{cannot have attribute 'bufferization.writable' on argument #3}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32> {bufferization.writable = false}) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// expected-error@+1 {{cannot have attribute 'llvm.noalias' on result #0}}
func.func @f(%q: tensor<?x4x32xbf16>, %k: tensor<?x32xbf16>, %ke: tensor<?xi32>, %out: tensor<?x?xf32>) -> (tensor<?x?xf32> {llvm.noalias}) {
  %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<?x4x32xbf16>, tensor<?x32xbf16>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
