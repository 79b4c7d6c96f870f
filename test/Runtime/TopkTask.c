/* A kernel of mqa.topk as a CPU bundle holds it: that of makeTopkManifest. It
   selects by insertion, for a few keys, and calls nothing. */

#include <stdint.h>

typedef struct {
  void *allocated, *aligned;
  int64_t offset, shape[4];
} matrix;

enum { FORCE_FIRST = 1, FORCE_LAST = 2 };

static int is_better(float a, int64_t key_a, float b, int64_t key_b) {
  return a > b || (a == b && key_a < key_b);
}

/* Of the keys [begin, end), `room` behind the `count` of a row that are there.
 */
static int64_t insert_best(const float *logits, int64_t begin, int64_t end,
                           int32_t *keys, float *values, int64_t count,
                           int64_t room) {
  int64_t first = count, last = count + room;
  for (int64_t n = begin; n < end; ++n) {
    float logit = logits[n];
    if (logit != logit || room == 0)
      continue;
    if (count == last &&
        !is_better(logit, n, values[count - 1], keys[count - 1]))
      continue;
    int64_t j = count < last ? count++ : count - 1;
    for (; j > first && is_better(logit, n, values[j - 1], keys[j - 1]); --j) {
      keys[j] = keys[j - 1];
      values[j] = values[j - 1];
    }
    keys[j] = (int32_t)n;
    values[j] = logit;
  }
  return count;
}

static void sort_by_key(int32_t *keys, float *values, int64_t count) {
  for (int64_t i = 1; i < count; ++i)
    for (int64_t j = i; j > 0 && keys[j] < keys[j - 1]; --j) {
      int32_t key = keys[j];
      float value = values[j];
      keys[j] = keys[j - 1];
      values[j] = values[j - 1];
      keys[j - 1] = key;
      values[j - 1] = value;
    }
}

static void select_row(const float *logits, int64_t begin, int64_t end,
                       int32_t offset, int32_t *keys, float *values,
                       int64_t k) {
  int64_t count = 0, room = k;
  int64_t first = end, last = end;
  if (end - begin > k) {
    first = begin + FORCE_FIRST;
    last = end - FORCE_LAST;
    room -= FORCE_FIRST + FORCE_LAST;
  }
  for (int64_t n = begin; n < end; ++n)
    if (n < first || n >= last) {
      keys[count] = (int32_t)n;
      values[count++] = logits[n];
    }
  if (first < last)
    count = insert_best(logits, first, last, keys, values, count, room);
  sort_by_key(keys, values, count);
  for (int64_t j = 0; j < k; ++j) {
    uint32_t index = (uint32_t)(keys[j] - begin) + (uint32_t)offset;
    keys[j] = j < count ? (int32_t)index : -1;
    if (j >= count)
      values[j] = -__builtin_inff();
  }
}

__attribute__((visibility("default"))) void
mqa_task_topk(const matrix *const *operands, int64_t query_task,
              int64_t key_task, char *scratch) {
  const matrix *logits = operands[0], *indices = operands[4];
  const matrix *values = operands[5];
  const int32_t *ks = operands[1]->aligned, *ke = operands[2]->aligned;
  const int32_t *offset = operands[3]->aligned;
  (void)key_task;
  (void)scratch;
  for (int64_t m = 2 * query_task;
       m < 2 * query_task + 2 && m < indices->shape[0]; ++m) {
    int64_t begin = ks[m] > 0 ? ks[m] : 0;
    int64_t end = ke[m] < logits->shape[1] ? ke[m] : logits->shape[1];
    select_row((const float *)logits->aligned + m * logits->shape[2], begin,
               end > begin ? end : begin, offset[m],
               (int32_t *)indices->aligned + m * indices->shape[2],
               (float *)values->aligned + m * values->shape[2],
               indices->shape[1]);
  }
}
