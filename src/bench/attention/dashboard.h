// SPDX-License-Identifier: Apache-2.0
// Results of a sweep as records of the PyTorch OSS benchmark database: a JSON array, of each valid
// back end of each measured cell one record a metric (forward latency, memory bandwidth, tflops,
// backward latency), named as the peer names them ("flex" is "flex_attn").
//
//   {"benchmark": {"name", "mode": "inference"|"training", "dtype",
//      "extra_info": {"input_config", "device", "arch", "operator_name", "attn_type", "shape",
//                     "max_autotune"}},
//    "model": {"name", "type": "attention-benchmark", "origins", "extra_info"},
//    "metric": {"name", "unit", "benchmark_values": [number], "target_value": null}}
#pragma once
#include "base/document.h"

// From the document of the results. New reference.
json_t *dashboard_records(const json_t *results);
CHECKED bool dashboard_write(const json_t *results, const char *path, Error *error);
