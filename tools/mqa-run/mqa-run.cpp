//===- mqa-run.cpp - Launches a bundle's kernel and checks it -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "List.h"
#include "Options.h"
#include "TopkSession.h"
#include "Units.h"
#include "mqa/Support/Output.h"

#include <nlohmann/json.hpp>

#include <iostream>
#include <new>

using namespace mqa::tools;

static int64_t countChangedReruns(Session &session, const LoadedKernel &kernel,
                                  int reruns) {
  std::vector<uint8_t> first = session.download().data;
  int64_t changed = 0;
  for (int i = 0; i < reruns; ++i) {
    session.poison();
    session.launch(kernel);
    changed += session.download().data != first;
  }
  return changed;
}

/// The lengths of all sequences: given, or drawn.
static std::vector<int32_t> getLengths(const Options &options,
                                       const mqa_kernel_info &info) {
  std::vector<int32_t> lengths(options.contextLens.begin(),
                               options.contextLens.end());
  int64_t asked = options.batch;
  if (!lengths.empty()) {
    if (asked >= 0 && asked != static_cast<int64_t>(lengths.size()))
      fatal("--batch is " + std::to_string(asked) +
            ", but --context-lens has " + std::to_string(lengths.size()));
    asked = lengths.size();
  }
  int64_t batch = getSize("--batch", info.batch, asked, 16);
  if (lengths.empty())
    lengths =
        drawLengths(batch, options.contextLen < 0 ? 4096 : options.contextLen,
                    options.seed);
  return lengths;
}

/// Rows that name their sequences: some neighbouring ones are the last of each.
static void makeRows(const mqa_kernel_info &info, PagedShape &shape,
                     const Options &options) {
  std::vector<int32_t> lengths;
  std::swap(lengths, shape.lens);
  shape.ofRows = true;
  for (int64_t b = 0; b < shape.batch; ++b) {
    // Any numbers from 1 to 8 that have no pattern.
    uint64_t drawn = (options.seed + b + 1) * 0x9e3779b97f4a7c15;
    int64_t count = options.rows >= 0 ? options.rows : 1 + (drawn >> 61);
    for (int64_t t = 0; t < count; ++t) {
      shape.lens.push_back(static_cast<int32_t>(lengths[b] - count + t + 1));
      shape.sequence.push_back(static_cast<int32_t>(b));
    }
  }
  int64_t numRows = shape.sequence.size();
  if (info.num_queries < 0 || info.num_queries == numRows)
    return;
  if (options.rows >= 0)
    fatal("the kernel has " + std::to_string(info.num_queries) +
          " rows, but --rows makes " + std::to_string(numRows));
  // Rows behind these see no key, and name no sequence.
  shape.lens.resize(info.num_queries, 0);
  shape.sequence.resize(info.num_queries, -1);
}

/// Lists of blocks where each query has its own.
static void addKeyBlocks(Problem &problem, const Options &options,
                         const mqa_kernel_info &info) {
  if (!info.key_block_size && options.maxKeyBlocks >= 0)
    fatal("--max-key-blocks is for a kernel with key blocks");
  if (info.key_block_size)
    setKeyBlocks(problem, info.key_block_size,
                 getSize("--max-key-blocks", info.max_key_blocks,
                         options.maxKeyBlocks, 64),
                 options.blockLists, options.seed);
}

static Problem makePaged(const Options &options, const mqa_kernel_info &info) {
  getSize("--next-n", info.next_n, options.nextN, 0);
  getSize("--block-kv", info.block_kv, options.blockKv, 0);
  if (options.rows >= 0 && !info.has_sequence)
    fatal("--rows is for a kernel whose rows name their sequences, which this "
          "one has not ('sequence' of mqa.paged_logits)");
  std::vector<int32_t> lengths = getLengths(options, info);
  PagedShape shape{static_cast<int64_t>(lengths.size()),
                   info.next_n,
                   info.num_heads,
                   info.head_dim,
                   info.block_kv,
                   lengths};
  if (info.has_sequence) {
    makeRows(info, shape, options);
  } else if (info.lens_per_query) {
    // The new queries are the last of their sequence.
    shape.lens.clear();
    for (int32_t length : lengths)
      for (int64_t t = 0; t < info.next_n; ++t)
        shape.lens.push_back(length - info.next_n + t + 1);
  }
  if (info.key_block_size && options.maxContextLen >= 0)
    fatal("--max-context-len is for a kernel without key blocks");
  shape.maxContextLen =
      info.max_context_len < 0 ? options.maxContextLen : info.max_context_len;
  shape.maxBlocks = info.max_blocks;
  shape.numBlocks = info.num_blocks;
  Problem problem = makePagedProblem(shape, options.seed, /*wide=*/false,
                                     getFormat(info), options.integers);
  addKeyBlocks(problem, options, info);
  return problem;
}

