//===- Output.h - Writes files and standard streams -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one way in which our tools write files. No LLVM here: the tools that run
// kernels use it too.
//
//===----------------------------------------------------------------------===//

#ifndef MQA_SUPPORT_OUTPUT_H
#define MQA_SUPPORT_OUTPUT_H

#include <string>
#include <string_view>

namespace mqa::support {

/// Writes all of `data` to a descriptor. Returns 0 or the error number.
int writeAll(int descriptor, std::string_view data);

/// Writes `data` to `path`, where "-" is standard output. Returns why it could
/// not, or "".
///
/// A regular file is replaced in one step, with its mode and owner, so that a
/// failure leaves the old file as it was. A symbolic link is followed.
/// Everything else is written to, never replaced: devices, FIFOs, descriptors
/// (/dev/stdout, /dev/fd/3), and files that have other names (hard links). So
/// is a file that cannot be replaced with its owner, after its space is
/// reserved.
std::string writeOutput(const std::string &path, std::string_view data);

/// For the start of a tool's `main`. A failed write becomes an error number
/// instead of a signal, and a closed standard stream stays unusable: the next
/// file that is opened does not become it. At exit, a tool that ended well but
/// could not write to standard output or error says so and exits with 1.
void guardStandardStreams(const char *toolName);

/// The text of an error number.
std::string getErrorText(int number);

} // namespace mqa::support

#endif // MQA_SUPPORT_OUTPUT_H
