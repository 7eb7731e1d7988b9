// SPDX-License-Identifier: Apache-2.0
#include "cli/attention_lists.h"
#include "attention/backend.h"
#include "base/wrap.h"
#include "mods/patterns.h"
#include <inttypes.h>

enum { COLUMNS = 80, NAME_COLUMN = 11 };

static void append_parameters(const ModSource *source, Text *text) {
  for (int i = 0; i < source->parameter_count; i++) {
    const ModParameter *parameter = &source->parameters[i];
    text_append_format(text, "%s%s: ", i ? ", " : ", params: {", parameter->name);
    if (parameter->is_float)
      text_append_format(text, "%.17g", parameter->real);
    else
      text_append_format(text, "%" PRId64, parameter->integer);
  }
  if (source->parameter_count) text_append_character(text, '}');
}

static void append_arrays(const ModSource *source, Text *text) {
  for (int i = 0; i < source->array_count; i++)
    text_append_format(text, "%s%s: %s.npy", i ? ", " : ", arrays: {", source->arrays[i].name,
                       source->arrays[i].name);
  if (source->array_count) text_append_character(text, '}');
}

static void append_pattern(const ModSource *source, Text *text) {
  if (!source->score && !source->mask) {
    text_append_format(text, "  - %s\n", source->name);
    return;
  }
  text_append_format(text, "  - {name: my_%s", source->name);
  if (source->score) text_append_format(text, ", score: \"%s\"", source->score);
  if (source->mask) text_append_format(text, ", mask: \"%s\"", source->mask);
  append_parameters(source, text);
  append_arrays(source, text);
  text_append_text(text, "}\n");
}

void attention_lists_mods(Text *text) {
  text_append_text(text, "# The named patterns, written as your own would be.\nmods:\n");
  for (int i = 0; i < pattern_count(); i++) append_pattern(pattern_at(i), text);
}

void attention_lists_backends(Text *text) {
  for (int i = 0; i < attention_backend_count(); i++) {
    const AttentionBackend *backend = attention_backend_at(i);
    if (backend->absent)
      text_append_format(text, "%-*s%s\n", NAME_COLUMN, backend->name, backend->absent);
    else
      text_append_format(text, "%-*s%s\n", NAME_COLUMN, backend->name,
                         backend->backward ? "forward and backward" : "forward");
  }
}

void attention_lists_cells(const AttentionSweep *sweep, const SweepCells *cells, Text *text) {
  char label[160];
  for (size_t i = 0; i < cells->cells.count; i++)
    text_append_format(text, "%s\n",
                       sweep_cell_label(sweep, &cells->cells.items[i], label, sizeof label));
  for (size_t i = 0; i < cells->notes.count; i++)
    wrap_append(text, cells->notes.items[i], COLUMNS, 2);
  Text line = {0};
  text_append_format(&line, "%zu cell%s, %s%s, back ends:", cells->cells.count,
                     cells->cells.count == 1 ? "" : "s", dtype_name(sweep->dtype),
                     sweep->calculate_bwd ? ", forward and backward" : "");
  for (size_t i = 0; i < sweep->backend.count; i++)
    text_append_format(&line, " %s", sweep->backend.items[i]);
  text_append_text(&line, " flex");
  wrap_append(text, line.data, COLUMNS, 2);
  text_free(&line);
}
