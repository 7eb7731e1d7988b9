// SPDX-License-Identifier: Apache-2.0
#include "kernels/eager.h"

enum { SCOPE_DEPTH = 8, CHUNK = 1 << 20, KEPT_ALIGNMENT = 4096 };

typedef struct {
  Ops ops; // first: an Ops * of this form is an Eager *
  OperatorContext context;
  Arena *arena;
  ArenaMark marks[SCOPE_DEPTH];
  int depth;
  Region kept[2]; // the residual stream
  int last_kept;  // the one written last
} Eager;

// The buffer that the residual stream was not written to last, with room for `bytes`.
static void *kept_take(Eager *eager, int64_t bytes) {
  eager->last_kept = !eager->last_kept;
  Region *region = &eager->kept[eager->last_kept];
  if (region->size < (size_t)bytes) {
    region_unmap(region);
    size_t size = ((size_t)bytes + KEPT_ALIGNMENT - 1) / KEPT_ALIGNMENT * KEPT_ALIGNMENT;
    if (!region_map(region, size, &eager->ops.error)) return NULL;
  }
  return region->data;
}

static bool place(Eager *eager, bool kept, Tensor *output) {
  int64_t bytes;
  if (!dtype_bytes(output->dtype, tensor_elements(output), &bytes))
    return error_set(&eager->ops.error, ERROR_MEMORY, NULL, "an activation is too large");
  *output = tensor_dense(output->dtype, output->rank, output->shape, NULL);
  output->data = kept ? kept_take(eager, bytes) : arena_take(eager->arena, (size_t)bytes);
  return output->data != NULL;
}

static void eager_apply(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                        const void *attributes, bool kept, Tensor *output) {
  Eager *eager = (Eager *)ops;
  if (op->written < 0 && !place(eager, kept, output)) return;
  ArenaMark mark = arena_mark(eager->context.scratch);
  operator_run(op, &eager->context, inputs, count, attributes, output);
  arena_restore(eager->context.scratch, mark);
}

static void eager_scope_begin(Ops *ops) {
  Eager *eager = (Eager *)ops;
  if (eager->depth < SCOPE_DEPTH) eager->marks[eager->depth] = arena_mark(eager->arena);
  eager->depth++;
}

static void eager_scope_end(Ops *ops) {
  Eager *eager = (Eager *)ops;
  eager->depth--;
  if (eager->depth < SCOPE_DEPTH) arena_restore(eager->arena, eager->marks[eager->depth]);
}

static const OpsForm eager_form = {"eager", eager_apply, eager_scope_begin, eager_scope_end};

Ops *eager_open(const Kernels *kernels, Team *team) {
  Eager *eager = memory_allocate(sizeof *eager);
  eager->ops.form = &eager_form;
  eager->arena = arena_open(CHUNK);
  eager->context = (OperatorContext){kernels, team, arena_open(CHUNK)};
  return &eager->ops;
}

void eager_close(Ops *ops) {
  if (!ops) return;
  Eager *eager = (Eager *)ops;
  for (int i = 0; i < 2; i++) region_unmap(&eager->kept[i]);
  arena_close(eager->arena);
  arena_close(eager->context.scratch);
  memory_free(eager);
}

int64_t eager_bytes(const Ops *ops) {
  const Eager *eager = (const Eager *)ops;
  return (int64_t)(arena_reserved(eager->arena) + arena_reserved(eager->context.scratch) +
                   eager->kept[0].size + eager->kept[1].size);
}
