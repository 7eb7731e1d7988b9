// SPDX-License-Identifier: Apache-2.0
#include "mods/tree.h"
#include "base/memory.h"

static const struct {
  const char *name;
  int children;
} operations[] = {
#define X(OPERATION, NAME, CHILDREN) {NAME, CHILDREN},
    MOD_OPERATIONS(X)
#undef X
};

static const char *const variables[] = {
#define X(VARIABLE, NAME, TYPE) NAME,
    MOD_VARIABLES(X)
#undef X
};

static const ModType variable_types[] = {
#define X(VARIABLE, NAME, TYPE) TYPE,
    MOD_VARIABLES(X)
#undef X
};

const char *mod_operation_name(ModOperation operation) {
  return operations[operation].name;
}

int mod_operation_children(ModOperation operation) {
  return operations[operation].children;
}

bool mod_operation_compares(ModOperation operation) {
  return operation >= MOD_EQUAL && operation <= MOD_GREATER_EQUAL;
}

ModOperation mod_comparison_opposite(ModOperation comparison) {
  switch (comparison) {
  case MOD_EQUAL: return MOD_NOT_EQUAL;
  case MOD_NOT_EQUAL: return MOD_EQUAL;
  case MOD_LESS: return MOD_GREATER_EQUAL;
  case MOD_LESS_EQUAL: return MOD_GREATER;
  case MOD_GREATER: return MOD_LESS_EQUAL;
  default: return MOD_LESS;
  }
}

const char *mod_variable_name(ModVariable variable) {
  return variables[variable];
}

ModType mod_variable_type(ModVariable variable) {
  return variable_types[variable];
}

const char *mod_type_name(ModType type) {
  static const char *const names[] = {"truth value", "integer", "float"};
  return names[type];
}

void mod_tree_free(ModTree *tree) {
  memory_free(tree->nodes);
  *tree = (ModTree){0};
}

bool mod_tree_uses(const ModTree *tree, ModVariable variable) {
  for (int i = 0; i < tree->count; i++)
    if (tree->nodes[i].operation == MOD_VARIABLE && tree->nodes[i].variable == variable)
      return true;
  return false;
}
