// SPDX-License-Identifier: Apache-2.0
// The steps and registers of a program while it is compiled.
#pragma once
#include "mods/program.h"

typedef struct {
  ModProgram *program;
  int registers; // of elements so far
} ModAssembly;

// A new one at this level (MOD_PLACE_TILE … MOD_PLACE_ELEMENT).
ModOperand mod_assembly_register(ModAssembly *assembly, int level, ModLaneType lane);
// The integer in int or long lanes, the real in float lanes.
ModOperand mod_assembly_constant(ModAssembly *assembly, ModLaneType lane, int64_t integer,
                                 double real);
// Whether it is one value for a whole row of a strip at this level.
bool mod_assembly_is_scalar(ModOperand operand, int level);

// Steps: of one operand and two, into a new register; of three, the loop's variant chosen by the
// last two; to the caller's array (second and third may be NULL).
ModOperand mod_assembly_unary(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                              ModOperand x);
ModOperand mod_assembly_binary(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                               ModOperand x, ModOperand y);
ModOperand mod_assembly_three(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                              ModOperand x, ModOperand y, ModOperand z);
ModOperand mod_assembly_read(ModAssembly *assembly, int level, ModLoopCode code, ModLaneType lane,
                             ModOperand x, ModOperand y, const Tensor *array);
void mod_assembly_sink(ModAssembly *assembly, ModLoopCode code, ModOperand x,
                       const ModOperand *second, const ModOperand *third);
// The value of the last step, an element, becomes the program's result.
ModOperand mod_assembly_result(ModAssembly *assembly, ModOperand value);
// Gives the registers of elements their places, each free again after the last step that reads it.
void mod_assembly_finish(ModAssembly *assembly);
