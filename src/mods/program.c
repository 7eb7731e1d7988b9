// SPDX-License-Identifier: Apache-2.0
#include "mods/program.h"
#include "mods/assembly.h"
#include "mods/rewrite.h"

enum { LANE_TYPES = 3 };

typedef struct {
  const BoundMod *bound;
  ModTree tree;
  ModProgram *program;
  ModAssembly assembly;
  ModLanes lanes;
  int level[MOD_MOST_NODES]; // MOD_ON_ROW | MOD_ON_COLUMN
  int uses[MOD_MOST_NODES];  // by other nodes
  ModOperand value[MOD_MOST_NODES][LANE_TYPES];
  bool made[MOD_MOST_NODES][LANE_TYPES];
} Compiler;

static ModOperand unary(Compiler *c, int level, ModLoopCode code, ModLaneType lane, ModOperand x) {
  return mod_assembly_unary(&c->assembly, level, code, lane, x);
}

static ModOperand binary(Compiler *c, int level, ModLoopCode code, ModLaneType lane, ModOperand x,
                         ModOperand y) {
  return mod_assembly_binary(&c->assembly, level, code, lane, x, y);
}

static ModOperand fixed(Compiler *c, int index, ModLaneType lane) {
  const ModNode *node = &c->tree.nodes[index];
  int64_t integer = c->lanes.range[index].least;
  return mod_assembly_constant(&c->assembly, lane, integer,
                               node->type == MOD_FLOAT ? node->real : (double)integer);
}

static ModOperand compile_node(Compiler *c, int index);

static ModLoopCode conversion(ModLaneType from, ModLaneType to) {
  if (to == MOD_LANE_LONG) return MOD_LOOP_INT_TO_LONG;
  if (to == MOD_LANE_INT) return MOD_LOOP_LONG_TO_INT;
  return from == MOD_LANE_LONG ? MOD_LOOP_LONG_TO_FLOAT : MOD_LOOP_INT_TO_FLOAT;
}

// The value of a node in lanes of this type; an integer's may be float.
static ModOperand value_in(Compiler *c, int index, ModLaneType lane) {
  ModOperand *value = &c->value[index][lane];
  ModLaneType natural = c->lanes.natural[index];
  if (c->made[index][lane]) return *value;
  if (c->lanes.fixed[index])
    *value = fixed(c, index, lane);
  else if (lane == natural)
    *value = compile_node(c, index);
  else
    *value =
        unary(c, c->level[index], conversion(natural, lane), lane, value_in(c, index, natural));
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
  return c->program->index[which] =
             mod_assembly_register(&c->assembly, c->level[index], c->lanes.natural[index]);
}

// The loops of one operation on ints, floats and longs, as ModLaneType.
typedef struct {
  ModLoopCode in[LANE_TYPES];
} Codes;

