// SPDX-License-Identifier: Apache-2.0
#include "mods/proof.h"
#include "mods/complaint.h"
#include "mods/interval.h"
#include <inttypes.h>

typedef struct {
  const ModTree *tree;
  const ModArray *arrays;
  const char *text;
  bool open; // shapes: their indices are proved one by one
  Error *error;
  ModRange ranges[MOD_MOST_NODES];
} Proof;

static bool prove_index(const Proof *proof, const ModNode *node, int axis) {
  const ModArray *array = &proof->arrays[node->array];
  const ModRange *range = &proof->ranges[node->child[axis]];
  int64_t extent = array->values.shape[axis];
  if (range->least >= 0 && range->most < extent) return true;
  const char *which = array->values.rank == 1 ? "the index" : axis ? "the column" : "the row";
  if (range->least == range->most)
    return mod_complain(proof->error, proof->text, node->position,
                        "%s of %s is %" PRId64 ", the array has %" PRId64 " there", which,
                        array->name, range->least, extent);
  return mod_complain(proof->error, proof->text, node->position,
                      "%s of %s may be %" PRId64 " … %" PRId64 ", the array has 0 … %" PRId64
                      " there; min(max(…, 0), %" PRId64 ") keeps it within",
                      which, array->name, range->least, range->most, extent - 1, extent - 1);
}

static bool prove_element(const Proof *proof, const ModNode *node) {
  int rank = proof->arrays[node->array].values.rank;
  return prove_index(proof, node, 0) && (rank == 1 || prove_index(proof, node, 1));
}

static bool constant(const ModTree *tree, int index) {
  return tree->nodes[index].operation == MOD_CONSTANT;
}

// The builder leaves an operation on constants unfolded where it has no result.
static bool prove_constant(const ModTree *tree, const ModNode *node, const char *text,
                           Error *error) {
  int children = mod_operation_children(node->operation);
  if (node->type != MOD_INTEGER || node->operation == MOD_ELEMENT || children == 0) return true;
  bool divides = node->operation == MOD_FLOOR_DIVIDE || node->operation == MOD_REMAINDER;
  if (divides && constant(tree, node->child[1]) && tree->nodes[node->child[1]].integer == 0)
    return mod_complain(error, text, node->position, "integer division by zero");
  for (int i = 0; i < children; i++)
    if (!constant(tree, node->child[i])) return true;
  return mod_complain(error, text, node->position,
                      "the integer result does not fit 64 bits; write a number as a float");
}

bool mod_prove_constants(const ModTree *tree, const char *text, Error *error) {
  for (int i = 0; i < tree->count; i++)
    if (!prove_constant(tree, &tree->nodes[i], text, error)) return false;
  return true;
}

static bool prove_node(const Proof *proof, int index) {
  const ModNode *node = &proof->tree->nodes[index];
  if (node->operation == MOD_ELEMENT) return proof->open || prove_element(proof, node);
  if (node->type != MOD_INTEGER || !proof->ranges[index].overflow) return true;
  return mod_complain(proof->error, proof->text, node->position,
                      "the integer result may not fit 64 bits; float(…) of an operand makes it a "
                      "float");
}

bool mod_prove(const ModTree *tree, const ModArray *arrays, const ModShape *shape, const char *text,
               Error *error) {
  Proof proof = {.tree = tree, .arrays = arrays, .text = text, .open = shape->open, .error = error};
  if (!mod_prove_constants(tree, text, error)) return false;
  mod_ranges(tree, arrays, shape, proof.ranges);
  for (int i = 0; i < tree->count; i++)
    if (!prove_node(&proof, i)) return false;
  return true;
}
