// SPDX-License-Identifier: Apache-2.0
// The measured numbers of one family of cells (same pattern, heads, dimension and dtype) as grids
// for table and Markdown.
#pragma once
#include "report/attention/printers.h"
#include "report/grid.h"

// Rows of the family of results->rows.items[first]: one a cell, back end and pass. `brief`: batch,
// length and back end stand only where they change.
Grid attention_grid_make(const AttentionResults *results, size_t first,
                         const AttentionPrintOptions *options, bool brief);
// What each mask leaves at each length: pairs seen, kinds of blocks of 128 x 128, the time to find
// that out. Masks that hide nothing have no row.
Grid attention_mask_grid(const AttentionResults *results);
// What compiling the mods of flex took, from the expression to loaded code: one row a mod, medians
// over its cells. Sweeps in which nothing was compiled have none.
Grid attention_code_grid(const AttentionResults *results);
// Whether the row is the first of its family.
bool attention_row_begins_family(const AttentionResults *results, size_t index);