static Codes codes_of(ModOperation operation) {
#define CODES(NAME)                                                                                \
  ((Codes){{MOD_LOOP_##NAME##_INT, MOD_LOOP_##NAME##_FLOAT, MOD_LOOP_##NAME##_LONG}})
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
  case MOD_DIVIDE: return (Codes){{[MOD_LANE_FLOAT] = MOD_LOOP_DIVIDE_FLOAT}};
  default: // MOD_POWER, whose ints are longs
    return (Codes){
        {[MOD_LANE_FLOAT] = MOD_LOOP_POWER_FLOAT, [MOD_LANE_LONG] = MOD_LOOP_POWER_LONG}};
  }
#undef CODES
}

// > and >= are < and <= of exchanged operands.
static bool is_swapped(ModOperation operation) {
  return operation == MOD_GREATER || operation == MOD_GREATER_EQUAL;
}

static bool is_short(const ModRange *range) {
  return range->least >= -(1 << 21) && range->most <= 1 << 21;
}

// Division of small ints by one number is done in float32.
static ModLoopCode division_code(const Compiler *c, int index, ModLoopCode code, ModOperand x,
                                 ModOperand y) {
  const ModNode *node = &c->tree.nodes[index];
  int level = c->level[index], first = node->child[0], second = node->child[1];
  bool by_scalar = !mod_assembly_is_scalar(x, level) && mod_assembly_is_scalar(y, level) &&
                   is_short(&c->lanes.range[first]) && is_short(&c->lanes.range[second]);
  if (!by_scalar) return code;
  if (code == MOD_LOOP_FLOOR_DIVIDE_INT) return MOD_LOOP_FLOOR_DIVIDE_SHORT;
  return code == MOD_LOOP_REMAINDER_INT ? MOD_LOOP_REMAINDER_SHORT : code;
}

static ModOperand compile_arithmetic(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  int level = c->level[index];
  ModLaneType lane = c->lanes.computed[index], natural = c->lanes.natural[index];
  ModLaneType out = mod_operation_compares(node->operation) ? MOD_LANE_INT : lane;
  ModLoopCode code = codes_of(node->operation).in[lane];
  ModOperand x = value_in(c, node->child[0], lane), value;
  if (mod_operation_children(node->operation) == 1) {
    value = unary(c, level, code, out, x);
  } else {
    ModOperand y = value_in(c, node->child[1], lane);
    bool swap = is_swapped(node->operation);
    code = division_code(c, index, code, x, y);
    value = binary(c, level, code, out, swap ? y : x, swap ? x : y);
  }
  return out == natural ? value : unary(c, level, conversion(out, natural), natural, value);
}

// Which operand is a product, or a sum, of elements that nothing else needs; -1: none.
static int operand_made_by(const Compiler *c, const ModNode *node, ModOperation operation) {
  for (int i = 0; i < 2; i++) {
    int child = node->child[i];
    if (c->tree.nodes[child].operation == operation && c->uses[child] == 1 &&
        c->level[child] == MOD_PLACE_ELEMENT)
      return i;
  }
  return -1;
}

// x y + z or z + (x + y) in one pass.
static ModOperand compile_sum(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  int product = operand_made_by(c, node, MOD_MULTIPLY);
  int which = product >= 0 ? product : operand_made_by(c, node, MOD_ADD);
  if (c->lanes.computed[index] != MOD_LANE_FLOAT || which < 0) return compile_arithmetic(c, index);
  const ModNode *inner = &c->tree.nodes[node->child[which]];
  ModOperand x = value_in(c, inner->child[0], MOD_LANE_FLOAT);
  ModOperand y = value_in(c, inner->child[1], MOD_LANE_FLOAT);
  ModOperand z = value_in(c, node->child[1 - which], MOD_LANE_FLOAT);
  if (mod_assembly_is_scalar(x, MOD_PLACE_ELEMENT)) {
    ModOperand first = x;
    x = y, y = first;
  }
  if (product >= 0)
    return mod_assembly_three(&c->assembly, MOD_PLACE_ELEMENT, MOD_LOOP_MULTIPLY_ADD,
                              MOD_LANE_FLOAT, x, y, z);
  if (mod_assembly_is_scalar(z, MOD_PLACE_ELEMENT)) return compile_arithmetic(c, index);
  return mod_assembly_three(&c->assembly, MOD_PLACE_ELEMENT, MOD_LOOP_ADD_SUM, MOD_LANE_FLOAT, z, x,
                            y);
}

static ModOperand compile_where(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  int level = c->level[index];
  ModLaneType lane = c->lanes.computed[index], natural = c->lanes.natural[index];
  ModOperand condition = value_in(c, node->child[0], MOD_LANE_INT);
  ModOperand yes = value_in(c, node->child[1], lane), no = value_in(c, node->child[2], lane);
  if (mod_assembly_is_scalar(condition, level))
    condition = unary(c, level, MOD_LOOP_COPY, MOD_LANE_INT, condition);
  ModLoopCode code = lane == MOD_LANE_LONG ? MOD_LOOP_WHERE_LONG : MOD_LOOP_WHERE;
  ModOperand value = mod_assembly_three(&c->assembly, level, code, lane, condition, yes, no);
  return lane == natural ? value : unary(c, level, conversion(lane, natural), natural, value);
}

// row * columns, in these lanes.
static ModOperand start_of_row(Compiler *c, int row, const Tensor *values, ModLaneType lane) {
  ModOperand columns = mod_assembly_constant(&c->assembly, lane, values->shape[1], 0);
  return binary(c, c->level[row], codes_of(MOD_MULTIPLY).in[lane], lane, value_in(c, row, lane),
                columns);
}

static ModOperand element_index(Compiler *c, int index, const Tensor *values) {
  const ModNode *node = &c->tree.nodes[index];
  ModLaneType lane = mod_lanes_of_index(&c->lanes, node, values);
  if (values->rank == 1) return value_in(c, node->child[0], lane);
  ModOperand start = start_of_row(c, node->child[0], values, lane);
  ModOperand column = value_in(c, node->child[1], lane);
  return binary(c, c->level[index], codes_of(MOD_ADD).in[lane], lane, start, column);
}

static ModLoopCode gather_code(Dtype dtype, ModLaneType lane, bool far) {
  ModLoopCode code = dtype == DTYPE_BOOL     ? MOD_LOOP_GATHER_BOOL
                     : dtype == DTYPE_I32    ? MOD_LOOP_GATHER_INT
                     : dtype == DTYPE_F32    ? MOD_LOOP_GATHER_FLOAT
                     : lane == MOD_LANE_LONG ? MOD_LOOP_GATHER_LONG
                                             : MOD_LOOP_GATHER_SHORT_LONG;
  return far ? code + 1 : code; // the one of a long index follows
}

static bool is_key(const Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  return node->operation == MOD_VARIABLE && node->variable == MOD_KEY && !c->lanes.fixed[index] &&
         c->lanes.natural[index] == MOD_LANE_INT;
}

// What is added to kv_idx in an index: a node of the row, negated or not; -1: nothing. false: it is
// no sum of the two.
static bool split_index(const Compiler *c, int index, int *rest, bool *negated) {
  const ModNode *node = &c->tree.nodes[index];
  *negated = node->operation == MOD_SUBTRACT;
  *rest = -1;
  if (is_key(c, index)) return true;
  if (node->operation != MOD_ADD && node->operation != MOD_SUBTRACT) return false;
  int key = node->operation == MOD_ADD && is_key(c, node->child[1]) ? 1 : 0;
  *rest = node->child[1 - key];
  return is_key(c, node->child[key]) && c->level[*rest] <= MOD_PLACE_ROW;
}

// An int of each row that with kv_idx makes the index of an element. false: there is none.
static bool row_start(Compiler *c, const ModNode *node, const Tensor *values, ModOperand *start) {
  int rest, row = node->child[0];
  bool negated, two = values->rank == 2;
  if (mod_lanes_of_index(&c->lanes, node, values) != MOD_LANE_INT || values->dtype == DTYPE_I64 ||
      (two && c->level[row] > MOD_PLACE_ROW) || !split_index(c, node->child[1], &rest, &negated) ||
      (rest >= 0 && c->lanes.natural[rest] != MOD_LANE_INT))
    return false;
  *start = two ? start_of_row(c, row, values, MOD_LANE_INT)
               : mod_assembly_constant(&c->assembly, MOD_LANE_INT, 0, 0);
  if (rest < 0) return true;
  ModLoopCode code = negated ? MOD_LOOP_SUBTRACT_INT : MOD_LOOP_ADD_INT;
  int level = (two ? c->level[row] : MOD_PLACE_TILE) | c->level[rest];
  *start = binary(c, level, code, MOD_LANE_INT, *start, value_in(c, rest, MOD_LANE_INT));
  return true;
}

static ModOperand compile_element(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  const Tensor *values = &c->bound->arrays[node->array].values;
  int level = c->level[index];
  ModLaneType lane = c->lanes.natural[index];
  ModOperand start;
  if (level == MOD_PLACE_ELEMENT && row_start(c, node, values, &start)) {
    ModLoopCode code = values->dtype == DTYPE_BOOL  ? MOD_LOOP_LOAD_BOOL
                       : values->dtype == DTYPE_I32 ? MOD_LOOP_LOAD_INT
                                                    : MOD_LOOP_LOAD_FLOAT;
    int key = node->child[1];
    while (!is_key(c, key)) // the sum's operand that is kv_idx
      key = c->tree.nodes[key].child[is_key(c, c->tree.nodes[key].child[1])];
    return mod_assembly_read(&c->assembly, level, code, lane, start, value_in(c, key, MOD_LANE_INT),
                             values);
  }
  ModOperand at = element_index(c, index, values);
  ModLoopCode code = gather_code(values->dtype, lane, at.lane == MOD_LANE_LONG);
  return mod_assembly_read(&c->assembly, level, code, lane, at, at, values);
}

static ModOperand compile_conversion(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
  ModLaneType lane = c->lanes.natural[index];
  if (c->tree.nodes[node->child[0]].type != MOD_FLOAT) return value_in(c, node->child[0], lane);
  ModLoopCode code = lane == MOD_LANE_INT ? MOD_LOOP_FLOAT_TO_INT : MOD_LOOP_FLOAT_TO_LONG;
  return unary(c, c->level[index], code, lane, value_in(c, node->child[0], MOD_LANE_FLOAT));
}

static ModOperand compile_bools(Compiler *c, int index, ModLoopCode code) {
  const int *child = c->tree.nodes[index].child;
  return binary(c, c->level[index], code, MOD_LANE_INT, value_in(c, child[0], MOD_LANE_INT),
                value_in(c, child[1], MOD_LANE_INT));
}

static ModOperand compile_node(Compiler *c, int index) {
  const ModNode *node = &c->tree.nodes[index];
#define OF_ONE(CODE, LANE)                                                                         \
  unary(c, c->level[index], MOD_LOOP_##CODE, LANE, value_in(c, node->child[0], LANE))
  switch (node->operation) {
  case MOD_VARIABLE: return compile_variable(c, index);
  case MOD_ELEMENT: return compile_element(c, index);
  case MOD_NOT: return OF_ONE(NOT, MOD_LANE_INT);
  case MOD_AND: return compile_bools(c, index, MOD_LOOP_AND);
  case MOD_OR: return compile_bools(c, index, MOD_LOOP_OR);
  case MOD_EXP: return OF_ONE(EXP, MOD_LANE_FLOAT);
  case MOD_EXP2: return OF_ONE(EXP2, MOD_LANE_FLOAT);
  case MOD_LOG: return OF_ONE(LOG, MOD_LANE_FLOAT);
  case MOD_TANH: return OF_ONE(TANH, MOD_LANE_FLOAT);
  case MOD_SQRT: return OF_ONE(SQRT, MOD_LANE_FLOAT);
  case MOD_TO_FLOAT:
  case MOD_TO_INTEGER: return compile_conversion(c, index);
  case MOD_ADD: return compile_sum(c, index);
  case MOD_WHERE: return compile_where(c, index);
  default: return compile_arithmetic(c, index);
  }
#undef OF_ONE
}

// Bounds of kv_idx that comparisons with values of the row give: nodes, or -1, and whether kv_idx
// may be equal.
typedef struct {
  int key, lower, upper;
  bool lower_strict, upper_strict;
} Bounds;

// Takes x < y or x <= y for one of the two bounds. false: it is not, or there is such a bound.
static bool take_bound(const Compiler *c, Bounds *bounds, bool strict, int x, int y) {
  bool upper = is_key(c, x);
  int key = upper ? x : y, bound = upper ? y : x;
  const ModRange *range = &c->lanes.range[bound];
  if (!is_key(c, key) || c->level[bound] > MOD_PLACE_ROW ||
      (upper ? bounds->upper : bounds->lower) >= 0 || range->least == INT32_MIN ||
      range->most == INT32_MAX)
    return false;
  bounds->key = key;
  *(upper ? &bounds->upper : &bounds->lower) = bound;
  *(upper ? &bounds->upper_strict : &bounds->lower_strict) = strict;
  return true;
}

// The last int that is allowed, or the first.
static ModOperand inclusive(Compiler *c, int bound, bool strict, int64_t step) {
  ModOperand value = value_in(c, bound, MOD_LANE_INT);
  if (!strict) return value;
  ModOperand one = mod_assembly_constant(&c->assembly, MOD_LANE_INT, step, 0);
  return binary(c, c->level[bound], MOD_LOOP_ADD_INT, MOD_LANE_INT, value, one);
}

static void hide_outside(Compiler *c, const Bounds *bounds) {
  ModOperand key = value_in(c, bounds->key, MOD_LANE_INT), first, last;
  if (bounds->lower >= 0) first = inclusive(c, bounds->lower, bounds->lower_strict, 1);
  if (bounds->upper >= 0) last = inclusive(c, bounds->upper, bounds->upper_strict, -1);
  if (bounds->lower < 0)
    mod_assembly_sink(&c->assembly, MOD_LOOP_HIDE_LESS_EQUAL, key, &last, NULL);
  else if (bounds->upper < 0)
    mod_assembly_sink(&c->assembly, MOD_LOOP_HIDE_LESS_EQUAL, first, &key, NULL);
  else
    mod_assembly_sink(&c->assembly, MOD_LOOP_HIDE_OUTSIDE, first, &last, &key);
}

// A comparison of ints need not be stored before it hides.
static bool hide_by_comparison(Compiler *c, int index, Bounds *bounds) {
  const ModNode *node = &c->tree.nodes[index];
  if (!mod_operation_compares(node->operation) || c->lanes.fixed[index] ||
      c->lanes.computed[index] != MOD_LANE_INT)
    return false;
  bool swap = is_swapped(node->operation);
  int first = node->child[swap], second = node->child[!swap];
  ModLoopCode code = codes_of(node->operation).in[MOD_LANE_INT];
  bool orders = code == MOD_LOOP_LESS_INT || code == MOD_LOOP_LESS_EQUAL_INT;
  if (orders && take_bound(c, bounds, code == MOD_LOOP_LESS_INT, first, second)) return true;
  if (c->level[index] != MOD_PLACE_ELEMENT) return false;
  ModOperand x = value_in(c, first, MOD_LANE_INT), y = value_in(c, second, MOD_LANE_INT);
  mod_assembly_sink(&c->assembly, code - MOD_LOOP_EQUAL_INT + MOD_LOOP_HIDE_EQUAL, x, &y, NULL);
  return true;
}

// Each part of a conjunction hides what it forbids.
static void hide(Compiler *c, int index, Bounds *bounds) {
  const ModNode *node = &c->tree.nodes[index];
  if (node->operation == MOD_AND && !c->lanes.fixed[index]) {
    hide(c, node->child[0], bounds);
    hide(c, node->child[1], bounds);
  } else if (!hide_by_comparison(c, index, bounds)) {
    mod_assembly_sink(&c->assembly, MOD_LOOP_HIDE, value_in(c, index, MOD_LANE_INT), NULL, NULL);
  }
}

static void hide_all(Compiler *c, int root) {
  Bounds bounds = {-1, -1, -1, false, false};
  hide(c, root, &bounds);
  if (bounds.key >= 0) hide_outside(c, &bounds);
}

static void finish(Compiler *c, int root) {
  ModOperand value;
  switch (c->program->purpose) {
  case MOD_PURPOSE_SCORE:
    value = value_in(c, root, MOD_LANE_FLOAT);
    if (value.place == MOD_PLACE_ELEMENT) value = mod_assembly_result(&c->assembly, value);
    mod_assembly_sink(&c->assembly, MOD_LOOP_COPY, value, NULL, NULL);
    break;
  case MOD_PURPOSE_SCALE:
    mod_assembly_sink(&c->assembly, MOD_LOOP_SCALE, value_in(c, root, MOD_LANE_FLOAT), NULL, NULL);
    break;
  case MOD_PURPOSE_SHOW:
    mod_assembly_sink(&c->assembly, MOD_LOOP_SHOW, value_in(c, root, MOD_LANE_INT), NULL, NULL);
    break;
  default: hide_all(c, root);
  }
}

// What each value depends on; what ranges prove to be one number depends on nothing.
static void find_levels(Compiler *c) {
  mod_dependence(&c->tree, c->level);
  for (int i = 0; i < c->tree.count; i++) {
    const ModNode *node = &c->tree.nodes[i];
    int children = mod_operation_children(node->operation);
    if (children > 0 || c->lanes.fixed[i]) c->level[i] = MOD_PLACE_TILE;
    for (int k = 0; k < children; k++) {
      c->uses[node->child[k]]++;
      if (!c->lanes.fixed[i]) c->level[i] |= c->level[node->child[k]];
    }
  }
}

bool mod_program_compile(ModProgram *program, const BoundMod *bound, const ModTree *tree,
                         ModPurpose purpose, const ModLoopTable *table, Error *error) {
  *program = (ModProgram){.purpose = purpose, .table = table};
  Compiler *c = memory_allocate(sizeof *c);
  c->bound = bound;
  c->program = c->assembly.program = program;
  bool done = mod_rewrite(tree, bound, &c->tree, error);
  if (done) {
    mod_lanes_find(&c->lanes, &c->tree, bound);
    find_levels(c);
    finish(c, c->tree.count - 1);
    mod_assembly_finish(&c->assembly);
    mod_tree_free(&c->tree);
  }
  memory_free(c);
  return done;
}

void mod_program_free(ModProgram *program) {
  for (int i = 0; i < MOD_LEVELS; i++) ARRAY_FREE(&program->steps[i]);
  ARRAY_FREE(&program->constants);
}
