// SPDX-License-Identifier: Apache-2.0
#include "attention/packed_heads.h"
#include "attention/key_summary.h"
#include <string.h>

enum { BLOCK_STEP = 2 * MATRIX_PANEL };

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

PackedShape packed_shape(int64_t keys, int64_t head_dim, int64_t block) {
  PackedShape shape = {.keys = keys, .head_dim = head_dim};
  shape.value_dim = round_up(head_dim, MATRIX_PANEL);
  shape.block = key_block_keys(block, head_dim);
  if (shape.block > round_up(keys, BLOCK_STEP)) shape.block = round_up(keys, BLOCK_STEP);
  return shape;
}

static int64_t key_floats(const PackedShape *shape) {
  return round_up(shape->keys, MATRIX_PANEL) * shape->head_dim;
}

static int64_t value_floats(const PackedShape *shape) {
  return round_up(shape->keys, shape->block) * shape->value_dim;
}

int64_t packed_head_bytes(const PackedShape *shape) {
  int64_t floats = key_floats(shape) + value_floats(shape);
  return round_up(floats * (int64_t)sizeof(float) + round_up(shape->keys, PACKED_FLAG_KEYS) /
                                                        PACKED_FLAG_KEYS * (int64_t)sizeof(bool),
                  MATRIX_ALIGNMENT);
}

PackedHead packed_head_at(const PackedShape *shape, void *memory) {
  PackedHead head = {.keys = memory};
  head.values = head.keys + key_floats(shape);
  head.infinite = (bool *)(head.values + value_floats(shape));
  return head;
}

static const char *row_of(const Tensor *x, int64_t key) {
  return (const char *)x->data + key * x->stride[0] * dtype_facts(x->dtype)->block_bytes;
}

static void pack_keys(const PackedShape *shape, const Kernels *kernels, const Tensor *k,
                      int64_t key, float *panel) {
  const void *source[MATRIX_PANEL];
  for (int i = 0; i < MATRIX_PANEL; i++)
    source[i] = key + i < shape->keys ? row_of(k, key + i) : NULL;
  kernels->gather_panel(k->dtype, shape->head_dim, source, panel);
}

// Keys [begin, end) of one block; `out` is where key `begin` is in the first panel.
static void pack_values(const PackedShape *shape, const Kernels *kernels, const Tensor *v,
                        int64_t begin, int64_t end, float *out) {
  int64_t bytes = dtype_facts(v->dtype)->block_bytes, dim = 0;
  for (; dim + MATRIX_PANEL <= shape->head_dim; dim += MATRIX_PANEL) {
    kernels->widen_rows(v->dtype, end - begin, row_of(v, begin) + dim * bytes, v->stride[0], out);
    out += packed_panel_floats(shape);
  }
  if (dim == shape->head_dim) return;
  memset(out, 0, (size_t)((end - begin) * MATRIX_PANEL) * sizeof *out);
  for (int64_t key = begin; key < end; key++)
    kernels->widen(v->dtype, shape->head_dim - dim, row_of(v, key) + dim * bytes,
                   out + (key - begin) * MATRIX_PANEL);
}

static bool values_infinite(const PackedShape *shape, const Kernels *kernels, const float *values,
                            int64_t keys) {
  for (int64_t dim = 0; dim < shape->value_dim; dim += MATRIX_PANEL)
    if (!kernels->all_finite(keys * MATRIX_PANEL,
                             values + dim / MATRIX_PANEL * packed_panel_floats(shape)))
      return true;
  return false;
}

void packed_head_fill(const PackedShape *shape, PackedHead *head, const Kernels *kernels,
                      const Tensor *k, const Tensor *v, int64_t begin, int64_t end) {
  for (int64_t key = begin; key < end; key += PACKED_FLAG_KEYS) {
    int64_t count = end - key < PACKED_FLAG_KEYS ? end - key : PACKED_FLAG_KEYS;
    float *values = (float *)packed_values(shape, head, key);
    pack_keys(shape, kernels, k, key, (float *)packed_keys(shape, head, key));
    pack_values(shape, kernels, v, key, key + count, values);
    head->infinite[key / PACKED_FLAG_KEYS] = values_infinite(shape, kernels, values, count);
  }
}

bool packed_head_infinite(const PackedHead *head, int64_t first, int64_t last) {
  for (int64_t i = first / PACKED_FLAG_KEYS; i * PACKED_FLAG_KEYS < last; i++)
    if (head->infinite[i]) return true;
  return false;
}
