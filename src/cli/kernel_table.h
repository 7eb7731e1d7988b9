// SPDX-License-Identifier: Apache-2.0
// How `attometer bench-kernels` prints what the workshop measured.
#pragma once
#include "base/document.h"
#include "kernels/workshop.h"

// The heading of an operator, and one line of a measurement below it; at most 80 columns.
void kernel_table_heading(const WorkshopOperator *op);
void kernel_table_line(const WorkshopResult *result);
// The same as JSON; rates are null where nothing was timed. The caller owns it.
json_t *kernel_table_document(const WorkshopResult *result);
