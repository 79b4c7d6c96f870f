//===- TemporaryFolder.h - A private temporary folder -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_SUPPORT_TEMPORARYFOLDER_H
#define MQA_SUPPORT_TEMPORARYFOLDER_H

#include "mqa/Support/Cleanup.h"

#include <optional>
#include <string>

namespace mqa::support {

/// A temporary folder that no other user can read (0700), in TMPDIR, by default
/// in /tmp. It goes with the object, and all that is in it.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  /// Why it could not be created; "" if it was.
  const std::string &getError() const { return error; }
  std::string getPath(const std::string &name) const {
    return folder + "/" + name;
  }

private:
  std::string folder, error;
  std::optional<Cleanup> guard;
};

} // namespace mqa::support

#endif // MQA_SUPPORT_TEMPORARYFOLDER_H