static Problem makeContiguous(const Options &options,
                              const mqa_kernel_info &info) {
  if (!info.compressed && options.maxSeqlenK >= 0)
    fatal("--max-seqlen-k is for a kernel with a compressed output");
  int64_t numQueries =
      getSize("--seq-len", info.num_queries, options.seqLen, 256);
  int64_t numKeys =
      getSize("--seq-len-kv", info.num_keys, options.seqLenKv, 4096);
  if (info.compressed)
    getSize("--max-seqlen-k", info.max_seqlen_k, options.maxSeqlenK, numKeys);
  Shape shape = getShape(info, numQueries, numKeys, options.maxSeqlenK);
  Format format = getFormat(info);
  Problem problem =
      options.integers
          ? makeIntegerProblem(shape, options.mask, options.seed, format)
          : makeProblem(shape, options.mask, options.seed, /*wide=*/false,
                        format);
  addKeyBlocks(problem, options, info);
  return problem;
}

/// Options that mean something for the other op alone.
static void checkOptions(const Options &options, bool paged, bool fused) {
  if (!options.pattern.empty() && !fused)
    fatal("--pattern is for mqa.topk and mqa.merge_topk; this kernel is of " +
          std::string(paged ? "mqa.paged_logits" : "mqa.logits"));
  if (options.numLists >= 0)
    fatal("--num-lists is for mqa.merge_topk; this kernel is of " +
          std::string(paged ? "mqa.paged_logits" : "mqa.logits"));
  bool pagedOnly = options.batch >= 0 || options.nextN >= 0 ||
                   options.contextLen >= 0 || options.blockKv >= 0 ||
                   options.maxContextLen >= 0 || options.rows >= 0 ||
                   !options.contextLens.empty();
  bool contiguousOnly =
      options.seqLen >= 0 || options.seqLenKv >= 0 || options.maxSeqlenK >= 0;
  if (paged && contiguousOnly)
    fatal("--seq-len, --seq-len-kv and --max-seqlen-k are for mqa.logits; this "
          "kernel is of mqa.paged_logits: --batch, --context-len");
  if (!paged && pagedOnly)
    fatal("--batch, --next-n, --block-kv, --context-len, --context-lens, "
          "--rows and --max-context-len are for mqa.paged_logits; this kernel "
          "is of "
          "mqa.logits: --seq-len, --seq-len-kv");
}

