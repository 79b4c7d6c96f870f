//===- Bundle.cpp - Parses and checks bundles -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bundle.h"

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <cstring>
#include <limits>

using namespace mqa::runtime;
using nlohmann::json;

static constexpr char kMagic[] = "MQABNDL1";
static constexpr size_t kHeaderBytes = 24;
static constexpr int kVersion = 6;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_BUNDLE, "bundle: " + message);
}

template <typename T> static T readLittleEndian(const unsigned char *data) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(data[i]) << (8 * i);
  return value;
}

static uint32_t checksum(const unsigned char *data, size_t size) {
  return static_cast<uint32_t>(crc32_z(0, data, size));
}

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

namespace {
/// Reads fields of JSON objects; remembers the first that is not as it must be.
class Reader {
public:
  std::string error;

  const json &object(const json &parent, const char *key) {
    static const json empty = json::object();
    const json *value = find(parent, key);
    if (value && value->is_object())
      return *value;
    note(key, "an object");
    return empty;
  }
  const json &array(const json &parent, const char *key) {
    static const json empty = json::array();
    const json *value = find(parent, key);
    if (value && value->is_array())
      return *value;
    note(key, "an array");
    return empty;
  }
  std::string string(const json &parent, const char *key) {
    const json *value = find(parent, key);
    if (value && value->is_string())
      return value->get<std::string>();
    note(key, "a string");
    return {};
  }
  bool boolean(const json &parent, const char *key) {
    const json *value = find(parent, key);
    if (value && value->is_boolean())
      return value->get<bool>();
    note(key, "true or false");
    return false;
  }
  int64_t integer(const json &parent, const char *key, int64_t min,
                  int64_t max = std::numeric_limits<int32_t>::max()) {
    const json *value = find(parent, key);
    if (value)
      return toInteger(*value, key, min, max);
    note(key, "an integer");
    return min;
  }
  int64_t toInteger(const json &value, const char *key, int64_t min,
                    int64_t max) {
    if (value.is_number_integer() && value >= min && value <= max)
      return value.get<int64_t>();
    note(key, "an integer from " + std::to_string(min) + " to " +
                  std::to_string(max));
    return min;
  }
  void note(const char *key, const std::string &expected) {
    if (error.empty())
      error = std::string("manifest field '") + key + "' must be " + expected;
  }

private:
  static const json *find(const json &parent, const char *key) {
    if (!parent.is_object())
      return nullptr;
    auto it = parent.find(key);
    return it == parent.end() ? nullptr : &*it;
  }
};
} // namespace

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

static void readManifest(Reader &reader, const json &manifest, Bundle &bundle) {
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

//===----------------------------------------------------------------------===//
// Sections
//===----------------------------------------------------------------------===//

static mqa_status readSection(Reader &reader, const json &section,
                              const unsigned char *data, size_t size,
                              Bundle &bundle) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  std::string name = reader.string(section, "name");
  uint64_t offset = reader.integer(section, "offset", 0, kMax);
  uint64_t length = reader.integer(section, "size", 1, kMax);
  uint64_t crc =
      reader.integer(section, "crc32", 0, std::numeric_limits<uint32_t>::max());
  if (!reader.error.empty())
    return invalid(reader.error);
  if (offset > size || length > size - offset)
    return invalid("section '" + name + "' ends behind the file: truncated?");
  const unsigned char *begin = data + offset;
  if (checksum(begin, length) != crc)
    return invalid("section '" + name + "' is altered: its checksum differs");
  std::vector<char> *target = name == "ptx"      ? &bundle.ptx
                              : name == "cubin"  ? &bundle.cubin
                              : name == "object" ? &bundle.object
                                                 : nullptr;
  if (!target)
    return invalid("unknown section '" + name + "'");
  target->assign(begin, begin + length);
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::parseBundle(const void *data, size_t size,
                                     std::shared_ptr<const Bundle> &result) {
  auto *bytes = static_cast<const unsigned char *>(data);
  if (size < kHeaderBytes || std::memcmp(bytes, kMagic, 8) != 0)
    return invalid("not an MQA bundle (or of another version): it does not "
                   "start with " +
                   std::string(kMagic));
  uint64_t manifestBytes = readLittleEndian<uint64_t>(bytes + 8);
  uint32_t manifestCrc = readLittleEndian<uint32_t>(bytes + 16);
  if (readLittleEndian<uint32_t>(bytes + 20) != 0)
    return invalid("reserved header field is not 0");
  if (manifestBytes > size - kHeaderBytes)
    return invalid("the manifest ends behind the file: truncated?");
  const unsigned char *manifestBegin = bytes + kHeaderBytes;
  if (checksum(manifestBegin, manifestBytes) != manifestCrc)
    return invalid("the manifest is altered: its checksum differs");
  json manifest = json::parse(manifestBegin, manifestBegin + manifestBytes,
                              /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!manifest.is_object())
    return invalid("the manifest is not a JSON object");

  auto bundle = std::make_shared<Bundle>();
  Reader reader;
  readManifest(reader, manifest, *bundle);
  if (!reader.error.empty())
    return invalid(reader.error);
  const unsigned char *sections = manifestBegin + manifestBytes;
  size_t sectionBytes = size - kHeaderBytes - manifestBytes;
  for (const json &section : reader.array(manifest, "sections"))
    MQA_RETURN_IF_FAILED(
        readSection(reader, section, sections, sectionBytes, *bundle));
  if (bundle->target == "cpu" ? bundle->object.empty() : bundle->ptx.empty())
    return invalid("holds no code for target '" + bundle->target + "'");
  // The driver reads PTX as a string.
  if (!bundle->ptx.empty())
    bundle->ptx.push_back('\0');
  result = std::move(bundle);
  return MQA_SUCCESS;
}
