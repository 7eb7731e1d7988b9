// SPDX-License-Identifier: Apache-2.0
#include "mods/extremes.h"
#include "base/memory.h"
#include "tensor/half.h"
#include <math.h>

enum { LEAF = 16, MOST_ROWS = 64 };

// Floats are held as integers of the same order.
typedef struct {
  int64_t least, most;
} Pair;

struct ModExtremes {
  Tensor values;
  Region region;
  Pair *pairs; // the leaves at [leaves, 2 leaves), their parents at half their index
  int64_t elements, leaves;
  bool nan;
};

static const Pair nothing = {INT64_MAX, INT64_MIN};

static Pair joined(Pair a, Pair b) {
  return (Pair){a.least < b.least ? a.least : b.least, a.most > b.most ? a.most : b.most};
}

static int64_t order_of_bits(uint32_t bits) {
  return (int32_t)bits >= 0 ? (int64_t)bits : -(int64_t)(bits & 0x7FFFFFFFu);
}

static double float_of_order(int64_t order) {
  return order >= 0 ? (double)float_of_bits((uint32_t)order)
                    : -(double)float_of_bits((uint32_t)-order);
}

static Pair scan_floats(const float *values, int64_t count, bool *nan) {
  Pair pair = nothing;
  for (int64_t i = 0; i < count; i++) {
    int64_t order = order_of_bits(bits_of_float(values[i]));
    if (isnan(values[i]))
      *nan = true;
    else
      pair = joined(pair, (Pair){order, order});
  }
  return pair;
}

#define SCAN(TYPE)                                                                                 \
  do {                                                                                             \
    const TYPE *values = (const TYPE *)data + first;                                               \
    TYPE least = values[0], most = values[0];                                                      \
    for (int64_t i = 1; i < count; i++) {                                                          \
      least = values[i] < least ? values[i] : least;                                               \
      most = values[i] > most ? values[i] : most;                                                  \
    }                                                                                              \
    return (Pair){least, most};                                                                    \
  } while (0)

static Pair scan(Dtype dtype, const void *data, int64_t first, int64_t count, bool *nan) {
  if (count <= 0) return nothing;
  switch (dtype) {
  case DTYPE_I32: SCAN(int32_t);
  case DTYPE_I64: SCAN(int64_t);
  case DTYPE_BOOL: {
    Pair pair = scan(DTYPE_U8, data, first, count, nan); // any byte but 0 is true
    return (Pair){pair.least != 0, pair.most != 0};
  }
  case DTYPE_U8: SCAN(uint8_t);
  default: return scan_floats((const float *)data + first, count, nan);
  }
}

static ModRange range_of(Dtype dtype, Pair pair, bool nan) {
  if (pair.least > pair.most) return mod_range_reals(0, 0, nan); // nothing, or nothing but NaN
  if (dtype != DTYPE_F32) return mod_range_integers(pair.least, pair.most);
  return mod_range_reals(float_of_order(pair.least), float_of_order(pair.most), nan);
}

ModExtremes *mod_extremes_open(const Tensor *values, Error *error) {
  ModExtremes *extremes = memory_allocate(sizeof *extremes);
  extremes->values = *values;
  extremes->elements = tensor_elements(values);
  extremes->leaves = (extremes->elements + LEAF - 1) / LEAF;
  size_t bytes = (size_t)extremes->leaves * 2 * sizeof(Pair);
  if (!region_map(&extremes->region, bytes, error)) {
    memory_free(extremes);
    return NULL;
  }
  Pair *pairs = extremes->pairs = extremes->region.data;
  for (int64_t leaf = 0; leaf < extremes->leaves; leaf++) {
    int64_t rest = extremes->elements - leaf * LEAF;
    pairs[extremes->leaves + leaf] =
        scan(values->dtype, values->data, leaf * LEAF, rest < LEAF ? rest : LEAF, &extremes->nan);
  }
  for (int64_t i = extremes->leaves - 1; i > 0; i--)
    pairs[i] = joined(pairs[2 * i], pairs[2 * i + 1]);
  return extremes;
}

void mod_extremes_close(ModExtremes *extremes) {
  if (!extremes) return;
  region_unmap(&extremes->region);
  memory_free(extremes);
}

static Pair over_leaves(const ModExtremes *extremes, int64_t first, int64_t last) {
  Pair pair = nothing;
  int64_t low = first + extremes->leaves, high = last + extremes->leaves;
  for (; low < high; low /= 2, high /= 2) {
    if (low % 2) pair = joined(pair, extremes->pairs[low++]);
    if (high % 2) pair = joined(pair, extremes->pairs[--high]);
  }
  return pair;
}

// Of elements [first, last] in storage order.
static Pair over_elements(const ModExtremes *extremes, int64_t first, int64_t last) {
  const Tensor *values = &extremes->values;
  bool nan = false; // known for the whole array
  if (last - first < LEAF) return scan(values->dtype, values->data, first, last + 1 - first, &nan);
  int64_t from = (first + LEAF - 1) / LEAF, to = (last + 1) / LEAF;
  if (last + 1 == extremes->elements) to = extremes->leaves;
  if (from >= to) return scan(values->dtype, values->data, first, last + 1 - first, &nan);
  Pair pair = over_leaves(extremes, from, to);
  pair = joined(pair, scan(values->dtype, values->data, first, from * LEAF - first, &nan));
  return joined(pair, scan(values->dtype, values->data, to * LEAF, last + 1 - to * LEAF, &nan));
}

ModRange mod_extremes_over(const ModExtremes *extremes, int64_t row, int64_t last_row,
                           int64_t column, int64_t last_column) {
  const Tensor *values = &extremes->values;
  Pair pair = nothing;
  if (values->rank == 1) {
    pair = over_elements(extremes, row, last_row);
  } else if (last_row - row >= MOST_ROWS) {
    int64_t columns = values->shape[1];
    pair = over_elements(extremes, row * columns, last_row * columns + columns - 1);
  } else {
    for (int64_t r = row; r <= last_row; r++) {
      int64_t start = r * values->shape[1];
      pair = joined(pair, over_elements(extremes, start + column, start + last_column));
    }
  }
  return range_of(values->dtype, pair, extremes->nan);
}

ModRange mod_extremes_of(const Tensor *values) {
  bool nan = false;
  Pair pair = scan(values->dtype, values->data, 0, tensor_elements(values), &nan);
  return range_of(values->dtype, pair, nan);
}
