/* What the executable of a host program needs beside the runtime: memory that
 * both the CPU and the GPU can use, where there is a GPU, and printing. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int (*allocate)(uintptr_t *pointer, size_t size, unsigned flags);
static int (*release)(uintptr_t pointer);

static void find_driver(void) {
  void *cuda = dlopen("libcuda.so.1", RTLD_NOW);
  if (!cuda)
    return;
  int (*init)(unsigned) = (int (*)(unsigned))dlsym(cuda, "cuInit");
  int (*get)(int *, int) = (int (*)(int *, int))dlsym(cuda, "cuDeviceGet");
  int (*retain)(void **, int) =
      (int (*)(void **, int))dlsym(cuda, "cuDevicePrimaryCtxRetain");
  int (*enter)(void *) = (int (*)(void *))dlsym(cuda, "cuCtxSetCurrent");
  int device;
  void *context;
  if (!init || !get || !retain || !enter || init(0) || get(&device, 0) ||
      retain(&context, device) || enter(context))
    return;
  allocate = (int (*)(uintptr_t *, size_t, unsigned))dlsym(cuda,
                                                           "cuMemAllocManaged");
  release = (int (*)(uintptr_t))dlsym(cuda, "cuMemFree_v2");
}

void *_mlir_memref_to_llvm_alloc(size_t size) {
  const unsigned kAttachGlobal = 1;
  uintptr_t pointer;
  if (!allocate)
    return aligned_alloc(64, (size + 63) / 64 * 64);
  /* No size is not a size for the driver. */
  if (allocate(&pointer, size ? size : 1, kAttachGlobal)) {
    fprintf(stderr, "no managed memory of %zu bytes\n", size);
    abort();
  }
  return (void *)pointer;
}

void *_mlir_memref_to_llvm_aligned_alloc(size_t alignment, size_t size) {
  (void)alignment;
  return _mlir_memref_to_llvm_alloc(size);
}

void _mlir_memref_to_llvm_free(void *pointer) {
  if (allocate)
    release((uintptr_t)pointer);
  else
    free(pointer);
}

/* As those of libmlir_c_runner_utils. */
void printI64(int64_t value) { printf("%lld", (long long)value); }
void printString(const char *text) { fputs(text, stdout); }
void printOpen(void) { fputs("( ", stdout); }
void printClose(void) { fputs(" )", stdout); }
void printComma(void) { fputs(", ", stdout); }
void printNewline(void) { fputs("\n", stdout); }

void program_main(void);
int main(void) {
  find_driver();
  program_main();
  return 0;
}
