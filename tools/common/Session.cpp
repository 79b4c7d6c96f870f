//===- Session.cpp - One kernel on one problem ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"
#include "CudaDriver.h"

#include <algorithm>
#include <cstring>

using namespace mqa::tools;

static std::optional<mqa_element_type> getMxKeys(const mqa_kernel_info &info) {
  if (info.k_scale_type == MQA_I32)
    return info.key_type;
  return {};
}

Format mqa::tools::getFormat(const mqa_kernel_info &info) {
  Format format{info.input_type,       info.logits_type,
                info.activation,       info.weights_type,
                info.has_weights != 0, info.has_k_scale != 0,
                info.compressed != 0,  getMxKeys(info),
                info.block_max,        info.has_ks != 0};
  format.headReduction = info.head_reduction;
  if (!info.has_q_scale)
    return format;
  format.mxQueries = info.input_type;
  format.input = format.hasMxKeys() ? MQA_F8E4M3FN : info.key_type;
  return format;
}

Shape mqa::tools::getShape(const mqa_kernel_info &info, int64_t numQueries,
                           int64_t numKeys, int64_t maxSeqlenK) {
  Shape shape{info.num_queries < 0 ? numQueries : info.num_queries,
              info.num_heads, info.head_dim,
              info.num_keys < 0 ? numKeys : info.num_keys, info.num_groups};
  if (info.compressed)
    shape.maxSeqlenK = info.max_seqlen_k >= 0 ? info.max_seqlen_k
                       : maxSeqlenK >= 0      ? maxSeqlenK
                                              : shape.numKeys;
  return shape;
}

std::vector<mqa_kernel_info> mqa::tools::listKernels(const mqa_bundle *bundle) {
  std::vector<mqa_kernel_info> kernels;
  for (size_t i = 0, e = mqa_bundle_num_kernels(bundle); i < e; ++i) {
    mqa_kernel_info info;
    require(mqa_bundle_kernel_info(bundle, i, &info));
    bool isKnown = std::any_of(kernels.begin(), kernels.end(),
                               [&](const mqa_kernel_info &other) {
                                 return std::strcmp(other.name, info.name) == 0;
                               });
    if (!isKnown)
      kernels.push_back(info);
  }
  return kernels;
}

std::vector<std::string> mqa::tools::listTargets(const mqa_bundle *bundle) {
  std::vector<std::string> targets;
  for (size_t i = 0, e = mqa_bundle_num_kernels(bundle); i < e; ++i) {
    mqa_kernel_info info;
    require(mqa_bundle_kernel_info(bundle, i, &info));
    if (std::find(targets.begin(), targets.end(), info.target) == targets.end())
      targets.push_back(info.target);
  }
  return targets;
}

std::unique_ptr<Device> mqa::tools::createDevice(const mqa_bundle *bundle) {
  bool hasCpu = false;
  std::string gpu;
  for (const std::string &target : listTargets(bundle)) {
    if (target == "cpu")
      hasCpu = true;
    else
      gpu = target;
  }
  if (gpu.empty())
    return Device::create("cpu");
  const mqa::runtime::CudaDriver *driver;
  if (mqa::runtime::CudaDriver::get(driver))
    fatal(std::string(mqa_last_error()) +
          (hasCpu ? "; mqa-run --cpu takes the bundle's kernel for the CPU"
                  : "; the bundle is for GPUs alone, mqa-compile "
                    "--target=cpu compiles for the CPU"));
  return Device::create(gpu);
}

void LoadedKernel::load(const mqa_bundle *bundle, const char *name, int device,
                        std::optional<mqa_device_kind> kind) {
  if (kind)
    require(mqa_kernel_load_for(bundle, name, *kind, device, &kernel));
  else
    require(mqa_kernel_load(bundle, name, device, &kernel));
  require(mqa_kernel_get_info(kernel, &info));
}

LoadedKernel::LoadedKernel(const mqa_bundle *bundle, const char *name,
                           int device, std::optional<mqa_device_kind> kind) {
  load(bundle, name, device, kind);
}

LoadedKernel::LoadedKernel(const mqa_bundle *bundle, std::optional<bool> clean,
                           int device, std::optional<mqa_device_kind> kind) {
  for (const mqa_kernel_info &candidate : listKernels(bundle)) {
    if (clean && *clean != (candidate.clean != 0))
      continue;
    load(bundle, candidate.name, device, kind);
    return;
  }
  fatal(*clean ? "the bundle has no kernel that cleans: compile an mqa.logits "
                 "with {clean}"
               : "every kernel of the bundle cleans: use --clean");
}

