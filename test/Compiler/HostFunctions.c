/* Functions of a host program that has exported them. None may be called by a
   kernel, whatever its name. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

int host_calls = 0;
/* Whether a launch is under way, in which kernels are looked for. */
volatile int host_watches = 0;

/* Counts a call from a kernel's object. */
static void note(const void *caller) {
  Dl_info info;
  if (host_watches && dladdr(caller, &info) && info.dli_fname &&
      strncmp(info.dli_fname, "/proc/self/fd", 13) == 0)
    ++host_calls;
}

void logits(void) { ++host_calls; }

float expf(float x) {
  ++host_calls;
  return x;
}

void *memset(void *to, int value, size_t size) {
  note(__builtin_return_address(0));
  for (volatile char *byte = to; size; --size)
    *byte++ = (char)value;
  return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  note(__builtin_return_address(0));
  const char *source = from;
  for (volatile char *byte = to; size; --size)
    *byte++ = *source++;
  return to;
}
