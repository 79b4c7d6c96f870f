/* Tasks as a CPU bundle holds them. They call nothing, as compiled ones. */

#include <stdint.h>

typedef struct {
  void *allocated, *aligned;
  int64_t offset, shape[4];
} matrix;

/* The tests have a second object that is told from this one by what it adds. */
#ifndef FAKE_STEP
#define FAKE_STEP 1
#endif

/* Marks its place in `out`. */
__attribute__((visibility("default"))) void
mqa_task_logits(const matrix *const *operands, int64_t query_task,
                int64_t key_task, char *scratch) {
  const matrix *out = operands[6];
  float *data = (float *)out->aligned + out->offset;
  /* As many bytes as the test's manifest says are this thread's. */
  for (int i = 0; i < 100; ++i)
    ((volatile char *)scratch)[i] = (char)key_task;
  /* Tasks of 2 x 3, as the test's manifest says. */
  for (int64_t m = 2 * query_task; m < 2 * query_task + 2 && m < out->shape[0];
       ++m)
    for (int64_t n = 3 * key_task; n < 3 * key_task + 3 && n < out->shape[1];
         ++n)
      data[m * out->shape[2] + n] +=
          (float)(FAKE_STEP * (100 * query_task + key_task + 1));
}

/* Arithmetic that rounds, makes a subnormal and reads one, each in its place of
   `out`, and raises every exception. */
__attribute__((visibility("default"))) void
mqa_task_arithmetic(const matrix *const *operands, int64_t query_task,
                    int64_t key_task, char *scratch) {
  const matrix *out = operands[6];
  float *data = (float *)out->aligned + out->offset;
  volatile float one = 1, three = 3, five = 5, zero = 0, small = 0x1p-126f;
  volatile float subnormal = 0x1p-130f, large = 0x1p127f;
  volatile float sink;
  (void)scratch;
  for (int64_t m = 2 * query_task; m < 2 * query_task + 2 && m < out->shape[0];
       ++m)
    for (int64_t n = 3 * key_task; n < 3 * key_task + 3 && n < out->shape[1];
         ++n)
      data[m * out->shape[2] + n] = n % 4 == 0   ? one / three
                                    : n % 4 == 1 ? five / three
                                    : n % 4 == 2 ? small / 8
                                                 : subnormal * 0x1p20f;
  sink = one / zero;
  sink = zero / zero;
  sink = large * large;
  sink = small * small;
  (void)sink;
}

typedef struct {
  void *allocated, *aligned;
  int64_t offset;
} descriptor;

/* Of any kernel: there is a first operand, which begins where it says. */
void mqa_task_any(const descriptor *const *operands, int64_t query_task,
                  int64_t key_task) {
  if (operands[0]->allocated != operands[0]->aligned ||
      operands[0]->offset != 0 || query_task < 0 || key_task < 0)
    __builtin_trap();
}

void mqa_task_any_clean(const descriptor *const *operands, int64_t query_task,
                        int64_t key_task) {
  mqa_task_any(operands, query_task, key_task);
}

/* Of the compressed kernel of TopkManifest.h, in tasks of 2 rows: the operands
   are logits, ks, ke, num_keys (a number), offset, indices and values. */
__attribute__((visibility("default"))) void
mqa_task_topk(const matrix *const *operands, int64_t query_task,
              int64_t key_task, char *scratch) {
  const matrix *logits = operands[0], *indices = operands[5];
  int64_t num_keys = *(const int64_t *)operands[3];
  int32_t *data = (int32_t *)indices->aligned + indices->offset;
  for (int i = 0; i < 100; ++i)
    ((volatile char *)scratch)[i] = (char)query_task;
  for (int64_t m = 2 * query_task;
       m < 2 * query_task + 2 && m < indices->shape[0]; ++m)
    for (int64_t j = 0; j < indices->shape[1]; ++j)
      data[m * indices->shape[2] + j] +=
          (int32_t)(1000 * query_task + 100 * key_task + num_keys +
                    10 * logits->shape[1]);
}

/* Of the kernel of LogitsTopkManifest.h: q, k, k_scale, weights, ks, ke,
   offset, indices and values. */
__attribute__((visibility("default"))) void
mqa_task_logits_topk(const matrix *const *operands, int64_t query_task,
                     int64_t key_task, char *scratch) {
  const matrix *k = operands[1], *indices = operands[7];
  int32_t *data = (int32_t *)indices->aligned + indices->offset;
  for (int i = 0; i < 100; ++i)
    ((volatile char *)scratch)[i] = (char)query_task;
  for (int64_t m = 2 * query_task;
       m < 2 * query_task + 2 && m < indices->shape[0]; ++m)
    for (int64_t j = 0; j < indices->shape[1]; ++j)
      data[m * indices->shape[2] + j] +=
          (int32_t)(1000 * query_task + 100 * key_task + k->shape[0]);
}
