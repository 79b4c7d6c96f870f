//===- Operands.cpp - The operands of all ops -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelDescription.h"

#include <iterator>

using namespace mqa::runtime;

static constexpr unsigned bit(mqa_element_type type) { return 1u << type; }

static constexpr unsigned kInputs =
    bit(MQA_F8E4M3FN) | bit(MQA_F8E5M2) | bit(MQA_BF16) | bit(MQA_F16);
static constexpr unsigned kLogits = bit(MQA_F32) | bit(MQA_BF16) | bit(MQA_F16);

/// In the order of Operand.
static constexpr OperandInfo kOperands[] = {
    {"q", "q_stride", kInputs | bit(MQA_I8)},
    {"k", "k_stride", kInputs | bit(MQA_I8)},
    {"k_scale", "k_scale_stride", bit(MQA_F32) | bit(MQA_I32)},
    {"weights", "weights_stride", bit(MQA_F32) | bit(MQA_BF16)},
    {"q_scale", "q_scale_stride", bit(MQA_I32)},
    {"ks", nullptr, bit(MQA_I32)},
    {"ke", nullptr, bit(MQA_I32)},
    {"out", "out_stride", kLogits},
    {"context_lens", "context_lens_stride", bit(MQA_I32)},
    {"block_table", "block_table_stride", bit(MQA_I32)},
    {"logits", "logits_stride", kLogits},
    {"sequence", nullptr, bit(MQA_I32)},
    {"offset", nullptr, bit(MQA_I32)},
    {"indices", "indices_stride", bit(MQA_I32)},
    {"values", "values_stride", bit(MQA_F32)},
    {"list_indices", "list_indices_stride", bit(MQA_I32)},
    {"list_values", "list_values_stride", bit(MQA_F32)},
    {"key_blocks", "key_blocks_stride", bit(MQA_I32)},
    {"num_key_blocks", nullptr, bit(MQA_I32)},
    {"scratch", nullptr, bit(MQA_I32)}};
static_assert(std::size(kOperands) == kNumOperands);

const OperandInfo &mqa::runtime::getInfo(Operand operand) {
  return kOperands[static_cast<int>(operand)];
}

int mqa::runtime::getElementBytes(mqa_element_type type) {
  switch (type) {
  case MQA_F8E4M3FN:
  case MQA_F8E5M2:
  case MQA_I8:
    return 1;
  case MQA_BF16:
  case MQA_F16:
    return 2;
  case MQA_F32:
  case MQA_I32:
    return 4;
  }
  return 4;
}

const Parameter *KernelDescription::find(Operand operand) const {
  for (const Parameter &parameter : parameters)
    if (parameter.kind != Parameter::Kind::Index &&
        parameter.operand == operand)
      return &parameter;
  return nullptr;
}

bool KernelDescription::hasIndex() const {
  for (const Parameter &parameter : parameters)
    if (parameter.kind == Parameter::Kind::Index)
      return true;
  return false;
}

mqa_element_type KernelDescription::getElementType(Operand operand) const {
  const Parameter *parameter = find(operand);
  return parameter ? parameter->elementType : MQA_F32;
}
