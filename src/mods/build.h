// SPDX-License-Identifier: Apache-2.0
// Makes trees: shares equal nodes, folds constants and applies identities (mods/simplify.h), so
// that whatever is built is in simplified form. Indices that it returns are nodes of the builder;
// the tree comes from mod_build_finish, without the nodes that nothing needs any more.
//
// A builder that has no room left keeps answering with some node and fails in mod_build_finish.
#pragma once
#include "mods/mod.h"

typedef struct ModBuilder ModBuilder;

// `arrays` are those that MOD_ELEMENT reads; kept by the caller.
ModBuilder *mod_builder_open(const ModArray *arrays);
void mod_builder_close(ModBuilder *builder); // NULL is fine
bool mod_builder_full(const ModBuilder *builder);
const ModNode *mod_builder_node(const ModBuilder *builder, int index);

// `position`: the byte of the text that it comes from, for messages; -1: none.
int mod_build_bool(ModBuilder *builder, bool value, int position);
int mod_build_integer(ModBuilder *builder, int64_t value, int position);
int mod_build_real(ModBuilder *builder, double value, int position);
int mod_build_variable(ModBuilder *builder, ModVariable variable, int position);
// arrays[array][row, column]; of a 1-D array column = row. A constant index that is negative counts
// from the end.
int mod_build_element(ModBuilder *builder, int array, int row, int column, int position);
// Operands must have the types that tree.h asks for; those that the operation lacks are ignored.
int mod_build(ModBuilder *builder, ModOperation operation, const int *operands, int position);
// The same with operands in place.
int mod_build_unary(ModBuilder *builder, ModOperation operation, int x, int position);
int mod_build_binary(ModBuilder *builder, ModOperation operation, int x, int y, int position);
int mod_build_where(ModBuilder *builder, int condition, int x, int y, int position);
// A node of another tree, whose children were built as map[child]; map by that tree's indices.
int mod_build_copy(ModBuilder *builder, const ModNode *node, const int *map);

// The tree of this root; the builder stays as it is. *tree is the caller's to free.
CHECKED bool mod_build_finish(const ModBuilder *builder, int root, ModTree *tree, Error *error);
