// SPDX-License-Identifier: Apache-2.0
#include "mods/emit.h"
#include "base/memory.h"
#include "mods/lanes.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  Text *out;
  const ModLanguage *language;
  const BoundMod *bound;
  const ModTree *tree;
  const ModNames *names;
  ModLanes lanes;
  bool needed[MOD_MOST_NODES];
  Error *error;
} Emitter;

static ModTextType text_type(ModType type, ModLaneType lane) {
  if (type == MOD_BOOL) return MOD_TEXT_BOOL;
  return lane == MOD_LANE_FLOAT  ? MOD_TEXT_FLOAT
         : lane == MOD_LANE_LONG ? MOD_TEXT_LONG
                                 : MOD_TEXT_INT;
}

static ModTextType natural_type(const Emitter *e, int index) {
  return text_type(e->tree->nodes[index].type, e->lanes.natural[index]);
}

// false: there is no pattern.
static bool expand(Text *out, const char *pattern, const char *const *operand) {
  if (!pattern) return false;
  for (; *pattern; pattern++) {
    bool place = pattern[0] == '$' && pattern[1] >= '0' && pattern[1] <= '2';
    if (!place) {
      text_append_character(out, *pattern);
      continue;
    }
    text_append_text(out, operand[*++pattern - '0']);
  }
  return true;
}

static bool float_literal(const Emitter *e, Text *out, double real) {
  char digits[64];
  const char *special = isnan(real) ? e->language->nan
                        : real > 0  ? e->language->infinity
                                    : e->language->negative_infinity;
  if (!isfinite((float)real)) return expand(out, special, (const char *const[]){""});
  snprintf(digits, sizeof digits, "%a", (double)(float)real);
  return expand(out, e->language->literal[MOD_TEXT_FLOAT], (const char *const[]){digits});
}

// The least long cannot be written as a negated one.
static bool integer_literal(const Emitter *e, Text *out, int64_t value, ModTextType type) {
  char digits[64];
  if (type == MOD_TEXT_FLOAT) return float_literal(e, out, (double)value);
  if (value == INT64_MIN)
    snprintf(digits, sizeof digits, "-0x7fffffffffffffffll - 1");
  else
    snprintf(digits, sizeof digits, "%" PRId64, value);
  return expand(out, e->language->literal[type], (const char *const[]){digits});
}

static bool convert(const Emitter *e, Text *out, const char *value, ModTextType from,
                    ModTextType to) {
  const char *pattern = from == to ? "$0" : e->language->convert[from][to];
  return expand(out, pattern, &value);
}

// The value of an earlier node, as this type.
static bool operand(const Emitter *e, Text *out, int index, ModTextType type) {
  const ModNode *node = &e->tree->nodes[index];
  if (e->lanes.fixed[index] && node->type == MOD_FLOAT) return float_literal(e, out, node->real);
  if (e->lanes.fixed[index]) return integer_literal(e, out, e->lanes.range[index].least, type);
  char name[64];
  snprintf(name, sizeof name, "%s%d", e->names->prefix, index);
  return convert(e, out, name, natural_type(e, index), type);
}

static bool variable(const Emitter *e, Text *out, int index) {
  const ModNode *node = &e->tree->nodes[index];
  const char *name = e->names->variable[node->variable];
  if (!name)
    return error_set(e->error, ERROR_ARGUMENT, NULL, "the code around has no %s",
                     mod_variable_name(node->variable));
  ModTextType type = natural_type(e, index), from = type;
  if (type == MOD_TEXT_INT) from = MOD_TEXT_LONG; // it may be wider
  if (type == MOD_TEXT_LONG) from = MOD_TEXT_INT; // or narrower
  return convert(e, out, name, from, type);
}

// An operation on texts, of operands of one type.
static bool combine(const Emitter *e, Text *out, ModOperation operation, ModTextType type,
                    const Text *texts) {
  const char *operands[3] = {texts[0].data, texts[1].data, texts[2].data};
  return expand(out, e->language->operation[operation][type], operands);
}

static void texts_free(Text *texts) {
  for (int i = 0; i < 3; i++) text_free(&texts[i]);
}

// row * extent + column
static bool element_index(const Emitter *e, Text *out, const ModNode *node, const Tensor *values) {
  ModTextType type = text_type(MOD_INTEGER, mod_lanes_of_index(&e->lanes, node, values));
  if (values->rank == 1) return operand(e, out, node->child[0], type);
  Text texts[3] = {0}, sum[3] = {0};
  bool done = operand(e, &texts[0], node->child[0], type) &&
              integer_literal(e, &texts[1], values->shape[1], type) &&
              combine(e, &sum[0], MOD_MULTIPLY, type, texts) &&
              operand(e, &sum[1], node->child[1], type) && combine(e, out, MOD_ADD, type, sum);
  texts_free(texts);
  texts_free(sum);
  return done;
}

