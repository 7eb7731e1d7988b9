// SPDX-License-Identifier: Apache-2.0
#include "generate/batch_state.h"

// The sizes that compiled passes are padded to: 1, 2, 3, 4, 6, 8, 12, 16, 24, …
static int64_t padded(int64_t count, int64_t most) {
  int64_t size = 1;
  while (size < count && size + size / 2 < count) size *= 2;
  if (size < count) size += size > 1 ? size / 2 : 1;
  return size < most ? size : most;
}

static void pad(Batch *batch) {
  StepRows *rows = &batch->rows;
  bool whole = rows->samples == rows->rows; // all decode
  int64_t most = padded(rows->rows, rows->most_rows);
  int64_t samples = whole ? most : padded(rows->samples, most);
  if (!batch->programs) most = samples = 0;
  step_rows_pad(rows, most, samples, batch->cache);
}

Tensor batch_pass(Batch *batch, bool choose) {
  const Decoder *decoder = &batch->decoder;
  pad(batch);
  for (int64_t i = 0; i < decoder->config->layers; i++)
    batch->rows.layers[i] = paged_cache_layer(batch->cache, i, batch->rows.rows);
  Positions positions = {.cosine = rope_cosine(batch->rope), .sine = rope_sine(batch->rope)};
  DecoderPass pass =
      step_rows_pass(&batch->rows, batch->options.block_size, positions, &batch->places);
  if (!batch->programs)
    return (choose ? decoder_choose : decoder_forward)(decoder, batch->ops, &pass);
  Error error;
  const Tensor *made = step_programs_run(batch->programs, decoder, &pass, choose, &error);
  if (made) return *made;
  ops_fail(batch->ops, &error);
  return (Tensor){0};
}
