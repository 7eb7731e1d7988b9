// SPDX-License-Identifier: Apache-2.0
// A mask as an image: queries downwards, keys to the right.
#pragma once
#include "base/document.h"
#include "report/svg.h"

enum { MASK_IMAGE_HEAD = 18, MASK_IMAGE_FOOT = 34 }; // heights of the words above and below

// Draws "masks" of the results' sweep object (docs/results.md): {"name", "queries", "keys",
// "block", "rows": ["f.p", …]}, a square of `size` pixels below its name. False: it is none.
bool mask_image_draw(Text *svg, const json_t *mask, SvgPoint at, double size);
extern const char mask_image_style[];
