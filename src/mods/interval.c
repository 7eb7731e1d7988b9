// SPDX-License-Identifier: Apache-2.0
#include "mods/interval.h"
#include "base/memory.h"
#include "mods/extremes.h"
#include "mods/linear.h"
#include <math.h>

typedef enum {
  STEP_CONSTANT,
  STEP_LINEAR,    // an affine integer
  STEP_COMPARE,   // an affine difference with 0
  STEP_ELEMENT,   // of an array
  STEP_OPERATION, // interval arithmetic
} StepKind;

typedef struct {
  StepKind kind;
  ModOperation operation;
  ModType type; // of the operands
  bool decides; // false everywhere makes the whole mask so
  int child[3]; // earlier steps
  ModLinear linear;
  ModRange constant;
  const ModExtremes *extremes;
  const Tensor *values;
} Step;

struct ModIntervals {
  int count; // 0: no mask
  Step *steps;
  int array_count;
  ModExtremes **extremes; // NULL where the mask does not read the array
};

static int64_t last_of(int64_t first, int64_t count) {
  return first + (count > 0 ? count - 1 : 0);
}

static ModSpace space_of_shape(const ModShape *shape) {
  return (ModSpace){{0, 0, shape->query_offset, 0},
                    {last_of(0, shape->batch), last_of(0, shape->heads),
                     last_of(shape->query_offset, shape->queries), last_of(0, shape->keys)}};
}

static int64_t size_of(const ModShape *shape, ModVariable variable) {
  switch (variable) {
  case MOD_SIZE_B: return shape->batch;
  case MOD_SIZE_HQ: return shape->heads;
  case MOD_SIZE_HKV: return shape->kv_heads;
  case MOD_SIZE_M: return shape->queries;
  case MOD_SIZE_N: return shape->keys;
  default: return shape->head_dim; // MOD_SIZE_D
  }
}

static ModRange range_of_variable(ModVariable variable, const ModSpace *space,
                                  const ModShape *shape) {
  if (variable == MOD_SCORE) return mod_range_reals(-INFINITY, INFINITY, true);
  bool open =
      shape->open && (variable == MOD_SIZE_B || variable == MOD_SIZE_M || variable == MOD_SIZE_N);
  if (variable > MOD_KEY)
    return mod_range_integers(open ? 1 : size_of(shape, variable), size_of(shape, variable));
  int index = variable - MOD_BATCH;
  return mod_range_integers(space->least[index], space->most[index]);
}

static ModRange range_of_type(Dtype dtype) {
  if (dtype == DTYPE_BOOL) return mod_range_integers(0, 1);
  if (dtype == DTYPE_I32) return mod_range_integers(INT32_MIN, INT32_MAX);
  if (dtype == DTYPE_I64) return mod_range_integers(INT64_MIN, INT64_MAX);
  return mod_range_reals(-INFINITY, INFINITY, true);
}

static ModType operand_type(const ModTree *tree, const ModNode *node) {
  return tree->nodes[node->child[node->operation == MOD_WHERE ? 1 : 0]].type;
}

static ModRange operation_range(const ModTree *tree, const ModNode *node, const ModRange *ranges) {
  const int *child = node->child;
  ModRange operand[3] = {ranges[child[0]], ranges[child[1]], ranges[child[2]]};
  return mod_range_operation(node->operation, operand_type(tree, node), operand);
}

void mod_ranges(const ModTree *tree, const ModArray *arrays, const ModShape *shape,
                ModRange *ranges) {
  ModLinear forms[MOD_MOST_NODES];
  ModSpace space = space_of_shape(shape);
  mod_linear_forms(tree, forms);
  for (int i = 0; i < tree->count; i++) {
    const ModNode *node = &tree->nodes[i];
    ModRange linear = {.overflow = true};
    if (forms[i].is) linear = mod_linear_range(&forms[i], &space);
    if (!linear.overflow)
      ranges[i] = linear;
    else if (node->operation == MOD_CONSTANT)
      ranges[i] = mod_range_constant(node);
    else if (node->operation == MOD_VARIABLE)
      ranges[i] = range_of_variable(node->variable, &space, shape);
    else if (node->operation == MOD_ELEMENT)
      ranges[i] = shape->open ? range_of_type(arrays[node->array].values.dtype)
                              : mod_extremes_of(&arrays[node->array].values);
    else
      ranges[i] = operation_range(tree, node, ranges);
  }
}

