// SPDX-License-Identifier: Apache-2.0
#include "mods/build.h"
#include "base/memory.h"
#include "mods/scalar.h"
#include "mods/simplify.h"
#include <string.h>

// Room for nodes that folding leaves behind; slots are a power of two.
enum { ROOM = 2 * MOD_MOST_NODES, SLOTS = 2 * ROOM };

struct ModBuilder {
  const ModArray *arrays;
  int count;
  bool full;
  ModNode nodes[ROOM];
  int slots[SLOTS]; // open addressing: index + 1 of a node; 0: free
};

ModBuilder *mod_builder_open(const ModArray *arrays) {
  ModBuilder *builder = memory_allocate(sizeof *builder);
  builder->arrays = arrays;
  return builder;
}

void mod_builder_close(ModBuilder *builder) {
  memory_free(builder);
}

const ModNode *mod_builder_node(const ModBuilder *builder, int index) {
  return &builder->nodes[index];
}

bool mod_builder_full(const ModBuilder *builder) {
  return builder->full;
}

static uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

// By its bits a NaN equals itself, and -0 is not 0.
static uint64_t real_bits(const ModNode *node) {
  uint64_t bits;
  memcpy(&bits, &node->real, sizeof bits);
  return bits;
}

static uint64_t node_hash(const ModNode *node) {
  uint64_t hash = (uint64_t)node->operation << 8 | (uint64_t)node->type;
  for (int i = 0; i < 3; i++) hash = mixed(hash, (uint64_t)node->child[i]);
  hash = mixed(hash, (uint64_t)node->variable << 32 | (uint64_t)node->array);
  return mixed(mixed(hash, (uint64_t)node->integer), real_bits(node));
}

static bool node_equal(const ModNode *a, const ModNode *b) {
  return a->operation == b->operation && a->type == b->type && a->variable == b->variable &&
         a->array == b->array && a->integer == b->integer &&
         memcmp(a->child, b->child, sizeof a->child) == 0 && real_bits(a) == real_bits(b);
}

// The node itself or an equal one that is there.
static int node_index(ModBuilder *builder, const ModNode *node) {
  uint64_t slot = node_hash(node) % SLOTS;
  for (; builder->slots[slot]; slot = (slot + 1) % SLOTS)
    if (node_equal(&builder->nodes[builder->slots[slot] - 1], node))
      return builder->slots[slot] - 1;
  if (builder->count == ROOM) {
    builder->full = true;
    return 0;
  }
  builder->nodes[builder->count] = *node;
  builder->slots[slot] = ++builder->count;
  return builder->count - 1;
}

static int constant_index(ModBuilder *builder, ModType type, ModValue value, int position) {
  return node_index(builder, &(ModNode){.operation = MOD_CONSTANT,
                                        .type = type,
                                        .integer = type == MOD_FLOAT ? 0 : value.integer,
                                        .real = type == MOD_FLOAT ? value.real : 0,
                                        .position = position});
}

int mod_build_bool(ModBuilder *builder, bool value, int position) {
  return constant_index(builder, MOD_BOOL, (ModValue){.integer = value}, position);
}

int mod_build_integer(ModBuilder *builder, int64_t value, int position) {
  return constant_index(builder, MOD_INTEGER, (ModValue){.integer = value}, position);
}

int mod_build_real(ModBuilder *builder, double value, int position) {
  return constant_index(builder, MOD_FLOAT, (ModValue){.real = value}, position);
}

int mod_build_variable(ModBuilder *builder, ModVariable variable, int position) {
  return node_index(builder, &(ModNode){.operation = MOD_VARIABLE,
                                        .type = mod_variable_type(variable),
                                        .variable = variable,
                                        .position = position});
}

static ModType element_type(Dtype dtype) {
  return dtype == DTYPE_BOOL ? MOD_BOOL : dtype == DTYPE_F32 ? MOD_FLOAT : MOD_INTEGER;
}

// As in Python, -1 is the last one.
static int counted_from_start(ModBuilder *builder, int index, int64_t extent) {
  const ModNode *node = &builder->nodes[index];
  bool behind = node->operation == MOD_CONSTANT && node->integer < 0 && node->integer >= -extent;
  return behind ? mod_build_integer(builder, node->integer + extent, node->position) : index;
}

int mod_build_element(ModBuilder *builder, int array, int row, int column, int position) {
  const Tensor *values = &builder->arrays[array].values;
  row = counted_from_start(builder, row, values->shape[0]);
  column = values->rank == 1 ? row : counted_from_start(builder, column, values->shape[1]);
  return node_index(builder, &(ModNode){.operation = MOD_ELEMENT,
                                        .type = element_type(values->dtype),
                                        .child = {row, column},
                                        .array = array,
                                        .position = position});
}

// The type of the operands, or of the branches of where.
static ModType operand_type(const ModBuilder *builder, ModOperation operation,
                            const int *operands) {
  return builder->nodes[operands[operation == MOD_WHERE ? 1 : 0]].type;
}

