// SPDX-License-Identifier: Apache-2.0
// The operations of the language over rows of values, one table per instruction-set tier, from one
// source (loops.c). A bool is an int of 0 or 1; an integer is an int where ranges prove that this
// is enough, else a long.
//
//   vector operand: a row of its own for every row      scalar operand: one value for every row
//   v v v v | v v v v | …  stride: from row to row      s | s | …  (stride 0: one for all rows)
#pragma once
#include "device/cpu.h"
#include <stddef.h>
#include <stdint.h>

// name, type of the operands, type of the result, value (of a and b)
#define MOD_LOOPS_UNARY(X)                                                                         \
  X(NEGATE_INT, int32_t, int32_t, (int32_t)(0 - (uint32_t)a))                                      \
  X(ABS_INT, int32_t, int32_t, (int32_t)(a < 0 ? 0 - (uint32_t)a : (uint32_t)a))                   \
  X(NOT, int32_t, int32_t, a ^ 1)                                                                  \
  X(NEGATE_LONG, int64_t, int64_t, (int64_t)(0 - (uint64_t)a))                                     \
  X(ABS_LONG, int64_t, int64_t, mod_integer_abs(a))                                                \
  X(NEGATE_FLOAT, float, float, -a)                                                                \
  X(ABS_FLOAT, float, float, mod_abs(a))                                                           \
  X(EXP, float, float, mod_exp(a))                                                                 \
  X(EXP2, float, float, mod_exp2(a))                                                               \
  X(LOG, float, float, mod_log(a))                                                                 \
  X(TANH, float, float, mod_tanh(a))                                                               \
  X(SQRT, float, float, mod_sqrt(a))                                                               \
  X(INT_TO_LONG, int32_t, int64_t, a)                                                              \
  X(LONG_TO_INT, int64_t, int32_t, (int32_t)a)                                                     \
  X(INT_TO_FLOAT, int32_t, float, (float)a)                                                        \
  X(LONG_TO_FLOAT, int64_t, float, (float)a)                                                       \
  X(FLOAT_TO_INT, float, int32_t, int_of_float(a))                                                 \
  X(FLOAT_TO_LONG, float, int64_t, mod_to_integer(a))

#define MOD_LOOPS_BINARY(X)                                                                        \
  X(ADD_INT, int32_t, int32_t, (int32_t)((uint32_t)a + (uint32_t)b))                               \
  X(SUBTRACT_INT, int32_t, int32_t, (int32_t)((uint32_t)a - (uint32_t)b))                          \
  X(MULTIPLY_INT, int32_t, int32_t, (int32_t)((uint32_t)a * (uint32_t)b))                          \
  X(MINIMUM_INT, int32_t, int32_t, a < b ? a : b)                                                  \
  X(MAXIMUM_INT, int32_t, int32_t, a > b ? a : b)                                                  \
  X(EQUAL_INT, int32_t, int32_t, a == b)                                                           \
  X(NOT_EQUAL_INT, int32_t, int32_t, a != b)                                                       \
  X(LESS_INT, int32_t, int32_t, a < b)                                                             \
  X(LESS_EQUAL_INT, int32_t, int32_t, a <= b)                                                      \
  X(AND, int32_t, int32_t, a &b)                                                                   \
  X(OR, int32_t, int32_t, a | b)                                                                   \
  X(ADD_LONG, int64_t, int64_t, (int64_t)((uint64_t)a + (uint64_t)b))                              \
  X(SUBTRACT_LONG, int64_t, int64_t, (int64_t)((uint64_t)a - (uint64_t)b))                         \
  X(MULTIPLY_LONG, int64_t, int64_t, (int64_t)((uint64_t)a * (uint64_t)b))                         \
  X(FLOOR_DIVIDE_LONG, int64_t, int64_t, mod_integer_floor_divide(a, b))                           \
  X(REMAINDER_LONG, int64_t, int64_t, mod_integer_remainder(a, b))                                 \
  X(POWER_LONG, int64_t, int64_t, mod_integer_power(a, b))                                         \
  X(MINIMUM_LONG, int64_t, int64_t, a < b ? a : b)                                                 \
  X(MAXIMUM_LONG, int64_t, int64_t, a > b ? a : b)                                                 \
  X(EQUAL_LONG, int64_t, int32_t, a == b)                                                          \
  X(NOT_EQUAL_LONG, int64_t, int32_t, a != b)                                                      \
  X(LESS_LONG, int64_t, int32_t, a < b)                                                            \
  X(LESS_EQUAL_LONG, int64_t, int32_t, a <= b)                                                     \
  X(ADD_FLOAT, float, float, a + b)                                                                \
  X(SUBTRACT_FLOAT, float, float, a - b)                                                           \
  X(MULTIPLY_FLOAT, float, float, a *b)                                                            \
  X(DIVIDE_FLOAT, float, float, a / b)                                                             \
  X(FLOOR_DIVIDE_FLOAT, float, float, mod_floor_divide(a, b))                                      \
  X(REMAINDER_FLOAT, float, float, mod_remainder(a, b))                                            \
  X(POWER_FLOAT, float, float, mod_power(a, b))                                                    \
  X(MINIMUM_FLOAT, float, float, mod_minimum(a, b))                                                \
  X(MAXIMUM_FLOAT, float, float, mod_maximum(a, b))                                                \
  X(EQUAL_FLOAT, float, int32_t, a == b)                                                           \
  X(NOT_EQUAL_FLOAT, float, int32_t, a != b)                                                       \
  X(LESS_FLOAT, float, int32_t, a < b)                                                             \
  X(LESS_EQUAL_FLOAT, float, int32_t, a <= b)

