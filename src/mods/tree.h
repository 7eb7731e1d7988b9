// SPDX-License-Identifier: Apache-2.0
// A checked expression of the mods language: nodes in an array, children before parents, equal
// nodes shared, the value being the last one. Every stage (simplify, interval, differentiate,
// interpret, emit) is a walk over that array.
//
//   q_idx >= kv_idx        0: q_idx   1: kv_idx   2: greater_equal(0, 1)
#pragma once
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

// Types as in Python: a bool counts as the integer 0 or 1 in arithmetic, an integer that meets a
// float becomes a float. Integers are int64; binding refuses an expression whose integers may leave
// that range. Floats are float32 when evaluated.
//
// In a tree every conversion is a node, so that each operation meets one type: arithmetic,
// comparisons, min and max take two integers or two floats; `/`, exp … take floats; and, or,
// not and the condition of where take bools; the branches of where have its type; indices are
// integers. `==` of two bools compares them as integers.
typedef enum { MOD_BOOL, MOD_INTEGER, MOD_FLOAT } ModType;

// name as written (or the function's name), number of children. The meaning of each, on one
// element, is mods/scalar.c:
//
//   //  %      Python's: the quotient is rounded down, the remainder has the divisor's sign, of
//              floats too (the remainder is fmod's, exact). An integer divided by 0 gives 0; a
//              float: x // 0.0 is x / 0.0, x % 0.0 is NaN.
//   /          IEEE 754: 1 / 0 is inf, 0 / 0 is NaN.
//   **         of two floats IEEE 754: (-8.0) ** 0.5 is NaN; of two integers, whose exponent is
//              never negative then (else it is a float in Python too, and made one here), an
//              integer. With a constant exponent it is written as products, 2.0 ** x as exp2(x).
//   min  max   NaN where either is NaN.
//   int        towards zero; a NaN gives 0, what is beyond int64 the nearest int64.
#define MOD_OPERATIONS(X)                                                                          \
  X(MOD_CONSTANT, "constant", 0)                                                                   \
  X(MOD_VARIABLE, "variable", 0)                                                                   \
  X(MOD_ELEMENT, "[]", 2) /* array[row] or array[row, column]; 1-D: both children the same */      \
  X(MOD_NEGATE, "-", 1)                                                                            \
  X(MOD_NOT, "not", 1)                                                                             \
  X(MOD_ABS, "abs", 1)                                                                             \
  X(MOD_EXP, "exp", 1)                                                                             \
  X(MOD_EXP2, "exp2", 1)                                                                           \
  X(MOD_LOG, "log", 1)                                                                             \
  X(MOD_TANH, "tanh", 1)                                                                           \
  X(MOD_SQRT, "sqrt", 1)                                                                           \
  X(MOD_TO_FLOAT, "float", 1) /* of an integer */                                                  \
  X(MOD_TO_INTEGER, "int", 1) /* of a bool or a float */                                           \
  X(MOD_ADD, "+", 2)                                                                               \
  X(MOD_SUBTRACT, "-", 2)                                                                          \
  X(MOD_MULTIPLY, "*", 2)                                                                          \
  X(MOD_DIVIDE, "/", 2)                                                                            \
  X(MOD_FLOOR_DIVIDE, "//", 2)                                                                     \
  X(MOD_REMAINDER, "%", 2)                                                                         \
  X(MOD_POWER, "**", 2) /* also pow */                                                             \
  X(MOD_MINIMUM, "min", 2)                                                                         \
  X(MOD_MAXIMUM, "max", 2)                                                                         \
  X(MOD_EQUAL, "==", 2)                                                                            \
  X(MOD_NOT_EQUAL, "!=", 2)                                                                        \
  X(MOD_LESS, "<", 2)                                                                              \
  X(MOD_LESS_EQUAL, "<=", 2)                                                                       \
  X(MOD_GREATER, ">", 2)                                                                           \
  X(MOD_GREATER_EQUAL, ">=", 2)                                                                    \
  X(MOD_AND, "and", 2)                                                                             \
  X(MOD_OR, "or", 2)                                                                               \
  X(MOD_WHERE, "where", 3)

typedef enum {
#define X(OPERATION, NAME, CHILDREN) OPERATION,
  MOD_OPERATIONS(X)
#undef X
      MOD_OPERATION_COUNT
} ModOperation;

// What an expression may name besides its parameters and arrays. The constants are known when it is
// bound to a shape and become MOD_CONSTANT then.
#define MOD_VARIABLES(X)                                                                           \
  X(MOD_SCORE, "score", MOD_FLOAT) /* scale q·k; in score_mod alone */                            \
  X(MOD_BATCH, "b", MOD_INTEGER)                                                                   \
  X(MOD_HEAD, "h", MOD_INTEGER) /* query head */                                                   \
  X(MOD_QUERY, "q_idx", MOD_INTEGER)                                                               \
  X(MOD_KEY, "kv_idx", MOD_INTEGER)                                                                \
  X(MOD_SIZE_B, "B", MOD_INTEGER)                                                                  \
  X(MOD_SIZE_HQ, "Hq", MOD_INTEGER)                                                                \
  X(MOD_SIZE_HKV, "Hkv", MOD_INTEGER)                                                              \
  X(MOD_SIZE_M, "M", MOD_INTEGER)                                                                  \
  X(MOD_SIZE_N, "N", MOD_INTEGER)                                                                  \
  X(MOD_SIZE_D, "D", MOD_INTEGER)

typedef enum {
#define X(VARIABLE, NAME, TYPE) VARIABLE,
  MOD_VARIABLES(X)
#undef X
      MOD_VARIABLE_COUNT
} ModVariable;

typedef struct {
  ModOperation operation;
  ModType type;
  int child[3];         // indices of earlier nodes; those the operation lacks are 0
  ModVariable variable; // of MOD_VARIABLE
  int array;            // of MOD_ELEMENT: index into the mod's arrays
  int64_t integer;      // of MOD_CONSTANT: bool and integer
  double real;          //   float
  int position;         // byte in the text, for messages; -1: made, not written
} ModNode;

enum { MOD_MOST_NODES = 1024 };

typedef struct {
  int count; // 0: no expression
  ModNode *nodes;
} ModTree;

const char *mod_operation_name(ModOperation operation);
int mod_operation_children(ModOperation operation);
bool mod_operation_compares(ModOperation operation); // == … >=
// Of integers: true where the other is false. Of floats only == and != are opposites.
ModOperation mod_comparison_opposite(ModOperation comparison);
const char *mod_variable_name(ModVariable variable);
ModType mod_variable_type(ModVariable variable);
const char *mod_type_name(ModType type); // "truth value", "integer", "float"

static inline const ModNode *mod_tree_root(const ModTree *tree) {
  return &tree->nodes[tree->count - 1];
}
void mod_tree_free(ModTree *tree); // leaves {0}
// Whether the value depends on it.
bool mod_tree_uses(const ModTree *tree, ModVariable variable);
