// SPDX-License-Identifier: Apache-2.0
#include "random_mod.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "mods/interval.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
  const char *name;
  Dtype dtype;
  int rank;
} array_facts[RANDOM_ARRAYS] = {
    {"documents", DTYPE_I32, 1}, {"far", DTYPE_I64, 1},   {"slopes", DTYPE_F32, 1},
    {"bias", DTYPE_F32, 2},      {"seen", DTYPE_BOOL, 2}, {"table", DTYPE_I32, 2},
};

uint64_t random_mod_seed(void) {
  const char *given = getenv("TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_now();
  print_message("# TEST_SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

static int below(RandomMod *mod, int limit) {
  return (int)random_below(&mod->random, (uint64_t)limit);
}

static void add_array(RandomMod *mod, int index) {
  int64_t shape[2] = {RANDOM_EXTENT, RANDOM_EXTENT + 1};
  void *values = memory_allocate(RANDOM_EXTENT * (RANDOM_EXTENT + 1) * sizeof(int64_t));
  Tensor tensor = tensor_dense(array_facts[index].dtype, array_facts[index].rank, shape, values);
  mod->arrays[index] = (ModArray){array_facts[index].name, tensor};
  mod->storage[index] = values;
}

static void fill_arrays(RandomMod *mod) {
  int32_t *documents = mod->storage[0], *table = mod->storage[5];
  int64_t *far = mod->storage[1];
  float *slopes = mod->storage[2], *bias = mod->storage[3];
  uint8_t *seen = mod->storage[4];
  for (int i = 0; i < RANDOM_EXTENT; i++) {
    documents[i] = i / 20;
    far[i] = below(mod, 4) ? below(mod, 100) - 50 : (int64_t)random_next(&mod->random) >> 20;
    slopes[i] = (float)random_normal(&mod->random);
  }
  for (int i = 0; i < RANDOM_EXTENT * (RANDOM_EXTENT + 1); i++) {
    bias[i] = (float)random_normal(&mod->random);
    seen[i] = (uint8_t)below(mod, 2);
    table[i] = below(mod, 20) - 10;
  }
}

void random_mod_open(RandomMod *mod, uint64_t seed) {
  *mod = (RandomMod){.random = random_seeded(seed)};
  mod->shape = (ModShape){2, 4, 2, RANDOM_EXTENT - 5, RANDOM_EXTENT, 64, 0, false};
  for (int i = 0; i < RANDOM_ARRAYS; i++) add_array(mod, i);
  fill_arrays(mod);
}

void random_mod_close(RandomMod *mod) {
  for (int i = 0; i < RANDOM_ARRAYS; i++) memory_free(mod->storage[i]);
}

static int append(RandomMod *mod, ModNode node) {
  node.position = -1;
  mod->nodes[mod->count] = node;
  return mod->count++;
}

static int operation(RandomMod *mod, ModOperation which, ModType type, int a, int b, int c) {
  return append(mod, (ModNode){.operation = which, .type = type, .child = {a, b, c}});
}

static int integer_constant(RandomMod *mod, int64_t value) {
  return append(mod, (ModNode){.operation = MOD_CONSTANT, .type = MOD_INTEGER, .integer = value});
}

static int variable(RandomMod *mod, ModVariable which) {
  ModType type = which == MOD_SCORE ? MOD_FLOAT : MOD_INTEGER;
  return append(mod, (ModNode){.operation = MOD_VARIABLE, .type = type, .variable = which});
}

static int make(RandomMod *mod, ModType type, int size);

// Inside the extent whatever the integer is.
static int index_below(RandomMod *mod, int extent, int size) {
  if (below(mod, 2)) return variable(mod, below(mod, 2) ? MOD_KEY : MOD_QUERY);
  int integer = make(mod, MOD_INTEGER, size);
  return operation(mod, MOD_REMAINDER, MOD_INTEGER, integer, integer_constant(mod, extent), 0);
}

static int element(RandomMod *mod, ModType type, int size) {
  if (mod->plain) return make(mod, type, size);
  static const int of_type[3][3] = {{4, 4, 4}, {0, 1, 5}, {2, 3, 3}};
  int array = of_type[type][below(mod, 3)];
  int row = index_below(mod, RANDOM_EXTENT, size / 2);
  int column =
      mod->arrays[array].values.rank == 1 ? row : index_below(mod, RANDOM_EXTENT + 1, size / 2);
  return append(
      mod,
      (ModNode){.operation = MOD_ELEMENT, .type = type, .array = array, .child = {row, column}});
}

static int make_where(RandomMod *mod, ModType type, int size) {
  int condition = make(mod, MOD_BOOL, size / 3);
  int yes = make(mod, type, size / 3), no = make(mod, type, size / 3);
  return operation(mod, MOD_WHERE, type, condition, yes, no);
}

static int make_two(RandomMod *mod, ModOperation which, ModType type, ModType operands, int size) {
  int a = make(mod, operands, size / 2), b = make(mod, operands, size / 2);
  return operation(mod, which, type, a, b, 0);
}

static int make_one(RandomMod *mod, ModOperation which, ModType type, ModType operand, int size) {
  return operation(mod, which, type, make(mod, operand, size - 1), 0, 0);
}

static int make_bool(RandomMod *mod, int size) {
  static const ModOperation compare[] = {MOD_EQUAL,      MOD_NOT_EQUAL, MOD_LESS,
                                         MOD_LESS_EQUAL, MOD_GREATER,   MOD_GREATER_EQUAL};
  switch (size < 3 ? 0 : below(mod, 9)) {
  case 0:
    return append(mod,
                  (ModNode){.operation = MOD_CONSTANT, .type = MOD_BOOL, .integer = below(mod, 2)});
  case 1: return make_two(mod, below(mod, 2) ? MOD_AND : MOD_OR, MOD_BOOL, MOD_BOOL, size);
  case 2: return make_one(mod, MOD_NOT, MOD_BOOL, MOD_BOOL, size);
  case 3: return element(mod, MOD_BOOL, size);
  case 4: return make_where(mod, MOD_BOOL, size);
  case 5: return make_two(mod, compare[below(mod, 6)], MOD_BOOL, MOD_FLOAT, size);
  default: return make_two(mod, compare[below(mod, 6)], MOD_BOOL, MOD_INTEGER, size);
  }
}

static int small_integer(RandomMod *mod) {
  if (below(mod, 3) == 0) return integer_constant(mod, below(mod, 19) - 9);
  return variable(mod, (ModVariable)(MOD_BATCH + below(mod, 4)));
}

// A power whose exponent is a small index.
static int integer_power(RandomMod *mod, int size) {
  int base = make(mod, MOD_INTEGER, size - 2);
  return operation(mod, MOD_POWER, MOD_INTEGER, base, variable(mod, MOD_HEAD), 0);
}

static int make_integer(RandomMod *mod, int size) {
  static const ModOperation two[] = {MOD_ADD,       MOD_SUBTRACT, MOD_MULTIPLY, MOD_FLOOR_DIVIDE,
                                     MOD_REMAINDER, MOD_MINIMUM,  MOD_MAXIMUM};
  switch (size < 2 ? 0 : below(mod, 12)) {
  case 0: return small_integer(mod);
  case 1:
    return make_one(mod, below(mod, 2) ? MOD_NEGATE : MOD_ABS, MOD_INTEGER, MOD_INTEGER, size);
  case 2: return element(mod, MOD_INTEGER, size);
  case 3: return make_where(mod, MOD_INTEGER, size);
  case 4: return make_one(mod, MOD_TO_INTEGER, MOD_INTEGER, MOD_BOOL, size);
  case 5: return make_one(mod, MOD_TO_INTEGER, MOD_INTEGER, MOD_FLOAT, size);
  case 6: return integer_power(mod, size);
  default: return make_two(mod, two[below(mod, 7)], MOD_INTEGER, MOD_INTEGER, size);
  }
}

static int small_float(RandomMod *mod) {
  if (mod->score && below(mod, 2)) return variable(mod, MOD_SCORE);
  double value = below(mod, 4) ? random_normal(&mod->random) * 3 : (double)(below(mod, 9) - 4);
  return append(mod, (ModNode){.operation = MOD_CONSTANT, .type = MOD_FLOAT, .real = value});
}

static int make_float(RandomMod *mod, int size) {
  static const ModOperation two[] = {MOD_ADD,   MOD_SUBTRACT,     MOD_MULTIPLY,  MOD_ADD,
                                     MOD_POWER, MOD_DIVIDE,       MOD_MINIMUM,   MOD_MAXIMUM,
                                     MOD_ADD,   MOD_FLOOR_DIVIDE, MOD_REMAINDER, MOD_MULTIPLY};
  static const ModOperation one[] = {MOD_NEGATE, MOD_EXP,  MOD_EXP2, MOD_LOG,
                                     MOD_TANH,   MOD_SQRT, MOD_ABS};
  bool smooth = mod->smooth;
  switch (size < 2 ? 0 : below(mod, 10)) {
  case 0:
  case 1: return small_float(mod);
  case 2: return make_one(mod, MOD_TO_FLOAT, MOD_FLOAT, MOD_INTEGER, smooth ? 2 : size);
  case 3: return element(mod, MOD_FLOAT, smooth ? 2 : size);
  case 4: return make_where(mod, MOD_FLOAT, size);
  case 5:
  case 6: return make_one(mod, one[below(mod, smooth ? 6 : 7)], MOD_FLOAT, MOD_FLOAT, size);
  default: return make_two(mod, two[below(mod, smooth ? 6 : 12)], MOD_FLOAT, MOD_FLOAT, size);
  }
}

static int make(RandomMod *mod, ModType type, int size) {
  if (type == MOD_BOOL) return make_bool(mod, size);
  if (type == MOD_INTEGER) return make_integer(mod, size);
  return make_float(mod, size);
}

static bool overflows(const RandomMod *mod, const ModTree *tree) {
  ModRange ranges[MOD_MOST_NODES];
  mod_ranges(tree, mod->arrays, &mod->shape, ranges);
  for (int i = 0; i < tree->count; i++)
    if (ranges[i].overflow) return true;
  return false;
}

ModTree random_mod_tree(RandomMod *mod, ModType type, int size) {
  for (;;) {
    mod->count = 0;
    make(mod, type, size);
    ModTree tree = {mod->count, mod->nodes};
    if (!overflows(mod, &tree)) return tree;
  }
}

static void write_node(Text *text, const ModTree *tree, int index);

static void write_constant(Text *text, const ModNode *node) {
  if (node->type == MOD_BOOL)
    text_append_text(text, node->integer ? "True" : "False");
  else if (node->type == MOD_INTEGER)
    text_append_format(text, "(%lld)", (long long)node->integer);
  else if (isfinite(node->real))
    text_append_format(text, "(%.16e)", node->real);
  else
    text_append_text(text, isnan(node->real) ? "nan" : node->real > 0 ? "inf" : "(-inf)");
}

static void write_operands(Text *text, const ModTree *tree, const ModNode *node, int count,
                           const char *open, const char *between, const char *close) {
  text_append_text(text, open);
  for (int c = 0; c < count; c++) {
    if (c) text_append_text(text, between);
    write_node(text, tree, node->child[c]);
  }
  text_append_text(text, close);
}

static void write_operation(Text *text, const ModTree *tree, const ModNode *node) {
  int children = mod_operation_children(node->operation);
  const char *name = mod_operation_name(node->operation);
  char between[8];
  snprintf(between, sizeof between, " %s ", name);
  bool letters = name[0] >= 'a' && name[0] <= 'z';
  bool logic = node->operation == MOD_AND || node->operation == MOD_OR;
  if (children == 2 && (logic || !letters)) {
    write_operands(text, tree, node, children, "(", between, ")");
    return;
  }
  bool prefix = node->operation == MOD_NOT || node->operation == MOD_NEGATE;
  text_append_format(text, prefix ? "(%s " : "%s", name);
  write_operands(text, tree, node, children, prefix ? "" : "(", ", ", ")");
}

static void write_node(Text *text, const ModTree *tree, int index) {
  const ModNode *node = &tree->nodes[index];
  switch (node->operation) {
  case MOD_VARIABLE: text_append_text(text, mod_variable_name(node->variable)); break;
  case MOD_CONSTANT: write_constant(text, node); break;
  case MOD_ELEMENT:
    text_append_text(text, array_facts[node->array].name);
    write_operands(text, tree, node, array_facts[node->array].rank, "[", ", ", "]");
    break;
  default: write_operation(text, tree, node);
  }
}

char *random_mod_text(const ModTree *tree) {
  Text text = {0};
  write_node(&text, tree, tree->count - 1);
  return text.data;
}
