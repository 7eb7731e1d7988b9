// SPDX-License-Identifier: Apache-2.0
// Configuration files of any bytes: scenarios or an error, and what was read has a name, a hash and
// a matrix.
#include "bench/scenario_matrix.h"
#include "bench/scenario_name.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  Scenarios scenarios = {0};
  Error error;
  ScenarioMatrix matrix = {0};
  const RuleFacts facts = {.flash_attention_2 = data[0] & 2};
  const int64_t batches[] = {1, 2};
  const MatrixAxes axes = {.batch_sizes = batches, .batch_size_count = data[0] & 4 ? 2 : 0};
  if (scenario_file_parse(data + 1, size - 1, data[0] & 1, "fuzz", &scenarios, &error) &&
      scenario_matrix_build(&scenarios, &axes, RULES_ALL, &facts, &matrix, &error)) {
    for (size_t i = 0; i < matrix.cells.count; i++) {
      char name[SCENARIO_NAME_SIZE];
      scenario_label(&matrix.cells.items[i].effective, name);
      json_t *json = scenario_json(&matrix.cells.items[i].requested);
      if (!json) abort();
      json_decref(json);
    }
  }
  scenario_matrix_free(&matrix);
  ARRAY_FREE(&scenarios);
  return 0;
}
