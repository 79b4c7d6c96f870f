//===- Session.cpp - One kernel on one problem ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include <cstring>

using namespace mqa::tools;

Format mqa::tools::getFormat(const mqa_kernel_info &info) {
  return {info.input_type,     info.out_type,         info.relu != 0,
          info.weights_type,   info.has_weights != 0, info.has_k_scale != 0,
          info.compressed != 0};
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

LoadedKernel::LoadedKernel(const mqa_bundle *bundle, std::optional<bool> clean,
                           int device) {
  for (size_t i = 0, e = mqa_bundle_num_kernels(bundle); i < e; ++i) {
    require(mqa_bundle_kernel_info(bundle, i, &info));
    if (clean && *clean != (info.clean != 0))
      continue;
    require(mqa_kernel_load(bundle, info.name, device, &kernel));
    return;
  }
  fatal(*clean ? "the bundle has no kernel that cleans: compile an mqa.logits "
                 "with {clean}"
               : "every kernel of the bundle cleans: use --clean");
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

/// Rows of `rowElements` elements at `stride` from each other, behind
/// `rowsBefore` others. What is between them is NaN in every type of float.
template <typename T>
static std::unique_ptr<Buffer>
uploadRows(Device &device, const std::vector<T> &data, int64_t rowElements,
           int64_t stride, int64_t rowsBefore) {
  if ((stride == rowElements && rowsBefore == 0) || rowElements == 0)
    return device.upload(data);
  size_t rows = data.size() / rowElements;
  std::vector<T> strided((rowsBefore + rows) * stride);
  std::memset(strided.data(), 0xff, strided.size() * sizeof(T));
  for (size_t i = 0; i < rows; ++i)
    std::copy_n(data.data() + i * rowElements, rowElements,
                strided.data() + (rowsBefore + i) * stride);
  return device.upload(strided);
}

Session::Session(Device &device, const Problem &problem, const Slack &slack)
    : device(device), problem(problem), ks(device.upload(problem.ks)),
      ke(device.upload(problem.ke)),
      output(problem, std::max<int64_t>(1, problem.countColumns()) + slack.out,
             kGuard) {
  out = device.allocate(output.data.size());
  poison();
  const Shape &shape = problem.shape;
  args.q_stride = shape.numHeads * shape.headDim + slack.q;
  args.k_stride = shape.numGroups * shape.headDim + slack.k;
  args.k_scale_stride = shape.numGroups + slack.kScale;
  args.weights_stride = shape.numHeads + slack.weights;
  auto uploadBytes = [&](const std::vector<uint8_t> &data,
                         mqa_element_type type, int64_t row, int64_t stride) {
    return uploadRows(device, data, row * getBytes(type),
                      stride * getBytes(type), slack.rowsBefore);
  };
  const Format &format = problem.format;
  q = uploadBytes(problem.q, format.input, args.q_stride - slack.q,
                  args.q_stride);
  k = uploadBytes(problem.k, format.input, args.k_stride - slack.k,
                  args.k_stride);
  kScale = uploadRows(device, problem.kScale, shape.numGroups,
                      args.k_scale_stride, slack.rowsBefore);
  weights = uploadBytes(packWeights(problem), format.weights, shape.numHeads,
                        args.weights_stride);
  auto getFirstRow = [&](const Buffer &buffer, int64_t stride,
                         mqa_element_type type) {
    return buffer.as<uint8_t>(slack.rowsBefore * stride * getBytes(type));
  };
  args.q = getFirstRow(*q, args.q_stride, format.input);
  args.k = getFirstRow(*k, args.k_stride, format.input);
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
}

void Session::launchEmpty(const LoadedKernel &kernel) {
  if (!noRanges)
    noRanges = device.upload(std::vector<int32_t>(problem.ks.size(), 0));
  mqa_logits_args empty = args;
  empty.ks = empty.ke = noRanges->as<int32_t>();
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
