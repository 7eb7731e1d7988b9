// SPDX-License-Identifier: Apache-2.0
// YAML of any bytes as the configuration of an attention sweep: an error that has a message, or a
// sweep whose printed form means the same and whose cells can be listed.
#include "bench/attention/sweep.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool fine) {
  if (!fine) abort();
}

// Whether it names files, which are not this target's matter.
static bool has_arrays(const AttentionSweep *sweep) {
  for (size_t i = 0; i < sweep->mods.count; i++)
    if (sweep->mods.items[i].arrays.count) return true;
  return false;
}

static void read_back(const AttentionSweep *sweep, bool yaml) {
  Text text = {0};
  Error error;
  AttentionSweep *again = attention_sweep_open();
  attention_sweep_print(sweep, yaml, &text);
  need(attention_sweep_parse(again, text.data, text.size, yaml ? "again.yaml" : "again.json", "",
                             &error));
  json_t *left = attention_sweep_json(sweep), *right = attention_sweep_json(again);
  need(json_equal(left, right));
  json_decref(left);
  json_decref(right);
  attention_sweep_close(again);
  text_free(&text);
}

static void list(const AttentionSweep *sweep) {
  SweepCells cells;
  Error error;
  if (sweep_cells_expand(sweep, &cells, &error))
    for (size_t i = 0; i < cells.cells.count; i++) {
      char label[160];
      const ModShape *shape = &cells.cells.items[i].shape;
      need(sweep_cell_label(sweep, &cells.cells.items[i], label, sizeof label)[0] != '\0');
      need(shape->batch > 0 && shape->queries > 0 && shape->heads % shape->kv_heads == 0);
    }
  sweep_cells_free(&cells);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  Error error = {0};
  AttentionSweep *sweep = attention_sweep_open();
  const char *name = data[0] == '{' ? "fuzz.json" : "fuzz.yaml";
  if (attention_sweep_parse(sweep, data, size, name, "", &error)) {
    read_back(sweep, true);
    read_back(sweep, false);
    if (!has_arrays(sweep)) list(sweep);
  } else {
    need(error.code != ERROR_NONE && error.message[0] && strlen(error.where) < sizeof error.where);
  }
  attention_sweep_close(sweep);
  return 0;
}
