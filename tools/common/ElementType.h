//===- ElementType.h - Small floating-point types on the host ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TOOLS_COMMON_ELEMENTTYPE_H
#define MQA_TOOLS_COMMON_ELEMENTTYPE_H

#include "mqa/Runtime.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mqa::tools {

/// Bytes of an element.
int getBytes(mqa_element_type type);

/// The largest finite value.
float getMax(mqa_element_type type);

/// The value of a floating-point type's bits.
float decode(mqa_element_type type, uint32_t bits);

/// Rounds to nearest even. Past the largest finite value f8E4M3FN saturates,
/// the others become infinite.
uint32_t encode(mqa_element_type type, float value);

/// Element `i` of packed elements.
uint32_t loadBits(mqa_element_type type, const uint8_t *data, size_t i);
void storeBits(mqa_element_type type, uint8_t *data, size_t i, uint32_t bits);

/// All elements of `data`.
std::vector<float> decodeAll(mqa_element_type type,
                             const std::vector<uint8_t> &data);

} // namespace mqa::tools

#endif // MQA_TOOLS_COMMON_ELEMENTTYPE_H
