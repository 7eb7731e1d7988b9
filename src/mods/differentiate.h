// SPDX-License-Identifier: Apache-2.0
// Derivatives of expressions, as expressions.
#pragma once
#include "mods/mod.h"

// d tree / d by, a float, in simplified form; *out is the caller's to free. `by` is MOD_SCORE, or
// an index taken for a real number; `arrays` are those that the tree reads, constant between their
// elements. At kinks as PyTorch's gradients: abs gives 0 at 0, min and max give each operand half
// where they are equal, where() that of the branch taken; steps (//, int, comparisons) give 0.
// Fails only where the derivative has more than MOD_MOST_NODES nodes.
CHECKED bool mod_differentiate(const ModTree *tree, ModVariable by, const ModArray *arrays,
                               ModTree *out, Error *error);
