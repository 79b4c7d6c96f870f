/* Links MQA::Runtime alone: no LLVM in its dependencies. */

#include "mqa/Runtime.h"

#include <stdio.h>

int main(int argc, char **argv) {
  mqa_bundle *bundle = NULL;
  if (argc != 2 || mqa_bundle_load_file(argv[1], &bundle)) {
    fprintf(stderr, "%s\n", mqa_last_error());
    return 1;
  }
  printf("runtime_only: %zu kernels\n", mqa_bundle_num_kernels(bundle));
  mqa_bundle_destroy(bundle);
  return 0;
}
