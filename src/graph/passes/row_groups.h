// SPDX-License-Identifier: Apache-2.0
// The last step before code is written: runs of row operators become groups (graph/row_group.h).
// Not a pass of the table: what it makes cannot run before it is compiled.
#pragma once
#include "graph/row_group.h"

// Puts runs of two and more neighbouring row operators into groups; returns how many there are.
int row_groups_form(Graph *graph);
