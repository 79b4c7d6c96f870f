//===- Manifest.cpp - Reads the manifest of a bundle ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

using namespace mqa::runtime;

static constexpr int kVersion = 7;

static Operand readOperand(Reader &reader, const json &parameter) {
  static const char *const names[kNumOperands] = {
      "q",  "k",   "k_scale",      "weights",    "ks",
      "ke", "out", "context_lens", "block_table"};
  std::string name = reader.string(parameter, "operand");
  for (int i = 0; i < kNumOperands; ++i)
    if (name == names[i])
      return static_cast<Operand>(i);
  reader.note("operand", "the name of an operand of the op");
  return Operand::Q;
}

static mqa_element_type readElementType(Reader &reader, const json &parameter) {
  static const std::pair<const char *, mqa_element_type> names[] = {
      {"f8E4M3FN", MQA_F8E4M3FN}, {"f8E5M2", MQA_F8E5M2}, {"bf16", MQA_BF16},
      {"f16", MQA_F16},           {"f32", MQA_F32},       {"i32", MQA_I32}};
  std::string found = reader.string(parameter, "element_type");
  for (auto [name, type] : names)
    if (found == name)
      return type;
  reader.note("element_type", "the name of a type");
  return MQA_F32;
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

/// How many dimensions an operand has; 0 where the op has no such operand, or
/// where the parameter says.
static int getRank(Operand operand, const KernelDescription &kernel) {
  bool paged = kernel.paged, hasKeyGroups = kernel.hasKeyGroups;
  switch (operand) {
  case Operand::Q:
    return 3 + paged;
  case Operand::K:
    return 2 + (hasKeyGroups || paged);
  case Operand::Weights:
  case Operand::Out:
    return 2;
  case Operand::KScale:
    return 1 + (hasKeyGroups || paged);
  case Operand::Ks:
  case Operand::Ke:
    return paged ? 0 : 1;
  case Operand::BlockTable:
    return paged ? 2 : 0;
  case Operand::ContextLens:
    return 0;
  }
  return 0;
}

static Parameter readParameter(Reader &reader, const json &value,
                               const KernelDescription &kernel) {
  Parameter parameter;
  std::string kind = reader.string(value, "kind");
  if (kind == "index") {
    parameter.kind = Parameter::Kind::Index;
    if (reader.string(value, "operand") != "num_keys")
      reader.note("operand", "'num_keys' for an index");
    return parameter;
  }
  parameter.operand = readOperand(reader, value);
  parameter.elementType = readElementType(reader, value);
  if (!accepts(parameter.operand, parameter.elementType))
    reader.note("element_type", "one that the operand may have");
  size_t rank = getRank(parameter.operand, kernel);
  if (kernel.paged && parameter.operand == Operand::ContextLens)
    rank = reader.integer(value, "rank", 1, 2);
  if (rank == 0)
    reader.note("operand", "one of the op");
  parameter.rank = static_cast<int>(rank);
  if (kind == "tensor_map") {
    parameter.kind = Parameter::Kind::TensorMap;
    for (const json &dim : reader.array(value, "box"))
      parameter.box.push_back(reader.toInteger(dim, "box", 1, 256));
    if (parameter.box.size() != rank)
      reader.note("box", "of the operand's rank");
    unsigned seen = 0;
    for (const json &dim : reader.array(value, "dims")) {
      parameter.dims.push_back(reader.toInteger(dim, "dims", 0, rank - 1));
      seen |= 1u << parameter.dims.back();
    }
    // Rows stay contiguous.
    if (parameter.dims.size() != rank || seen != (1u << rank) - 1 ||
        parameter.dims.back() != rank - 1)
      reader.note("dims", "the operand's dimensions in some order, rows last");
    parameter.swizzleBytes = reader.integer(value, "swizzle_bytes", 0, 128);
  } else if (kind == "memref") {
    parameter.kind = Parameter::Kind::Memref;
    if (reader.integer(value, "rank", 1, kMaxRank) != parameter.rank)
      reader.note("rank", "the operand's rank");
    if (parameter.operand == Operand::KScale)
      parameter.strided = reader.boolean(value, "strided");
  } else {
    parameter.kind = Parameter::Kind::Memref;
    reader.note("kind", "'tensor_map', 'memref' or 'index'");
  }
  return parameter;
}

static void readPagedSizes(Reader &reader, const json &value,
                           KernelDescription &kernel) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  kernel.batch = reader.integer(value, "batch", -1, kMax);
  kernel.nextN = reader.integer(value, "next_n", 1, 8);
  kernel.numBlocks = reader.integer(value, "num_blocks", -1, kMax);
  kernel.blockKv = reader.integer(value, "block_kv", 16, 256);
  kernel.maxBlocks = reader.integer(value, "max_blocks", -1, kMax);
}

