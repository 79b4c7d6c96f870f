/* A task as a CPU bundle holds it: marks its place in `out`. */

#include <stdint.h>

typedef struct {
  void *allocated, *aligned;
  int64_t offset, shape[4];
} matrix;

void mqa_task_logits(const matrix *const *operands, int64_t query_task,
                     int64_t key_task) {
  const matrix *out = operands[6];
  float *data = (float *)out->aligned + out->offset;
  /* Tasks of 2 x 3, as the test's manifest says. */
  for (int64_t m = 2 * query_task; m < 2 * query_task + 2 && m < out->shape[0];
       ++m)
    for (int64_t n = 3 * key_task; n < 3 * key_task + 3 && n < out->shape[1];
         ++n)
      data[m * out->shape[2] + n] += (float)(100 * query_task + key_task + 1);
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
