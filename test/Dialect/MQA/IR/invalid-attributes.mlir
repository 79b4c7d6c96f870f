// RUN: mqa-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{the target must be sm_90a or cpu, found 'sm_80'}}
module attributes {mqa.target = #mqa.target<chip = "sm_80">} {}

// -----

// expected-error@+1 {{attribute 'mqa.target' must be a #mqa.target, found "sm_90a"}}
module attributes {mqa.target = "sm_90a"} {}

// -----

// expected-error@+1 {{has 'mqa.target', which is an attribute of modules}}
func.func private @f() attributes {mqa.target = #mqa.target<chip = "sm_90a">}
