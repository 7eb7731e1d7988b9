// SPDX-License-Identifier: Apache-2.0
// Results of a sweep as records of the PyTorch OSS benchmark dashboard: a JSON array, one record a
// back end, pass and metric of each measured cell.
//
//   {"benchmark": {"name", "mode", "dtype", "extra_info": {…}},
//    "model": {"name", "type", "origins", "extra_info"},
//    "metric": {"name", "unit", "benchmark_values": [number], "target_value": null}}
#pragma once
#include "base/document.h"

// From the document of the results; the name is the sweep's benchmark_name. New reference.
json_t *dashboard_records(const json_t *results);
CHECKED bool dashboard_write(const json_t *results, const char *path, Error *error);
