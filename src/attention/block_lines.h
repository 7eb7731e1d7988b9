// SPDX-License-Identifier: Apache-2.0
// The lines of a BlockMask from its list of boxes.
#pragma once
#include "attention/block_boxes.h"
#include "attention/block_mask.h"

// Fills the lines and counts of a mask whose shape is set, from boxes none of which is undecided.
CHECKED bool block_lines_fill(BlockMask *mask, const BlockBoxes *boxes, Error *error);
