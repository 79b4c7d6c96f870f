//===- ObjectLibrary.h - A shared object loaded from memory -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_LIB_OBJECTLIBRARY_H
#define MQA_RUNTIME_LIB_OBJECTLIBRARY_H

#include "Status.h"

#include <vector>

namespace mqa::runtime {

/// Loads a shared object that is in memory: the bundle is one file, and nothing
/// of it should be left on disk.
class ObjectLibrary {
public:
  ObjectLibrary() = default;
  ~ObjectLibrary();
  ObjectLibrary(const ObjectLibrary &) = delete;

  /// Of an object that was checked, see SharedObject.h.
  mqa_status open(const std::vector<char> &object);
  /// Null if the object exports no such function.
  void *find(const char *symbol) const;

private:
  void *library = nullptr;
};

} // namespace mqa::runtime

#endif // MQA_RUNTIME_LIB_OBJECTLIBRARY_H
