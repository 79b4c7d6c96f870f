/* Two kernels as a CPU bundle holds them: `logits` of makeCpuManifest, and
   `best`, which selects by the same logits as the kernel of TopkTask.c. They
   call nothing. */

#include "TopkTask.c"

enum { HEADS = 4, DIM = 16 };

static float decode_e4m3(uint8_t bits) {
  int exponent = bits >> 3 & 15, mantissa = bits & 7;
  float value;
  if (exponent == 15 && mantissa == 7)
    return __builtin_nanf("");
  if (exponent == 0) {
    value = (float)mantissa / 512;
  } else {
    value = (float)(8 + mantissa) / 1024;
    for (int i = 0; i < exponent; ++i)
      value *= 2;
  }
  return bits & 128 ? -value : value;
}

typedef struct {
  void *allocated, *aligned;
  int64_t offset, shape[6];
} cube;

/* Of the operands q, k, k_scale and weights. */
static float compute_logit(const matrix *const *operands, int64_t m,
                           int64_t n) {
  const cube *q = (const cube *)operands[0];
  const matrix *k = operands[1], *weights = operands[3];
  const float *scales = operands[2]->aligned;
  const uint8_t *key = (const uint8_t *)k->aligned + n * k->shape[2];
  const float *weight = (const float *)weights->aligned + m * weights->shape[2];
  float sum = 0;
  for (int h = 0; h < HEADS; ++h) {
    const uint8_t *head =
        (const uint8_t *)q->aligned + m * q->shape[3] + h * q->shape[4];
    float score = 0;
    for (int d = 0; d < DIM; ++d)
      score += decode_e4m3(head[d]) * decode_e4m3(key[d]);
    sum += weight[h] * (score < 0 ? 0 : score);
  }
  return scales[n] * sum;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : value;
}

/* Tasks of 2 x 3, as makeCpuManifest says. */
__attribute__((visibility("default"))) void
mqa_task_logits(const matrix *const *operands, int64_t query_task,
                int64_t key_task, char *scratch) {
  const int32_t *ks = operands[4]->aligned, *ke = operands[5]->aligned;
  const matrix *out = operands[6];
  (void)scratch;
  for (int64_t m = 2 * query_task; m < 2 * query_task + 2 && m < out->shape[0];
       ++m)
    for (int64_t n = 3 * key_task; n < 3 * key_task + 3 && n < out->shape[1];
         ++n)
      if (n >= ks[m] && n < ke[m])
        ((float *)out->aligned)[m * out->shape[2] + n] =
            compute_logit(operands, m, n);
}

/* The operands are q, k, k_scale, weights, ks, ke, offset, indices and values;
   a row's logits fit the scratch. */
__attribute__((visibility("default"))) void
mqa_task_best(const matrix *const *operands, int64_t query_task,
              int64_t key_task, char *scratch) {
  const matrix *k = operands[1], *indices = operands[7], *values = operands[8];
  const int32_t *ks = operands[4]->aligned, *ke = operands[5]->aligned;
  const int32_t *offset = operands[6]->aligned;
  float *logits = (float *)scratch;
  (void)key_task;
  for (int64_t m = 2 * query_task;
       m < 2 * query_task + 2 && m < indices->shape[0]; ++m) {
    int64_t begin = clamp(ks[m], 0, k->shape[0]);
    int64_t end = clamp(ke[m], begin, k->shape[0]);
    for (int64_t n = begin; n < end; ++n)
      logits[n] = compute_logit(operands, m, n);
    select_row(logits, begin, end, offset[m],
               (int32_t *)indices->aligned + m * indices->shape[2],
               (float *)values->aligned + m * values->shape[2],
               indices->shape[1]);
  }
}
