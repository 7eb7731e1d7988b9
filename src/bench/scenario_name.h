// SPDX-License-Identifier: Apache-2.0
// Names and hash of a scenario, as the peer makes them (the form before its tensor-parallel flag).
#pragma once
#include "bench/scenario.h"

// The scenario's own name, or the compact one:
// w3_i10-unmonitored-b1_s128_n32-sdpa-uncompiled-unkernelized-generate[-dtype_float32…].
// Writes at most SCENARIO_NAME_SIZE bytes; returns buffer.
char *scenario_name(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]);
char *scenario_compact_name(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]);
// "3 warmup, 10 iterations, no GPU monitoring, batch size 1, …"
char *scenario_verbose_name(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]);
// "eager, batch 1, 128 + 32 tokens, bfloat16": what tells scenarios of one run apart.
char *scenario_label(const Scenario *scenario, char buffer[SCENARIO_NAME_SIZE]);
// SHA-256 of scenario_config written as Python's json.dumps writes it.
CHECKED bool scenario_hash(const Scenario *scenario, char hex[SHA256_HEX_SIZE], Error *error);
