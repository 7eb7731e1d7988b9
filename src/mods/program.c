// SPDX-License-Identifier: Apache-2.0
#include "mods/program.h"
#include "mods/interval.h"
#include "mods/rewrite.h"

enum { LANE_TYPES = 3, CONSTANT_WORDS = MOD_LOOP_STEP };

typedef struct {
  const BoundMod *bound;
  ModTree tree;
  ModProgram *program;
  ModRange ranges[MOD_MOST_NODES];
  int level[MOD_MOST_NODES]; // MOD_ON_ROW | MOD_ON_COLUMN
  ModOperand value[MOD_MOST_NODES][LANE_TYPES];
  bool made[MOD_MOST_NODES][LANE_TYPES];
  int registers; // of elements; numbers until they get their places
} Compiler;

int64_t mod_lane_size(ModLaneType lane) {
  return lane == MOD_LANE_LONG ? 8 : 4;
}

static int64_t lanes_of_level(int level) {
  return level == MOD_PLACE_TILE  ? MOD_LOOP_STEP
         : level == MOD_PLACE_ROW ? MOD_STRIP_ROWS
                                  : MOD_STRIP_COLUMNS;
}

static ModOperand new_register(Compiler *c, int level, ModLaneType lane) {
  ModOperand operand = {(ModPlace)level, lane, c->program->bytes[level]};
  if (level == MOD_PLACE_ELEMENT)
    operand.offset = c->registers++;
  else
    c->program->bytes[level] += lanes_of_level(level) * 8;
  return operand;
}

// Whether it is one value for a whole row of a strip at this level.
static bool is_scalar(ModOperand operand, int level) {
  if (level == MOD_PLACE_TILE) return false; // all operands are rows of equal values
  return operand.place == MOD_PLACE_CONSTANT || operand.place == MOD_PLACE_TILE ||
         (operand.place == MOD_PLACE_ROW && level == MOD_PLACE_ELEMENT);
}

static void append(Compiler *c, int level, ModStep step) {
  ARRAY_APPEND(&c->program->steps[level], step);
}

static ModLoopFunction *function_of(const Compiler *c, ModLoopCode code, ModOperand first,
                                    const ModOperand *second, int level) {
  int kind = is_scalar(first, level) ? MOD_LOOP_FIRST : 0;
  if (second && is_scalar(*second, level)) kind |= MOD_LOOP_SECOND;
  return c->program->table->function[code][kind];
}

static ModOperand unary(Compiler *c, int level, ModLoopCode code, ModLaneType lane, ModOperand x) {
  ModOperand out = new_register(c, level, lane);
  append(c, level,
         (ModStep){.run = function_of(c, code, x, NULL, level), .out = out, .in = {x, x}});
  return out;
}

static ModOperand binary(Compiler *c, int level, ModLoopCode code, ModLaneType lane, ModOperand x,
                         ModOperand y) {
  ModOperand out = new_register(c, level, lane);
  append(c, level, (ModStep){.run = function_of(c, code, x, &y, level), .out = out, .in = {x, y}});
  return out;
}

// A word repeated over a step, so that it serves as a scalar and as a row.
static ModOperand constant(Compiler *c, ModLaneType lane, int64_t integer, double real) {
  ModOperand operand = {MOD_PLACE_CONSTANT, lane, (int64_t)c->program->constants.count * 8};
  union {
    int64_t word;
    int32_t ints[2];
    float floats[2];
  } value = {.word = integer};
  if (lane == MOD_LANE_INT) value.ints[0] = value.ints[1] = (int32_t)integer;
  if (lane == MOD_LANE_FLOAT) value.floats[0] = value.floats[1] = (float)real;
  for (int i = 0; i < CONSTANT_WORDS; i++) ARRAY_APPEND(&c->program->constants, value.word);
  return operand;
}

static bool fits_int(const ModRange *range) {
  return range->least >= INT32_MIN && range->most <= INT32_MAX;
}

static ModLaneType natural_lane(const Compiler *c, int index) {
  if (c->tree.nodes[index].type == MOD_FLOAT) return MOD_LANE_FLOAT;
  return fits_int(&c->ranges[index]) ? MOD_LANE_INT : MOD_LANE_LONG;
}

static bool is_fixed(const Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  if (node->operation == MOD_CONSTANT) return true;
  return node->type != MOD_FLOAT && c->ranges[index].least == c->ranges[index].most;
}

