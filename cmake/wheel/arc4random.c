/*===- arc4random.c - What an older C library lacks ----------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* The archives of LLVM and libstdc++ call arc4random, which glibc has from   *|
|* 2.36 on. The libraries of a wheel have this one inside, so that they load  *|
|* where glibc is older.                                                      *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

uint32_t arc4random(void) {
  uint32_t value;
  if (getentropy(&value, sizeof(value)))
    abort();
  return value;
}
