// SPDX-License-Identifier: Apache-2.0
// The functions of the language.
#pragma once
#include "mods/checker.h"

int mod_function_count(void);
const char *mod_function_name(int index);
int mod_function_find(Span name); // -1: there is none

enum { MOD_MOST_ARGUMENTS = 64 };
// Calls it with `count` nodes; -1 after a complaint.
int mod_function_call(ModChecker *checker, int function, const int *arguments, int count,
                      int position);
// float("inf"), float("-inf"), float("nan").
int mod_function_float_text(ModChecker *checker, Span text, int position);
