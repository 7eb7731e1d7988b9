// SPDX-License-Identifier: Apache-2.0
// Python's grammar of expressions, by recursive descent:
//
//   expression   disjunction [ if disjunction else expression ]
//   disjunction  conjunction { or conjunction }
//   conjunction  inversion { and inversion }
//   inversion    not inversion | comparison
//   comparison   binary { == != <= >= < > binary }        a < b < c: a < b and b < c
//   binary       | ^ & + - * / // % by rising precedence, left to right
//   factor       + - ~ factor | primary [ ** factor ]
//   primary      number, name, name(…), name[…], (expression)
//
// Nesting is bounded, and so is the number of nodes, so that no text exhausts the stack.
#pragma once
#include "mods/checker.h"

// The node that the whole text of the checker means; -1 after a complaint.
int mod_parse_text(ModChecker *checker);
