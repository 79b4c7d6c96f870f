/* Compiles an op for the CPU and runs it, in C: a row of the result is known.
 */

#include "mqa/Compiler.h"
#include "mqa/Runtime.h"

#include <stdio.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { kQueries = 3, kHeads = 2, kHeadDim = 16, kKeys = 5 };

/* 1.0 and -1.0 as f8E4M3FN. */
static const uint8_t kOne = 0x38, kMinusOne = 0xb8;

/* The engine's threads; without OpenMP, the one that launches. */
struct team {
  int num_threads;
};

static int get_worker(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

static int run_on_team(void *context, int64_t count,
                       void (*task)(void *task_context, int64_t index,
                                    int worker),
                       void *task_context) {
  const struct team *team = context;
#pragma omp parallel for num_threads(team->num_threads) schedule(dynamic)
  for (int64_t i = 0; i < count; ++i)
    task(task_context, i, get_worker());
  return 0;
}

/* Launches the kernel, and destroys it. */
static int launch(mqa_kernel *kernel) {
  uint8_t q[kQueries * kHeads * kHeadDim], k[kKeys * kHeadDim];
  float k_scale[kKeys], weights[kQueries * kHeads], out[kQueries * kKeys];
  int32_t ks[kQueries] = {0, 1, 4}, ke[kQueries] = {5, 3, 2};
  /* Head 0 scores 16 with every key, head 1 scores -16: relu drops it. */
  for (int i = 0; i < kQueries * kHeads * kHeadDim; ++i)
    q[i] = i / kHeadDim % kHeads ? kMinusOne : kOne;
  memset(k, kOne, sizeof k);
  for (int n = 0; n < kKeys; ++n)
    k_scale[n] = (float)(n + 1);
  for (int i = 0; i < kQueries * kHeads; ++i)
    weights[i] = 0.5f;
  for (int i = 0; i < kQueries * kKeys; ++i)
    out[i] = 7.0f;
  mqa_logits_args args;
  memset(&args, 0, sizeof args);
  args.q = q;
  args.q_stride = kHeads * kHeadDim;
  args.k = k;
  args.k_stride = kHeadDim;
  args.k_scale = k_scale;
  args.k_scale_stride = 1;
  args.weights = weights;
  args.weights_stride = kHeads;
  args.ks = ks;
  args.ke = ke;
  args.out = out;
  args.out_stride = kKeys;
  args.num_queries = kQueries;
  args.num_keys = kKeys;
  int failed = 0;
  if (mqa_logits_launch(kernel, &args, /*stream=*/NULL)) {
    fprintf(stderr, "%s\n", mqa_last_error());
    failed = 1;
  }
  for (int m = 0; m < kQueries; ++m)
    for (int n = 0; n < kKeys; ++n) {
      float expected = n >= ks[m] && n < ke[m] ? 8.0f * (float)(n + 1) : 7.0f;
      if (out[m * kKeys + n] != expected) {
        fprintf(stderr, "out[%d, %d] is %g, not %g\n", m, n, out[m * kKeys + n],
                expected);
        failed = 1;
      }
    }
  mqa_kernel_destroy(kernel);
  return failed;
}

static int run(const void *bundle_data, size_t bundle_size) {
  mqa_bundle *bundle = NULL;
  mqa_kernel *kernel = NULL;
  struct team team = {2};
  mqa_executor executor = {&team, team.num_threads, run_on_team};
  if (mqa_bundle_load_memory(bundle_data, bundle_size, &bundle) ||
      mqa_kernel_load(bundle, "scores", /*device=*/1, &kernel)) {
    fprintf(stderr, "%s\n", mqa_last_error());
    return 1;
  }
  int failed = launch(kernel);
  if (mqa_kernel_load_cpu(bundle, "scores", &executor, &kernel)) {
    fprintf(stderr, "%s\n", mqa_last_error());
    return 1;
  }
  failed |= launch(kernel);
  mqa_bundle_destroy(bundle);
  return failed;
}

/* Logits that the program makes room for: a kernel, and a host program that
 * allocates. Whoever lowers it to code links it with the runtime. */
static int compile_program(const mqa_compile_options *options) {
  static const char text[] =
      "func.func @f(%q: tensor<4x1x16xbf16>, %k: tensor<8x16xbf16>,"
      "             %ke: tensor<4xi32>) -> tensor<4x8xf32> {\n"
      "  %e = tensor.empty() : tensor<4x8xf32>\n"
      "  %0 = mqa.logits ins(%q, %k, none, none, none, %ke :\n"
      "      tensor<4x1x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>)\n"
      "      outs(%e : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>\n"
      "  return %0 : tensor<4x8xf32>\n"
      "}\n";
  mqa_compilation *compilation =
      mqa_compile_text(text, sizeof text - 1, options);
  size_t size;
  const char *host = mqa_compilation_bound_host(compilation, &size);
  int failed = !host || size != strlen(host) ||
               !strstr(host, "call @mqa_program_launch(");
  if (failed)
    fprintf(stderr, "unexpected: %s%s\n", host ? host : "",
            mqa_compilation_diagnostics(compilation));
  mqa_compilation_destroy(compilation);
  return failed;
}

int main(void) {
  if (mqa_compiler_api_version() != MQA_COMPILER_API_VERSION)
    return 1;
  mqa_compile_options options = {"cpu", NULL, NULL};
  mqa_logits_description op;
  memset(&op, 0, sizeof op);
  op.name = "scores";
  op.num_heads = kHeads;
  op.head_dim = kHeadDim;
  mqa_compilation *good = mqa_compile_logits(&op, &options);
  if (!mqa_compilation_succeeded(good)) {
    fprintf(stderr, "%s", mqa_compilation_diagnostics(good));
    return 1;
  }
  size_t size;
  const void *bundle = mqa_compilation_bundle(good, &size);
  int failed = run(bundle, size);
  mqa_compilation_destroy(good);

  /* What cannot be compiled is said, not thrown. */
  op.head_dim = 24;
  mqa_compilation *bad = mqa_compile_logits(&op, &options);
  const char *words = mqa_compilation_diagnostics(bad);
  if (mqa_compilation_succeeded(bad) ||
      !strstr(words, "head dim D (dimension 2 of 'q') must be a multiple of 16 "
                     "up to 256, found 24")) {
    fprintf(stderr, "unexpected: %s\n", words);
    failed = 1;
  }
  mqa_compilation_destroy(bad);
  failed |= compile_program(&options);
  printf(failed ? "FAILED\n" : "engine: right\n");
  return failed;
}
