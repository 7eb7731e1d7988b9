// SPDX-License-Identifier: Apache-2.0
#include "mods/linear.h"

// x + scale y
static ModLinear combined(const ModLinear *x, const ModLinear *y, int64_t scale) {
  ModLinear sum = {.is = x->is && y->is};
  int64_t part;
  for (int i = -1; sum.is && i < MOD_INDICES; i++) {
    const int64_t a = i < 0 ? x->constant : x->factor[i], b = i < 0 ? y->constant : y->factor[i];
    int64_t *to = i < 0 ? &sum.constant : &sum.factor[i];
    sum.is = !__builtin_mul_overflow(b, scale, &part) && !__builtin_add_overflow(a, part, to);
  }
  return sum;
}

static bool is_constant(const ModLinear *form) {
  bool constant = form->is;
  for (int i = 0; i < MOD_INDICES; i++) constant &= form->factor[i] == 0;
  return constant;
}

static ModLinear form_of(const ModNode *node, const ModLinear *forms) {
  const ModLinear zero = {.is = true}, none = {0};
  const ModLinear *x = &forms[node->child[0]], *y = &forms[node->child[1]];
  if (node->type == MOD_FLOAT) return none;
  switch (node->operation) {
  case MOD_CONSTANT: return (ModLinear){.is = true, .constant = node->integer};
  case MOD_VARIABLE: {
    ModLinear form = {.is = node->variable >= MOD_BATCH && node->variable <= MOD_KEY};
    if (form.is) form.factor[node->variable - MOD_BATCH] = 1;
    return form;
  }
  case MOD_NEGATE: return combined(&zero, x, -1);
  case MOD_ADD: return combined(x, y, 1);
  case MOD_SUBTRACT: return combined(x, y, -1);
  case MOD_MULTIPLY:
    if (is_constant(y)) return combined(&zero, x, y->constant);
    return is_constant(x) ? combined(&zero, y, x->constant) : none;
  default: return none;
  }
}

void mod_linear_forms(const ModTree *tree, ModLinear *forms) {
  for (int i = 0; i < tree->count; i++) forms[i] = form_of(&tree->nodes[i], forms);
}

ModLinear mod_linear_difference(const ModLinear *x, const ModLinear *y) {
  return combined(x, y, -1);
}

ModRange mod_linear_range(const ModLinear *form, const ModSpace *space) {
  ModRange range = mod_range_integers(form->constant, form->constant);
  for (int i = 0; i < MOD_INDICES; i++) {
    int64_t factor = form->factor[i], low, high;
    int64_t first = factor < 0 ? space->most[i] : space->least[i];
    int64_t last = factor < 0 ? space->least[i] : space->most[i];
    range.overflow |= __builtin_mul_overflow(factor, first, &low) ||
                      __builtin_mul_overflow(factor, last, &high) ||
                      __builtin_add_overflow(range.least, low, &range.least) ||
                      __builtin_add_overflow(range.most, high, &range.most);
  }
  return range;
}
