// SPDX-License-Identifier: Apache-2.0
// What the process of one cell does: reads a request (cell_request.h), computes the reference,
// checks every back end, times them side by side, and answers.
//
// Its progress events name the phase and, where one back end alone is at work, begin with its name
// and a colon ("fav2: check"), so that the parent knows whose fault an end without an answer is.
#pragma once
#include "base/document.h"

// The object of its result event; NULL with *error.
CHECKED json_t *cell_task_run(const Field *request, int output, Error *error);
