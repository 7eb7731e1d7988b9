// SPDX-License-Identifier: Apache-2.0
#include "generate/batch_state.h"

int64_t batch_padded(int64_t count, int64_t most) {
  int64_t size = 1;
  while (size < count && size + size / 2 < count) size *= 2;
  if (size < count) size += size > 1 ? size / 2 : 1;
  return size < most ? size : most;
}

// Rows sampled of a mixed pass: as many as sequences can ask for, or, of logits that are forced,
// more.
static int64_t samples_of(const Batch *batch, int64_t samples, int64_t rows) {
  int64_t most = batch_padded(batch->options.max_sequences, rows);
  return samples <= most ? most : batch_padded(samples, rows);
}

static void pad(Batch *batch) {
  StepRows *rows = &batch->rows;
  if (!batch->programs) {
    step_rows_pad(rows, 0, 0, batch->cache);
    return;
  }
  bool decodes = rows->samples == rows->rows;
  int64_t most = batch_padded(rows->rows, rows->most_rows);
  int64_t samples = decodes ? most : samples_of(batch, rows->samples, most);
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

void batch_pass_empty(Batch *batch, int64_t rows, bool decodes) {
  step_rows_clear(&batch->rows);
  step_rows_pad(&batch->rows, rows, decodes ? rows : samples_of(batch, 1, rows), batch->cache);
  ops_scope_begin(batch->ops);
  batch_pass(batch, true);
  ops_scope_end(batch->ops);
}
