// RUN: mqa-opt %s --pass-pipeline='builtin.module(func.func(mqa-outline-tasks))' --split-input-file --verify-diagnostics --allow-unregistered-dialect

func.func @f(%n: index) {
  // expected-error@+1 {{holds no mqa.logits}}
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