// What a mask is prepared from: which nodes are needed, and where their steps are.
typedef struct {
  const BoundMod *bound;
  ModLinear forms[MOD_MOST_NODES];
  bool needed[MOD_MOST_NODES], decides[MOD_MOST_NODES];
  Step made[MOD_MOST_NODES]; // by node
  int step[MOD_MOST_NODES];  // by node: where it is
} Preparation;

// Safe in int64 for every box of the problem.
static bool is_safe(const Preparation *p, const ModLinear *form) {
  ModSpace space = space_of_shape(&p->bound->shape);
  return form->is && !mod_linear_range(form, &space).overflow;
}

static Step step_of_node(const Preparation *p, int index) {
  const ModTree *tree = &p->bound->mask;
  const ModNode *node = &tree->nodes[index];
  Step step = {.kind = STEP_OPERATION, .operation = node->operation, .decides = p->decides[index]};
  if (node->operation == MOD_CONSTANT) {
    step.kind = STEP_CONSTANT, step.constant = mod_range_constant(node);
  } else if (is_safe(p, &p->forms[index])) {
    step.kind = STEP_LINEAR, step.linear = p->forms[index];
  } else if (node->operation == MOD_VARIABLE) { // sizes
    ModSpace space = space_of_shape(&p->bound->shape);
    step.kind = STEP_CONSTANT;
    step.constant = range_of_variable(node->variable, &space, &p->bound->shape);
  } else if (node->operation == MOD_ELEMENT) {
    step.kind = STEP_ELEMENT, step.values = &p->bound->arrays[node->array].values;
  } else {
    step.type = operand_type(tree, node);
    const ModLinear *x = &p->forms[node->child[0]], *y = &p->forms[node->child[1]];
    step.linear = mod_linear_difference(x, y);
    if (mod_operation_compares(node->operation) && step.type == MOD_INTEGER && is_safe(p, x) &&
        is_safe(p, y) && is_safe(p, &step.linear))
      step.kind = STEP_COMPARE;
  }
  return step;
}

static bool has_children(const Step *step) {
  return step->kind == STEP_ELEMENT || step->kind == STEP_OPERATION;
}

// Walks from the root down: leaves are steps that need no other.
static void find_needed(Preparation *p) {
  const ModTree *tree = &p->bound->mask;
  p->needed[tree->count - 1] = p->decides[tree->count - 1] = true;
  for (int i = tree->count - 1; i >= 0; i--) {
    if (!p->needed[i]) continue;
    p->made[i] = step_of_node(p, i);
    const ModNode *node = &tree->nodes[i];
    for (int c = 0; has_children(&p->made[i]) && c < mod_operation_children(node->operation); c++) {
      p->needed[node->child[c]] = true;
      if (node->operation == MOD_AND && p->decides[i]) p->decides[node->child[c]] = true;
    }
  }
}

static bool open_extremes(ModIntervals *intervals, const BoundMod *bound, const ModNode *node,
                          Step *step, Error *error) {
  ModExtremes **extremes = &intervals->extremes[node->array];
  if (!*extremes) *extremes = mod_extremes_open(&bound->arrays[node->array].values, error);
  step->extremes = *extremes;
  return *extremes != NULL;
}

static bool append_step(ModIntervals *intervals, Preparation *p, int index, Error *error) {
  Step step = p->made[index];
  const ModNode *node = &p->bound->mask.nodes[index];
  for (int c = 0; has_children(&step) && c < mod_operation_children(node->operation); c++)
    step.child[c] = p->step[node->child[c]];
  if (step.kind == STEP_ELEMENT && !open_extremes(intervals, p->bound, node, &step, error))
    return false;
  p->step[index] = intervals->count;
  intervals->steps[intervals->count++] = step;
  return true;
}

// What may decide at once, and needs nothing, comes first.
static bool prepare(ModIntervals *intervals, Preparation *p, Error *error) {
  const ModTree *tree = &p->bound->mask;
  mod_linear_forms(tree, p->forms);
  find_needed(p);
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < tree->count; i++) {
      bool early = i < tree->count - 1 && p->decides[i] && !has_children(&p->made[i]);
      if (p->needed[i] && early == (round == 0) && !append_step(intervals, p, i, error))
        return false;
    }
  return true;
}

