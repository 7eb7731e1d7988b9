// SPDX-License-Identifier: Apache-2.0
#include "mods/assembly.h"

static int64_t lanes_of_level(int level) {
  return level == MOD_PLACE_TILE  ? MOD_LOOP_STEP
         : level == MOD_PLACE_ROW ? MOD_STRIP_ROWS
                                  : MOD_STRIP_COLUMNS;
}

ModOperand mod_assembly_register(ModAssembly *assembly, int level, ModLaneType lane) {
  int64_t *bytes = &assembly->program->bytes[level];
  ModOperand operand = {(ModPlace)level, lane, *bytes};
  if (level == MOD_PLACE_ELEMENT)
    operand.offset = assembly->registers++;
  else
    *bytes += lanes_of_level(level) * 8;
  return operand;
}

// A word repeated over a step, so that it serves as a scalar and as a row.
ModOperand mod_assembly_constant(ModAssembly *assembly, ModLaneType lane, int64_t integer,
                                 double real) {
  ModProgram *program = assembly->program;
  ModOperand operand = {MOD_PLACE_CONSTANT, lane, (int64_t)program->constants.count * 8};
  union {
    int64_t word;
    int32_t ints[2];
    float floats[2];
  } value = {.word = integer};
  if (lane == MOD_LANE_INT) value.ints[0] = value.ints[1] = (int32_t)integer;
  if (lane == MOD_LANE_FLOAT) value.floats[0] = value.floats[1] = (float)real;
  for (int i = 0; i < MOD_LOOP_STEP; i++) ARRAY_APPEND(&program->constants, value.word);
  return operand;
}

bool mod_assembly_is_scalar(ModOperand operand, int level) {
  if (level == MOD_PLACE_TILE) return false; // all operands are rows of equal values
  return operand.place == MOD_PLACE_CONSTANT || operand.place == MOD_PLACE_TILE ||
         (operand.place == MOD_PLACE_ROW && level == MOD_PLACE_ELEMENT);
}

// first, second: the operands that the variant depends on; second may be NULL.
static void append(ModAssembly *assembly, int level, ModLoopCode code, ModStep step,
                   ModOperand first, const ModOperand *second) {
  int kind = mod_assembly_is_scalar(first, level) ? MOD_LOOP_FIRST : 0;
  if (second && mod_assembly_is_scalar(*second, level)) kind |= MOD_LOOP_SECOND;
  step.run = assembly->program->table->function[code][kind];
  ARRAY_APPEND(&assembly->program->steps[level], step);
}

ModOperand mod_assembly_unary(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                              ModOperand x) {
  ModStep step = {.out = mod_assembly_register(assembly, level, lane), .in = {x, x, x}};
  append(assembly, level, code, step, x, NULL);
  return step.out;
}

ModOperand mod_assembly_binary(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                               ModOperand x, ModOperand y) {
  ModStep step = {.out = mod_assembly_register(assembly, level, lane), .in = {x, y, y}};
  append(assembly, level, code, step, x, &y);
  return step.out;
}

ModOperand mod_assembly_three(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                              ModOperand x, ModOperand y, ModOperand z) {
  ModStep step = {.out = mod_assembly_register(assembly, level, lane), .in = {x, y, z}};
  append(assembly, level, code, step, y, &z);
  return step.out;
}

ModOperand mod_assembly_read(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                             ModOperand x, ModOperand y, const Tensor *array) {
  ModStep step = {.out = mod_assembly_register(assembly, level, lane),
                  .in = {x, y, y},
                  .array = array->data,
                  .extent = tensor_elements(array)};
  append(assembly, level, code, step, x, NULL);
  return step.out;
}

void mod_assembly_sink(ModAssembly *assembly, ModLoopCode code, ModOperand x,
                       const ModOperand *second, const ModOperand *third) {
  ModOperand y = second ? *second : x;
  ModStep step = {
      .sink = true, .out = {MOD_PLACE_TARGET, MOD_LANE_FLOAT, 0}, .in = {x, y, third ? *third : y}};
  append(assembly, MOD_PLACE_ELEMENT, code, step, x, second);
}

ModOperand mod_assembly_result(ModAssembly *assembly, ModOperand value) {
  ModProgram *program = assembly->program;
  ModStep *last =
      &program->steps[MOD_PLACE_ELEMENT].items[program->steps[MOD_PLACE_ELEMENT].count - 1];
  value.place = last->out.place = MOD_PLACE_RESULT;
  return value;
}

typedef struct {
  int *last_read;            // by register: a step
  int64_t *place;            // by register
  ARRAY_OF(int64_t) free[2]; // of 4 and of 8 bytes
} Places;

static bool is_register(ModOperand operand) {
  return operand.place == MOD_PLACE_ELEMENT || operand.place == MOD_PLACE_RESULT;
}

static int64_t take(ModProgram *program, Places *places, ModLaneType lane) {
  int size = lane == MOD_LANE_LONG;
  if (places->free[size].count > 0) return places->free[size].items[--places->free[size].count];
  int64_t place = program->bytes[MOD_PLACE_ELEMENT];
  program->bytes[MOD_PLACE_ELEMENT] += MOD_STRIP_ELEMENTS * mod_lane_size(lane);
  return place;
}

static void give_back(Places *places, const ModStep *step, int number) {
  for (int i = 0; i < 3; i++) {
    if (!is_register(step->in[i])) continue;
    int64_t which = step->in[i].offset;
    if (places->last_read[which] != number) continue;
    places->last_read[which] = -1; // once
    ARRAY_APPEND(&places->free[step->in[i].lane == MOD_LANE_LONG], places->place[which]);
  }
}

// The result has a base of its own: it need not be a register.
static void place_operand(ModOperand *operand, const Places *places) {
  if (!is_register(*operand)) return;
  bool result = operand->place == MOD_PLACE_RESULT;
  operand->offset = result ? 0 : places->place[operand->offset];
}

// A step may write where it reads for the last time: its loops go element by element.
static void place_step(ModProgram *program, Places *places, ModStep *step, int number) {
  give_back(places, step, number);
  for (int i = 0; i < 3; i++) place_operand(&step->in[i], places);
  if (!is_register(step->out)) return;
  int64_t place = take(program, places, step->out.lane);
  places->place[step->out.offset] = place;
  if (step->out.place == MOD_PLACE_RESULT) program->result = place;
  place_operand(&step->out, places);
}

void mod_assembly_finish(ModAssembly *assembly) {
  ModProgram *program = assembly->program;
  Places places = {memory_allocate((size_t)assembly->registers * sizeof(int)),
                   memory_allocate((size_t)assembly->registers * sizeof(int64_t)),
                   {{0}}};
  int count = (int)program->steps[MOD_PLACE_ELEMENT].count;
  ModStep *steps = program->steps[MOD_PLACE_ELEMENT].items;
  if (program->reads_scores) program->score_copy = take(program, &places, MOD_LANE_FLOAT);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < 3; k++)
      if (is_register(steps[i].in[k])) places.last_read[steps[i].in[k].offset] = i;
  for (int i = 0; i < count; i++) place_step(program, &places, &steps[i], i);
  memory_free(places.last_read);
  memory_free(places.place);
  ARRAY_FREE(&places.free[0]);
  ARRAY_FREE(&places.free[1]);
}