static void printText(const nlohmann::json &report) {
  std::printf("device:          %s\n",
              report["device"].get<std::string>().c_str());
  std::printf("kernel:          %s (%s)\n",
              report["kernel"].get<std::string>().c_str(),
              report["target"].get<std::string>().c_str());
  if (report["targets"].size() > 1) {
    std::printf("targets:        ");
    for (const auto &target : report["targets"])
      std::printf(" %s", target.get<std::string>().c_str());
    std::printf("\n");
  }
  auto integer = [&](const char *name) { return report[name].get<long>(); };
  // Columns of key blocks are not those of all keys.
  auto countColumns = [&] {
    return report.contains("key_block_size")
               ? integer("key_block_size") * integer("max_key_blocks")
               : integer("max_context_len");
  };
  if (report.contains("num_rows"))
    std::printf("shape:           B=%ld R=%ld H=%ld D=%ld, blocks of %ld keys, "
                "%ld columns\n",
                integer("batch"), integer("num_rows"), integer("num_heads"),
                integer("head_dim"), integer("block_kv"), countColumns());
  else if (report.contains("batch"))
    std::printf("shape:           B=%ld T=%ld H=%ld D=%ld, blocks of %ld keys, "
                "%ld columns\n",
                integer("batch"), integer("next_n"), integer("num_heads"),
                integer("head_dim"), integer("block_kv"), countColumns());
  else
    std::printf("shape:           M=%ld H=%ld D=%ld N=%ld\n",
                integer("seq_len"), integer("num_heads"), integer("head_dim"),
                integer("seq_len_kv"));
  if (report["num_groups"].get<long>() > 1)
    std::printf("key groups:      %ld\n", report["num_groups"].get<long>());
  if (report.contains("block_max"))
    std::printf("block maxima:    %ld columns of %ld keys\n",
                integer("columns"), integer("block_max"));
  if (report.contains("max_seqlen_k"))
    std::printf("columns:         %ld\n", report["max_seqlen_k"].get<long>());
  if (report.contains("relative_error")) {
    std::printf("relative error:  %.3g (%ld rows checked)\n",
                report["relative_error"].get<double>(),
                report["checked_rows"].get<long>());
    std::printf("element errors:  %ld\n", report["element_errors"].get<long>());
    std::printf("mask mismatches: %ld\n",
                report["mask_mismatches"].get<long>());
    std::printf("outside writes:  %ld\n", report["outside_writes"].get<long>());
  }
  if (report.contains("changed_reruns"))
    std::printf("changed reruns:  %ld of %ld\n",
                report["changed_reruns"].get<long>(),
                report["reruns"].get<long>());
  std::printf("time:            %s (median of %ld), %s, %s\n",
              formatTime(report["time_us"]).c_str(),
              report["repeat"].get<long>(),
              formatRate(report["tflops"].get<double>() * 1e3).c_str(),
              formatBandwidth(report["gb_per_s"]).c_str());
  if (report.contains("host_us"))
    std::printf("host, a launch:  %.1f us, prepared %.1f us\n",
                report["host_us"].get<double>(),
                report["host_prepared_us"].get<double>());
  printResult(report["pass"]);
}

