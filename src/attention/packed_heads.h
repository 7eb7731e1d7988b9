// SPDX-License-Identifier: Apache-2.0
// Keys and values of key heads as float32 panels, packed once and read by every block of queries
// and every head of the group. Both are cut into blocks of `block` keys that lie one after another,
// so that what one block of queries reads together is contiguous:
//
//   keys     [N / 16 panels][D][16 keys]                       a column of a panel: one dim
//   values   [N / block blocks][D / 16 panels][block][16 dims]  a column of a panel: one key
//
// Missing keys of the last panel and missing dims are 0.
#pragma once
#include "kernels/kernels.h"
#include "tensor/tensor.h"

enum { PACKED_FLAG_KEYS = MATRIX_PANEL };

typedef struct {
  int64_t keys, head_dim, value_dim; // value_dim: head_dim in whole panels
  int64_t block;                     // keys, a multiple of MATRIX_PANEL
} PackedShape;

// One key head.
typedef struct {
  float *keys, *values;
  bool *infinite; // of each PACKED_FLAG_KEYS keys: whether their values hold an infinity or a NaN
} PackedHead;

// `block`: as key_block_keys is asked (attention/key_summary.h).
PackedShape packed_shape(int64_t keys, int64_t head_dim, int64_t block);
int64_t packed_head_bytes(const PackedShape *shape); // a multiple of 64
PackedHead packed_head_at(const PackedShape *shape, void *memory);
// Packs keys [begin, end); begin is a multiple of the block, end too or the last key. k, v: one
// head, element (n, d) at n * stride + d; float32, bfloat16 or float16.
void packed_head_fill(const PackedShape *shape, PackedHead *head, const Kernels *kernels,
                      const Tensor *k, const Tensor *v, int64_t begin, int64_t end);

// The panel of keys that holds key `key`, a multiple of MATRIX_PANEL; the next follows it.
static inline const float *packed_keys(const PackedShape *shape, const PackedHead *head,
                                       int64_t key) {
  return head->keys + key * shape->head_dim;
}

// Values of key `key` in the first panel; those of the next keys of its block follow, the next
// panel is packed_panel_floats later.
static inline const float *packed_values(const PackedShape *shape, const PackedHead *head,
                                         int64_t key) {
  return head->values + key / shape->block * shape->block * shape->value_dim +
         key % shape->block * MATRIX_PANEL;
}

static inline int64_t packed_panel_floats(const PackedShape *shape) {
  return shape->block * MATRIX_PANEL;
}

// Whether a value of keys [first, last) may be infinite or NaN.
bool packed_head_infinite(const PackedHead *head, int64_t first, int64_t last);