static bool divides_by_zero(ModOperation operation, ModType type, ModValue divisor) {
  bool divides = operation == MOD_FLOOR_DIVIDE || operation == MOD_REMAINDER;
  return divides && type == MOD_INTEGER && divisor.integer == 0;
}

// The result of an operation on constants, or -1. What leaves int64 and what divides an integer by
// zero stays as written, for binding to refuse it.
static int folded(ModBuilder *builder, ModOperation operation, const int *operands, int position) {
  ModValue values[3] = {0};
  int children = mod_operation_children(operation);
  for (int i = 0; i < children; i++) {
    const ModNode *node = &builder->nodes[operands[i]];
    if (node->operation != MOD_CONSTANT) return -1;
    values[i] = (ModValue){node->integer, node->real};
  }
  ModType type = operand_type(builder, operation, operands);
  bool overflow = divides_by_zero(operation, type, values[1]);
  ModValue result = mod_scalar(operation, type, values, &overflow);
  if (overflow) return -1;
  return constant_index(builder, mod_scalar_type(operation, type), result, position);
}

static bool commutes(ModOperation operation) {
  switch (operation) {
  case MOD_ADD:
  case MOD_MULTIPLY:
  case MOD_EQUAL:
  case MOD_NOT_EQUAL:
  case MOD_AND:
  case MOD_OR: return true;
  default: return false;
  }
}

// Constants stand last, else the older node first, so that equal sums meet.
static void order(const ModBuilder *builder, int *operands) {
  bool first = builder->nodes[operands[0]].operation == MOD_CONSTANT;
  bool second = builder->nodes[operands[1]].operation == MOD_CONSTANT;
  if (first == second ? operands[0] <= operands[1] : second) return;
  int swapped = operands[0];
  operands[0] = operands[1];
  operands[1] = swapped;
}

int mod_build(ModBuilder *builder, ModOperation operation, const int *operands, int position) {
  int operand[3] = {0};
  memcpy(operand, operands, (size_t)mod_operation_children(operation) * sizeof *operand);
  int known = folded(builder, operation, operand, position);
  if (known >= 0) return known;
  if (commutes(operation)) order(builder, operand);
  known = mod_simplify(builder, operation, operand, position);
  if (known >= 0) return known;
  ModType type = mod_scalar_type(operation, operand_type(builder, operation, operand));
  return node_index(builder, &(ModNode){.operation = operation,
                                        .type = type,
                                        .child = {operand[0], operand[1], operand[2]},
                                        .position = position});
}

int mod_build_unary(ModBuilder *builder, ModOperation operation, int x, int position) {
  return mod_build(builder, operation, &x, position);
}

int mod_build_binary(ModBuilder *builder, ModOperation operation, int x, int y, int position) {
  return mod_build(builder, operation, (int[]){x, y}, position);
}

int mod_build_where(ModBuilder *builder, int condition, int x, int y, int position) {
  return mod_build(builder, MOD_WHERE, (int[]){condition, x, y}, position);
}

int mod_build_copy(ModBuilder *builder, const ModNode *node, const int *map) {
  const int *child = node->child;
  switch (node->operation) {
  case MOD_CONSTANT:
    return constant_index(builder, node->type, (ModValue){node->integer, node->real},
                          node->position);
  case MOD_VARIABLE: return mod_build_variable(builder, node->variable, node->position);
  case MOD_ELEMENT:
    return mod_build_element(builder, node->array, map[child[0]], map[child[1]], node->position);
  default: break;
  }
  int operand[3] = {map[child[0]], map[child[1]], map[child[2]]};
  return mod_build(builder, node->operation, operand, node->position);
}

static void mark_needed(const ModBuilder *builder, int root, bool *needed) {
  needed[root] = true;
  for (int i = root; i >= 0; i--)
    for (int c = 0; needed[i] && c < mod_operation_children(builder->nodes[i].operation); c++)
      needed[builder->nodes[i].child[c]] = true;
}

bool mod_build_finish(const ModBuilder *builder, int root, ModTree *tree, Error *error) {
  bool needed[ROOM] = {0};
  int place[ROOM], count = 0;
  mark_needed(builder, root, needed);
  for (int i = 0; i <= root; i++) place[i] = needed[i] ? count++ : -1;
  *tree = (ModTree){0};
  if (builder->full || count > MOD_MOST_NODES)
    return error_set(error, ERROR_ARGUMENT, NULL,
                     "the expression is too long: more than %d operations", MOD_MOST_NODES);
  tree->nodes = memory_allocate((size_t)count * sizeof *tree->nodes);
  for (int i = 0; i <= root; i++) {
    if (!needed[i]) continue;
    ModNode *node = &tree->nodes[tree->count++];
    *node = builder->nodes[i];
    for (int c = 0; c < mod_operation_children(node->operation); c++)
      node->child[c] = place[node->child[c]];
  }
  return true;
}
