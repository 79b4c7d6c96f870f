//===- Session.cpp - One kernel on one problem ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

using namespace mqa::tools;

Format mqa::tools::getFormat(const mqa_kernel_info &info) {
  return {info.input_type,   info.out_type,         info.relu != 0,
          info.weights_type, info.has_weights != 0, info.has_k_scale != 0};
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

Session::Session(Device &device, const Problem &problem, int64_t outStride)
    : device(device), problem(problem), q(device.upload(problem.q)),
      k(device.upload(problem.k)), kScale(device.upload(problem.kScale)),
      weights(device.upload(packWeights(problem))),
      ks(device.upload(problem.ks)), ke(device.upload(problem.ke)),
      output(problem,
             outStride ? outStride
                       : std::max<int64_t>(1, problem.shape.numKeys),
             kGuard) {
  out = device.allocate(output.data.size());
  poison();
  const Shape &shape = problem.shape;
  args.q = q->get();
  args.q_stride = shape.numHeads * shape.headDim;
  args.k = k->get();
  args.k_stride = shape.headDim;
  // Null where the kernel has none: it must not look at them.
  if (problem.format.hasKScale)
    args.k_scale = kScale->as<float>();
  if (problem.format.hasWeights)
    args.weights = weights->get();
  args.weights_stride = shape.numHeads;
  args.ks = ks->as<int32_t>();
  args.ke = ke->as<int32_t>();
  args.out = out->as<uint8_t>(kGuard * getBytes(output.type));
  args.out_stride = output.stride;
  args.num_queries = shape.numQueries;
  args.num_keys = shape.numKeys;
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
