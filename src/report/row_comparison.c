// SPDX-License-Identifier: Apache-2.0
#include "report/row_comparison.h"

enum { COMPARISON_SEED = 1 };
static const double least_effect = 0.01;

typedef struct {
  double *items;
  size_t count;
} Values;

static Values values_of(const Cell *cell) {
  const json_t *array = json_object_get(cell->source, "values");
  Values values = {memory_allocate(json_array_size(array) * sizeof(double)), 0};
  for (size_t i = 0; i < json_array_size(array); i++) {
    const json_t *item = json_array_get(array, i);
    if (json_is_number(item)) values.items[values.count++] = json_number_value(item);
  }
  return values;
}

// The ratio is turned so that more is faster.
Comparison row_comparison(const Row *row, const Row *other) {
  const Cell *primary = report_primary(row);
  Values fast = values_of(primary), slow = values_of(report_primary(other));
  Comparison comparison = primary->less_is_better
                              ? comparison_make(fast.items, fast.count, slow.items, slow.count,
                                                false, least_effect, COMPARISON_SEED)
                              : comparison_make(slow.items, slow.count, fast.items, fast.count,
                                                false, least_effect, COMPARISON_SEED);
  memory_free(fast.items);
  memory_free(slow.items);
  return comparison;
}
