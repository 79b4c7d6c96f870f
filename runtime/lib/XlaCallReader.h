//===- XlaCallReader.h - Buffers of a custom call ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_XLACALLREADER_H
#define MQA_RUNTIME_LIB_XLACALLREADER_H

#include "Arguments.h"
#include "XlaInterface.h"

#include <vector>

namespace mqa::runtime {

/// Stands for any size of a dimension.
inline constexpr int64_t kAnySize = -1;

/// Takes the operands of a call one after the other, then its results.
class XlaCallReader {
public:
  XlaCallReader(const xla::CallFrame &frame, const KernelDescription &kernel)
      : frame(frame), kernel(kernel) {}

  /// The next operand, where the kernel has it; else `pointer` stays null.
  template <typename T>
  mqa_status read(Operand operand, std::vector<int64_t> sizes, T *&pointer) {
    return take(frame.operands, numOperands, operand, std::move(sizes),
                pointer);
  }
  /// Likewise of results.
  template <typename T>
  mqa_status write(Operand operand, std::vector<int64_t> sizes, T *&pointer) {
    return take(frame.results, numResults, operand, std::move(sizes), pointer);
  }
  /// Size `dim` of the next operand; 0 where there is no such.
  int64_t peekSize(int dim) const {
    const xla::Buffer *next = peek(frame.operands, numOperands);
    return next && dim < next->rank ? next->dims[dim] : 0;
  }
  /// Whether the next operand is a cache of bytes.
  bool isNextBytes() const {
    const xla::Buffer *next = peek(frame.operands, numOperands);
    return next && next->type == xla::DataType::U8;
  }
  mqa_status readCache(int64_t blockKv, int64_t keyRow,
                       mqa_paged_logits_args &args);
  /// Columns of the next result; 0 if it is no matrix.
  int64_t peekColumns() const {
    const xla::Buffer *next = peek(frame.results, numResults);
    return next && next->rank == 2 ? next->dims[1] : 0;
  }
  /// Nothing must be left.
  mqa_status finish() const;

private:
  static const xla::Buffer *peek(const xla::Buffers &buffers, int64_t index) {
    if (index >= buffers.count || buffers.types[index] != xla::kBuffer)
      return nullptr;
    return static_cast<const xla::Buffer *>(buffers.buffers[index]);
  }

  template <typename T>
  mqa_status take(const xla::Buffers &buffers, int64_t &index, Operand operand,
                  std::vector<int64_t> sizes, T *&pointer) {
    if (!kernel.find(operand))
      return MQA_SUCCESS;
    const xla::Buffer *buffer = peek(buffers, index++);
    MQA_RETURN_IF_FAILED(checkBuffer(operand, buffer, sizes));
    pointer = static_cast<T *>(buffer->data);
    return MQA_SUCCESS;
  }
  mqa_status checkBuffer(Operand operand, const xla::Buffer *buffer,
                         const std::vector<int64_t> &sizes) const;

  const xla::CallFrame &frame;
  const KernelDescription &kernel;
  int64_t numOperands = 0, numResults = 0;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_XLACALLREADER_H
