//===- TensorMap.h - Tensor maps for TMA loads ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_TENSORMAP_H
#define MQA_RUNTIME_LIB_TENSORMAP_H

#include "Arguments.h"
#include "CudaDriver.h"

namespace mqa::runtime {

/// Makes the tensor map that loads boxes of `recipe` from `tensor`, after it
/// has checked every precondition of cuTensorMapEncodeTiled.
mqa_status encodeTensorMap(const CudaDriver &driver, const Parameter &recipe,
                           const Tensor &tensor, CUtensorMap &map);

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_TENSORMAP_H