std::unique_ptr<LoadedKernel> LoadedKernel::tryLoad(const mqa_bundle *bundle,
                                                    size_t index, int device) {
  std::unique_ptr<LoadedKernel> loaded(new LoadedKernel);
  mqa_status status =
      mqa_kernel_load_at(bundle, index, device, &loaded->kernel);
  if (status == MQA_ERROR_UNSUPPORTED)
    return nullptr;
  require(status);
  require(mqa_kernel_get_info(loaded->kernel, &loaded->info));
  return loaded;
}

/// Room before and behind the output in which nobody may write.
static constexpr size_t kGuard = 1024;

static std::vector<uint8_t> packWeights(const Problem &problem) {
  mqa_element_type type = problem.format.weights;
  std::vector<uint8_t> data(problem.weights.size() * getBytes(type));
  for (size_t i = 0; i < problem.weights.size(); ++i)
    storeBits(type, data.data(), i, encode(type, problem.weights[i]));
  return data;
}

/// The rows of `data` with `stride` elements from one to the next, behind
/// `rowsBefore` others. What is between them is all ones: NaN, if it is read.
template <typename T>
static std::vector<T> spread(const std::vector<T> &data, int64_t rowElements,
                             int64_t stride, int64_t rowsBefore = 0) {
  if ((stride == rowElements && rowsBefore == 0) || rowElements == 0)
    return data;
  size_t rows = data.size() / rowElements;
  std::vector<T> strided((rowsBefore + rows) * stride);
  if (!strided.empty())
    std::memset(strided.data(), 0xff, strided.size() * sizeof(T));
  for (size_t i = 0; i < rows; ++i)
    std::copy_n(data.data() + i * rowElements, rowElements,
                strided.data() + (rowsBefore + i) * stride);
  return strided;
}

template <typename T>
static std::unique_ptr<Buffer>
uploadRows(Device &device, const std::vector<T> &data, int64_t rowElements,
           int64_t stride, int64_t rowsBefore) {
  return device.upload(spread(data, rowElements, stride, rowsBefore));
}

Session::Session(Device &device, const Problem &problem, const Slack &slack)
    : device(device), problem(problem), slack(slack),
      output(problem, std::max<int64_t>(1, problem.countColumns()) + slack.out,
             kGuard) {
  out = device.allocate(output.data.size());
  poison();
  if (problem.paging.nextN)
    uploadPaged();
  else
    uploadContiguous();
}

std::unique_ptr<Buffer> Session::uploadBytes(const std::vector<uint8_t> &data,
                                             mqa_element_type type, int64_t row,
                                             int64_t stride) {
  return uploadRows(device, data, row * getBytes(type), stride * getBytes(type),
                    slack.rowsBefore);
}

void Session::uploadContiguous() {
  ks = device.upload(problem.ks);
  ke = device.upload(problem.ke);
  const Shape &shape = problem.shape;
  int64_t query = shape.numHeads * problem.format.getQueryRow(shape.headDim);
  args.q_stride = query + slack.q;
  args.k_stride = shape.numGroups * shape.headDim + slack.k;
  args.k_scale_stride = shape.numGroups + slack.kScale;
  args.weights_stride = shape.numHeads + slack.weights;
  const Format &format = problem.format;
  q = uploadBytes(problem.q, format.getQueryType(), query, args.q_stride);
  if (format.hasMxQueries()) {
    args.q_scale_stride = shape.numHeads + slack.weights;
    qScale = uploadRows(device, problem.queryScales, shape.numHeads,
                        args.q_scale_stride, slack.rowsBefore);
    args.q_scale = qScale->as<int32_t>(slack.rowsBefore * args.q_scale_stride);
  }
  if (format.hasMxKeys()) {
    int64_t bytes = format.getKeyBytes(shape.headDim);
    args.k_stride = bytes + slack.k;
    k = uploadRows(device, problem.k, bytes, args.k_stride, slack.rowsBefore);
    kScale = uploadRows(device, problem.blockScales, 1, args.k_scale_stride,
                        slack.rowsBefore);
  } else {
    k = uploadBytes(problem.k, format.input, args.k_stride - slack.k,
                    args.k_stride);
    kScale = uploadRows(device, problem.kScale, shape.numGroups,
                        args.k_scale_stride, slack.rowsBefore);
  }
  weights = uploadBytes(packWeights(problem), format.weights, shape.numHeads,
                        args.weights_stride);
  auto getFirstRow = [&](const Buffer &buffer, int64_t stride,
                         mqa_element_type type) {
    return buffer.as<uint8_t>(slack.rowsBefore * stride * getBytes(type));
  };
  args.q = getFirstRow(*q, args.q_stride, format.getQueryType());
  args.k = format.hasMxKeys() ? k->as<uint8_t>(slack.rowsBefore * args.k_stride)
                              : getFirstRow(*k, args.k_stride, format.input);
  // Null where the kernel has none: it must not look at them.
  if (format.hasKScale)
    args.k_scale = kScale->as<float>(slack.rowsBefore * args.k_scale_stride);
  if (format.hasWeights)
    args.weights = getFirstRow(*weights, args.weights_stride, format.weights);
  args.ks = ks->as<int32_t>();
  args.ke = ke->as<int32_t>();
  args.out = out->as<uint8_t>(kGuard * getBytes(output.type));
  args.out_stride = output.stride;
  args.num_queries = shape.numQueries;
  args.num_keys = shape.numKeys;
  args.max_seqlen_k = shape.maxSeqlenK;
  uploadKeyBlocks(args);
}

