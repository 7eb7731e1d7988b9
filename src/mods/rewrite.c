// SPDX-License-Identifier: Apache-2.0
#include "mods/rewrite.h"
#include "base/memory.h"
#include "mods/build.h"
#include "mods/interval.h"
#include <math.h>
#include <string.h>

enum { MOST_TERMS = 32, NONE = -1 };

void mod_dependence(const ModTree *tree, int *dependence) {
  for (int i = 0; i < tree->count; i++) {
    const ModNode *node = &tree->nodes[i];
    dependence[i] = 0;
    if (node->operation == MOD_VARIABLE && node->variable == MOD_QUERY) dependence[i] = MOD_ON_ROW;
    if (node->operation == MOD_VARIABLE && node->variable == MOD_KEY) dependence[i] = MOD_ON_COLUMN;
    if (node->operation == MOD_VARIABLE && node->variable == MOD_SCORE)
      dependence[i] = MOD_ON_ROW | MOD_ON_COLUMN;
    for (int c = 0; c < mod_operation_children(node->operation); c++)
      dependence[i] |= dependence[node->child[c]];
  }
}

typedef struct {
  const ModTree *tree;
  ModBuilder *builder;
  ModRange ranges[MOD_MOST_NODES];
  int dependence[MOD_MOST_NODES];
  int map[MOD_MOST_NODES]; // of the tree's nodes in the builder
} Rewriting;

// factor · term, summed: an integer expression without its sums.
typedef struct {
  int count;
  int term[MOST_TERMS];
  int64_t factor[MOST_TERMS];
} Sum;

// false: a term that depends on both indices, too many terms, or factors that leave int64.
static bool add_terms(const Rewriting *r, int index, int64_t factor, Sum *sum) {
  const ModNode *node = &r->tree->nodes[index];
  const int *child = node->child;
  int64_t negative, product;
  if (__builtin_sub_overflow((int64_t)0, factor, &negative)) return false;
  switch (node->operation) {
  case MOD_ADD: return add_terms(r, child[0], factor, sum) && add_terms(r, child[1], factor, sum);
  case MOD_SUBTRACT:
    return add_terms(r, child[0], factor, sum) && add_terms(r, child[1], negative, sum);
  case MOD_NEGATE: return add_terms(r, child[0], negative, sum);
  case MOD_MULTIPLY: {
    const ModNode *second = &r->tree->nodes[child[1]];
    if (second->operation == MOD_CONSTANT &&
        !__builtin_mul_overflow(factor, second->integer, &product))
      return add_terms(r, child[0], product, sum);
    break;
  }
  default: break;
  }
  if (r->dependence[index] == (MOD_ON_ROW | MOD_ON_COLUMN) || sum->count == MOST_TERMS)
    return false;
  sum->term[sum->count] = index;
  sum->factor[sum->count++] = factor;
  return true;
}

// The sum of the terms that depend on the column, or of the others, times ±1.
static int build_part(const Rewriting *r, const Sum *sum, bool column, int64_t sign) {
  int total = mod_build_integer(r->builder, 0, -1);
  for (int i = 0; i < sum->count; i++) {
    if ((r->dependence[sum->term[i]] == MOD_ON_COLUMN) != column) continue;
    int64_t factor = sum->factor[i] * sign;
    ModOperation operation = factor < 0 ? MOD_SUBTRACT : MOD_ADD;
    int size = mod_build_integer(r->builder, factor < 0 ? -factor : factor, -1);
    int term = mod_build_binary(r->builder, MOD_MULTIPLY, r->map[sum->term[i]], size, -1);
    total = mod_build_binary(r->builder, operation, total, term, -1);
  }
  return total;
}

// x ? y of integers: what depends on the row against what depends on the column.
static int comparison(const Rewriting *r, const ModNode *node) {
  Sum sum = {0};
  if (!add_terms(r, node->child[0], 1, &sum) || !add_terms(r, node->child[1], -1, &sum))
    return NONE;
  int row = build_part(r, &sum, false, 1), column = build_part(r, &sum, true, -1);
  return mod_build_binary(r->builder, node->operation, row, column, -1);
}

// kv_idx <= bound, or bound <= kv_idx.
typedef struct {
  bool is, upper;
  int key, bound; // nodes of the builder
} Bound;

static bool is_key(const Rewriting *r, int index) {
  const ModNode *node = mod_builder_node(r->builder, index);
  return node->operation == MOD_VARIABLE && node->variable == MOD_KEY;
}

static Bound bound_by(const Rewriting *r, int index) {
  const ModNode node = *mod_builder_node(r->builder, index);
  bool less = node.operation == MOD_LESS || node.operation == MOD_LESS_EQUAL;
  bool more = node.operation == MOD_GREATER || node.operation == MOD_GREATER_EQUAL;
  if (!less && !more) return (Bound){0};
  bool first = is_key(r, node.child[0]);
  Bound bound = {.is = first || is_key(r, node.child[1]), .upper = first == less};
  bound.key = node.child[!first], bound.bound = node.child[first];
  if (bound.is && (node.operation == MOD_LESS || node.operation == MOD_GREATER)) {
    int one = mod_build_integer(r->builder, 1, -1);
    ModOperation step = bound.upper ? MOD_SUBTRACT : MOD_ADD;
    bound.bound = mod_build_binary(r->builder, step, bound.bound, one, -1);
  }
  return bound;
}

