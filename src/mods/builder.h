// SPDX-License-Identifier: Apache-2.0
// Makes a tree node by node. Equal nodes become one; an operation on constants becomes its result
// (unless that leaves int64: binding then tells); what changes nothing is left out (x + 0, x * 1,
// not not x, where(c, x, x), …: identities that hold for NaN too, but the sign of a zero may
// change).
#pragma once
#include "base/array.h"
#include "mods/tree.h"

// Indices are of this builder's nodes, and of one builder only.
typedef struct {
  ARRAY_OF(ModNode) nodes;
  int *slots; // open addressing: index + 1 of a node, 0 free
  bool full;
} ModBuilder;

void mod_builder_open(ModBuilder *builder);
void mod_builder_close(ModBuilder *builder);

int mod_builder_boolean(ModBuilder *builder, bool value);
int mod_builder_integer(ModBuilder *builder, int64_t value);
int mod_builder_real(ModBuilder *builder, double value);
int mod_builder_variable(ModBuilder *builder, ModVariable variable);
int mod_builder_element(ModBuilder *builder, int array, ModType type, int row, int column);
// `position` is kept for messages (-1: made). Children beyond the operation's are not looked at.
int mod_builder_operation(ModBuilder *builder, ModOperation operation, int first, int second,
                          int third, int position);
// A node of another tree, whose children stand at child[] here.
int mod_builder_copy(ModBuilder *builder, const ModNode *node, const int child[3]);
// All of a tree; where[i], if not NULL, becomes the index of its node i. Returns that of its root.
int mod_builder_copy_tree(ModBuilder *builder, const ModTree *tree, int *where);
const ModNode *mod_builder_node(const ModBuilder *builder, int index);

// What `root` needs, in order, as a tree of its own (memory_free(tree->nodes)). false: more than
// MOD_MOST_NODES.
CHECKED bool mod_builder_finish(const ModBuilder *builder, int root, ModTree *tree, Error *error);
