//===- Parameters.cpp - Reads the parameters of a kernel ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpRules.h"

#include <algorithm>

using namespace mqa::runtime;

/// The operand of this name; refuses one that the op does not have.
static Operand readOperand(Fields &fields, const KernelDescription &kernel) {
  std::string name = fields.text("operand"), names;
  for (int i = 0; i < kNumOperands; ++i) {
    auto operand = static_cast<Operand>(i);
    if (!kernel.rules->getRanks(operand, kernel).second)
      continue;
    if (name == getInfo(operand).name)
      return operand;
    names +=
        std::string(names.empty() ? "'" : ", '") + getInfo(operand).name + "'";
  }
  fields.refuse("operand", std::string("an operand of ") + kernel.rules->name +
                               " (" + names + ")");
}

/// What cuTensorMapEncodeTiled asks of a map (CUDA Driver API reference, 13.0),
/// as far as it does not depend on the tensor.
static void readTensorMap(Fields &fields, const KernelDescription &kernel,
                          int minRank, int maxRank, Parameter &parameter) {
  constexpr int64_t kMaxBoxDim = 256, kMapAlignment = 16;
  parameter.box = fields.integers("box", 1, kMaxBoxDim);
  // An operand of several ranks has that of the box.
  bool isLess = parameter.box.size() < static_cast<size_t>(maxRank);
  parameter.rank =
      isLess ? std::max(static_cast<int>(parameter.box.size()), minRank)
             : maxRank;
  size_t rank = parameter.rank;
  parameter.dims = fields.integers("dims", 0, parameter.rank - 1);
  if (parameter.box.size() != rank)
    fields.refuse("box", "one size for each of the operand's " +
                             std::to_string(rank) + " dimensions");
  unsigned seen = 0;
  for (uint32_t dim : parameter.dims)
    seen |= 1u << dim;
  // Rows stay contiguous.
  if (parameter.dims.size() != rank || seen != (1u << rank) - 1 ||
      parameter.dims.back() != rank - 1)
    fields.refuse("dims", "the operand's dimensions in some order, rows last");
  int64_t swizzle = fields.integer("swizzle_bytes", 0, 128);
  if (swizzle != 0 && swizzle != 32 && swizzle != 64 && swizzle != 128)
    fields.refuse("swizzle_bytes", "0, 32, 64 or 128");
  parameter.swizzleBytes = static_cast<int>(swizzle);
  int64_t elementBytes = getElementBytes(parameter.elementType);
  int64_t rowBytes = parameter.box.back() * elementBytes, bytes = elementBytes;
  if (rowBytes % kMapAlignment || (swizzle && rowBytes > swizzle))
    fields.refuse("box", "of rows of a multiple of 16 bytes, no longer than "
                         "swizzle_bytes where that is not 0");
  // Of four sizes below 2^9: no overflow.
  for (uint32_t size : parameter.box)
    bytes *= size;
  if (bytes > kernel.sharedMemoryBytes)
    fields.refuse("box", "no larger than shared_memory_bytes");
}

static Parameter readParameter(Fields &fields, bool isCpu,
                               const KernelDescription &kernel) {
  using Kind = Parameter::Kind;
  static const Fields::Choice<Kind> kinds[] = {{"tensor_map", Kind::TensorMap},
                                               {"memref", Kind::Memref},
                                               {"index", Kind::Index}};
  static const Fields::Choice<mqa_element_type> types[] = {
      {"f8E4M3FN", MQA_F8E4M3FN},
      {"f8E5M2", MQA_F8E5M2},
      {"bf16", MQA_BF16},
      {"f16", MQA_F16},
      {"f32", MQA_F32},
      {"i32", MQA_I32},
      {"i8", MQA_I8}};
  Parameter parameter;
  parameter.kind = fields.choice("kind", kinds);
  bool mayBeIndex = kernel.rules->takesIndex(kernel, isCpu);
  if (isCpu && parameter.kind == Kind::TensorMap)
    fields.refuse("kind", "'memref' for target 'cpu'");
  if (parameter.kind == Kind::Index && !mayBeIndex)
    fields.refuse("kind", isCpu ? std::string("'memref' for target 'cpu'")
                                : std::string("'tensor_map' or 'memref' for ") +
                                      kernel.rules->name);
  if (parameter.kind == Kind::Index) {
    if (fields.name("operand") != "num_keys")
      fields.refuse("operand", "'num_keys' for an index");
    if (fields.name("element_type") != "index")
      fields.refuse("element_type", "'index' for an index");
    fields.finish();
    return parameter;
  }
  parameter.operand = readOperand(fields, kernel);
  auto [minRank, maxRank] = kernel.rules->getRanks(parameter.operand, kernel);
  parameter.elementType = fields.choice("element_type", types);
  const OperandInfo &info = getInfo(parameter.operand);
  if (!info.accepts(parameter.elementType))
    fields.refuse("element_type",
                  std::string("a type that ") + info.name + " may have");
  if (parameter.kind == Kind::TensorMap) {
    if (static_cast<int>(parameter.operand) >= kNumTiledOperands)
      fields.refuse("kind", std::string("'memref' for ") + info.name);
    readTensorMap(fields, kernel, minRank, maxRank, parameter);
  } else {
    parameter.rank = static_cast<int>(fields.integer("rank", minRank, maxRank));
    if (parameter.operand == Operand::KScale)
      parameter.strided = fields.boolean("strided");
    if (fields.has("alignment")) {
      parameter.alignment =
          static_cast<int>(fields.integer("alignment", 2, 128));
      if (parameter.alignment & (parameter.alignment - 1))
        fields.refuse("alignment", "a power of two from 2 to 128");
    }
  }
  fields.finish();
  return parameter;
}

void mqa::runtime::readParameters(Fields &fields, bool isCpu,
                                  KernelDescription &kernel) {
  // A launch has room for each operand once, and for one index.
  int numIndices = 0, counts[kNumOperands] = {};
  for (Fields &entry : fields.objects("parameters")) {
    Parameter parameter = readParameter(entry, isCpu, kernel);
    bool isIndex = parameter.kind == Parameter::Kind::Index;
    int &count =
        isIndex ? numIndices : counts[static_cast<int>(parameter.operand)];
    if (++count > 1)
      entry.refuse("operand", "no other parameter's");
    kernel.parameters.push_back(std::move(parameter));
  }
  for (int i = 0; i < kNumOperands; ++i) {
    auto operand = static_cast<Operand>(i);
    if (kernel.rules->getRanks(operand, kernel).second &&
        !kernel.rules->isOptional(operand) && !kernel.find(operand))
      throw InvalidBundle{"kernel '" + kernel.name + "' has no parameter '" +
                          getInfo(operand).name + "'"};
  }
}