static int run(const Options &options) {
  mqa_bundle *bundle;
  require(mqa_bundle_load_file(options.bundle.c_str(), &bundle));
  if (options.list) {
    listBundle(bundle, options.json);
    mqa_bundle_destroy(bundle);
    return 0;
  }
  std::unique_ptr<Device> device =
      options.cpu ? Device::create("cpu") : createDevice(bundle);
  // Without --clean, a bundle whose kernels all clean is run as it is.
  std::optional<bool> clean = options.clean;
  std::vector<mqa_kernel_info> kernels = listKernels(bundle);
  if (!options.clean && kernels[0].clean && kernels.size() == 1)
    clean = std::nullopt;
  std::optional<mqa_device_kind> kind;
  if (options.cpu)
    kind = MQA_DEVICE_CPU;
  std::string name = options.kernel;
  for (const mqa_kernel_info &own : kernels)
    if (name.empty() && !options.clean && isFused(own))
      name = own.name;
  std::unique_ptr<LoadedKernel> loaded =
      name.empty()
          ? std::make_unique<LoadedKernel>(bundle, clean, /*device=*/0, kind)
          : std::make_unique<LoadedKernel>(bundle, name.c_str(), /*device=*/0,
                                           kind);
  const LoadedKernel &kernel = *loaded;
  const mqa_kernel_info &info = kernel.getInfo();
  if (selectsKeys(info) || isFused(info)) {
    nlohmann::json report = {{"device", device->getName()},
                             {"kernel", info.name},
                             {"target", info.target},
                             {"targets", listTargets(bundle)},
                             {"seed", options.seed}};
    bool pass;
    if (isFused(info)) {
      checkOptions(options, isPaged(info), /*fused=*/true);
      Problem problem = isPaged(info) ? makePaged(options, info)
                                      : makeContiguous(options, info);
      pass = runFused(*device, bundle, kernel, options, problem, report);
    } else {
      pass = runTopk(*device, kernel, options, report);
    }
    report["pass"] = pass;
    if (options.json)
      std::cout << report.dump(2) << "\n";
    else
      printTopk(report);
    loaded.reset();
    mqa_bundle_destroy(bundle);
    return pass ? 0 : 1;
  }

  checkOptions(options, isPaged(info), /*fused=*/false);
  Problem problem =
      isPaged(info) ? makePaged(options, info) : makeContiguous(options, info);
  const Shape &shape = problem.shape;
  Slack slack;
  // As engines have it.
  slack.fused = true;
  slack.out = options.outStride - std::max<int64_t>(1, problem.countColumns());
  if (options.outStride && slack.out < 0)
    fatal("--out-stride must be at least " +
          std::to_string(problem.countColumns()) + ", the columns, found " +
          std::to_string(options.outStride));
  slack.out = std::max<int64_t>(slack.out, 0);

  nlohmann::json report = {
      {"device", device->getName()}, {"kernel", info.name},
      {"target", info.target},       {"targets", listTargets(bundle)},
      {"clean", info.clean != 0},    {"num_heads", shape.numHeads},
      {"head_dim", shape.headDim},   {"num_groups", shape.numGroups},
      {"seed", options.seed}};
  bool pass = true;
  if (isPaged(info)) {
    report["batch"] = problem.paging.getBatch();
    report["next_n"] = info.next_n;
    if (info.has_sequence)
      report["num_rows"] = shape.numQueries;
    report["block_kv"] = info.block_kv;
    report["max_context_len"] = shape.numKeys;
  } else {
    report["seq_len"] = shape.numQueries;
    report["seq_len_kv"] = shape.numKeys;
  }
  if (info.compressed)
    report["max_seqlen_k"] = shape.maxSeqlenK;
  if (info.block_max) {
    report["block_max"] = info.block_max;
    report["columns"] = problem.countColumns();
  }
  if (info.key_block_size) {
    report["key_block_size"] = info.key_block_size;
    report["max_key_blocks"] = problem.keyBlocks.maxBlocks;
  }
  Session session(*device, problem, slack);
  session.launch(kernel);
  if (options.verify) {
    constexpr int64_t kMaxPairs = 1 << 20;
    CheckResult check = session.check(kernel, kMaxPairs);
    report["relative_error"] = check.relativeError;
    report["difference"] = check.difference;
    report["element_errors"] = check.elementErrors;
    report["mask_mismatches"] = check.maskMismatches;
    report["outside_writes"] = check.outsideWrites;
    report["checked_rows"] = check.sampledRows;
    // A 16-bit logit is rounded, an integer or not.
    bool exact = options.integers && info.out_type == MQA_F32;
    pass = check.passes() && (!exact || check.relativeError == 0);
  }
  if (options.reruns) {
    int64_t changed = countChangedReruns(session, kernel, options.reruns);
    report["reruns"] = options.reruns;
    report["changed_reruns"] = changed;
    pass = pass && changed == 0;
  }
  device->synchronize();
  double time =
      getMedian(device->time(options.repeat, [&] { session.launch(kernel); }));
  double operations =
      2.0 * shape.numHeads * shape.headDim * problem.countPairs();
  report["repeat"] = options.repeat;
  report["time_us"] = time;
  report["tflops"] = operations / time * 1e-6;
  report["gb_per_s"] = countBytes(problem, info.clean) / time * 1e-3;
  if (!isForCpu(info)) {
    report["host_us"] =
        measureHostTime(*device, [&] { session.launch(kernel); });
    auto launch = session.prepare(kernel);
    report["host_prepared_us"] = measureHostTime(
        *device, [&] { require(mqa_launch_run(launch.get(), nullptr)); });
  }
  report["pass"] = pass;
  if (options.json)
    std::cout << report.dump(2) << "\n";
  else
    printText(report);
  mqa_bundle_destroy(bundle);
  return pass ? 0 : 1;
}

int main(int argc, char **argv) {
  mqa::support::guardStandardStreams("mqa-run");
  Options options;
  if (int code = parse(argc, argv, options))
    return code < 0 ? 0 : code;
  try {
    return run(options);
  } catch (const std::bad_alloc &) {
    fatal("out of memory: the problem does not fit this machine");
  } catch (const std::exception &error) {
    fatal(error.what());
  }
}
