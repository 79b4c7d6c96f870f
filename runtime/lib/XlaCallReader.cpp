//===- XlaCallReader.cpp - Buffers of a custom call -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "XlaCallReader.h"
#include "OpRules.h"

#include <optional>
#include <string>

using namespace mqa::runtime;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

static std::optional<xla::DataType> getDataType(mqa_element_type type) {
  switch (type) {
  case MQA_F8E4M3FN:
    return xla::DataType::F8E4M3FN;
  case MQA_F8E5M2:
    return xla::DataType::F8E5M2;
  case MQA_BF16:
    return xla::DataType::BF16;
  case MQA_F16:
    return xla::DataType::F16;
  case MQA_F32:
    return xla::DataType::F32;
  case MQA_I32:
    return xla::DataType::S32;
  case MQA_I8:
    return xla::DataType::S8;
  }
  return std::nullopt;
}

mqa_status XlaCallReader::checkBuffer(Operand operand,
                                      const xla::Buffer *buffer,
                                      const std::vector<int64_t> &sizes) const {
  std::string name = getInfo(operand).name;
  if (!buffer)
    return invalid("the call has no buffer for " + name);
  if (buffer->type != getDataType(kernel.getElementType(operand)))
    return invalid(name + " has another type than the kernel's, XLA's " +
                   std::to_string(static_cast<int>(buffer->type)));
  bool fits = buffer->rank == static_cast<int64_t>(sizes.size());
  std::string expected, found;
  for (size_t i = 0; i < sizes.size(); ++i)
    expected += (i ? " x " : "") +
                (sizes[i] == kAnySize ? "*" : std::to_string(sizes[i]));
  for (int64_t i = 0; i < buffer->rank; ++i) {
    found += (i ? " x " : "") + std::to_string(buffer->dims[i]);
    fits = fits && (sizes[i] == kAnySize || sizes[i] == buffer->dims[i]);
  }
  return fits ? MQA_SUCCESS
              : invalid(name + " must be " + expected + ", found " + found);
}

/// Keys and, behind those of a block, scales.
mqa_status XlaCallReader::readCache(int64_t blockKv, int64_t keyRow,
                                    mqa_paged_logits_args &args) {
  constexpr int64_t kScaleBytes = sizeof(float);
  const xla::Buffer *cache = peek(frame.operands, numOperands++);
  int64_t row = keyRow + kScaleBytes;
  if (!cache)
    return invalid("the call has no buffer for the cache");
  bool fits = (cache->rank == 3 || (cache->rank == 4 && cache->dims[2] == 1)) &&
              cache->dims[1] == blockKv && cache->dims[cache->rank - 1] == row;
  if (!fits || getElementBytes(kernel.getElementType(Operand::K)) != 1 ||
      !kernel.find(Operand::KScale))
    return invalid("a cache of bytes must be * x " + std::to_string(blockKv) +
                   " x " + std::to_string(row) +
                   ", for a kernel of 8-bit keys with scales");
  args.k = cache->data;
  args.k_stride = blockKv * row;
  args.k_scale = reinterpret_cast<const float *>(
      static_cast<const char *>(cache->data) + blockKv * keyRow);
  args.k_scale_stride = blockKv * row / kScaleBytes;
  return MQA_SUCCESS;
}

mqa_status XlaCallReader::finish() const {
  auto check = [](const char *what, int64_t taken, int64_t count) {
    return taken == count ? MQA_SUCCESS
                          : invalid(std::string("the kernel has ") +
                                    std::to_string(taken) + " " + what +
                                    ", the call " + std::to_string(count));
  };
  MQA_RETURN_IF_FAILED(check("operands", numOperands, frame.operands.count));
  return check("results", numResults, frame.results.count);
}
