// SPDX-License-Identifier: Apache-2.0
// The C text of row groups: one function each, of type RowCode, for one instruction-set tier. The
// numbers of heads and columns are constants in it; the number of tokens and all strides are read
// from the call, so that one text serves any length. Loops over columns are unrolled where they are
// written. Includes nothing; rounding differs from that of the operators one by one, as fused
// multiply-adds and the order of sums do.
#pragma once
#include "base/text.h"
#include "device/cpu.h"
#include "graph/row_group.h"

// What stands once before the functions.
void row_code_begin(Text *out, CpuTier tier);
// Parameters and body; the caller writes "void NAME" before them.
void row_code_append(Text *out, const RowGroup *group, CpuTier tier);
