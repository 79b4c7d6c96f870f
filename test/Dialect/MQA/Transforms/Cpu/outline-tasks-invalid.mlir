// RUN: mqa-opt %s --mqa-outline-tasks --split-input-file --verify-diagnostics --allow-unregistered-dialect

func.func @f(%n: index) {
  // expected-error@+1 {{holds no op that kernels are made of}}
  scf.forall (%i) = (0) to (%n) step (4) {
  }
  return
}

// -----

func.func @f(%n: index, %s: index) {
  // expected-error@+1 {{needs constant steps}}
  scf.forall (%i) = (0) to (%n) step (%s) {
  }
  return
}

// -----

// expected-error@+1 {{holds more than one scf.forall}}
func.func @f(%n: index) {
  scf.forall (%i) = (0) to (%n) step (4) {
  }
  scf.forall (%i) = (0) to (%n) step (4) {
  }
  return
}

// -----

func.func @f(%n: index, %m: memref<4xf32>, %v: f32) {
  // expected-error@+1 {{does work beside the tasks of the function}}
  memref.store %v, %m[%n] : memref<4xf32>
  scf.forall (%i) = (0) to (%n) step (4) {
  }
  return
}

// -----

// expected-error@+1 {{a task cannot return what it computes}}
func.func @f(%n: index) -> index {
  %c = arith.constant 1 : index
  scf.forall (%i) = (0) to (%n) step (4) {
  }
  return %c : index
}

// -----

// The op is not in the first block.
// expected-error@+1 {{needs one block to be outlined, found 2}}
func.func @f(%n: index) {
  cf.br ^a
^a:
  scf.forall (%i) = (0) to (%n) step (4) {
  }
  return
}

// -----

// expected-error@+1 {{argument #0 is of no operand of its mqa.logits}}
func.func @f(%more: memref<4xf32>, %q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  scf.forall (%i, %j) = (0, 0) to (%n, %n) step (16, 128) {
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  }
  return
}

// -----

func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  scf.forall (%i, %j) = (0, 0) to (%n, %n) step (16, 128) {
    // expected-error@+1 {{operand 'ke' must be of an argument of the function, and of its own}}
    mqa.logits ins(%q, %k, none, none, %ke, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  }
  return
}

// -----

// A task takes other arguments than the function did.
func.func @f(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  scf.forall (%i) = (0) to (%n) step (4) {
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  }
  return
}
func.func @caller(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>, %n: index) {
  // expected-error@+1 {{refers to kernel function 'f', which only the runtime can launch}}
  call @f(%q, %k, %ke, %out, %n) : (memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>, memref<?x?xf32>, index) -> ()
  return
}

// -----

// A launch hands over the operands of the op, not what they are slices of.
func.func @of_other_rank(%logits: memref<?x4x?xf32>, %ke: memref<4xi32>, %indices: memref<?x4x16xi32>, %n: index, %keys: index) {
  scf.forall (%i) in (%n) {
    %0 = memref.subview %logits[%i, 0, 0] [1, 4, %keys] [1, 1, 1] : memref<?x4x?xf32> to memref<4x?xf32, strided<[?, 1], offset: ?>>
    %1 = memref.subview %indices[%i, 0, 0] [1, 4, 16] [1, 1, 1] : memref<?x4x16xi32> to memref<4x16xi32, strided<[16, 1], offset: ?>>
    // expected-error@+1 {{operand 'logits' of type 'memref<4x?xf32, strided<[?, 1], offset: ?>>' must be of an argument of its rank and element type, found 'memref<?x4x?xf32>'}}
    mqa.topk ins(%0, none, %ke : memref<4x?xf32, strided<[?, 1], offset: ?>>, memref<4xi32>) outs(%1 : memref<4x16xi32, strided<[16, 1], offset: ?>>)
  }
  return
}

// -----

// expected-error@+1 {{tasks of mqa.logits are the steps of two loops, over queries and keys, found 1}}
func.func @one_loop(%q: memref<?x4x32xbf16>, %k: memref<?x32xbf16>, %ke: memref<?xi32>, %out: memref<?x?xf32>) {
  scf.forall (%i) in (4) {
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<?x32xbf16>, memref<?xi32>) outs(%out : memref<?x?xf32>)
  }
  return
}

// -----

// expected-error@+1 {{tasks of mqa.topk are the steps of one loop, over rows, found 2}}
func.func @two_loops(%q: memref<?x4x32xbf16>, %k: memref<64x32xbf16>, %ke: memref<?xi32>, %indices: memref<?x16xi32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %q, %c0 : memref<?x4x32xbf16>
  scf.forall (%i, %j) in (4, 4) {
    %init = mqa.unstored_logits(%m) : memref<?x64xf32>
    mqa.logits ins(%q, %k, none, none, none, %ke : memref<?x4x32xbf16>, memref<64x32xbf16>, memref<?xi32>) outs(%init : memref<?x64xf32>)
    mqa.topk ins(%init, none, %ke : memref<?x64xf32>, memref<?xi32>) outs(%indices : memref<?x16xi32>)
  }
  return
}
