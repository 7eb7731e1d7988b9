// SPDX-License-Identifier: Apache-2.0
// The process of one scenario (or of making weights, or of the reference; or of one cell of a sweep
// of attention): reads a request, works, answers in lines of JSON. The parent owns the tokenizer,
// the results and the terminal; this side knows ids only.
#pragma once
#include "base/error.h"

// Reads the request from `input`, writes events to `output`. False: *error is what went wrong, and
// has been sent as an event too where the output still took it.
CHECKED bool worker_run(int input, int output, Error *error);
