// SPDX-License-Identifier: Apache-2.0
// What a sweep is going to take, said before it begins.
#pragma once
#include "base/progress.h"
#include "bench/attention/sweep.h"

// "128 cells, 3 back ends: about 9 min; the largest needs 1.2 of 21.3 GiB", and the sweep's notes.
// The time is a guess from the FLOPs and a quick look at the machine's multiply-add peak.
void attention_plan_tell(const AttentionSweep *sweep, const SweepCells *cells, Progress *progress);
