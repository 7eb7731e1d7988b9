// SPDX-License-Identifier: Apache-2.0
// What binding proves of a tree, so that nothing need be checked element by element: integers stay
// within int64, array indices within their extents, and no integer is divided by a constant 0.
#pragma once
#include "mods/mod.h"

// What needs no shape: operations on constants that leave int64, and divisors that are 0. `text` is
// what positions count in, for messages.
CHECKED bool mod_prove_constants(const ModTree *tree, const char *text, Error *error);
// Of an open shape, the integers alone.
CHECKED bool mod_prove(const ModTree *tree, const ModArray *arrays, const ModShape *shape,
                       const char *text, Error *error);
