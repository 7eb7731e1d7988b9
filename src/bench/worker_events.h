// SPDX-License-Identifier: Apache-2.0
// What a worker tells its parent: one JSON object a line.
#pragma once
#include "base/error.h"
#include <jansson.h>
#include <stdint.h>

// Each returns false when the parent no longer listens. worker_event_result steals `result`, an
// object, and adds "event" to it.
bool worker_event_progress(int output, const char *phase, int64_t done, int64_t total);
bool worker_event_result(int output, json_t *result);
bool worker_event_error(int output, const Error *error);
