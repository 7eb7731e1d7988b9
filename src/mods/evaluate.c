// SPDX-License-Identifier: Apache-2.0
#include "mods/evaluate.h"

static ModValue variable_at(const ModPoint *point, ModVariable variable) {
  switch (variable) {
  case MOD_SCORE: return (ModValue){.real = point->score};
  case MOD_BATCH: return (ModValue){.integer = point->batch};
  case MOD_HEAD: return (ModValue){.integer = point->head};
  case MOD_QUERY: return (ModValue){.integer = point->query};
  case MOD_KEY: return (ModValue){.integer = point->key};
  default: return (ModValue){0};
  }
}

static ModValue element_at(const Tensor *values, int64_t row, int64_t column) {
  int64_t index = values->rank == 1 ? row : row * values->shape[1] + column;
  switch (values->dtype) {
  case DTYPE_BOOL: return (ModValue){.integer = ((const uint8_t *)values->data)[index] != 0};
  case DTYPE_I32: return (ModValue){.integer = ((const int32_t *)values->data)[index]};
  case DTYPE_I64: return (ModValue){.integer = ((const int64_t *)values->data)[index]};
  default: return (ModValue){.real = (double)((const float *)values->data)[index]};
  }
}

static ModValue node_at(const ModTree *tree, int index, const ModArray *arrays,
                        const ModPoint *point, const ModValue *values) {
  const ModNode *node = &tree->nodes[index];
  const int *child = node->child;
  switch (node->operation) {
  case MOD_CONSTANT: return (ModValue){node->integer, node->real};
  case MOD_VARIABLE: return variable_at(point, node->variable);
  case MOD_ELEMENT:
    return element_at(&arrays[node->array].values, values[child[0]].integer,
                      values[child[1]].integer);
  default: break;
  }
  ModValue operand[3] = {values[child[0]], values[child[1]], values[child[2]]};
  bool overflow = false;
  ModType type = tree->nodes[child[node->operation == MOD_WHERE ? 1 : 0]].type;
  return mod_scalar(node->operation, type, operand, &overflow);
}

ModValue mod_evaluate_at(const ModTree *tree, const ModArray *arrays, const ModPoint *point) {
  ModValue values[MOD_MOST_NODES];
  for (int i = 0; i < tree->count; i++) values[i] = node_at(tree, i, arrays, point, values);
  return values[tree->count - 1];
}

static ModPoint moved(const BoundMod *bound, const ModPoint *point) {
  ModPoint result = *point;
  result.query += bound->shape.query_offset;
  return result;
}

double mod_score_at(const BoundMod *bound, const ModPoint *point) {
  if (bound->score.count == 0) return point->score;
  ModPoint at = moved(bound, point);
  return mod_evaluate_at(&bound->score, bound->arrays, &at).real;
}

double mod_derivative_at(const BoundMod *bound, const ModPoint *point) {
  if (bound->derivative.count == 0) return 1;
  ModPoint at = moved(bound, point);
  return mod_evaluate_at(&bound->derivative, bound->arrays, &at).real;
}

bool mod_visible_at(const BoundMod *bound, const ModPoint *point) {
  if (bound->mask.count == 0) return true;
  ModPoint at = moved(bound, point);
  return mod_evaluate_at(&bound->mask, bound->arrays, &at).integer != 0;
}
