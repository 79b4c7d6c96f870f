//===- Manifest.cpp - Reads the manifest of a bundle ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include <unordered_set>

using namespace mqa::runtime;

/// What a block may use on any chip that is known: 227 KiB.
static constexpr int64_t kMaxSharedMemoryBytes = 232448;
static constexpr int64_t kMaxBlockThreads = 1024, kWarpThreads = 32;

/// Of sizes, -1 is one that is given at launch.
static int64_t readSize(Fields &fields, const char *key) {
  return fields.integer(key, -1, kMaxSize);
}

/// Two operands' word for one size, which one of them may not know: what the
/// kernel was compiled for is what either knows. False if they disagree.
static bool unite(int64_t &size, int64_t other) {
  if (size < 0)
    size = other;
  return other < 0 || size == other;
}

static void readPagedSizes(Fields &fields, KernelDescription &kernel) {
  kernel.batch = readSize(fields, "batch");
  kernel.nextN = fields.integer("next_n", 1, 8);
  kernel.numBlocks = readSize(fields, "num_blocks");
  kernel.blockKv = fields.integer("block_kv", 16, 256);
  if (kernel.blockKv & (kernel.blockKv - 1))
    fields.refuse("block_kv", "a power of two from 16 to 256");
  kernel.maxBlocks = readSize(fields, "max_blocks");
  if (kernel.compressed)
    fields.refuse("compressed", "false for mqa.paged_logits");
  if (kernel.numQueries >= 0 &&
      (kernel.numQueries % kernel.nextN ||
       !unite(kernel.batch, kernel.numQueries / kernel.nextN)))
    fields.refuse("num_queries", "batch * next_n");
}

static void readKeySizes(Fields &fields, KernelDescription &kernel) {
  kernel.numKeys = readSize(fields, "num_keys");
  kernel.hasKeyGroups = fields.boolean("has_key_groups");
  kernel.numGroups = fields.integer("num_groups", 1, kernel.numHeads);
  if (kernel.numHeads % kernel.numGroups)
    fields.refuse("num_groups", "a divisor of num_heads");
  if (!kernel.hasKeyGroups && kernel.numGroups != 1)
    fields.refuse("num_groups", "1 where has_key_groups is false");
  if (!kernel.compressed && !unite(kernel.numKeys, kernel.numColumns))
    fields.refuse("num_columns", "num_keys where compressed is false");
}

/// What a launch on a GPU divides by, and what the driver is given.
static void readGpuLaunch(Fields &fields, KernelDescription &kernel) {
  kernel.blockThreads =
      fields.integer("block_threads", kWarpThreads, kMaxBlockThreads);
  if (kernel.blockThreads % kWarpThreads)
    fields.refuse("block_threads", "a multiple of 32");
  kernel.sharedMemoryBytes =
      fields.integer("shared_memory_bytes", 0, kMaxSharedMemoryBytes);
  kernel.blockQueries = fields.integer("block_queries", 1, 32);
  if (kernel.paged && kernel.blockQueries < kernel.nextN)
    fields.refuse("block_queries", "at least next_n");
  kernel.tileKeys = fields.integer("tile_keys", 1, 256);
  kernel.blockKeys = fields.integer("block_keys", 1, 4096);
  if (kernel.blockKeys % kernel.tileKeys)
    fields.refuse("block_keys", "a multiple of tile_keys");
  kernel.schedule = fields.text("schedule");
  kernel.fast = fields.boolean("fast");
  kernel.splitsKeys = fields.boolean("splits_keys");
  kernel.overlapsLaunches = fields.boolean("overlaps_launches");
}

static KernelDescription readKernel(Fields &fields, bool isCpu) {
  static const Fields::Choice<bool> ops[] = {{"mqa.logits", false},
                                             {"mqa.paged_logits", true}};
  KernelDescription kernel;
  kernel.name = fields.name("name");
  kernel.paged = fields.choice("op", ops);
  kernel.clean = fields.boolean("clean");
  kernel.compressed = fields.boolean("compressed");
  kernel.relu = fields.boolean("relu");
  kernel.numQueries = readSize(fields, "num_queries");
  kernel.numColumns = readSize(fields, "num_columns");
  kernel.numHeads = fields.integer("num_heads", 1, 128);
  kernel.headDim = fields.integer("head_dim", 16, 256);
  if (kernel.headDim % 16)
    fields.refuse("head_dim", "a multiple of 16 up to 256");
  if (kernel.paged)
    readPagedSizes(fields, kernel);
  else
    readKeySizes(fields, kernel);
  if (isCpu) {
    kernel.taskQueries = fields.integer("task_queries", 1, kMaxSize);
    kernel.taskKeys = fields.integer("task_keys", 1, kMaxSize);
    kernel.scratchBytes = fields.integer("scratch_bytes", 0, kMaxSize);
  } else {
    readGpuLaunch(fields, kernel);
  }
  readParameters(fields, isCpu, kernel);
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