static ModOperand fixed(Compiler *c, int index, ModLaneType lane) {
  int64_t integer = c->ranges[index].least;
  bool real = c->tree.nodes[index].type == MOD_FLOAT;
  return constant(c, lane, integer, real ? c->tree.nodes[index].real : (double)integer);
}

static ModOperand compile_node(Compiler *c, int index);

// The value of a node in lanes of this type.
static ModOperand value_in(Compiler *c, int index, ModLaneType lane) {
  ModOperand *value = &c->value[index][lane];
  if (c->made[index][lane]) return *value;
  ModLaneType natural = natural_lane(c, index);
  if (is_fixed(c, index)) {
    *value = fixed(c, index, lane);
  } else if (lane == natural) {
    *value = compile_node(c, index);
  } else {
    ModOperand from = value_in(c, index, natural);
    ModLoopCode code = lane == MOD_LANE_LONG      ? MOD_LOOP_INT_TO_LONG
                       : lane == MOD_LANE_INT     ? MOD_LOOP_LONG_TO_INT
                       : natural == MOD_LANE_LONG ? MOD_LOOP_LONG_TO_FLOAT
                                                  : MOD_LOOP_INT_TO_FLOAT;
    *value = unary(c, c->level[index], code, lane, from);
  }
  c->made[index][lane] = true;
  return *value;
}

static ModOperand compile_variable(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  if (node->variable == MOD_SCORE) {
    c->program->reads_scores = true;
    return (ModOperand){MOD_PLACE_SCORES, MOD_LANE_FLOAT, 0};
  }
  int which = node->variable - MOD_BATCH;
  if (c->program->reads[which]) return c->program->index[which]; // a tree may name it twice
  c->program->reads[which] = true;
  return c->program->index[which] = new_register(c, c->level[index], natural_lane(c, index));
}

// The codes of one operation: of ints, longs and floats.
typedef struct {
  ModLoopCode ints, longs, floats;
} Codes;

