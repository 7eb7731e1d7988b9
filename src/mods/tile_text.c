// SPDX-License-Identifier: Apache-2.0
#include "mods/tile_text.h"
#include "base/memory.h"
#include "mods/emitter.h"
#include "mods/rewrite.h"

enum { DEAR = 8 }; // operations that one of these is worth

struct ModTileText {
  Emitter emitter;
  ModNames names;
  ModTree tree;
  int dependence[MOD_MOST_NODES]; // MOD_ON_ROW | MOD_ON_COLUMN; what is known depends on nothing
  bool dear[MOD_MOST_NODES];      // worth keeping for all rows
  bool number[MOD_MOST_NODES];    // written as one
  bool column[MOD_MOST_NODES];    // written in the loop over columns
  bool element[MOD_MOST_NODES];   // written for each vector
  int arrays, kept[MOD_TILE_MOST_ARRAYS]; // nodes whose columns are kept
};

static const ModNode *node_at(const ModTileText *text, int index) {
  return &text->tree.nodes[index];
}

static bool fixed(const ModTileText *text, int index) {
  return text->emitter.lanes.fixed[index];
}

static void find_dependence(ModTileText *text) {
  mod_dependence(&text->tree, text->dependence);
  for (int i = 0; i < text->tree.count; i++) {
    int children = mod_operation_children(node_at(text, i)->operation);
    if (children > 0 || fixed(text, i)) text->dependence[i] = 0;
    for (int c = 0; c < children && !fixed(text, i); c++)
      text->dependence[i] |= text->dependence[node_at(text, i)->child[c]];
    text->emitter.is_vector[i] = text->dependence[i] & MOD_ON_COLUMN;
  }
}

static bool divides_dearly(const ModTileText *text, const ModNode *node) {
  const ModRange *divisor = &text->emitter.lanes.range[node->child[1]];
  bool power = fixed(text, node->child[1]) && node->type == MOD_INTEGER && divisor->least > 0 &&
               (divisor->least & (divisor->least - 1)) == 0;
  return !power;
}

static bool is_dear(const ModTileText *text, int index) {
  EmitterStretch ignored;
  const ModNode *node = node_at(text, index);
  switch (node->operation) {
  case MOD_EXP:
  case MOD_EXP2:
  case MOD_LOG:
  case MOD_TANH:
  case MOD_SQRT:
  case MOD_POWER:
  case MOD_DIVIDE: return true;
  case MOD_FLOOR_DIVIDE:
  case MOD_REMAINDER: return divides_dearly(text, node);
  case MOD_ELEMENT: return !emitter_stretch(&text->emitter, index, &ignored);
  case MOD_TO_INTEGER: return node_at(text, node->child[0])->type == MOD_FLOAT;
  default: return false;
  }
}

// Which values of the column alone take a dear operation on columns.
static void find_dear(ModTileText *text) {
  for (int i = 0; i < text->tree.count; i++) {
    const ModNode *node = node_at(text, i);
    if (text->dependence[i] != MOD_ON_COLUMN) continue;
    text->dear[i] = is_dear(text, i);
    for (int c = 0; c < mod_operation_children(node->operation); c++)
      text->dear[i] |= text->dear[node->child[c]];
  }
}

static bool is_kept(const ModTileText *text, int index) {
  for (int i = 0; i < text->arrays; i++)
    if (text->kept[i] == index) return true;
  return false;
}

static bool keep(ModTileText *text, int index) {
  if (is_kept(text, index)) return true;
  bool narrow = emitter_type(&text->emitter, index) != MOD_TEXT_LONG;
  if (!text->dear[index] || !narrow || text->arrays == MOD_TILE_MOST_ARRAYS) return false;
  text->kept[text->arrays++] = index;
  return true;
}

static void need_number(ModTileText *text, int index) {
  const ModNode *node = node_at(text, index);
  if (fixed(text, index) || text->number[index]) return;
  text->number[index] = true;
  for (int c = 0; c < mod_operation_children(node->operation); c++)
    need_number(text, node->child[c]);
}

static void need_vector(ModTileText *text, bool *needed, int index);

static void need_children(ModTileText *text, bool *needed, int index) {
  EmitterStretch stretch;
  const ModNode *node = node_at(text, index);
  if (node->operation == MOD_ELEMENT && emitter_stretch(&text->emitter, index, &stretch)) {
    if (stretch.row >= 0) need_number(text, stretch.row);
    if (stretch.rest >= 0) need_number(text, stretch.rest);
    return;
  }
  for (int c = 0; c < mod_operation_children(node->operation); c++)
    need_vector(text, needed, node->child[c]);
}

