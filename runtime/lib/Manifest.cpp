//===- Manifest.cpp - Reads the manifest of a bundle ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpRules.h"

#include <unordered_set>

using namespace mqa::runtime;

/// What a block may use on any chip that is known: 227 KiB.
static constexpr int64_t kMaxSharedMemoryBytes = 232448;
static constexpr int64_t kMaxBlockThreads = 1024, kWarpThreads = 32;

int64_t mqa::runtime::readSize(Fields &fields, const char *key) {
  return fields.integer(key, -1, kMaxSize);
}

int64_t mqa::runtime::readPowerOfTwo(Fields &fields, const char *key,
                                     int64_t min, int64_t max) {
  int64_t value = fields.integer(key, min, max);
  if (value & (value - 1))
    fields.refuse(key, "a power of two from " + std::to_string(min) + " to " +
                           std::to_string(max));
  return value;
}

bool mqa::runtime::unite(int64_t &size, int64_t other) {
  if (size < 0)
    size = other;
  return other < 0 || size == other;
}

void mqa::runtime::uniteSequences(Fields &fields, KernelDescription &kernel) {
  if (kernel.numQueries >= 0 &&
      (kernel.numQueries % kernel.nextN ||
       !unite(kernel.batch, kernel.numQueries / kernel.nextN)))
    fields.refuse("num_queries", "batch * next_n");
}

void mqa::runtime::readBlock(Fields &fields, KernelDescription &kernel) {
  kernel.blockThreads =
      fields.integer("block_threads", kWarpThreads, kMaxBlockThreads);
  if (kernel.blockThreads % kWarpThreads)
    fields.refuse("block_threads", "a multiple of 32");
  kernel.sharedMemoryBytes =
      fields.integer("shared_memory_bytes", 0, kMaxSharedMemoryBytes);
  kernel.schedule = fields.text("schedule");
  kernel.overlapsLaunches = fields.boolean("overlaps_launches");
}

KernelDescription mqa::runtime::readKernel(Fields &fields, bool isCpu) {
  static const Fields::Choice<const OpRules *> ops[] = {
      {getLogitsRules().name, &getLogitsRules()},
      {getPagedLogitsRules().name, &getPagedLogitsRules()},
      {getTopkRules().name, &getTopkRules()},
      {getMergeTopkRules().name, &getMergeTopkRules()},
      {getLogitsTopkRules().name, &getLogitsTopkRules()},
      {getPagedLogitsTopkRules().name, &getPagedLogitsTopkRules()}};
  KernelDescription kernel;
  kernel.name = fields.name("name");
  kernel.rules = fields.choice("op", ops);
  kernel.rules->readFields(fields, isCpu, kernel);
  fields.finish();
  return kernel;
}

/// Of a bundle that another compiler wrote, this one and its fields may be all
/// that means the same.
static void checkVersion(Fields &manifest) {
  int64_t version = manifest.integer("version", 1, kMaxSize);
  if (version == kBundleVersion)
    return;
  std::string writer =
      manifest.has("compiler") ? manifest.name("compiler") : "another compiler";
  throw InvalidBundle{
      "version " + std::to_string(version) + ", written by " + writer +
      "; this runtime, mqa " MQA_VERSION ", reads version " +
      std::to_string(kBundleVersion) +
      (version < kBundleVersion ? ": compile it again"
                                : ": it needs a newer runtime")};
}

static std::vector<Section> readSections(Fields &manifest) {
  std::vector<Section> sections;
  uint64_t end = 0;
  for (Fields &fields : manifest.objects("sections")) {
    Section section;
    section.name = fields.name("name");
    section.offset = fields.integer("offset", 0, kMaxBundleBytes);
    section.size = fields.integer("size", 1, kMaxBundleBytes);
    section.crc32 = static_cast<uint32_t>(
        fields.integer("crc32", 0, std::numeric_limits<uint32_t>::max()));
    // No byte twice, and none that is under no checksum.
    if (section.offset != end)
      fields.refuse("offset",
                    std::to_string(end) + ", where the section before it ends");
    end += section.size;
    fields.finish();
    sections.push_back(std::move(section));
  }
  return sections;
}

std::vector<Section> mqa::runtime::readManifest(const nlohmann::json &manifest,
                                                Bundle &bundle) {
  Fields fields(manifest, "");
  checkVersion(fields);
  static const Fields::Choice<const char *> targets[] = {
      {"sm_80", "sm_80"},   {"sm_86", "sm_86"},   {"sm_89", "sm_89"},
      {"sm_90a", "sm_90a"}, {"sm_120", "sm_120"}, {"cpu", "cpu"}};
  bundle.target = fields.choice("target", targets);
  bool isCpu = bundle.target == "cpu";
  if (fields.has("parts_behind"))
    bundle.partsBehind = fields.integer("parts_behind", 1, kMaxPartsBehind);
  // Who wrote it and for which processor, a person reads.
  fields.name("compiler");
  if (isCpu) {
    fields.name("cpu");
    bundle.cpuFeatures = fields.names("cpu_features");
    for (const std::string &feature : bundle.cpuFeatures)
      if (feature.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyz0123456789_.-") != std::string::npos)
        fields.refuse("cpu_features", "names of features");
  }
  std::unordered_set<std::string> names;
  for (Fields &kernel : fields.objects("kernels")) {
    bundle.kernels.push_back(readKernel(kernel, isCpu));
    if (!names.insert(bundle.kernels.back().name).second)
      kernel.refuse("name", "no other kernel's");
  }
  if (bundle.kernels.empty())
    fields.refuse("kernels", "an array of at least one kernel");
  std::vector<Section> sections = readSections(fields);
  fields.finish();
  return sections;
}
