//===- LogitsFields.cpp - What kernels of logits have in common -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LogitsFields.h"

using namespace mqa::runtime;

void LogitsOpRules::readLaunch(Fields &fields,
                               KernelDescription &kernel) const {
  readBlock(fields, kernel);
  kernel.blockQueries = fields.integer("block_queries", 1, 32);
  // Queries that have keys of their own are worked on one by one.
  if (!kernel.keyBlockSize && kernel.blockQueries < kernel.nextN)
    fields.refuse("block_queries", "at least next_n");
  kernel.tileKeys = fields.integer("tile_keys", 1, 256);
  kernel.blockKeys = fields.integer("block_keys", 1, 4096);
  if (kernel.blockKeys % kernel.tileKeys)
    fields.refuse("block_keys", "a multiple of tile_keys");
  static const Fields::Choice<Reduction> reductions[] = {
      {"f32", Reduction::F32}, {"f16", Reduction::F16}};
  static const Fields::Choice<Split> splits[] = {{"tiles", Split::Tiles},
                                                 {"blocks", Split::Blocks}};
  kernel.reduction = fields.choice("reduction", reductions);
  kernel.split = fields.choice("split", splits);
}

void LogitsOpRules::readLogits(Fields &fields, bool isCpu,
                               KernelDescription &kernel) const {
  kernel.clean = fields.boolean("clean");
  kernel.compressed = fields.boolean("compressed");
  kernel.blockMax = fields.integer("block_max", 0, 128);
  bool isBlock =
      kernel.blockMax == 8 || kernel.blockMax == 64 || kernel.blockMax == 128;
  if (kernel.blockMax && !isBlock)
    fields.refuse("block_max", "0, 8, 64 or 128");
  if (kernel.blockMax && kernel.compressed)
    fields.refuse("block_max", "0 where compressed is true");
  static const Fields::Choice<mqa_activation> activations[] = {
      {"relu", MQA_ACTIVATION_RELU},
      {"none", MQA_ACTIVATION_NONE},
      {"relu_nan_as_zero", MQA_ACTIVATION_RELU_NAN_AS_ZERO}};
  kernel.activation = fields.choice("activation", activations);
  static const Fields::Choice<mqa_head_reduction> headReductions[] = {
      {"sum", MQA_HEAD_REDUCTION_SUM}, {"max", MQA_HEAD_REDUCTION_MAX}};
  kernel.headReduction = fields.choice("head_reduction", headReductions);
  kernel.numQueries = readSize(fields, "num_queries");
  kernel.numColumns = readSize(fields, "num_columns");
  kernel.numHeads = fields.integer("num_heads", 1, 128);
  kernel.headDim = fields.integer("head_dim", 16, 256);
  if (kernel.headDim % 16)
    fields.refuse("head_dim", "a multiple of 16 up to 256");
  readSizes(fields, kernel);
  if (isCpu) {
    kernel.taskQueries = fields.integer("task_queries", 1, kMaxSize);
    kernel.taskKeys = fields.integer("task_keys", 1, kMaxSize);
    kernel.scratchBytes = fields.integer("scratch_bytes", 0, kMaxSize);
  } else {
    readLaunch(fields, kernel);
  }
}

/// A row has a column for each key of its blocks.
void LogitsOpRules::readKeyBlocks(Fields &fields, KernelDescription &kernel) {
  kernel.keyBlockSize = readPowerOfTwo(fields, "key_block_size", 8, 16);
  kernel.maxKeyBlocks = readSize(fields, "max_key_blocks");
  if (kernel.compressed || kernel.hasKeyGroups)
    fields.refuse("key_block_size",
                  "absent where rows are compressed or keys have groups");
  if (kernel.maxKeyBlocks > kMaxSize / kernel.keyBlockSize)
    fields.refuse("max_key_blocks",
                  "at most " + std::to_string(kMaxSize / kernel.keyBlockSize));
  if (kernel.maxKeyBlocks < 0 && kernel.numColumns >= 0) {
    if (kernel.numColumns % kernel.keyBlockSize)
      fields.refuse("num_columns", "a multiple of key_block_size");
    kernel.maxKeyBlocks = kernel.numColumns / kernel.keyBlockSize;
  }
  if (kernel.maxKeyBlocks >= 0 &&
      !unite(kernel.numColumns,
             kernel.countKeyBlockColumns(kernel.maxKeyBlocks)))
    fields.refuse("num_columns", "max_key_blocks * key_block_size");
}

