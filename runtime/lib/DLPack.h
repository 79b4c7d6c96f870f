//===- DLPack.h - Tensors of other frameworks -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of DLPack's binary interface that is used here (DLPack 1.3,
// https://dmlc.github.io/dlpack/latest/c_api.html): a tensor, and the table of
// functions by which a framework gives out its tensors without Python calls.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_DLPACK_H
#define MQA_RUNTIME_LIB_DLPACK_H

#include <cstdint>

namespace mqa::runtime::dlpack {

constexpr int32_t kCuda = 2;
constexpr uint32_t kMajorVersion = 1;

struct Device {
  int32_t type, id;
};

struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};

struct Tensor {
  void *data;
  Device device;
  int32_t rank;
  DataType type;
  /// Owned by the framework; strides count elements.
  int64_t *shape, *strides;
  uint64_t byteOffset;
};

/// DLPackExchangeAPI.
struct ExchangeAPI {
  uint32_t major, minor;
  ExchangeAPI *previous;
  void *allocate, *exportManaged, *importManaged;
  /// Describes a tensor object, with the interpreter's lock held; -1 with a
  /// Python exception set.
  int (*describe)(void *object, Tensor *tensor);
  int (*getCurrentStream)(int32_t deviceType, int32_t deviceId, void **stream);
};

} // namespace mqa::runtime::dlpack

#endif // MQA_RUNTIME_LIB_DLPACK_H
