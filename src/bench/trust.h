// SPDX-License-Identifier: Apache-2.0
// Why a result can be believed, or not: facts of the machine, the build and the model's files, and
// what disturbed the measured runs. What cannot be known is null.
#pragma once
#include "base/document.h"
#include "bench/repository.h"
#include "statistics/sample.h"

// Facts that hold for the whole run: machine, versions, commit, SHA-256 of the model's files
// (`model`: a folder, a file, or a preset that has none). New reference.
CHECKED json_t *trust_of_run(const char *model, const Repository *repository, Error *error);
// Facts of the moment: clock, frequency, governor, throttle count. New reference.
json_t *trust_of_moment(const char *root);
// The whole report of one scenario. `run` and the moments are borrowed; `usage` is the worker's
// account (process_usage_json), `allocations` of its measured runs. New reference.
json_t *trust_report(const json_t *run, const json_t *before, const json_t *after,
                     const json_t *usage, const json_t *allocations, const Sample *latency);
