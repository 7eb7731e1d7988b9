// SPDX-License-Identifier: Apache-2.0
// The derivative of an expression with respect to a variable, as an expression.
#pragma once
#include "mods/tree.h"

// d tree / d by, a float; tree is not a bool. At kinks as PyTorch's gradients: abs gives 0 at 0,
// min and max give each operand half where they are equal, where() that of the branch taken.
// Comparisons, `//`, int() and what else is constant between jumps give 0; x % y gives 1 by x and
// -floor(x / y) by y. The caller frees tree->nodes of the result (memory_free). false: more than
// MOD_MOST_NODES.
CHECKED bool mod_differentiate(const ModTree *tree, ModVariable by, ModTree *derivative,
                               Error *error);
