// RUN: mqa-opt %s --mqa-attach-target | FileCheck %s
// RUN: mqa-opt %s --mqa-attach-target=chip=cpu | FileCheck %s --check-prefix=CPU
// RUN: mqa-opt %s --mqa-attach-target="chip=cpu features=avx512f,avx512bf16" | FileCheck %s --check-prefix=FEATURES
// FEATURES: module attributes {mqa.target = #mqa.target<chip = "cpu", features = "avx512f,avx512bf16">}
// The same target again changes nothing.
// RUN: mqa-opt %s --mqa-attach-target --mqa-attach-target=chip=sm_90a | FileCheck %s

// CHECK: module attributes {mqa.target = #mqa.target<chip = "sm_90a">}
// CPU: module attributes {mqa.target = #mqa.target<chip = "cpu">}
module {}
