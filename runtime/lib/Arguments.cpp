//===- Arguments.cpp - The operands of one launch, checked ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpRules.h"

#include <algorithm>

using namespace mqa::runtime;

static mqa_status invalid(const std::string &message) {
  return fail(MQA_ERROR_INVALID_ARGUMENT, message);
}

void Tensors::set(Operand operand, const void *data, mqa_element_type type,
                  int64_t rows, int64_t stride,
                  std::initializer_list<int64_t> row) {
  Tensor &tensor = (*this)[operand];
  tensor.name = getInfo(operand).name;
  tensor.data = data;
  tensor.elementType = type;
  tensor.rank = 1 + static_cast<int>(row.size());
  tensor.sizes[0] = rows;
  tensor.strides[0] = stride;
  std::copy(row.begin(), row.end(), tensor.sizes.begin() + 1);
  int64_t elements = 1;
  for (int dim = tensor.rank - 1; dim > 0; --dim) {
    tensor.strides[dim] = elements;
    elements *= tensor.sizes[dim];
  }
}

mqa_status mqa::runtime::checkSize(const char *name, int64_t size,
                                   int64_t expected) {
  if (size < 0 || size > kMaxSize)
    return invalid(std::string(name) + " must be from 0 to " +
                   std::to_string(kMaxSize) + ", found " +
                   std::to_string(size));
  if (expected >= 0 && size != expected)
    return invalid(std::string(name) + " must be " + std::to_string(expected) +
                   " for this kernel, found " + std::to_string(size));
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::setMaxMultiprocessors(int count, Tensors &tensors) {
  if (count < 0)
    return invalid("max_multiprocessors must be at least 0, found " +
                   std::to_string(count));
  tensors.maxMultiprocessors = count;
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkTensor(const Tensor &tensor,
                                     const char *strideName) {
  if (!tensor.data)
    return invalid(std::string(tensor.name) + " is null");
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if (address % tensor.getElementBytes())
    return invalid(std::string(tensor.name) + " must be aligned to " +
                   std::to_string(tensor.getElementBytes()) +
                   " bytes, found address " + std::to_string(address));
  constexpr int64_t kMaxStride = int64_t(1) << 40;
  int64_t stride = tensor.strides[0], rows = tensor.sizes[0], rowElements = 1;
  for (int dim = 1; dim < tensor.rank; ++dim)
    rowElements *= tensor.sizes[dim];
  if (strideName && (stride < rowElements || stride > kMaxStride))
    return invalid(std::string(strideName) + " must be from " +
                   std::to_string(rowElements) + " to 2^40, found " +
                   std::to_string(stride));
  // More than any machine can address; so a kernel's arithmetic cannot
  // overflow. Rows have at most 2^31 elements, but for those of a few queries.
  constexpr int64_t kMaxElements = int64_t(1) << 53;
  if (rows > 1 && stride > kMaxElements / (rows - 1))
    return invalid(std::string(tensor.name) + " of " + std::to_string(rows) +
                   " rows with a stride of " + std::to_string(stride) +
                   " elements is larger than memory can be");
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkTensors(const KernelDescription &kernel,
                                      const Tensors &tensors, unsigned unread) {
  for (const Parameter &parameter : kernel.parameters) {
    Operand operand = parameter.operand;
    if (parameter.kind == Parameter::Kind::Index || unread & getBit(operand))
      continue;
    const Tensor &tensor = tensors[operand];
    // What is one to a row has no stride, but for scales.
    bool isVector = tensor.rank == 1 && operand != Operand::KScale;
    MQA_RETURN_IF_FAILED(
        checkTensor(tensor, isVector ? nullptr : getInfo(operand).strideName));
  }
  return MQA_SUCCESS;
}

static int64_t getNumElements(const Tensor &tensor) {
  int64_t elements = 1;
  for (int dim = 0; dim < tensor.rank; ++dim)
    elements *= tensor.sizes[dim];
  return elements;
}

/// Whether two operands have memory in common. Strided rows may lie between
/// those of another operand; of those, only what begins at one address.
static bool overlap(const Tensor &a, const Tensor &b) {
  int64_t numA = getNumElements(a), numB = getNumElements(b);
  if (numA == 0 || numB == 0)
    return false;
  auto isDense = [](const Tensor &tensor, int64_t elements) {
    for (int dim = 0; dim < tensor.rank; ++dim) {
      if (tensor.sizes[dim] > 1 &&
          elements != tensor.sizes[dim] * tensor.strides[dim])
        return false;
      elements /= tensor.sizes[dim];
    }
    return true;
  };
  auto beginA = reinterpret_cast<uintptr_t>(a.data);
  auto beginB = reinterpret_cast<uintptr_t>(b.data);
  if (!isDense(a, numA) || !isDense(b, numB))
    return beginA == beginB;
  return beginA < beginB + numB * b.getElementBytes() &&
         beginB < beginA + numA * a.getElementBytes();
}

mqa_status mqa::runtime::checkOutputs(const KernelDescription &kernel,
                                      const Tensors &tensors) {
  for (Operand output : {Operand::Indices, Operand::Values, Operand::Scratch})
    for (const Parameter &parameter : kernel.parameters) {
      Operand other = parameter.operand;
      if (parameter.kind == Parameter::Kind::Index || other == output ||
          !kernel.find(output) || !overlap(tensors[output], tensors[other]))
        continue;
      return invalid(std::string(getInfo(output).name) + " and " +
                     getInfo(other).name + " overlap");
    }
  return MQA_SUCCESS;
}

mqa_status mqa::runtime::checkOp(const KernelDescription &kernel,
                                 const OpRules &rules) {
  if (kernel.rules == &rules)
    return MQA_SUCCESS;
  return invalid("kernel '" + kernel.name + "' is of " + kernel.rules->name +
                 ": use " + kernel.rules->launchFunction);
}

bool mqa::runtime::hasWork(const KernelDescription &kernel,
                           const Tensors &tensors) {
  return kernel.rules->hasWork(kernel, tensors);
}