// The target keeps its value where this holds, and becomes -infinity elsewhere.
#define MOD_LOOPS_HIDE(X)                                                                          \
  X(HIDE_EQUAL, a == b)                                                                            \
  X(HIDE_NOT_EQUAL, a != b)                                                                        \
  X(HIDE_LESS, a < b)                                                                              \
  X(HIDE_LESS_EQUAL, a <= b)

// name, type of the array's elements, of the index, of the result
#define MOD_LOOPS_GATHER(X)                                                                        \
  X(GATHER_BOOL, uint8_t, int32_t, int32_t)                                                        \
  X(GATHER_BOOL_FAR, uint8_t, int64_t, int32_t)                                                    \
  X(GATHER_INT, int32_t, int32_t, int32_t)                                                         \
  X(GATHER_INT_FAR, int32_t, int64_t, int32_t)                                                     \
  X(GATHER_LONG, int64_t, int32_t, int64_t)                                                        \
  X(GATHER_LONG_FAR, int64_t, int64_t, int64_t)                                                    \
  X(GATHER_SHORT_LONG, int64_t, int32_t, int32_t) /* int64 whose values fit an int */              \
  X(GATHER_SHORT_LONG_FAR, int64_t, int64_t, int32_t)                                              \
  X(GATHER_FLOAT, float, int32_t, float)                                                           \
  X(GATHER_FLOAT_FAR, float, int64_t, float)

// name, type of the array's elements and of the result: consecutive elements, from in[0] (an int of
// each row) plus the first of in[1] on
#define MOD_LOOPS_LOAD(X)                                                                          \
  X(LOAD_BOOL, uint8_t, int32_t)                                                                   \
  X(LOAD_INT, int32_t, int32_t)                                                                    \
  X(LOAD_FLOAT, float, float)

// Written by hand: what divides an int, and by a number for both below 2^21; a product plus in[2];
// a sum of in[0] and the sum of the others; a choice by in[0] between in[1] and in[2], of 4 and 8
// bytes; consecutive integers from `first`; and those that write to the caller's arrays, any number
// of columns: a copy of 4 bytes, target *= in[0], -infinity where in[0] is 0, -infinity where in[2]
// is not in[0] … in[1] (ints of each row), a byte of 0 or 1.
#define MOD_LOOPS_OTHER(X)                                                                         \
  X(FLOOR_DIVIDE_INT)                                                                              \
  X(REMAINDER_INT)                                                                                 \
  X(FLOOR_DIVIDE_SHORT)                                                                            \
  X(REMAINDER_SHORT)                                                                               \
  X(MULTIPLY_ADD)                                                                                  \
  X(ADD_SUM)                                                                                       \
  X(WHERE)                                                                                         \
  X(WHERE_LONG)                                                                                    \
  X(COUNT_INT)                                                                                     \
  X(COUNT_LONG)                                                                                    \
  X(COPY)                                                                                          \
  X(SCALE)                                                                                         \
  X(HIDE)                                                                                          \
  X(HIDE_OUTSIDE)                                                                                  \
  X(SHOW)

#define X(NAME, ...) MOD_LOOP_##NAME,
typedef enum {
  MOD_LOOPS_UNARY(X) MOD_LOOPS_BINARY(X) MOD_LOOPS_HIDE(X) MOD_LOOPS_GATHER(X) MOD_LOOPS_LOAD(X)
      MOD_LOOPS_OTHER(X) MOD_LOOP_COUNT
} ModLoopCode;
#undef X

typedef struct {
  void *data;
  int64_t stride; // bytes from row to row
} ModLane;

typedef struct {
  int64_t rows, columns;
  ModLane out, in[3];
  const void *array; // of a gather
  int64_t extent;    // its elements; an index outside is taken to the nearest end
  int64_t first;     // of a count
} ModLoop;

// Columns are a multiple of this, but for those that write to the caller's arrays.
enum { MOD_LOOP_STEP = 16 };

// Which of the last two operands are scalar; of one operand, it is the first.
enum { MOD_LOOP_SECOND = 1, MOD_LOOP_FIRST = 2, MOD_LOOP_KINDS = 4 };

typedef void ModLoopFunction(const ModLoop *loop);
typedef struct {
  ModLoopFunction *function[MOD_LOOP_COUNT][MOD_LOOP_KINDS]; // NULL: not there
} ModLoopTable;

extern const ModLoopTable mod_loops_reference, mod_loops_avx2, mod_loops_avx512;
