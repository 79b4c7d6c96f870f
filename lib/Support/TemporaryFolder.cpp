//===- TemporaryFolder.cpp - A private temporary folder -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Support/TemporaryFolder.h"
#include "mqa/Support/Output.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

using namespace mqa::support;

/// Never begins with '-', which a program would take for an option.
static std::string getParent() {
  for (const char *name : {"TMPDIR", "TMP", "TEMP"})
    if (const char *value = std::getenv(name); value && *value)
      return *value == '/' ? std::string(value) : "./" + std::string(value);
  return "/tmp";
}

TemporaryFolder::TemporaryFolder() {
  std::string parent = getParent(), path = parent + "/mqa-XXXXXX";
  guard.emplace([&] {
    if (mkdtemp(path.data()))
      folder = path;
    else
      error = "cannot create a temporary folder in '" + parent +
              "': " + getErrorText(errno);
    return Cleanup::Target{folder, 0};
  });
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!folder.empty())
    std::filesystem::remove_all(folder, ignored);
}
