// SPDX-License-Identifier: Apache-2.0
#include "mods/recognize.h"
#include "mods/differentiate.h"
#include "mods/evaluate.h"
#include "mods/rewrite.h"
#include <math.h>

// Between whose jumps and kinks a derivative says nothing of the function.
static bool has_steps(ModOperation operation) {
  switch (operation) {
  case MOD_ELEMENT:
  case MOD_ABS:
  case MOD_TO_INTEGER:
  case MOD_FLOOR_DIVIDE:
  case MOD_REMAINDER:
  case MOD_MINIMUM:
  case MOD_MAXIMUM:
  case MOD_WHERE: return true;
  default: return mod_operation_compares(operation);
  }
}

// No step anywhere that an index or the score moves.
static bool is_smooth(const ModTree *tree) {
  int dependence[MOD_MOST_NODES];
  mod_dependence(tree, dependence);
  for (int i = 0; i < tree->count; i++)
    if (dependence[i] && has_steps(tree->nodes[i].operation)) return false;
  return true;
}

// Whether d tree / d by depends on neither index nor on the score.
static bool has_constant_slope(const BoundMod *bound, ModVariable by) {
  Error error;
  ModTree slope;
  if (!mod_differentiate(&bound->score, by, bound->arrays, &slope, &error)) return false;
  bool moves = mod_tree_uses(&slope, MOD_SCORE) || mod_tree_uses(&slope, MOD_QUERY) ||
               mod_tree_uses(&slope, MOD_KEY);
  mod_tree_free(&slope);
  return !moves;
}

// The score's own slope is one when the bound mod has no derivative.
static bool is_affine(const BoundMod *bound) {
  return bound->derivative.count == 0 && is_smooth(&bound->score) &&
         has_constant_slope(bound, MOD_QUERY) && has_constant_slope(bound, MOD_KEY);
}

static const ModNode *child(const ModTree *tree, const ModNode *node, int which) {
  return &tree->nodes[node->child[which]];
}

static bool is_score(const ModNode *node) {
  return node->operation == MOD_VARIABLE && node->variable == MOD_SCORE;
}

// c of score / c or score * (1 / c); 0: neither.
static double divisor_of_score(const ModTree *tree, const ModNode *node) {
  if (is_score(node)) return 1;
  bool divides = node->operation == MOD_DIVIDE;
  if (!divides && node->operation != MOD_MULTIPLY) return 0;
  const ModNode *second = child(tree, node, 1);
  if (!is_score(child(tree, node, 0)) || second->operation != MOD_CONSTANT) return 0;
  return divides ? second->real : 1 / second->real;
}

// The cap of c tanh(score / c), in float32's accuracy; 0: another form. An odd function's sign does
// not matter.
static double softcap_of(const ModTree *tree) {
  const ModNode *root = mod_tree_root(tree), *tanh = root;
  double cap = 1;
  if (root->operation == MOD_MULTIPLY && child(tree, root, 1)->operation == MOD_CONSTANT)
    tanh = child(tree, root, 0), cap = child(tree, root, 1)->real;
  if (tanh->operation != MOD_TANH) return 0;
  double divisor = divisor_of_score(tree, child(tree, tanh, 0));
  bool same = fabs(divisor - cap) <= 0x1p-23 * fabs(cap) && isfinite(cap);
  return same ? fabs(cap) : 0;
}

ModForm mod_recognize(const BoundMod *bound) {
  const ModTree *tree = &bound->score;
  if (tree->count == 0 || is_score(mod_tree_root(tree))) return (ModForm){.kind = MOD_FORM_NONE};
  double cap = softcap_of(tree);
  if (cap > 0) return (ModForm){.kind = MOD_FORM_SOFTCAP, .cap = cap};
  return (ModForm){.kind = is_affine(bound) ? MOD_FORM_AFFINE : MOD_FORM_OTHER};
}

ModAffine mod_affine_at(const BoundMod *bound, int64_t batch, int64_t head) {
  double values[3]; // at (0, 0), (1, 0), (0, 1)
  for (int i = 0; i < 3; i++) {
    ModPoint point = {.batch = batch, .head = head, .query = i == 1, .key = i == 2};
    values[i] = mod_evaluate_at(&bound->score, bound->arrays, &point).real;
  }
  return (ModAffine){values[1] - values[0], values[2] - values[0], values[0]};
}
