// SPDX-License-Identifier: Apache-2.0
// The least and the largest element of any part of an array, in logarithmic time: a tree of minima
// and maxima over blocks of 16 elements, made once. Parts of up to 16 elements are read where they
// are, as they are then.
#pragma once
#include "base/error.h"
#include "mods/range.h"
#include "tensor/tensor.h"

typedef struct ModExtremes ModExtremes;

// values: rank 1 or 2, dense; int32, int64, float32 or bool; kept by the caller. NULL on failure.
CHECKED ModExtremes *mod_extremes_open(const Tensor *values, Error *error);
void mod_extremes_close(ModExtremes *extremes); // NULL is fine
// Of rows [row, last_row] and columns [column, last_column], all within the array (of rank 1:
// rows alone). Where the part is tall and narrow the range may be that of whole rows.
ModRange mod_extremes_over(const ModExtremes *extremes, int64_t row, int64_t last_row,
                           int64_t column, int64_t last_column);
// Of all elements, without a tree.
ModRange mod_extremes_of(const Tensor *values);
