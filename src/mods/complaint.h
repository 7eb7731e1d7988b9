// SPDX-License-Identifier: Apache-2.0
// What is wrong with a text, shown in it:
//
//   unknown name 'kv_ix'; did you mean 'kv_idx'?
//     score + kv_ix * 2
//             ^
#pragma once
#include "base/error.h"

// Sets *error (ERROR_ARGUMENT) and returns false. A long line is cut to a window around the place;
// position -1, or a NULL text: nothing is shown.
bool mod_complain(Error *error, const char *text, int position, const char *format, ...)
    PRINTF_LIKE(4, 5);
