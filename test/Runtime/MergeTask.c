/* A kernel of mqa.merge_topk as a CPU bundle holds it: that of
   makeMergeManifest. It selects by insertion, for a few keys, and calls
   nothing. */

#include <stdint.h>

typedef struct {
  void *allocated, *aligned;
  int64_t offset, shape[6];
} matrix;

typedef struct {
  int32_t key;
  float logit;
} entry;

enum { MAX_SELECTED = 5 };

/* NaN is worse than all numbers. */
static int is_better(entry a, entry b) {
  int a_is_number = a.logit == a.logit, b_is_number = b.logit == b.logit;
  if (a_is_number != b_is_number)
    return a_is_number;
  if (!a_is_number || a.logit == b.logit)
    return a.key < b.key;
  return a.logit > b.logit;
}

static int64_t insert(entry *best, int64_t count, int64_t k, entry own) {
  if (count == k && !is_better(own, best[count - 1]))
    return count;
  int64_t j = count < k ? count++ : count - 1;
  for (; j > 0 && is_better(own, best[j - 1]); --j)
    best[j] = best[j - 1];
  best[j] = own;
  return count;
}

__attribute__((visibility("default"))) void
mqa_task_merge(const matrix *const *operands, int64_t query_task,
               int64_t key_task, char *scratch) {
  const matrix *keys = operands[0], *logits = operands[1];
  const matrix *indices = operands[4], *values = operands[5];
  const int32_t *ks = operands[2]->aligned, *ke = operands[3]->aligned;
  int64_t k = indices->shape[1];
  (void)key_task;
  (void)scratch;
  for (int64_t m = 2 * query_task;
       m < 2 * query_task + 2 && m < indices->shape[0]; ++m) {
    int64_t begin = ks[m] > 0 ? ks[m] : 0, count = 0;
    entry best[MAX_SELECTED];
    for (int64_t r = 0; r < keys->shape[0]; ++r)
      for (int64_t j = 0; j < k; ++j) {
        entry own = {
            ((const int32_t *)
                 keys->aligned)[r * keys->shape[3] + m * keys->shape[4] + j],
            ((const float *)logits
                 ->aligned)[r * logits->shape[3] + m * logits->shape[4] + j]};
        if (own.key >= 0 && (own.logit == own.logit || ke[m] - begin <= k))
          count = insert(best, count, k, own);
      }
    for (int64_t j = 0; j < k; ++j) {
      ((int32_t *)indices->aligned)[m * indices->shape[2] + j] =
          j < count ? best[j].key : -1;
      ((float *)values->aligned)[m * values->shape[2] + j] =
          j < count ? best[j].logit : -__builtin_inff();
    }
  }
}