template <typename Args> void Session::uploadKeyBlocks(Args &args) {
  const KeyBlocks &own = problem.keyBlocks;
  if (!own.blockSize)
    return;
  args.max_key_blocks = own.maxBlocks;
  args.key_blocks_stride = own.maxBlocks + slack.table;
  keyBlocks =
      device.upload(spread(own.blocks, own.maxBlocks, args.key_blocks_stride));
  numKeyBlocks = device.upload(own.counts);
  args.key_blocks = keyBlocks->as<int32_t>();
  args.num_key_blocks = numKeyBlocks->as<int32_t>();
}

/// Keys and scales in buffers of their own, or behind each other in one.
void Session::uploadCache() {
  const Format &format = problem.format;
  const Paging &paging = problem.paging;
  int64_t elementBytes = format.hasMxKeys() ? 1 : getBytes(format.input);
  int64_t keyBytes = paging.blockKv * format.getKeyBytes(problem.shape.headDim);
  pagedArgs.num_blocks = paging.numBlocks;
  // Scales are words, whatever is in them.
  std::vector<uint32_t> scales = problem.blockScales;
  if (!format.hasMxKeys()) {
    scales.resize(problem.kScale.size());
    std::memcpy(scales.data(), problem.kScale.data(),
                scales.size() * sizeof(uint32_t));
  }
  if (!slack.fused || !format.hasKScale) {
    int64_t stride = keyBytes + slack.k * elementBytes;
    pagedArgs.k_stride = stride / elementBytes;
    k = uploadRows(device, problem.k, keyBytes, stride, 0);
    pagedArgs.k = k->get();
    if (!format.hasKScale)
      return;
    pagedArgs.k_scale_stride = paging.blockKv + slack.kScale;
    kScale =
        uploadRows(device, scales, paging.blockKv, pagedArgs.k_scale_stride, 0);
    pagedArgs.k_scale = kScale->get();
    return;
  }
  int64_t scaleBytes = paging.blockKv * sizeof(uint32_t);
  int64_t stride = keyBytes + scaleBytes + slack.k;
  std::vector<uint8_t> cache(paging.numBlocks * stride, 0xff);
  for (int64_t i = 0; i < paging.numBlocks; ++i) {
    std::memcpy(&cache[i * stride], &problem.k[i * keyBytes], keyBytes);
    std::memcpy(&cache[i * stride + keyBytes], &scales[i * paging.blockKv],
                scaleBytes);
  }
  k = device.upload(cache);
  pagedArgs.k = k->get();
  pagedArgs.k_stride = stride / elementBytes;
  pagedArgs.k_scale = k->as<uint8_t>(keyBytes);
  pagedArgs.k_scale_stride = stride / sizeof(uint32_t);
}

