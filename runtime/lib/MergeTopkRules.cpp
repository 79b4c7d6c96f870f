//===- MergeTopkRules.cpp - The rules of mqa.merge_topk -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelectionRules.h"

using namespace mqa::runtime;

namespace {
class MergeTopkRules final : public SelectionRules {
public:
  constexpr MergeTopkRules()
      : SelectionRules(MQA_OP_MERGE_TOPK, "mqa.merge_topk",
                       "mqa_merge_topk_launch") {}

  void readFields(Fields &fields, bool isCpu,
                  KernelDescription &kernel) const override;
  Ranks getRanks(Operand operand, const KernelDescription &) const override;
  bool isOptional(Operand operand) const override {
    return operand == Operand::Ks || operand == Operand::Values;
  }
  bool takesIndex(const KernelDescription &, bool) const override {
    return false;
  }
  Form getForm(const KernelDescription &kernel) const override;
  mqa_status checkForGpu(const KernelDescription &,
                         const Tensors &tensors) const override;
};
} // namespace

static constexpr MergeTopkRules kRules;

const OpRules &mqa::runtime::getMergeTopkRules() { return kRules; }

/// The arguments that say how far the rows of a list are apart.
static constexpr std::pair<Operand, const char *> kRowStrides[] = {
    {Operand::ListIndices, "list_indices_row_stride"},
    {Operand::ListValues, "list_values_row_stride"}};

//===----------------------------------------------------------------------===//
// The manifest
//===----------------------------------------------------------------------===//

Ranks MergeTopkRules::getRanks(Operand operand,
                               const KernelDescription &) const {
  auto only = [](int rank) { return Ranks(rank, rank); };
  switch (operand) {
  case Operand::ListIndices:
  case Operand::ListValues:
    return only(3);
  case Operand::Indices:
  case Operand::Values:
    return only(2);
  case Operand::Ks:
  case Operand::Ke:
    return only(1);
  default:
    return {0, 0};
  }
}

void MergeTopkRules::readFields(Fields &fields, bool isCpu,
                                KernelDescription &kernel) const {
  static const Fields::Choice<mqa_base> bases[] = {
      {"relative", MQA_BASE_RELATIVE}, {"absolute", MQA_BASE_ABSOLUTE}};
  kernel.numLists = readSize(fields, "num_lists");
  kernel.numQueries = readSize(fields, "num_queries");
  readSelection(fields, kernel.selection);
  kernel.selection.base = fields.choice("base", bases);
  readRows(fields, isCpu, kernel);
  readParameters(fields, isCpu, kernel);
}

Form MergeTopkRules::getForm(const KernelDescription &kernel) const {
  const Selection &selection = kernel.selection;
  return {{"num_lists", kernel.numLists},
          {"num_queries", kernel.numQueries},
          {"k", selection.k},
          {"tie_break", selection.tieBreak},
          {"order", selection.order},
          {"base", selection.base}};
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

/// Sizes and strides of a kernel are words of 32 bits, and those of lists are
/// looked at elsewhere.
mqa_status MergeTopkRules::checkForGpu(const KernelDescription &,
                                       const Tensors &tensors) const {
  for (auto [operand, name] : kRowStrides)
    if (tensors[operand].strides[1] > std::numeric_limits<int32_t>::max())
      return invalid(std::string(name) +
                     " must be below 2^31 for this kernel, found " +
                     std::to_string(tensors[operand].strides[1]));
  return MQA_SUCCESS;
}

/// Lists lie in any way: one behind the other, or those of each row. So both
/// strides are only as large as a row.
static mqa_status checkLists(const Tensor &lists, Operand operand,
                             const char *rowStrideName) {
  Tensor rows = lists;
  rows.rank = 2;
  rows.sizes[1] = lists.sizes[2];
  rows.strides[1] = 1;
  MQA_RETURN_IF_FAILED(checkTensor(rows, getInfo(operand).strideName));
  rows.sizes[0] = lists.sizes[1];
  rows.strides[0] = lists.strides[1];
  return checkTensor(rows, rowStrideName);
}

mqa_status mqa::runtime::checkArguments(const KernelDescription &kernel,
                                        const mqa_merge_topk_args &args,
                                        Tensors &tensors) {
  MQA_RETURN_IF_FAILED(checkOp(kernel, kRules));
  int64_t m = args.num_queries, r = args.num_lists, k = kernel.selection.k;
  MQA_RETURN_IF_FAILED(checkSize("num_lists", r, kernel.numLists));
  MQA_RETURN_IF_FAILED(checkSize("num_queries", m, kernel.numQueries));
  MQA_RETURN_IF_FAILED(checkSize("k", args.k, k));
  // A kernel counts the candidates of a row, and steps past the last of them.
  constexpr int64_t kMaxCandidates = int64_t(1) << 30;
  if (r > kMaxCandidates / k)
    return invalid("num_lists must be at most 2^30 / k = " +
                   std::to_string(kMaxCandidates / k) + ", found " +
                   std::to_string(r));
  tensors.set(Operand::ListIndices, args.list_indices, MQA_I32, r,
              args.list_indices_stride, {m, k});
  tensors[Operand::ListIndices].strides[1] = args.list_indices_row_stride;
  tensors.set(Operand::ListValues, args.list_values, MQA_F32, r,
              args.list_values_stride, {m, k});
  tensors[Operand::ListValues].strides[1] = args.list_values_row_stride;
  tensors.set(Operand::Ks, args.ks, MQA_I32, m, 1, {});
  tensors.set(Operand::Ke, args.ke, MQA_I32, m, 1, {});
  tensors.set(Operand::Indices, args.indices, MQA_I32, m, args.indices_stride,
              {k});
  tensors.set(Operand::Values, args.values, MQA_F32, m, args.values_stride,
              {k});
  // Nothing is read or written then: pointers may be null.
  if (m == 0)
    return MQA_SUCCESS;
  if (r > 0)
    for (auto [operand, name] : kRowStrides)
      MQA_RETURN_IF_FAILED(checkLists(tensors[operand], operand, name));
  MQA_RETURN_IF_FAILED(
      checkTensors(kernel, tensors,
                   getBit(Operand::ListIndices) | getBit(Operand::ListValues)));
  return checkOutputs(kernel, tensors);
}