// `needed`: text->column or text->element, which may find an array in place of the operations.
static void need_vector(ModTileText *text, bool *needed, int index) {
  if (fixed(text, index) || needed[index]) return;
  if (!text->emitter.is_vector[index]) {
    need_number(text, index);
    return;
  }
  needed[index] = true;
  if (needed == text->element && keep(text, index)) return;
  need_children(text, needed, index);
}

static void find_needed(ModTileText *text) {
  need_vector(text, text->element, text->tree.count - 1);
  for (int i = 0; i < text->arrays; i++) need_vector(text, text->column, text->kept[i]);
}

ModTileText *mod_tile_text_open(const BoundMod *bound, const ModTree *tree, const ModNames *names,
                                Error *error) {
  ModTileText *text = memory_allocate(sizeof *text);
  if (!mod_rewrite(tree, bound, &text->tree, error)) {
    memory_free(text);
    return NULL;
  }
  text->names = *names;
  text->emitter.numbers = &mod_language_c;
  text->emitter.vectors = &mod_language_vectors;
  text->emitter.names = &text->names;
  emitter_start(&text->emitter, bound, &text->tree);
  find_dependence(text);
  find_dear(text);
  find_needed(text);
  return text;
}

void mod_tile_text_close(ModTileText *text) {
  if (!text) return;
  mod_tree_free(&text->tree);
  memory_free(text);
}

int mod_tile_text_arrays(const ModTileText *text) {
  return text->arrays;
}

int mod_tile_text_weight(const ModTileText *text) {
  int weight = 0;
  for (int i = 0; i < text->tree.count; i++) {
    if (!text->element[i] || node_at(text, i)->operation == MOD_VARIABLE) continue;
    weight += !is_kept(text, i) && is_dear(text, i) ? DEAR : 1;
  }
  return weight;
}

// The line that puts the node's columns into its array, or takes them from there; masks lie there
// as ints.
static void append_kept(ModTileText *text, int index, bool store, Text *out) {
  const ModLanguage *language = &mod_language_vectors;
  ModTextType type = emitter_type(&text->emitter, index);
  bool floats = type == MOD_TEXT_FLOAT;
  Text place = {0}, name = {0};
  int number = 0;
  while (text->kept[number] != index) number++;
  text_append_format(&place, floats ? "%sc%d + %s" : "(int *)(%sc%d + %s)", text->names.prefix,
                     number, text->names.column);
  text_append_format(&name, "%s%d", text->names.prefix, index);
  bool some = !store && text->emitter.some;
  const char *operands[] = {place.data, some ? text->names.count : name.data};
  const char *const *patterns = store  ? language->store
                                : some ? language->load_some
                                       : language->load;
  text_append_text(out, text->names.indent);
  if (!store) text_append_format(out, "const %s %s = ", language->type[type], name.data);
  emitter_expand(out, patterns[floats ? type : MOD_TEXT_INT], operands);
  text_append_text(out, ";\n");
  text_free(&place);
  text_free(&name);
}

static bool belongs(const ModTileText *text, ModTilePart part, int index) {
  bool on_row = text->dependence[index] & MOD_ON_ROW;
  switch (part) {
  case MOD_TILE_ONCE: return text->number[index] && !on_row;
  case MOD_TILE_ROW: return text->number[index] && on_row;
  case MOD_TILE_COLUMNS: return text->column[index];
  default: return text->element[index];
  }
}

bool mod_tile_text_append(ModTileText *text, ModTilePart part, bool some, const char *indent,
                          Text *out, Error *error) {
  Emitter *emitter = &text->emitter;
  text->names.indent = indent;
  emitter->out = out, emitter->error = error, emitter->some = some;
  for (int i = 0; i < text->tree.count; i++) {
    if (!belongs(text, part, i)) continue;
    bool kept = is_kept(text, i);
    if (kept && part == MOD_TILE_ELEMENT) {
      append_kept(text, i, false, out);
      continue;
    }
    if (!emitter_declare(emitter, i)) return false;
    if (kept) append_kept(text, i, true, out);
  }
  return true;
}

bool mod_tile_text_value(ModTileText *text, Text *out, Error *error) {
  text->emitter.error = error;
  text->emitter.writing_vectors = true;
  return emitter_value(&text->emitter, out, text->tree.count - 1) ||
         error_set(error, ERROR_UNSUPPORTED, NULL, "the value cannot be written as a vector");
}
