//===- TilePermission.cpp - The right to use matrix tiles -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TilePermission.h"

#include <cerrno>
#include <cstring>

using namespace mqa::runtime;

TilePermission &TilePermission::getOfProcess() {
  static TilePermission permission;
  return permission;
}

/// What a user can do about it.
static const char *getAdvice(int error) {
  switch (error) {
  case ENOSPC:
    // The kernel's words for it would be about disks.
    return " (the alternate signal stack of a thread is too small for tiles: "
           "give sigaltstack at least getauxval(AT_MINSIGSTKSZ) bytes, in all "
           "threads)";
  case EBUSY:
    return " (permissions of this process are fixed already: load the kernel "
           "earlier)";
  case EINVAL:
  case ENOSYS:
    return " (Linux 5.16 or later is needed)";
  case EPERM:
  case EACCES:
    return " (a filter of system calls forbids it)";
  default:
    return "";
  }
}

mqa_status TilePermission::require(const std::string &kernel,
                                   const std::vector<std::string> &features,
                                   const CpuIdentity &identity) {
  const std::string *tiles = nullptr;
  for (const std::string &feature : features)
    if (!tiles && feature.rfind("amx-", 0) == 0)
      tiles = &feature;
  if (!tiles || granted.load(std::memory_order_relaxed))
    return MQA_SUCCESS;
  // XTILEDATA, by its number among the states of registers.
  constexpr int kTileData = 18;
  if (int error = identity.requestState(kTileData))
    return fail(MQA_ERROR_UNSUPPORTED,
                "kernel '" + kernel + "' needs '" + *tiles +
                    "', and the operating system refused this process the use "
                    "of AMX tiles (arch_prctl, ARCH_REQ_XCOMP_PERM): " +
                    std::strerror(error) + getAdvice(error));
  granted.store(true, std::memory_order_relaxed);
  return MQA_SUCCESS;
}