static void readKeys(Reader &reader, const json &value,
                     KernelDescription &kernel) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  kernel.numKeys = reader.integer(value, "num_keys", -1, kMax);
  kernel.numGroups = reader.integer(value, "num_groups", 1, kernel.numHeads);
  if (kernel.numHeads % kernel.numGroups)
    reader.note("num_groups", "a divisor of num_heads");
  kernel.hasKeyGroups = reader.boolean(value, "has_key_groups");
}

static KernelDescription readKernel(Reader &reader, const json &value,
                                    bool isCpu) {
  KernelDescription kernel;
  kernel.name = reader.string(value, "name");
  kernel.clean = reader.boolean(value, "clean");
  kernel.compressed = reader.boolean(value, "compressed");
  kernel.relu = reader.boolean(value, "relu");
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  kernel.numQueries = reader.integer(value, "num_queries", -1, kMax);
  kernel.numHeads = reader.integer(value, "num_heads", 1, 128);
  kernel.headDim = reader.integer(value, "head_dim", 1, 256);
  std::string op = reader.string(value, "op");
  kernel.paged = op == "mqa.paged_logits";
  if (!kernel.paged && op != "mqa.logits")
    reader.note("op", "'mqa.logits' or 'mqa.paged_logits'");
  if (kernel.paged)
    readPagedSizes(reader, value, kernel);
  else
    readKeys(reader, value, kernel);
  kernel.numColumns = reader.integer(value, "num_columns", -1, kMax);
  for (const json &parameter : reader.array(value, "parameters"))
    kernel.parameters.push_back(readParameter(reader, parameter, kernel));
  // Every operand once, so that the tensor maps of a launch are distinct; some
  // may be left out.
  for (int i = 0; i < kNumOperands; ++i) {
    auto operand = static_cast<Operand>(i);
    int count = 0;
    for (const Parameter &parameter : kernel.parameters)
      count += parameter.kind != Parameter::Kind::Index &&
               parameter.operand == operand;
    bool isOfOp = getRank(operand, kernel) ||
                  (kernel.paged && operand == Operand::ContextLens);
    bool optional = !isOfOp || operand == Operand::KScale ||
                    operand == Operand::Weights || operand == Operand::Ks;
    if (count > 1 || (count == 0 && !optional))
      reader.note("parameters", "every operand of the op once");
  }
  if (kernel.parameters.size() > kNumOperands + 1)
    reader.note("parameters", "at most one index");
  if (kernel.getElementType(Operand::Q) != kernel.getElementType(Operand::K))
    reader.note("element_type", "the same for q and k");
  if (isCpu) {
    kernel.taskQueries = reader.integer(value, "task_queries", 1);
    kernel.taskKeys = reader.integer(value, "task_keys", 1);
    kernel.scratchBytes = reader.integer(value, "scratch_bytes", 0);
  } else {
    kernel.blockThreads = reader.integer(value, "block_threads", 1, 1024);
    kernel.sharedMemoryBytes = reader.integer(value, "shared_memory_bytes", 0);
    kernel.blockQueries = reader.integer(value, "block_queries", 1, 256);
    kernel.blockKeys = reader.integer(value, "block_keys", 1, 4096);
    kernel.tileKeys = reader.integer(value, "tile_keys", 1, 256);
    kernel.schedule = reader.string(value, "schedule");
    kernel.fast = reader.boolean(value, "fast");
    kernel.splitsKeys = reader.boolean(value, "splits_keys");
    kernel.overlapsLaunches = reader.boolean(value, "overlaps_launches");
  }
  return kernel;
}

void mqa::runtime::readManifest(Reader &reader, const json &manifest,
                                Bundle &bundle) {
  int64_t version = reader.integer(manifest, "version", 1);
  if (version != kVersion)
    reader.note("version", std::to_string(kVersion) + ", found " +
                               std::to_string(version));
  bundle.target = reader.string(manifest, "target");
  bool isCpu = bundle.target == "cpu";
  if (isCpu) {
    for (const json &feature : reader.array(manifest, "cpu_features")) {
      if (feature.is_string())
        bundle.cpuFeatures.push_back(feature.get<std::string>());
      else
        reader.note("cpu_features", "an array of strings");
    }
  }
  for (const json &kernel : reader.array(manifest, "kernels"))
    bundle.kernels.push_back(readKernel(reader, kernel, isCpu));
  if (bundle.kernels.empty())
    reader.note("kernels", "an array of at least one kernel");
}
