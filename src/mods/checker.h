// SPDX-License-Identifier: Apache-2.0
// Operators with Python's typing: builds the nodes that an operator stands for, conversions
// included, or says in the text what does not fit.
//
// Each function returns a node of the builder, or -1 after a complaint. Only the first complaint is
// kept.
#pragma once
#include "mods/build.h"
#include "mods/lexer.h"

typedef struct {
  const ModSource *source;
  const char *text; // the expression that positions count in
  bool is_mask;
  ModBuilder *builder;
  Error *error;
  bool failed;
} ModChecker;

int mod_check_fail(ModChecker *checker, int position, const char *format, ...) PRINTF_LIKE(3, 4);

ModType mod_check_type(const ModChecker *checker, int node);
// bool to integer to float; from a type to itself or to a later one.
int mod_check_convert(ModChecker *checker, int node, ModType type);
// Anything but zero is true.
int mod_check_truth(ModChecker *checker, int node, int position);

int mod_check_unary(ModChecker *checker, ModTokenKind kind, int x, int position);
// Arithmetic, `**`, and & | ^ of truth values.
int mod_check_binary(ModChecker *checker, ModTokenKind kind, int x, int y, int position);
int mod_check_comparison(ModChecker *checker, ModTokenKind kind, int x, int y, int position);
// `x and y` is x where x is zero, else y; `x or y` is x where x is not zero, else y.
int mod_check_logic(ModChecker *checker, ModTokenKind kind, int x, int y, int position);
int mod_check_choice(ModChecker *checker, int condition, int x, int y, int position);
int mod_check_power(ModChecker *checker, int x, int y, int position);
// Two operands in their common type, at least integers.
int mod_check_common(ModChecker *checker, ModOperation operation, int x, int y, int position);
// An element of an array; of a 1-D one column = row.
int mod_check_element(ModChecker *checker, int array, int row, int column, int position);
// What the whole expression must be: a float in a score, a truth value in a mask.
int mod_check_result(ModChecker *checker, int node);
