// SPDX-License-Identifier: Apache-2.0
// The C text that the machine code of a score stage (attention/score_code.h) is built from: one
// function a pass, header-free, over vectors as wide as the tier has, unrolled where the expression
// is short. Tiles may have any rows, columns and stride; nothing outside them is touched.
//
// The text names nothing but what the expressions name: whatever lengths, head dimension and dtype
// do not appear in them do not appear in it, and one text serves them all.
#pragma once
#include "attention/score_code.h"
#include "base/text.h"

typedef enum { SCORE_TEXT_FORWARD, SCORE_TEXT_MASK, SCORE_TEXT_BACKWARD } ScorePass;

// The name of the pass's function.
const char *score_text_symbol(ScorePass pass);
// Whether the mod has anything to do in the pass.
bool score_text_wanted(const BoundMod *mod, ScorePass pass);
// Appends the function. ERROR_UNSUPPORTED where an expression has something that cannot be written.
CHECKED bool score_text_append(const BoundMod *mod, ScorePass pass, Text *text, Error *error);
// The whole text of such functions: what they need before them.
void score_text_whole(CpuTier tier, const char *functions, Text *text);
