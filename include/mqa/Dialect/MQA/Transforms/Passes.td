//===- Passes.td - Passes over the mqa dialect -------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TRANSFORMS_PASSES_TD
#define MQA_TRANSFORMS_PASSES_TD

// The passes of the folders Kernels, Schedules and Loops; Rings; Fragments and
// Expansions; Cpu of lib/Dialect/MQA/Transforms.
include "mqa/Dialect/MQA/Transforms/KernelPasses.td"
include "mqa/Dialect/MQA/Transforms/RingPasses.td"
include "mqa/Dialect/MQA/Transforms/FragmentPasses.td"
include "mqa/Dialect/MQA/Transforms/CpuPasses.td"

#endif // MQA_TRANSFORMS_PASSES_TD
