//===- XlaInterface.h - XLA's foreign function interface --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the binary interface of XLA's custom calls that is used here
// (XLA FFI, version 0, https://openxla.org/xla/custom_call). XLA adds fields at
// the end of a structure alone, and each structure says how large it is. A test
// compares this with the header that JAX brings, where JAX is.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_XLAINTERFACE_H
#define MQA_RUNTIME_LIB_XLAINTERFACE_H

#include <cstddef>
#include <cstdint>

namespace mqa::runtime::xla {

constexpr int kMajorVersion = 0;
/// The minor version by which handlers are known where XLA does not say its
/// own.
constexpr int kMinorVersion = 1;

struct Error;
struct ExecutionContext;

/// What any structure may have behind it.
struct Extension {
  size_t size;
  int type;
  Extension *next;
};

/// What all structures begin with.
struct Header {
  size_t size;
  Extension *extension;
};

struct Version {
  Header header;
  int major, minor;
};

// XLA_FFI_Error_Code
constexpr int kInvalidArgument = 3;
constexpr int kNotFound = 5;
constexpr int kResourceExhausted = 8;
constexpr int kUnimplemented = 12;
constexpr int kInternal = 13;

struct ErrorCreateArgs {
  Header header;
  const char *message;
  int code;
};

struct ErrorDestroyArgs {
  Header header;
  Error *error;
};

struct StreamGetArgs {
  Header header;
  ExecutionContext *context;
  void *stream;
};

/// XLA_FFI_Api, as far as it is used.
struct Api {
  Header header;
  Version version;
  const void *internal;
  Error *(*createError)(ErrorCreateArgs *args);
  void *getErrorMessage;
  void (*destroyError)(ErrorDestroyArgs *args);
  void *registerHandler;
  Error *(*getStream)(StreamGetArgs *args);
};

// XLA_FFI_DataType
enum class DataType : int {
  S8 = 2,
  S32 = 4,
  S64 = 5,
  U8 = 6,
  F16 = 10,
  F32 = 11,
  BF16 = 16,
  F8E5M2 = 19,
  F8E4M3FN = 20
};

/// A dense array in the order of its dimensions.
struct Buffer {
  Header header;
  DataType type;
  void *data;
  int64_t rank;
  int64_t *dims;
};

struct Text {
  const char *data;
  size_t size;
};

struct Scalar {
  DataType type;
  void *value;
};

// XLA_FFI_ArgType, XLA_FFI_RetType
constexpr int kBuffer = 1;
// XLA_FFI_AttrType
constexpr int kScalar = 3;
constexpr int kString = 4;

/// Operands, or results.
struct Buffers {
  Header header;
  int64_t count;
  int *types;
  void **buffers;
};

struct Attributes {
  Header header;
  int64_t count;
  int *types;
  Text **names;
  void **values;
};

// XLA_FFI_ExecutionStage
enum class Stage : int { Instantiate, Prepare, Initialize, Execute };

struct CallFrame {
  Header header;
  const Api *api;
  ExecutionContext *context;
  Stage stage;
  Buffers operands, results;
  Attributes attributes;
};

/// A frame with this extension asks what a handler is.
constexpr int kMetadataExtension = 1;
/// Calls always launch the same, and may be recorded in a CUDA graph.
constexpr uint32_t kMayBeRecorded = 1;

struct Metadata {
  size_t size;
  Version version;
  uint32_t traits;
};

struct MetadataExtension {
  Extension extension;
  Metadata *metadata;
};

} // namespace mqa::runtime::xla

#endif // MQA_RUNTIME_LIB_XLAINTERFACE_H
