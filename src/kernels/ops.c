// SPDX-License-Identifier: Apache-2.0
#include "kernels/ops.h"

bool ops_failed(const Ops *ops) {
  return ops->error.code != ERROR_NONE;
}

void ops_fail(Ops *ops, const Error *error) {
  if (!ops_failed(ops)) ops->error = *error;
}

bool ops_finish(Ops *ops, Error *error) {
  if (!ops_failed(ops)) return true;
  *error = ops->error;
  ops->error.code = ERROR_NONE;
  return false;
}

// A call of an operator, for the threads of a team.
typedef struct {
  const Operator *op;
  const OperatorContext *context;
  const Tensor *inputs;
  int count;
  const void *attributes;
  Tensor *output;
  void *scratch;
} Call;

static void call_part(void *call, int thread, int threads) {
  const Call *c = call;
  OperatorPart part = {c->context->kernels, c->context->team, c->scratch, thread, threads};
  c->op->part(&part, c->inputs, c->count, c->attributes, c->output);
}

void operator_run(const Operator *op, const OperatorContext *context, const Tensor *inputs,
                  int count, const void *attributes, Tensor *output) {
  Call call = {op, context, inputs, count, attributes, output, NULL};
  bool small = op->small && op->small(inputs, attributes, output);
  if (op->run && !small) {
    op->run(context, inputs, count, attributes, output);
    return;
  }
  int threads = small ? 1 : team_size(context->team);
  if (op->scratch_bytes) {
    int64_t bytes = op->scratch_bytes(context->kernels, inputs, count, attributes, threads);
    call.scratch = arena_take(context->scratch, (size_t)bytes);
  }
  if (small)
    call_part(&call, 0, 1);
  else
    team_run(context->team, call_part, &call);
}

static Tensor apply(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                    const void *attributes, bool kept) {
  Tensor output = {0};
  if (ops_failed(ops)) return output;
  if (op->written >= 0) output = inputs[op->written];
  if (!op->infer(inputs, count, attributes, &output, &ops->error)) {
    error_within(&ops->error, op->name);
    return (Tensor){0};
  }
  ops->form->apply(ops, op, inputs, count, attributes, kept, &output);
  return output;
}

Tensor ops_apply(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                 const void *attributes) {
  return apply(ops, op, inputs, count, attributes, false);
}

Tensor ops_apply_kept(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                      const void *attributes) {
  return apply(ops, op, inputs, count, attributes, true);
}

void ops_scope_begin(Ops *ops) {
  ops->form->scope_begin(ops);
}

void ops_scope_end(Ops *ops) {
  ops->form->scope_end(ops);
}

Tensor ops_constant(const float *values, int64_t count) {
  return tensor_dense(DTYPE_F32, 1, &count, (void *)values);
}

static float *offset(const Tensor *x, int64_t elements) {
  return (float *)x->data + elements;
}

Tensor ops_columns(const Ops *ops, const Tensor *x, int64_t begin, int64_t count) {
  if (ops_failed(ops)) return (Tensor){0};
  Tensor view = *x;
  view.shape[1] = count;
  view.data = offset(x, begin * x->stride[1]);
  return view;
}

Tensor ops_split_heads(const Ops *ops, const Tensor *x, int64_t batch, int64_t heads) {
  if (ops_failed(ops)) return (Tensor){0};
  int64_t queries = x->shape[0] / batch, head_dim = x->shape[1] / heads, row = x->stride[0];
  return (Tensor){.dtype = x->dtype,
                  .rank = 4,
                  .shape = {batch, heads, queries, head_dim},
                  .stride = {queries * row, head_dim, row, 1},
                  .data = x->data};
}

Tensor ops_last_rows(Ops *ops, const Tensor *x, int64_t batch, int64_t count) {
  if (ops_failed(ops)) return (Tensor){0};
  int64_t rows = x->shape[0] / batch;
  if (count == rows) return *x;
  if (count < 1 || count > rows || (count > 1 && batch > 1)) {
    error_set(&ops->error, ERROR_ARGUMENT, "last rows",
              "%lld of %lld rows of each of %lld sequences, expected 1 or all", (long long)count,
              (long long)rows, (long long)batch);
    return (Tensor){0};
  }
  Tensor view = *x;
  view.shape[0] = batch * count;
  view.stride[0] = batch > 1 ? rows * x->stride[0] : x->stride[0];
  view.data = offset(x, (rows - count) * x->stride[0]);
  return view;
}
