// SPDX-License-Identifier: Apache-2.0
// Products with a weight matrix: the numbers of their LinearPlan, one changed at a time, and at
// last OpenBLAS in place of our own kernels.
#include "compile/step_choices.h"
#include "kernels/kernels.h"
#include "kernels/operators/operators.h"
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { KIB = 1024, ALL_TILES = LINEAR_CHUNK_ROWS, HALF = -1 };

// A field of the plan, and what it becomes; HALF: of the team's threads.
typedef struct {
  size_t field;
  int64_t value;
} Change;

#define CHANGE(FIELD, VALUE)                                                                       \
  { offsetof(LinearPlan, FIELD), VALUE }

static const Change changes[] = {
    CHANGE(sliver_bytes, 96 * KIB), CHANGE(sliver_bytes, 32 * KIB),
    CHANGE(sliver_bytes, 16 * KIB), CHANGE(sliver_bytes, 192 * KIB),
    CHANGE(streamed_tiles, 0),      CHANGE(streamed_tiles, ALL_TILES),
    CHANGE(cut, LINEAR_BY_COLUMNS), CHANGE(cut, LINEAR_BY_ROWS),
    CHANGE(block_rows, 128),        CHANGE(block_rows, 64),
    CHANGE(block_rows, 512),        CHANGE(block_width, 1024),
    CHANGE(block_width, 256),       CHANGE(block_width, 2048),
    CHANGE(threads, HALF),
};

static const char by_openblas[] = "OpenBLAS";

static bool is_fused(const Operator *op) {
  return op == &norm_linear_operator || op == &gated_linear_operator;
}

static bool serves(const StepCase *at) {
  const Operator *op = at->step->op;
  return op == &linear_operator || op == &linear_add_operator || is_fused(op);
}

static const Matrix *matrix_of(const StepCase *at) {
  const void *attributes = at->step->attributes;
  return is_fused(at->step->op) ? ((const FusedAttributes *)attributes)->matrix
                                : ((const MatrixAttributes *)attributes)->matrix;
}

static int64_t rows_of(const StepCase *at) {
  return at->step->inputs[0].shape[0];
}

static void describe(const StepCase *at, Text *text) {
  const Matrix *matrix = matrix_of(at);
  text_append_format(text, "%s %s, %" PRId64 " x %" PRId64 " x %" PRId64 "%s", at->step->op->name,
                     dtype_name(matrix->dtype), rows_of(at), matrix->rows, matrix->columns,
                     matrix->bias ? " + bias" : "");
  if (!is_fused(at->step->op)) return;
  Activation activation = (Activation)((const FusedAttributes *)at->step->attributes)->activation;
  text_append_format(text, ", %s", activation_name(activation));
}

static void standard(const StepCase *at, char name[TUNING_NAME]) {
  linear_plan_name(linear_plan_standard(matrix_of(at)->dtype), name);
}

static int64_t blocks(int64_t count, int64_t each) {
  return (count + each - 1) / each;
}

static int64_t chunk_rows(const StepCase *at) {
  return rows_of(at) < LINEAR_CHUNK_ROWS ? rows_of(at) : LINEAR_CHUNK_ROWS;
}

static bool streams(const StepCase *at, const LinearPlan *plan) {
  Dtype dtype = matrix_of(at)->dtype;
  return linear_streams(at->kernels, dtype, plan,
                        blocks(chunk_rows(at), linear_tile_rows(at->kernels, dtype)));
}

static int64_t slivers(const StepCase *at, const LinearPlan *plan) {
  int64_t width = (int64_t)at->kernels->tile_panels * MATRIX_PANEL * (int64_t)sizeof(float);
  return blocks(matrix_of(at)->columns, plan->sliver_bytes / width);
}

// Whether another plan does anything else here. Few rows are not blocked at all.
static bool differ(const StepCase *at, const LinearPlan *a, const LinearPlan *b) {
  if (a->threads != b->threads) return true;
  if (rows_of(at) <= at->kernels->streamed_rows) return false;
  if (streams(at, a) != streams(at, b)) return true;
  if (a->cut != b->cut) return at->threads > 1;
  if (a->block_rows != b->block_rows)
    return blocks(chunk_rows(at), a->block_rows) != blocks(chunk_rows(at), b->block_rows);
  if (a->block_width != b->block_width)
    return blocks(matrix_of(at)->rows, a->block_width) !=
           blocks(matrix_of(at)->rows, b->block_width);
  return !streams(at, a) && slivers(at, a) != slivers(at, b);
}

// Many rows of float32; whether it is here, only its trial tells.
static void name_openblas(const StepCase *at, char name[TUNING_NAME]) {
  if (rows_of(at) > at->kernels->streamed_rows && matrix_of(at)->dtype == DTYPE_F32)
    snprintf(name, TUNING_NAME, "%s", by_openblas);
}

static bool candidate(const StepCase *at, const char *best, int index, char name[TUNING_NAME]) {
  LinearPlan from, to;
  name[0] = '\0';
  if (index == COUNT_OF(changes)) name_openblas(at, name);
  if (index >= (int)COUNT_OF(changes)) return index == COUNT_OF(changes);
  if (!linear_plan_parse(best, &from)) return false;
  int64_t value = changes[index].value;
  to = from;
  *(int64_t *)((char *)&to + changes[index].field) = value == HALF ? at->threads / 2 : value;
  if (differ(at, &from, &to)) linear_plan_name(&to, name);
  return true;
}

static bool make_plan(const StepCase *at, const char *name, LinearPlan *plan) {
  if (strcmp(name, by_openblas) != 0) return linear_plan_parse(name, plan);
  *plan = *linear_plan_standard(matrix_of(at)->dtype);
  plan->blas = weight_copies_of(at->copies, matrix_of(at));
  return plan->blas != NULL;
}

// For other numbers of rows (of a program of any length) as far as they are alike.
static bool set(const StepCase *at, const char *name, void *attributes) {
  LinearPlan plan;
  if (!make_plan(at, name, &plan)) return false;
  plan.least_rows = (rows_of(at) + 1) / 2;
  plan.most_rows = 2 * rows_of(at);
  if (is_fused(at->step->op))
    ((FusedAttributes *)attributes)->plan = plan;
  else
    ((MatrixAttributes *)attributes)->plan = plan;
  return true;
}

const StepChoices product_choices = {serves, describe, standard, candidate, set};
