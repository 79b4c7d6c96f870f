/* The public header is plain C, and the library exports what it declares. */

#include "mqa/Runtime.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void expect(int condition, const char *what) {
  if (!condition) {
    fprintf(stderr, "failed: %s (%s)\n", what, mqa_last_error());
    ++failures;
  }
}

int main(void) {
  mqa_bundle *bundle = NULL;
  mqa_kernel *kernel = NULL;
  mqa_logits_args args;
  mqa_paged_logits_args paged;
  mqa_topk_args topk;
  mqa_executor executor = {NULL, 1, NULL};
  memset(&args, 0, sizeof args);
  memset(&paged, 0, sizeof paged);
  memset(&topk, 0, sizeof topk);
  expect(mqa_runtime_abi_version() == MQA_RUNTIME_ABI_VERSION, "ABI version");
  expect(strlen(mqa_runtime_version()) > 0, "version");
  expect(mqa_bundle_load_file("/nonexistent", &bundle) == MQA_ERROR_SYSTEM,
         "missing file");
  expect(strlen(mqa_last_error()) > 0, "message");
  expect(mqa_bundle_load_memory("x", 1, &bundle) == MQA_ERROR_INVALID_BUNDLE,
         "no bundle");
  expect(mqa_kernel_load(bundle, NULL, 0, &kernel) ==
             MQA_ERROR_INVALID_ARGUMENT,
         "null bundle");
  expect(mqa_kernel_load_cpu(bundle, NULL, &executor, &kernel) ==
             MQA_ERROR_INVALID_ARGUMENT,
         "null bundle on an executor");
  expect(mqa_logits_launch(kernel, &args, NULL) == MQA_ERROR_INVALID_ARGUMENT,
         "null kernel");
  expect(mqa_logits_topk_launch(kernel, &args, &topk, NULL) ==
             MQA_ERROR_INVALID_ARGUMENT,
         "null kernel of logits and top-k");
  expect(mqa_paged_logits_topk_launch(kernel, &paged, &topk, NULL) ==
             MQA_ERROR_INVALID_ARGUMENT,
         "null paged kernel of logits and top-k");
  expect(mqa_logits_topk_prepare(kernel, &args, &topk, NULL) ==
             MQA_ERROR_INVALID_ARGUMENT,
         "null launch");
  expect(mqa_paged_logits_topk_prepare(kernel, &paged, &topk, NULL) ==
             MQA_ERROR_INVALID_ARGUMENT,
         "null paged launch");
  expect(strcmp(mqa_status_name(MQA_ERROR_DRIVER), "driver error") == 0,
         "status name");
  expect(mqa_bundle_num_kernels(bundle) == 0, "no kernels");
  mqa_kernel_destroy(kernel);
  mqa_bundle_destroy(bundle);
  return failures ? 1 : 0;
}