// Two bounds of one side are one.
static int joined_bounds(const Rewriting *r, const ModNode *node) {
  Bound x = bound_by(r, r->map[node->child[0]]), y = bound_by(r, r->map[node->child[1]]);
  if (!x.is || !y.is || x.upper != y.upper) return NONE;
  bool larger = x.upper == (node->operation == MOD_OR);
  int bound =
      mod_build_binary(r->builder, larger ? MOD_MAXIMUM : MOD_MINIMUM, x.bound, y.bound, -1);
  return mod_build_binary(r->builder, MOD_LESS_EQUAL, x.upper ? x.key : bound,
                          x.upper ? bound : x.key, -1);
}

static bool exact_in_float(const Rewriting *r, int index) {
  return r->ranges[index].least >= -(1 << 24) && r->ranges[index].most <= 1 << 24;
}

// The float of a sum, when neither it nor any of its terms is rounded.
static int conversion(const Rewriting *r, int index) {
  Sum sum = {0};
  if (!exact_in_float(r, index) || !add_terms(r, index, 1, &sum)) return NONE;
  int64_t room = 1 << 24;
  for (int i = 0; i < sum.count; i++) {
    int64_t size = sum.factor[i] < 0 ? -sum.factor[i] : sum.factor[i];
    if (!exact_in_float(r, sum.term[i]) || size > 1 << 24) return NONE;
    const ModRange *range = &r->ranges[sum.term[i]];
    room -= size * (range->most > -range->least ? range->most : -range->least);
    if (room < 0) return NONE;
  }
  int row = mod_build_unary(r->builder, MOD_TO_FLOAT, build_part(r, &sum, false, 1), -1);
  int column = mod_build_unary(r->builder, MOD_TO_FLOAT, build_part(r, &sum, true, 1), -1);
  return mod_build_binary(r->builder, MOD_ADD, column, row, -1);
}

static int quotient(const Rewriting *r, const ModNode *node) {
  const ModNode *divisor = &r->tree->nodes[node->child[1]];
  double size = fabs(divisor->real);
  if (divisor->operation != MOD_CONSTANT || !(size > 0x1p-100 && size < 0x1p100)) return NONE;
  int reciprocal = mod_build_real(r->builder, 1 / divisor->real, -1);
  return mod_build_binary(r->builder, MOD_MULTIPLY, r->map[node->child[0]], reciprocal, -1);
}

static int rewritten(const Rewriting *r, int index) {
  const ModNode *node = &r->tree->nodes[index];
  const ModNode *first = &r->tree->nodes[node->child[0]];
  bool both = r->dependence[index] == (MOD_ON_ROW | MOD_ON_COLUMN);
  int made = NONE;
  if (both && mod_operation_compares(node->operation) && first->type == MOD_INTEGER)
    made = comparison(r, node);
  if (both && (node->operation == MOD_AND || node->operation == MOD_OR))
    made = joined_bounds(r, node);
  if (both && node->operation == MOD_TO_FLOAT) made = conversion(r, node->child[0]);
  if (node->operation == MOD_DIVIDE) made = quotient(r, node);
  return made == NONE ? mod_build_copy(r->builder, node, r->map) : made;
}

static bool overflows(const ModTree *tree, const BoundMod *bound) {
  ModRange ranges[MOD_MOST_NODES];
  mod_ranges(tree, bound->arrays, &bound->shape, ranges);
  for (int i = 0; i < tree->count; i++)
    if (ranges[i].overflow) return true;
  return false;
}

static void copy_tree(const ModTree *tree, ModTree *out) {
  *out = (ModTree){tree->count, memory_allocate((size_t)tree->count * sizeof *tree->nodes)};
  memcpy(out->nodes, tree->nodes, (size_t)tree->count * sizeof *tree->nodes);
}

bool mod_rewrite(const ModTree *tree, const BoundMod *bound, ModTree *out, Error *error) {
  Rewriting *r = memory_allocate(sizeof *r);
  r->tree = tree;
  r->builder = mod_builder_open(bound->arrays);
  mod_ranges(tree, bound->arrays, &bound->shape, r->ranges);
  mod_dependence(tree, r->dependence);
  for (int i = 0; i < tree->count; i++) r->map[i] = rewritten(r, i);
  bool done = mod_build_finish(r->builder, r->map[tree->count - 1], out, error);
  mod_builder_close(r->builder);
  memory_free(r);
  if (done && overflows(out, bound)) { // the order of the sums matters: leave it as written
    mod_tree_free(out);
    copy_tree(tree, out);
  }
  return done;
}
