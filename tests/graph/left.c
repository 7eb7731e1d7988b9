// SPDX-License-Identifier: Apache-2.0
#include "left.h"
#include "graph/trace.h"
#include "kernels/eager.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static void take(Left *left, const Tensor *tensor) {
  int64_t rows = tensor->shape[0], columns = tensor->shape[1];
  left->values = realloc(left->values, (size_t)(left->count + rows * columns) * sizeof(float));
  for (int64_t row = 0; row < rows; row++)
    memcpy(left->values + left->count + row * columns,
           (const float *)tensor->data + row * tensor->stride[0], (size_t)columns * sizeof(float));
  left->count += rows * columns;
}

Left left_of(const RandomProgram *program, const Tensor *outputs, int count) {
  Left left = {0};
  int64_t cached;
  const float *cache = random_program_cache(program, &cached);
  for (int i = 0; i < count; i++) take(&left, &outputs[i]);
  Tensor whole = tensor_dense(DTYPE_F32, 2, (int64_t[]){1, cached}, (void *)cache);
  take(&left, &whole);
  return left;
}

Left left_by_eager(RandomProgram *program, const Kernels *kernels, Team *team) {
  Tensor outputs[RANDOM_PROGRAM_MOST_OUTPUTS];
  Ops *ops = eager_open(kernels, team);
  Error error = {0};
  random_program_reset(program);
  int count = random_program_run(program, ops, outputs);
  assert_true(ops_finish(ops, &error));
  Left left = left_of(program, outputs, count);
  eager_close(ops);
  return left;
}

void left_compare(uint64_t seed, const char *what, const Left *expected, const Left *found,
                  double bound) {
  assert_int_equal(expected->count, found->count);
  for (int64_t i = 0; i < expected->count; i++) {
    double a = (double)expected->values[i], b = (double)found->values[i];
    if (!(fabs(a - b) <= bound * (1.0 + fabs(a))))
      fail_msg("# program %llu, %s: element %lld is %g, expected %g", (unsigned long long)seed,
               what, (long long)i, b, a);
  }
}

Graph *random_program_trace(RandomProgram *program) {
  Tensor outputs[RANDOM_PROGRAM_MOST_OUTPUTS];
  Error error = {0};
  Ops *ops = trace_open(&error);
  assert_non_null(ops);
  int count = random_program_run(program, ops, outputs);
  for (int i = 0; i < count; i++) trace_output(ops, &outputs[i]);
  Graph *graph = trace_take(ops, &error);
  if (!graph) fail_msg("# %s", error.message);
  trace_close(ops);
  return graph;
}
