// SPDX-License-Identifier: Apache-2.0
#include "mods/guard.h"
#include "base/memory.h"
#include "mods/build.h"
#include "mods/interval.h"
#include "mods/linear.h"
#include <string.h>

// Far beyond any index, and sums of a few stay within int64.
static const int64_t FAR = (int64_t)1 << 60;

typedef struct {
  ModTree view; // the nodes of the mask and of the tree, in one builder
  const ModArray *arrays;
  int root, mask;                                      // mask -1: none
  ModRange ranges[MOD_MOST_NODES];                     // without conditions
  ModLinear forms[MOD_MOST_NODES];                     // of integers
  int64_t least[MOD_MOST_NODES], most[MOD_MOST_NODES]; // what the conditions leave
  bool reached[MOD_MOST_NODES];
} Guard;

static const ModNode *at(const Guard *guard, int node) {
  return &guard->view.nodes[node];
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t near(int64_t value) {
  return smaller(larger(value, -FAR), FAR);
}

static void narrow(Guard *guard, int node, int64_t least, int64_t most) {
  guard->least[node] = larger(guard->least[node], near(least));
  guard->most[node] = smaller(guard->most[node], near(most));
}

// The factor by which the indices of b are those of a: 1, -1, or 0 for neither.
static int proportion(const ModLinear *a, const ModLinear *b) {
  bool same = true, opposite = true, any = false;
  for (int i = 0; i < MOD_INDICES; i++) {
    same &= b->factor[i] == a->factor[i];
    opposite &= b->factor[i] == -a->factor[i];
    any |= a->factor[i] != 0;
  }
  return !any ? 0 : same ? 1 : opposite ? -1 : 0;
}

// least <= form <= most, and so for all that differs from it by a constant.
static void narrow_form(Guard *guard, const ModLinear *form, int64_t least, int64_t most) {
  for (int i = 0; form->is && i < guard->view.count; i++) {
    const ModLinear *other = &guard->forms[i];
    int sign = other->is && at(guard, i)->type == MOD_INTEGER ? proportion(form, other) : 0;
    if (sign == 0) continue;
    int64_t shift = near(other->constant) - sign * near(form->constant);
    narrow(guard, i, shift + (sign > 0 ? near(least) : -near(most)),
           shift + (sign > 0 ? near(most) : -near(least)));
  }
}

// least <= node <= most.
static void assume_within(Guard *guard, int node, int64_t least, int64_t most) {
  narrow(guard, node, least, most);
  narrow_form(guard, &guard->forms[node], least, most);
  if (at(guard, node)->operation == MOD_ABS)
    assume_within(guard, at(guard, node)->child[0], -most, most);
}

static void assume_comparison(Guard *guard, const ModNode *node, bool truth) {
  int x = node->child[0], y = node->child[1];
  int64_t least = -FAR, most = FAR; // of x - y
  if (at(guard, x)->type != MOD_INTEGER) return;
  switch (truth ? node->operation : mod_comparison_opposite(node->operation)) {
  case MOD_EQUAL: least = most = 0; break;
  case MOD_LESS: most = -1; break;
  case MOD_LESS_EQUAL: most = 0; break;
  case MOD_GREATER: least = 1; break;
  case MOD_GREATER_EQUAL: least = 0; break;
  default: return;
  }
  const ModRange *left = &guard->ranges[x], *right = &guard->ranges[y];
  assume_within(guard, x, near(right->least) + least, near(right->most) + most);
  assume_within(guard, y, near(left->least) - most, near(left->most) - least);
  if (!guard->forms[x].is || !guard->forms[y].is) return;
  ModLinear difference = mod_linear_difference(&guard->forms[x], &guard->forms[y]);
  narrow_form(guard, &difference, least, most);
}

// Only what lies on every way counts: of `a or b` being true nothing follows.
static void assume(Guard *guard, int condition, bool truth) {
  const ModNode *node = at(guard, condition);
  if (mod_operation_compares(node->operation)) assume_comparison(guard, node, truth);
  if (node->operation == MOD_NOT) assume(guard, node->child[0], !truth);
  if (node->operation != (truth ? MOD_AND : MOD_OR)) return;
  assume(guard, node->child[0], truth);
  assume(guard, node->child[1], truth);
}

// What the root needs without the way from `parent` to its child number `slot`.
static void reach(Guard *guard, int parent, int slot) {
  memset(guard->reached, 0, sizeof guard->reached);
  guard->reached[guard->root] = true;
  for (int i = guard->root; i >= 0; i--)
    for (int c = 0; guard->reached[i] && c < mod_operation_children(at(guard, i)->operation); c++)
      if (i != parent || c != slot) guard->reached[at(guard, i)->child[c]] = true;
}

// If the only ways to `read` lead through this child, the condition holds there.
static void assume_on_way(Guard *guard, int read, int parent, int slot, int condition, bool truth) {
  reach(guard, parent, slot);
  if (!guard->reached[read]) assume(guard, condition, truth);
}

// Every condition that holds wherever the value of `read` is used.
static void assume_all(Guard *guard, int read) {
  for (int i = 0; i < guard->view.count; i++) {
    guard->least[i] = -FAR;
    guard->most[i] = FAR;
  }
  if (guard->mask >= 0) assume(guard, guard->mask, true);
  for (int i = read + 1; i <= guard->root; i++) {
    const ModNode *node = at(guard, i);
    const int *child = node->child;
    if (node->operation == MOD_WHERE) {
      assume_on_way(guard, read, i, 1, child[0], true);
      assume_on_way(guard, read, i, 2, child[0], false);
    }
    if (node->operation == MOD_AND || node->operation == MOD_OR) {
      assume_on_way(guard, read, i, 0, child[1], node->operation == MOD_AND);
      assume_on_way(guard, read, i, 1, child[0], node->operation == MOD_AND);
    }
  }
}

static ModRange operation_range(const Guard *guard, const ModNode *node, const ModRange *ranges) {
  ModRange operand[3] = {ranges[node->child[0]], ranges[node->child[1]], ranges[node->child[2]]};
  ModType type = at(guard, node->child[node->operation == MOD_WHERE])->type;
  return mod_range_operation(node->operation, type, operand);
}

// The range of `index` under the conditions. false: they are never true together.
static bool range_under(const Guard *guard, int index, ModRange *range) {
  ModRange ranges[MOD_MOST_NODES];
  for (int i = 0; i <= index; i++) {
    const ModNode *node = at(guard, i);
    ranges[i] = guard->ranges[i];
    if (node->type != MOD_INTEGER) continue;
    ModRange own = ranges[i];
    bool leaf = node->operation == MOD_ELEMENT || mod_operation_children(node->operation) == 0;
    if (!leaf) own = operation_range(guard, node, ranges);
    ranges[i].least = larger(larger(ranges[i].least, own.least), guard->least[i]);
    ranges[i].most = smaller(smaller(ranges[i].most, own.most), guard->most[i]);
    if (ranges[i].least > ranges[i].most) return false;
  }
  *range = ranges[index];
  return true;
}

static bool inside(const ModRange *range, int64_t extent) {
  return range->least >= 0 && range->most < extent;
}

static bool safe(const Guard *guard, const ModNode *read) {
  const Tensor *values = &guard->arrays[read->array].values;
  return inside(&guard->ranges[read->child[0]], values->shape[0]) &&
         (values->rank == 1 || inside(&guard->ranges[read->child[1]], values->shape[1]));
}

static bool guarded(Guard *guard, int read) {
  const ModNode *node = at(guard, read);
  const Tensor *values = &guard->arrays[node->array].values;
  assume_all(guard, read);
  for (int axis = 0; axis < values->rank; axis++) {
    ModRange range;
    if (values->shape[axis] == 0) return false;
    if (range_under(guard, node->child[axis], &range) && !inside(&range, values->shape[axis]))
      return false;
  }
  return true;
}

static int clamped(ModBuilder *builder, int index, int64_t extent, int position) {
  int zero = mod_build_integer(builder, 0, position);
  int last = mod_build_integer(builder, extent - 1, position);
  index = mod_build_binary(builder, MOD_MAXIMUM, index, zero, position);
  return mod_build_binary(builder, MOD_MINIMUM, index, last, position);
}

static int copy_clamped(const Guard *guard, ModBuilder *builder, const ModNode *node,
                        const int *map) {
  const Tensor *values = &guard->arrays[node->array].values;
  int row = clamped(builder, map[node->child[0]], values->shape[0], node->position), column = row;
  if (values->rank == 2)
    column = clamped(builder, map[node->child[1]], values->shape[1], node->position);
  return mod_build_element(builder, node->array, row, column, node->position);
}

// Reads beyond this many that are out of reach are left to be refused: each costs a walk.
enum { MOST_GUARDED = 16 };

static bool rebuild(Guard *guard, ModTree *tree, Error *error) {
  int map[MOD_MOST_NODES], count = 0;
  ModBuilder *builder = mod_builder_open(guard->arrays);
  for (int i = 0; i <= guard->root; i++) {
    const ModNode *node = at(guard, i);
    bool clamp = node->operation == MOD_ELEMENT && !safe(guard, node) && count++ < MOST_GUARDED &&
                 guarded(guard, i);
    map[i] = clamp ? copy_clamped(guard, builder, node, map) : mod_build_copy(builder, node, map);
  }
  mod_tree_free(tree);
  bool done = mod_build_finish(builder, map[guard->root], tree, error);
  mod_builder_close(builder);
  return done;
}

static bool any_unsafe(const Guard *guard) {
  for (int i = 0; i < guard->view.count; i++)
    if (at(guard, i)->operation == MOD_ELEMENT && !safe(guard, at(guard, i))) return true;
  return false;
}

static int copy_tree(ModBuilder *builder, const ModTree *tree) {
  int map[MOD_MOST_NODES];
  for (int i = 0; i < tree->count; i++) map[i] = mod_build_copy(builder, &tree->nodes[i], map);
  return map[tree->count - 1];
}

// Equal nodes of mask and tree become one, so that what is assumed of one is known of the other.
static void join(Guard *guard, ModBuilder *builder, const ModTree *tree, const ModTree *mask) {
  bool both = mask && mask->count && mask->count + tree->count <= MOD_MOST_NODES;
  guard->mask = both ? copy_tree(builder, mask) : -1;
  guard->root = copy_tree(builder, tree);
  int last = guard->root > guard->mask ? guard->root : guard->mask;
  guard->view = (ModTree){last + 1, (ModNode *)mod_builder_node(builder, 0)};
}

static bool reads(const ModTree *tree) {
  for (int i = 0; i < tree->count; i++)
    if (tree->nodes[i].operation == MOD_ELEMENT) return true;
  return false;
}

bool mod_guard(ModTree *tree, const ModTree *mask, const ModArray *arrays, const ModShape *shape,
               Error *error) {
  if (!reads(tree)) return true;
  Guard *guard = memory_allocate(sizeof *guard);
  ModBuilder *builder = mod_builder_open(arrays);
  guard->arrays = arrays;
  join(guard, builder, tree, mask);
  // Built anew a tree may leave nodes behind; one that has no room is left to be refused.
  bool fits = guard->view.count <= MOD_MOST_NODES;
  if (fits) mod_ranges(&guard->view, arrays, shape, guard->ranges);
  if (fits) mod_linear_forms(&guard->view, guard->forms);
  bool done = !fits || !any_unsafe(guard) || rebuild(guard, tree, error);
  mod_builder_close(builder);
  memory_free(guard);
  return done;
}
