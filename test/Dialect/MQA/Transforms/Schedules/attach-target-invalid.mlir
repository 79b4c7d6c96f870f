// RUN: not mqa-opt %s --mqa-attach-target=chip=sm_70 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mqa-opt %s --mqa-attach-target 2>&1 | FileCheck %s --check-prefix=OTHER

// UNKNOWN: error: the target must be sm_80, sm_86, sm_89, sm_90a, sm_120 or cpu, found 'sm_70'
// OTHER: error: is for #mqa.target<chip = "cpu">, not for #mqa.target<chip = "sm_90a">
module attributes {mqa.target = #mqa.target<chip = "cpu">} {}
