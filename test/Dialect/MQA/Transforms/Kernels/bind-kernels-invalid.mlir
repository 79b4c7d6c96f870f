// RUN: echo -n bytes > %t.mqa
// RUN: mqa-opt %s --mqa-bind-kernels=bundle=%t.mqa --split-input-file --verify-diagnostics
// RUN: echo "module {}" | not mqa-opt --mqa-bind-kernels=bundle=%t.none 2>&1 | FileCheck %s
// CHECK: option 'bundle' of mqa-bind-kernels: cannot open input file

module {
  // expected-error@+1 {{the kernels are still in the host program: compile them first (mqa-compile)}}
  module @mqa_kernels attributes {mqa.kernels} {
  }
}

// -----

// expected-error@+1 {{cannot be bound: argument #0 must be an index, or a memref of at most 4 dimensions, found 'memref<*xi32>'}}
func.func private @f(memref<*xi32>) attributes {mqa.launch = #mqa.launch<kernel = "f", function = "mqa_logits_launch", operands = ["q"]>}

// -----

// expected-error@+1 {{cannot be bound: a launch has no results, and an argument for each operand}}
func.func private @f(memref<1xi32>) -> i32 attributes {mqa.launch = #mqa.launch<kernel = "f", function = "mqa_logits_launch", operands = ["q"]>}

// -----

// expected-error@+1 {{has 1 arguments, but its 'mqa.launch' has 2 operands}}
func.func private @f(memref<1xi32>) attributes {mqa.launch = #mqa.launch<kernel = "f", function = "mqa_logits_launch", operands = ["q", "k"]>}

// -----

// expected-error@+1 {{operands of a launch are names, found 1 : i64}}
func.func private @f(memref<1xi32>) attributes {mqa.launch = #mqa.launch<kernel = "f", function = "mqa_logits_launch", operands = [1]>}

// -----

// expected-error@+1 {{a launch names its kernel and a function of the runtime}}
func.func private @f() attributes {mqa.launch = #mqa.launch<kernel = "", function = "mqa_logits_launch", operands = []>}

// -----

// expected-error@+1 {{attribute 'mqa.launch' must be a #mqa.launch, found "f"}}
func.func private @f() attributes {mqa.launch = "f"}

// -----

// expected-error@+1 {{has 'mqa.kernels', which is an attribute of modules}}
func.func private @f() attributes {mqa.kernels}

// -----

// The program's own function, which is not the runtime's.
// expected-error@+1 {{symbol 'mqa_program_launch' has the name of the runtime's function that launches kernels}}
func.func private @mqa_program_launch(i32)
func.func private @f(memref<1xi32>) attributes {mqa.launch = #mqa.launch<kernel = "f", function = "mqa_logits_launch", operands = ["q"]>}