static Codes codes_of(ModOperation operation) {
#define CODES(NAME)                                                                                \
  ((Codes){MOD_LOOP_##NAME##_INT, MOD_LOOP_##NAME##_LONG, MOD_LOOP_##NAME##_FLOAT})
  switch (operation) {
  case MOD_NEGATE: return CODES(NEGATE);
  case MOD_ABS: return CODES(ABS);
  case MOD_ADD: return CODES(ADD);
  case MOD_SUBTRACT: return CODES(SUBTRACT);
  case MOD_MULTIPLY: return CODES(MULTIPLY);
  case MOD_FLOOR_DIVIDE: return CODES(FLOOR_DIVIDE);
  case MOD_REMAINDER: return CODES(REMAINDER);
  case MOD_MINIMUM: return CODES(MINIMUM);
  case MOD_MAXIMUM: return CODES(MAXIMUM);
  case MOD_EQUAL: return CODES(EQUAL);
  case MOD_NOT_EQUAL: return CODES(NOT_EQUAL);
  case MOD_LESS:
  case MOD_GREATER: return CODES(LESS);
  case MOD_LESS_EQUAL:
  case MOD_GREATER_EQUAL: return CODES(LESS_EQUAL);
  case MOD_DIVIDE: return (Codes){.floats = MOD_LOOP_DIVIDE_FLOAT};
  default: // MOD_POWER, whose ints are longs
    return (Codes){.longs = MOD_LOOP_POWER_LONG, .floats = MOD_LOOP_POWER_FLOAT};
  }
#undef CODES
}

static ModLoopCode code_in(Codes codes, ModLaneType lane) {
  return lane == MOD_LANE_INT ? codes.ints : lane == MOD_LANE_LONG ? codes.longs : codes.floats;
}

// The lanes that an operation is computed in: ints where all that meet in it are.
static ModLaneType lane_of_operation(const Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  ModLaneType lane = natural_lane(c, node->child[0]);
  if (lane == MOD_LANE_FLOAT) return lane;
  for (int i = 0; i < mod_operation_children(node->operation); i++)
    if (natural_lane(c, node->child[i]) == MOD_LANE_LONG) lane = MOD_LANE_LONG;
  if (natural_lane(c, index) == MOD_LANE_LONG || node->operation == MOD_POWER) lane = MOD_LANE_LONG;
  return lane;
}

static ModOperand compile_arithmetic(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  ModLaneType lane = lane_of_operation(c, index), natural = natural_lane(c, index);
  ModLoopCode code = code_in(codes_of(node->operation), lane);
  bool compares = mod_operation_compares(node->operation);
  ModLaneType out = compares ? MOD_LANE_INT : lane;
  ModOperand x = value_in(c, node->child[0], lane);
  if (mod_operation_children(node->operation) == 1)
    return unary(c, c->level[index], code, out, x); // as long as its operand
  ModOperand y = value_in(c, node->child[1], lane);
  bool swap = node->operation == MOD_GREATER || node->operation == MOD_GREATER_EQUAL;
  ModOperand value = binary(c, c->level[index], code, out, swap ? y : x, swap ? x : y);
  if (out == MOD_LANE_LONG && natural == MOD_LANE_INT)
    return unary(c, c->level[index], MOD_LOOP_LONG_TO_INT, natural, value);
  return value;
}

static ModOperand compile_where(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  int level = c->level[index];
  ModLaneType lane = natural_lane(c, index);
  if (lane == MOD_LANE_INT && (natural_lane(c, node->child[1]) == MOD_LANE_LONG ||
                               natural_lane(c, node->child[2]) == MOD_LANE_LONG))
    lane = MOD_LANE_LONG; // a branch that ranges prove is never taken
  ModOperand condition = value_in(c, node->child[0], MOD_LANE_INT);
  ModOperand yes = value_in(c, node->child[1], lane), no = value_in(c, node->child[2], lane);
  if (is_scalar(condition, level))
    condition = unary(c, level, MOD_LOOP_COPY, MOD_LANE_INT, condition);
  ModOperand out = new_register(c, level, lane);
  ModLoopCode code = lane == MOD_LANE_LONG ? MOD_LOOP_WHERE_LONG : MOD_LOOP_WHERE;
  append(c, level,
         (ModStep){
             .run = function_of(c, code, yes, &no, level), .out = out, .in = {condition, yes, no}});
  if (lane == natural_lane(c, index)) return out;
  return unary(c, level, MOD_LOOP_LONG_TO_INT, MOD_LANE_INT, out);
}

// row * columns + column, or the index of a 1-D array.
static ModOperand element_index(Compiler *c, int index, const Tensor *values) {
  const ModNode *node = &c->tree.nodes[index];
  int row = node->child[0], column = node->child[1];
  bool is_long = natural_lane(c, row) == MOD_LANE_LONG ||
                 natural_lane(c, column) == MOD_LANE_LONG || tensor_elements(values) > INT32_MAX;
  ModLaneType lane = is_long ? MOD_LANE_LONG : MOD_LANE_INT;
  ModOperand at = value_in(c, row, lane);
  if (values->rank == 1) return at;
  ModOperand columns = constant(c, lane, values->shape[1], 0);
  ModOperand start =
      binary(c, c->level[row], code_in(codes_of(MOD_MULTIPLY), lane), lane, at, columns);
  ModOperand add = value_in(c, column, lane);
  return binary(c, c->level[index], code_in(codes_of(MOD_ADD), lane), lane, start, add);
}

static ModLoopCode gather_code(Dtype dtype, ModLaneType lane, bool far) {
  ModLoopCode code = dtype == DTYPE_BOOL     ? MOD_LOOP_GATHER_BOOL
                     : dtype == DTYPE_I32    ? MOD_LOOP_GATHER_INT
                     : dtype == DTYPE_F32    ? MOD_LOOP_GATHER_FLOAT
                     : lane == MOD_LANE_LONG ? MOD_LOOP_GATHER_LONG
                                             : MOD_LOOP_GATHER_SHORT_LONG;
  return far ? code + 1 : code; // the one of a long index follows
}

static ModOperand compile_element(Compiler *c, int index) {
  const Tensor *values = &c->bound->arrays[c->tree.nodes[index].array].values;
  int level = c->level[index];
  ModLaneType lane = natural_lane(c, index);
  ModOperand at = element_index(c, index, values);
  ModLoopCode code = gather_code(values->dtype, lane, at.lane == MOD_LANE_LONG);
  ModOperand out = new_register(c, level, lane);
  append(c, level,
         (ModStep){.run = c->program->table->function[code][0],
                   .out = out,
                   .in = {at, at},
                   .array = values->data,
                   .extent = tensor_elements(values)});
  return out;
}

static ModOperand compile_conversion(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  ModLaneType natural = natural_lane(c, node->child[0]), lane = natural_lane(c, index);
  if (node->operation == MOD_TO_FLOAT) return value_in(c, node->child[0], MOD_LANE_FLOAT);
  if (natural != MOD_LANE_FLOAT) return value_in(c, node->child[0], lane);
  ModLoopCode code = lane == MOD_LANE_INT ? MOD_LOOP_FLOAT_TO_INT : MOD_LOOP_FLOAT_TO_LONG;
  return unary(c, c->level[index], code, lane, value_in(c, node->child[0], MOD_LANE_FLOAT));
}

static ModOperand compile_node(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  const int *child = node->child;
  int level = c->level[index];
#define OF_FLOAT(CODE) unary(c, level, CODE, MOD_LANE_FLOAT, value_in(c, child[0], MOD_LANE_FLOAT))
#define OF_BOOLS(CODE)                                                                             \
  binary(c, level, CODE, MOD_LANE_INT, value_in(c, child[0], MOD_LANE_INT),                        \
         value_in(c, child[1], MOD_LANE_INT))
  switch (node->operation) {
  case MOD_VARIABLE: return compile_variable(c, index);
  case MOD_ELEMENT: return compile_element(c, index);
  case MOD_NOT:
    return unary(c, level, MOD_LOOP_NOT, MOD_LANE_INT, value_in(c, child[0], MOD_LANE_INT));
  case MOD_AND: return OF_BOOLS(MOD_LOOP_AND);
  case MOD_OR: return OF_BOOLS(MOD_LOOP_OR);
  case MOD_EXP: return OF_FLOAT(MOD_LOOP_EXP);
  case MOD_EXP2: return OF_FLOAT(MOD_LOOP_EXP2);
  case MOD_LOG: return OF_FLOAT(MOD_LOOP_LOG);
  case MOD_TANH: return OF_FLOAT(MOD_LOOP_TANH);
  case MOD_SQRT: return OF_FLOAT(MOD_LOOP_SQRT);
  case MOD_TO_FLOAT:
  case MOD_TO_INTEGER: return compile_conversion(c, index);
  case MOD_WHERE: return compile_where(c, index);
  default: return compile_arithmetic(c, index);
  }
#undef OF_FLOAT
#undef OF_BOOLS
}

static void sink(Compiler *c, ModLoopCode code, ModOperand x, const ModOperand *y) {
  ModOperand target = {MOD_PLACE_TARGET, MOD_LANE_FLOAT, 0};
  append(c, MOD_PLACE_ELEMENT,
         (ModStep){.run = function_of(c, code, x, y, MOD_PLACE_ELEMENT),
                   .sink = true,
                   .out = target,
                   .in = {x, y ? *y : x}});
}

// A comparison of ints need not be stored before it hides.
static bool hide_by_comparison(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  if (!mod_operation_compares(node->operation) || c->level[index] != MOD_PLACE_ELEMENT ||
      is_fixed(c, index) || lane_of_operation(c, index) != MOD_LANE_INT)
    return false;
  ModOperand x = value_in(c, node->child[0], MOD_LANE_INT);
  ModOperand y = value_in(c, node->child[1], MOD_LANE_INT);
  bool swap = node->operation == MOD_GREATER || node->operation == MOD_GREATER_EQUAL;
  ModLoopCode code = codes_of(node->operation).ints - MOD_LOOP_EQUAL_INT + MOD_LOOP_HIDE_EQUAL;
  sink(c, code, swap ? y : x, swap ? &x : &y);
  return true;
}

// Each part of a conjunction hides what it forbids.
static void hide(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  if (node->operation == MOD_AND && !is_fixed(c, index)) {
    hide(c, node->child[0]);
    hide(c, node->child[1]);
  } else if (!hide_by_comparison(c, index)) {
    sink(c, MOD_LOOP_HIDE, value_in(c, index, MOD_LANE_INT), NULL);
  }
}

static void write_score(Compiler *c, int root) {
  ModOperand value = value_in(c, root, MOD_LANE_FLOAT);
  if (value.place == MOD_PLACE_ELEMENT) { // the last step's, which nothing else reads
    value.place = MOD_PLACE_RESULT;
    size_t last = c->program->steps[MOD_PLACE_ELEMENT].count - 1;
    c->program->steps[MOD_PLACE_ELEMENT].items[last].out = value;
  }
  sink(c, MOD_LOOP_COPY, value, NULL);
}

static void finish(Compiler *c, int root) {
  switch (c->program->purpose) {
  case MOD_PURPOSE_SCORE: write_score(c, root); break;
  case MOD_PURPOSE_SCALE: sink(c, MOD_LOOP_SCALE, value_in(c, root, MOD_LANE_FLOAT), NULL); break;
  case MOD_PURPOSE_HIDE: hide(c, root); break;
  case MOD_PURPOSE_SHOW: sink(c, MOD_LOOP_SHOW, value_in(c, root, MOD_LANE_INT), NULL); break;
  }
}

// What each value depends on; what ranges prove to be one number depends on nothing.
static void find_levels(Compiler *c) {
  mod_dependence(&c->tree, c->level);
  for (int i = 0; i < c->tree.count; i++) {
    const ModNode *node = &c->tree.nodes[i];
    int children = mod_operation_children(node->operation);
    if (children > 0) c->level[i] = 0;
    for (int k = 0; k < children; k++) c->level[i] |= c->level[node->child[k]];
    if (is_fixed(c, i)) c->level[i] = 0;
  }
}

// Places for the registers of elements, each free again after the last step that reads it.
typedef struct {
  int *last_read;            // by register: a step
  int64_t *place;            // by register
  ARRAY_OF(int64_t) free[2]; // of 4 and of 8 bytes
} Allocation;

static bool is_register(ModOperand operand) {
  return operand.place == MOD_PLACE_ELEMENT || operand.place == MOD_PLACE_RESULT;
}

static int64_t take_place(Compiler *c, Allocation *allocation, ModLaneType lane) {
  int size = lane == MOD_LANE_LONG;
  if (allocation->free[size].count > 0)
    return allocation->free[size].items[--allocation->free[size].count];
  int64_t place = c->program->bytes[MOD_PLACE_ELEMENT];
  c->program->bytes[MOD_PLACE_ELEMENT] += MOD_STRIP_ELEMENTS * mod_lane_size(lane);
  return place;
}

static void release_operands(Allocation *allocation, const ModStep *step, int number) {
  for (int i = 0; i < 3; i++) {
    if (!is_register(step->in[i])) continue;
    int64_t which = step->in[i].offset;
    if (allocation->last_read[which] != number) continue;
    allocation->last_read[which] = -1; // once
    ARRAY_APPEND(&allocation->free[step->in[i].lane == MOD_LANE_LONG], allocation->place[which]);
  }
}

static void place_step(Compiler *c, Allocation *allocation, ModStep *step, int number) {
  release_operands(allocation, step, number);
  for (int i = 0; i < 3; i++)
    if (is_register(step->in[i])) step->in[i].offset = allocation->place[step->in[i].offset];
  if (!is_register(step->out)) return;
  int64_t which = step->out.offset;
  step->out.offset = allocation->place[which] = take_place(c, allocation, step->out.lane);
}

static void place_registers(Compiler *c) {
  ModProgram *program = c->program;
  Allocation allocation = {memory_allocate((size_t)c->registers * sizeof(int)),
                           memory_allocate((size_t)c->registers * sizeof(int64_t)),
                           {{0}}};
  int count = (int)program->steps[MOD_PLACE_ELEMENT].count;
  ModStep *steps = program->steps[MOD_PLACE_ELEMENT].items;
  program->score_copy = (ModOperand){MOD_PLACE_ELEMENT, MOD_LANE_FLOAT, 0};
  if (program->reads_scores)
    program->score_copy.offset = take_place(c, &allocation, MOD_LANE_FLOAT);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < 3; k++)
      if (is_register(steps[i].in[k])) allocation.last_read[steps[i].in[k].offset] = i;
  for (int i = 0; i < count; i++) place_step(c, &allocation, &steps[i], i);
  memory_free(allocation.last_read);
  memory_free(allocation.place);
  ARRAY_FREE(&allocation.free[0]);
  ARRAY_FREE(&allocation.free[1]);
}

bool mod_program_compile(ModProgram *program, const BoundMod *bound, const ModTree *tree,
                         ModPurpose purpose, const ModLoopTable *table, Error *error) {
  *program = (ModProgram){.purpose = purpose, .table = table};
  Compiler *c = memory_allocate(sizeof *c);
  c->bound = bound;
  c->program = program;
  bool done = mod_rewrite(tree, bound, &c->tree, error);
  if (done) {
    mod_ranges(&c->tree, bound->arrays, &bound->shape, c->ranges);
    find_levels(c);
    finish(c, c->tree.count - 1);
    place_registers(c);
    mod_tree_free(&c->tree);
  }
  memory_free(c);
  return done;
}

void mod_program_free(ModProgram *program) {
  for (int i = 0; i < MOD_LEVELS; i++) ARRAY_FREE(&program->steps[i]);
  ARRAY_FREE(&program->constants);
}
