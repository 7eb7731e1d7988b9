// SPDX-License-Identifier: Apache-2.0
// rope: x [batch, heads, M, D], rotated at positions past …; cosine, sine [P, d], 2 d <= D.
#include "kernels/operators/operators.h"
#include "kernels/operators/rows.h"
#include <string.h>

typedef struct {
  const Kernels *kernels;
  const Tensor *x, *cosine, *sine, *past;
  Tensor *output;
} Job;

static bool rope_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                       Error *error) {
  (void)attributes;
  if (!rows_check_count(count, 4, 4, error) ||
      !rows_check_shape(&inputs[0], "x", 4, (int64_t[]){-1, -1, -1, -1}, error) ||
      !rows_check_float(&inputs[0], "x", error) ||
      !rows_check_shape(&inputs[1], "cosine", 2, (int64_t[]){-1, -1}, error) ||
      !rows_check_shape(&inputs[2], "sine", 2, inputs[1].shape, error) ||
      !rows_check_shape(&inputs[3], "past", 1, inputs[0].shape, error))
    return false;
  if (2 * inputs[1].shape[1] > inputs[0].shape[3])
    return error_set(error, ERROR_ARGUMENT, "cosine", "rotates more than a head has");
  rows_like(&inputs[0], output);
  return true;
}

// A row is a token: all its heads.
static void rope_rows(const void *job, int64_t begin, int64_t end) {
  const Job *j = job;
  const int64_t *stride = j->output->stride, *shape = j->output->shape;
  const int64_t *past = rows_past(j->past);
  for (int64_t token = begin; token < end; token++) {
    int64_t sequence = token / shape[2], query = token % shape[2];
    const float *from =
        (const float *)j->x->data + sequence * j->x->stride[0] + query * j->x->stride[2];
    float *to = (float *)j->output->data + sequence * stride[0] + query * stride[2];
    for (int64_t head = 0; head < shape[1]; head++)
      memcpy(to + head * stride[1], from + head * j->x->stride[1],
             (size_t)shape[3] * sizeof(float));
    int64_t position = past[sequence] + query;
    j->kernels->rope(shape[1], stride[1], j->cosine->shape[1], rows_at(j->cosine, position),
                     rows_at(j->sine, position), to);
  }
}

static void rope_part(const OperatorPart *part, const Tensor *inputs, int count,
                      const void *attributes, Tensor *output) {
  (void)count, (void)attributes;
  Job job = {part->kernels, &inputs[0], &inputs[1], &inputs[2], &inputs[3], output};
  const int64_t *shape = output->shape;
  rows_part(part, shape[0] * shape[2], rope_rows, &job);
}

const Operator rope_operator = {
    .name = "rope", .written = -1, .infer = rope_infer, .part = rope_part, .small = rows_small};

Tensor ops_rope(Ops *ops, const Tensor *x, const Tensor *cosine, const Tensor *sine,
                const Tensor *past) {
  Tensor inputs[] = {*x, *cosine, *sine, *past};
  return ops_apply(ops, &rope_operator, inputs, 4, NULL);
}