static ModTextType element_type(Dtype dtype) {
  switch (dtype) {
  case DTYPE_BOOL: return MOD_TEXT_BOOL;
  case DTYPE_I32: return MOD_TEXT_INT;
  case DTYPE_I64: return MOD_TEXT_LONG;
  default: return MOD_TEXT_FLOAT;
  }
}

static bool element(const Emitter *e, Text *out, int index) {
  const ModNode *node = &e->tree->nodes[index];
  const Tensor *values = &e->bound->arrays[node->array].values;
  ModTextType type = element_type(values->dtype);
  Text at = {0}, read = {0};
  bool done = element_index(e, &at, node, values);
  const char *operands[2] = {e->names->array[node->array], at.data};
  done = done &&
         expand(&read, type == MOD_TEXT_BOOL ? e->language->bool_element : e->language->element,
                operands) &&
         convert(e, out, read.data, type, natural_type(e, index));
  text_free(&at);
  text_free(&read);
  return done;
}

// The type that an operation's operands (the branches of where) have.
static ModTextType operand_type(const Emitter *e, int index) {
  const ModNode *node = &e->tree->nodes[index];
  ModType type = e->tree->nodes[node->child[node->operation == MOD_WHERE]].type;
  return text_type(type, e->lanes.computed[index]);
}

static ModTextType result_type(const ModNode *node, ModTextType operands) {
  if (node->type == MOD_BOOL) return MOD_TEXT_BOOL;
  return node->operation == MOD_TO_INTEGER ? MOD_TEXT_LONG : operands;
}

static bool operation(const Emitter *e, Text *out, int index) {
  const ModNode *node = &e->tree->nodes[index];
  ModTextType type = operand_type(e, index), natural = natural_type(e, index);
  Text texts[3] = {0}, value = {0};
  bool done = true;
  for (int i = 0; done && i < mod_operation_children(node->operation); i++) {
    bool condition = node->operation == MOD_WHERE && i == 0;
    done = operand(e, &texts[i], node->child[i], condition ? MOD_TEXT_BOOL : type);
  }
  done = done && combine(e, &value, node->operation, type, texts) &&
         convert(e, out, value.data, result_type(node, type), natural);
  texts_free(texts);
  text_free(&value);
  return done;
}

static bool is_conversion(const Emitter *e, const ModNode *node) {
  bool of_float = e->tree->nodes[node->child[0]].type == MOD_FLOAT;
  return node->operation == MOD_TO_FLOAT || (node->operation == MOD_TO_INTEGER && !of_float);
}

static bool expression(const Emitter *e, Text *out, int index) {
  const ModNode *node = &e->tree->nodes[index];
  if (node->operation == MOD_VARIABLE) return variable(e, out, index);
  if (node->operation == MOD_ELEMENT) return element(e, out, index);
  if (is_conversion(e, node)) return operand(e, out, node->child[0], natural_type(e, index));
  return operation(e, out, index);
}

static bool declare(const Emitter *e, int index) {
  Text value = {0};
  char name[64];
  snprintf(name, sizeof name, "%s%d", e->names->prefix, index);
  e->error->code = ERROR_NONE;
  bool done = expression(e, &value, index);
  const char *operands[3] = {e->language->type[natural_type(e, index)], name, value.data};
  if (done) {
    text_append_text(e->out, e->names->indent);
    done = expand(e->out, e->language->declaration, operands);
    text_append_character(e->out, '\n');
  }
  text_free(&value);
  if (!done && e->error->code == ERROR_NONE)
    return error_set(e->error, ERROR_UNSUPPORTED, NULL, "the target language has no \"%s\"",
                     mod_operation_name(e->tree->nodes[index].operation));
  return done;
}

// What is known needs nothing of what it was made from.
static void find_needed(Emitter *e) {
  e->needed[e->tree->count - 1] = true;
  for (int i = e->tree->count - 1; i >= 0; i--) {
    const ModNode *node = &e->tree->nodes[i];
    if (!e->needed[i] || e->lanes.fixed[i]) continue;
    for (int c = 0; c < mod_operation_children(node->operation); c++)
      e->needed[node->child[c]] = true;
  }
}

static bool emit_all(Emitter *e, char *result, int size) {
  int root = e->tree->count - 1;
  for (int i = 0; i <= root; i++)
    if (e->needed[i] && !e->lanes.fixed[i] && !declare(e, i)) return false;
  Text value = {0};
  bool done =
      operand(e, &value, root, natural_type(e, root)) && value.data && value.size < (size_t)size;
  if (done) memcpy(result, value.data, value.size + 1);
  text_free(&value);
  return done || error_set(e->error, ERROR_ARGUMENT, NULL, "no room for the name of the result");
}

bool mod_emit(Text *out, const ModLanguage *language, const BoundMod *bound, const ModTree *tree,
              const ModNames *names, char *result, int size, Error *error) {
  Emitter *e = memory_allocate(sizeof *e);
  e->out = out, e->language = language, e->names = names, e->error = error;
  e->bound = bound, e->tree = tree;
  mod_lanes_find(&e->lanes, tree, bound);
  find_needed(e);
  bool done = emit_all(e, result, size);
  memory_free(e);
  return done;
}