ModIntervals *mod_intervals_open(const BoundMod *bound, Error *error) {
  ModIntervals *intervals = memory_allocate(sizeof *intervals);
  intervals->array_count = bound->array_count;
  intervals->extremes = memory_allocate((size_t)bound->array_count * sizeof(ModExtremes *));
  intervals->steps = memory_allocate((size_t)bound->mask.count * sizeof(Step));
  if (bound->mask.count == 0) return intervals;
  Preparation *preparation = memory_allocate(sizeof *preparation);
  preparation->bound = bound;
  bool done = prepare(intervals, preparation, error);
  memory_free(preparation);
  if (done) return intervals;
  mod_intervals_close(intervals);
  return NULL;
}

void mod_intervals_close(ModIntervals *intervals) {
  if (!intervals) return;
  for (int i = 0; i < intervals->array_count; i++) mod_extremes_close(intervals->extremes[i]);
  memory_free(intervals->extremes);
  memory_free(intervals->steps);
  memory_free(intervals);
}

// As mod_linear_range, where nothing can overflow.
static ModRange linear_over(const ModLinear *form, const ModSpace *space) {
  int64_t least = form->constant, most = least;
  for (int i = 0; i < MOD_INDICES; i++) {
    int64_t a = form->factor[i] * space->least[i], b = form->factor[i] * space->most[i];
    least += a < b ? a : b;
    most += a < b ? b : a;
  }
  return mod_range_integers(least, most);
}

static ModRange compare_with_zero(ModOperation operation, int64_t least, int64_t most) {
  bool outside = least > 0 || most < 0, zero = least == 0 && most == 0;
  switch (operation) {
  case MOD_EQUAL: return mod_range_integers(zero, !outside);
  case MOD_NOT_EQUAL: return mod_range_integers(outside, !zero);
  case MOD_LESS: return mod_range_integers(most < 0, least < 0);
  case MOD_LESS_EQUAL: return mod_range_integers(most <= 0, least <= 0);
  case MOD_GREATER: return mod_range_integers(least > 0, most > 0);
  default: return mod_range_integers(least >= 0, most >= 0);
  }
}

static int64_t inside(int64_t index, int64_t extent) {
  return index < 0 ? 0 : index >= extent ? extent - 1 : index;
}

static ModRange element_over(const Step *step, const ModRange *row, const ModRange *column) {
  const Tensor *values = step->values;
  int64_t rows = values->shape[0], columns = values->rank > 1 ? values->shape[1] : 1;
  return mod_extremes_over(step->extremes, inside(row->least, rows), inside(row->most, rows),
                           inside(column->least, columns), inside(column->most, columns));
}

static ModRange step_over(const Step *step, const ModRange *ranges, const ModSpace *space) {
  const int *child = step->child;
  switch (step->kind) {
  case STEP_CONSTANT: return step->constant;
  case STEP_LINEAR: return linear_over(&step->linear, space);
  case STEP_COMPARE: {
    ModRange difference = linear_over(&step->linear, space);
    return compare_with_zero(step->operation, difference.least, difference.most);
  }
  case STEP_ELEMENT: return element_over(step, &ranges[child[0]], &ranges[child[1]]);
  default: break;
  }
  ModRange operand[3] = {ranges[child[0]], ranges[child[1]], ranges[child[2]]};
  return mod_range_operation(step->operation, step->type, operand);
}

ModTruth mod_intervals_mask(const ModIntervals *intervals, const ModBox *box) {
  if (intervals->count == 0) return MOD_ALWAYS;
  ModRange ranges[MOD_MOST_NODES];
  ModSpace space = {{box->batch, box->head, box->first_query, box->first_key},
                    {box->batch, box->head, box->last_query - 1, box->last_key - 1}};
  for (int i = 0; i < intervals->count; i++) {
    ranges[i] = step_over(&intervals->steps[i], ranges, &space);
    if (intervals->steps[i].decides && ranges[i].most == 0) return MOD_NEVER;
  }
  return ranges[intervals->count - 1].least == 1 ? MOD_ALWAYS : MOD_SOMETIMES;
}
