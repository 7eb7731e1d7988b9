// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/sweep_notes.h"

void sweep_notes_add(SweepCells *cells, const char *format, ...) {
  Text text = {0};
  va_list arguments;
  va_start(arguments, format);
  text_append_arguments(&text, format, arguments);
  va_end(arguments);
  ARRAY_APPEND(&cells->notes, text.data);
}

// "4096, 8192": the values of a list beyond the bound.
static void append_beyond(Text *text, const SweepCounts *counts, int64_t most) {
  for (size_t i = 0; i < counts->count; i++)
    if (counts->items[i] > most)
      text_append_format(text, text->size ? ", %lld" : "%lld", (long long)counts->items[i]);
}

static const char *plural(int64_t count) {
  return count == 1 ? "" : "s";
}

static void tell_cut(SweepCells *cells, const char *bound, int64_t most, const char *key,
                     const SweepCounts *values, int64_t shapes, size_t mods) {
  Text beyond = {0};
  append_beyond(&beyond, values, most);
  sweep_notes_add(cells, "cut by %s %lld: %s %s, %lld shape%s, %lld cell%s", bound, (long long)most,
                  key, text_span(&beyond).data, (long long)shapes, plural(shapes),
                  (long long)shapes * (long long)mods, plural(shapes * (int64_t)mods));
  text_free(&beyond);
}

static void tell_wide(const AttentionSweep *sweep, int64_t shapes, SweepCells *cells) {
  int64_t left_out = shapes * (int64_t)sweep->mods.count;
  if (sweep->kv_size.count == 0)
    tell_cut(cells, "max_batch", sweep->max_batch, "b", &sweep->b, shapes, sweep->mods.count);
  else
    sweep_notes_add(cells,
                    "cut by max_batch %lld: %lld shape%s whose kv_size holds more sequences, "
                    "%lld cell%s",
                    (long long)sweep->max_batch, (long long)shapes, plural(shapes),
                    (long long)left_out, plural(left_out));
}

void sweep_notes_tell(const AttentionSweep *sweep, const SweepCuts *cuts, SweepCells *cells) {
  if (cuts->long_shapes)
    tell_cut(cells, "max_seq", sweep->max_seq, "s", &sweep->s, cuts->long_shapes,
             sweep->mods.count);
  if (cuts->wide_shapes) tell_wide(sweep, cuts->wide_shapes, cells);
  if (cuts->repeated)
    sweep_notes_add(cells, "%lld cell%s asked for more than once: measured once",
                    (long long)cuts->repeated, plural(cuts->repeated));
}
