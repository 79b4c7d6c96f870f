//===- Parameters.cpp - Reads the parameters of a kernel ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

using namespace mqa::runtime;

static const Fields::Choice<Operand> kOperands[kNumOperands] = {
    {"q", Operand::Q},
    {"k", Operand::K},
    {"k_scale", Operand::KScale},
    {"weights", Operand::Weights},
    {"ks", Operand::Ks},
    {"ke", Operand::Ke},
    {"out", Operand::Out},
    {"context_lens", Operand::ContextLens},
    {"block_table", Operand::BlockTable}};

static const char *getName(Operand operand) {
  return kOperands[static_cast<int>(operand)].name;
}

int mqa::runtime::getElementBytes(mqa_element_type type) {
  switch (type) {
  case MQA_F8E4M3FN:
  case MQA_F8E5M2:
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

mqa_element_type KernelDescription::getElementType(Operand operand) const {
  const Parameter *parameter = find(operand);
  return parameter ? parameter->elementType : MQA_F32;
}

/// Whether an operand may have elements of this type.
static bool accepts(Operand operand, mqa_element_type type) {
  switch (operand) {
  case Operand::Q:
  case Operand::K:
    return type != MQA_F32 && type != MQA_I32;
  case Operand::KScale:
    return type == MQA_F32;
  case Operand::Weights:
    return type == MQA_F32 || type == MQA_BF16;
  case Operand::Ks:
  case Operand::Ke:
  case Operand::ContextLens:
  case Operand::BlockTable:
    return type == MQA_I32;
  case Operand::Out:
    return type == MQA_F32 || type == MQA_BF16 || type == MQA_F16;
  }
  return false;
}

/// What is loaded by tiles; the rest is read element by element.
static bool mayBeTensorMap(Operand operand) {
  return operand == Operand::Q || operand == Operand::K ||
         operand == Operand::KScale || operand == Operand::Weights;
}

static bool isOptional(Operand operand) {
  return operand == Operand::KScale || operand == Operand::Weights ||
         operand == Operand::Ks;
}

/// The ranks that an operand of the op may have; the op has no such operand
/// where that is from 0 to 0.
static std::pair<int, int> getRanks(Operand operand,
                                    const KernelDescription &kernel) {
  bool paged = kernel.paged, hasKeyGroups = kernel.hasKeyGroups;
  auto only = [](int rank) { return std::pair(rank, rank); };
  switch (operand) {
  case Operand::Q:
    return only(3 + paged);
  case Operand::K:
    return only(2 + (hasKeyGroups || paged));
  case Operand::Weights:
  case Operand::Out:
    return only(2);
  case Operand::KScale:
    return only(1 + (hasKeyGroups || paged));
  case Operand::Ks:
  case Operand::Ke:
    return only(paged ? 0 : 1);
  case Operand::BlockTable:
    return only(paged ? 2 : 0);
  case Operand::ContextLens:
    return paged ? std::pair(1, 2) : only(0);
  }
  return only(0);
}

/// What cuTensorMapEncodeTiled asks of a map (CUDA Driver API reference, 13.0),
/// as far as it does not depend on the tensor.
static void readTensorMap(Fields &fields, const KernelDescription &kernel,
                          Parameter &parameter) {
  constexpr int64_t kMaxBoxDim = 256, kMapAlignment = 16;
  size_t rank = parameter.rank;
  parameter.box = fields.integers("box", 1, kMaxBoxDim);
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
      {"f8E4M3FN", MQA_F8E4M3FN}, {"f8E5M2", MQA_F8E5M2}, {"bf16", MQA_BF16},
      {"f16", MQA_F16},           {"f32", MQA_F32},       {"i32", MQA_I32}};
  Parameter parameter;
  parameter.kind = fields.choice("kind", kinds);
  if (isCpu && parameter.kind != Kind::Memref)
    fields.refuse("kind", "'memref' for target 'cpu'");
  if (parameter.kind == Kind::Index) {
    if (kernel.paged)
      fields.refuse("kind", "'tensor_map' or 'memref' for mqa.paged_logits");
    if (fields.name("operand") != "num_keys")
      fields.refuse("operand", "'num_keys' for an index");
    if (fields.name("element_type") != "index")
      fields.refuse("element_type", "'index' for an index");
    fields.finish();
    return parameter;
  }
  parameter.operand = fields.choice("operand", kOperands);
  auto [minRank, maxRank] = getRanks(parameter.operand, kernel);
  if (maxRank == 0)
    fields.refuse("operand", "an operand of the op");
  parameter.elementType = fields.choice("element_type", types);
  if (!accepts(parameter.operand, parameter.elementType))
    fields.refuse("element_type", std::string("a type that ") +
                                      getName(parameter.operand) + " may have");
  if (parameter.kind == Kind::TensorMap) {
    if (!mayBeTensorMap(parameter.operand))
      fields.refuse("kind",
                    std::string("'memref' for ") + getName(parameter.operand));
    parameter.rank = maxRank;
    readTensorMap(fields, kernel, parameter);
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
  for (const auto &[name, operand] : kOperands)
    if (getRanks(operand, kernel).second && !isOptional(operand) &&
        !kernel.find(operand))
      throw InvalidBundle{"kernel '" + kernel.name + "' has no parameter '" +
                          name + "'"};
  if (kernel.getElementType(Operand::Q) != kernel.getElementType(Operand::K))
    throw InvalidBundle{"kernel '" + kernel.name +
                        "' must have one element_type for q and k"};
}