void LogitsOpRules::checkTypes(const KernelDescription &kernel) {
  auto refuse = [&](const char *what) {
    throw InvalidBundle{"kernel '" + kernel.name + "' must have " + what};
  };
  mqa_element_type keys = kernel.getElementType(Operand::K);
  bool hasMxKeys = kernel.hasMxKeys();
  if (hasMxKeys != (keys == MQA_I8) && keys != MQA_F8E4M3FN)
    refuse("k_scale of i32 where k is of i8 or, with block scales, of "
           "f8E4M3FN, and of f32 elsewhere");
  mqa_element_type queries = kernel.getElementType(Operand::Q);
  bool hasMxQueries = kernel.hasMxQueries();
  if (hasMxQueries != (queries == MQA_I8) && queries != MQA_F8E4M3FN)
    refuse("q_scale where q is of i8 and, with block scales, of f8E4M3FN, and "
           "nowhere else");
  if (!hasMxKeys && !hasMxQueries && queries != keys)
    refuse("one element_type for q and k, or block scales");
  // A word has the scales of four blocks of 32 elements.
  bool hasBlockScales = hasMxKeys || hasMxQueries;
  if (hasBlockScales && (kernel.headDim % 32 || kernel.headDim > 128))
    refuse("a head_dim of 32, 64, 96 or 128 with block scales");
  if (hasBlockScales && kernel.hasKeyGroups)
    refuse("no key groups with block scales");
  bool hasKeyBlocks = kernel.keyBlockSize > 0;
  for (Operand operand : {Operand::KeyBlocks, Operand::NumKeyBlocks})
    if (hasKeyBlocks != (kernel.find(operand) != nullptr))
      refuse("key_block_size, key_blocks and num_key_blocks together");
}

void LogitsOpRules::readFields(Fields &fields, bool isCpu,
                               KernelDescription &kernel) const {
  readLogits(fields, isCpu, kernel);
  readParameters(fields, isCpu, kernel);
  checkTypes(kernel);
  checkSizes(fields, kernel);
}

bool LogitsOpRules::isOptional(Operand operand) const {
  return operand == Operand::KScale || operand == Operand::Weights ||
         operand == Operand::QScale || operand == Operand::Ks ||
         operand == Operand::KeyBlocks || operand == Operand::NumKeyBlocks ||
         operand == Operand::Sequence;
}

Form LogitsOpRules::getForm(const KernelDescription &kernel) const {
  Form form = {{"clean", kernel.clean},
               {"compressed", kernel.compressed},
               {"block_max", kernel.blockMax},
               {"activation", kernel.activation},
               {"head_reduction", kernel.headReduction},
               {"num_queries", kernel.numQueries},
               {"num_columns", kernel.numColumns},
               {"num_heads", kernel.numHeads},
               {"head_dim", kernel.headDim}};
  Form sizes = getFormOfSizes(kernel);
  form.insert(form.end(), sizes.begin(), sizes.end());
  return form;
}

/// Inside of a query block, kernels find a row of `out` with 32 bits.
int64_t mqa::runtime::getMaxOutStride(const KernelDescription &kernel) {
  return std::numeric_limits<int32_t>::max() / kernel.blockQueries;
}

mqa_status LogitsOpRules::checkForGpu(const KernelDescription &kernel,
                                      const Tensors &tensors) const {
  int64_t stride = tensors[Operand::Out].strides[0];
  int64_t most = getMaxOutStride(kernel);
  if (stride <= most)
    return MQA_SUCCESS;
  return fail(MQA_ERROR_INVALID_ARGUMENT,
              "out_stride must be at most " + std::to_string(most) +
                  " for this kernel, found " + std::to_string(stride));
}