void Session::uploadPaged() {
  const Shape &shape = problem.shape;
  const Format &format = problem.format;
  const Paging &paging = problem.paging;
  int64_t sequence =
      paging.nextN * shape.numHeads * format.getQueryRow(shape.headDim);
  int64_t queryBytes = getBytes(format.getQueryType());
  pagedArgs.batch = paging.getBatch();
  pagedArgs.num_rows = shape.numQueries;
  pagedArgs.q_stride = sequence + slack.q;
  q = uploadRows(device, problem.q, sequence * queryBytes,
                 pagedArgs.q_stride * queryBytes, 0);
  pagedArgs.q = q->get();
  if (format.hasMxQueries()) {
    pagedArgs.q_scale_stride = shape.numHeads + slack.weights;
    qScale = uploadRows(device, problem.queryScales, shape.numHeads,
                        pagedArgs.q_scale_stride, 0);
    pagedArgs.q_scale = qScale->as<int32_t>();
  }
  uploadCache();
  if (format.hasWeights) {
    pagedArgs.weights_stride = shape.numHeads + slack.weights;
    weights = uploadRows(
        device, packWeights(problem), shape.numHeads * getBytes(format.weights),
        pagedArgs.weights_stride * getBytes(format.weights), 0);
    pagedArgs.weights = weights->get();
  }
  pagedArgs.max_blocks = paging.maxBlocks;
  pagedArgs.block_table_stride = paging.maxBlocks + slack.table;
  updatePaging(paging);
  pagedArgs.out = out->as<uint8_t>(kGuard * getBytes(output.type));
  pagedArgs.out_stride = output.stride;
  pagedArgs.max_context_len = shape.numKeys;
  uploadKeyBlocks(pagedArgs);
}

void Session::updateRanges() {
  ks->copyFrom(problem.ks.data(), problem.ks.size() * sizeof(int32_t));
  ke->copyFrom(problem.ke.data(), problem.ke.size() * sizeof(int32_t));
}

void Session::updatePaging(const Paging &paging) {
  bool ofRows = !paging.sequence.empty();
  int64_t lensRow = ofRows ? 1
                           : paging.contextLens.size() /
                                 std::max<int64_t>(1, paging.getBatch());
  pagedArgs.context_lens_stride = lensRow + (ofRows ? 0 : slack.lens);
  auto newLens =
      spread(paging.contextLens, lensRow, pagedArgs.context_lens_stride);
  auto newTable =
      spread(paging.blockTable, paging.maxBlocks, pagedArgs.block_table_stride);
  if (!lens) {
    lens = device.upload(newLens);
    table = device.upload(newTable);
    sequences = device.upload(paging.sequence);
    pagedArgs.sequence = sequences->as<int32_t>();
    pagedArgs.context_lens = lens->as<int32_t>();
    pagedArgs.block_table = table->as<int32_t>();
    return;
  }
  lens->copyFrom(newLens.data(), newLens.size() * sizeof(int32_t));
  table->copyFrom(newTable.data(), newTable.size() * sizeof(int32_t));
  sequences->copyFrom(paging.sequence.data(),
                      paging.sequence.size() * sizeof(int32_t));
}

const void *Session::getWeights() const {
  return problem.paging.nextN ? pagedArgs.weights : args.weights;
}

size_t Session::getWeightBytes() const {
  int64_t stride =
      problem.paging.nextN ? pagedArgs.weights_stride : args.weights_stride;
  return problem.shape.numQueries * stride * getBytes(problem.format.weights);
}

void Session::setWeights(const void *moved) {
  args.weights = pagedArgs.weights = moved;
}

void Session::launchEmpty(const LoadedKernel &kernel) {
  if (problem.paging.nextN) {
    if (!noRanges)
      noRanges = device.upload(std::vector<int32_t>(
          std::max(pagedArgs.batch * pagedArgs.context_lens_stride,
                   pagedArgs.num_rows),
          0));
    mqa_paged_logits_args empty = pagedArgs;
    empty.context_lens = noRanges->as<int32_t>();
    if (pagedArgs.num_key_blocks)
      empty.num_key_blocks = noRanges->as<int32_t>();
    require(mqa_paged_logits_launch(kernel.get(), &empty, nullptr));
    return;
  }
  if (!noRanges)
    noRanges = device.upload(std::vector<int32_t>(problem.ks.size(), 0));
  mqa_logits_args empty = args;
  empty.ks = empty.ke = noRanges->as<int32_t>();
  if (args.num_key_blocks)
    empty.num_key_blocks = noRanges->as<int32_t>();
  require(mqa_logits_launch(kernel.get(), &empty, nullptr));
}

void Session::poison() {
  output = Output(problem, output.stride, kGuard);
  out->copyFrom(output.data.data(), output.data.size());
}

const Output &Session::download() {
  device.synchronize();
  out->copyTo(output.data.data(), output.data.size());
  return output;
}

CheckResult Session::check(const LoadedKernel &kernel, int64_t maxPairs) {
  return checkOutput(problem, download(), kernel.getInfo().clean, maxPairs,
                     kernel.getInfo().fast);
}
