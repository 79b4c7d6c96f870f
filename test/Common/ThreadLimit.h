//===- ThreadLimit.h - Threads that cannot be created -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For one file of a test program. (RLIMIT_NPROC does not bind root.)
//
//===----------------------------------------------------------------------===//

#ifndef MQA_TEST_COMMON_THREADLIMIT_H
#define MQA_TEST_COMMON_THREADLIMIT_H

#include <atomic>
#include <cerrno>

#include <dlfcn.h>
#include <pthread.h>

/// How many more threads may be created; negative: any number.
static std::atomic<int> threadsLeft{-1};

/// Stands before that of the C library: creates a thread, or cannot.
extern "C" int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                              void *(*body)(void *), void *argument) noexcept {
  using Function =
      int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  static auto create =
      reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_create"));
  if (threadsLeft == 0)
    return EAGAIN;
  if (threadsLeft > 0)
    --threadsLeft;
  return create(thread, attr, body, argument);
}

#endif // MQA_TEST_COMMON_THREADLIMIT_H
