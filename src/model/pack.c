// SPDX-License-Identifier: Apache-2.0
#include "model/pack.h"
#include "tensor/widen.h"
#include <string.h>

enum {
  RELEASED_BYTES = 1 << 20, // of a file, by one thread at a time
  ROUNDED_AT_ONCE = 256,
};

bool pack_list_build(PackList *list, const WeightPlan *plan, WeightSource *source, Arena *arena,
                     Error *error) {
  *list = (PackList){.plan = plan};
  list->parts = arena_allocate(arena, (size_t)plan->count * sizeof *list->parts);
  for (int64_t i = 0; i < plan->count; i++) {
    const WeightEntry *entry = &plan->entries[i];
    for (int part = 0; part < entry->part_count; part++)
      if (!weight_source_find(source, &entry->parts[part], entry->columns, &list->parts[i][part],
                              error))
        return false;
  }
  return true;
}

// One entry on its way into the block.
typedef struct {
  const WeightEntry *entry;
  const SourceTensor *parts;
  const Checkpoint *checkpoint; // NULL: nothing to give back
  const Kernels *kernels;
  Dtype dtype, rounding;
  char *place;    // of the entry
  float *scratch; // [threads][MATRIX_PANEL * most columns]
  int64_t scratch_stride;
} Job;

static void round_floats(Dtype dtype, float *values, int64_t count) {
  char narrow[ROUNDED_AT_ONCE * sizeof(float)];
  if (dtype == DTYPE_F32) return;
  for (int64_t i = 0; i < count; i += ROUNDED_AT_ONCE) {
    int64_t now = count - i < ROUNDED_AT_ONCE ? count - i : ROUNDED_AT_ONCE;
    narrow_row(dtype, values + i, narrow, now);
    widen_row(dtype, narrow, values + i, now);
  }
}

// Rows first … first+count-1 of the entry: the overlap of the range with every part.
static void read_rows(const Job *job, int64_t first, int64_t count, float *out) {
  int64_t begin = 0;
  for (int i = 0; i < job->entry->part_count; i++) {
    int64_t end = begin + job->parts[i].rows;
    int64_t from = first > begin ? first : begin;
    int64_t to = first + count < end ? first + count : end;
    if (from < to)
      source_tensor_rows(&job->parts[i], from - begin, to - from,
                         out + (from - first) * job->entry->columns);
    begin = end;
  }
}

// The part that holds a row, and the row's number in it.
static const SourceTensor *part_of(const Job *job, int64_t *row) {
  const SourceTensor *part = job->parts;
  while (*row >= part->rows) *row -= part++->rows;
  return part;
}

// Whether the file's bytes are those of the block: then they are moved, not widened and rounded.
static bool moves_bytes(const Job *job) {
  bool same = job->rounding == job->dtype || job->rounding == DTYPE_F32;
  for (int i = 0; same && i < job->entry->part_count; i++) {
    const SourceTensor *part = &job->parts[i];
    same = part->tensor && !part->transposed && part->tensor->dtype == job->dtype &&
           (uintptr_t)part->tensor->data % sizeof(float) == 0 &&
           part->columns * dtype_facts(job->dtype)->block_bytes % (int64_t)sizeof(float) == 0;
  }
  return same;
}

static void move_panel(const Job *job, int64_t first, int64_t count, char *panel) {
  const void *rows[MATRIX_PANEL] = {NULL};
  for (int64_t i = 0; i < count; i++) {
    int64_t row = first + i;
    const SourceTensor *part = part_of(job, &row);
    rows[i] = source_tensor_row(part, row);
  }
  job->kernels->transpose_panel(job->dtype, job->entry->columns, rows, panel);
}

static void widen_panel(const Job *job, int64_t first, int64_t count, float *scratch, char *panel) {
  int64_t columns = job->entry->columns;
  const float *rows[MATRIX_PANEL] = {NULL};
  read_rows(job, first, count, scratch);
  if (job->rounding != job->dtype) round_floats(job->rounding, scratch, count * columns);
  for (int64_t i = 0; i < count; i++) rows[i] = scratch + i * columns;
  job->kernels->pack_panel(job->dtype, columns, rows, panel);
}

// Gives back the file's bytes of rows [first, last). Interleaved rows stay within their head, so
// a range that was packed is nearly the range that was read.
static void release_rows(const Job *job, int64_t first, int64_t last) {
  int64_t begin = 0;
  for (int i = 0; job->checkpoint && i < job->entry->part_count; i++) {
    const SourceTensor *part = &job->parts[i];
    int64_t end = begin + part->rows, from = first > begin ? first : begin,
            to = last < end ? last : end, bytes = 0;
    if (from < to && !part->transposed &&
        dtype_bytes(part->tensor->dtype, (to - from) * part->columns, &bytes)) {
      const char *data = (const char *)part->tensor->data;
      checkpoint_release_bytes(job->checkpoint, data + (from - begin) * (bytes / (to - from)),
                               (size_t)bytes);
    }
    begin = end;
  }
}

// Panels whose rows take about RELEASED_BYTES of the file.
static int64_t panels_released(const Job *job) {
  int64_t panel = 0;
  if (!job->checkpoint ||
      !dtype_bytes(job->parts[0].tensor->dtype, job->entry->columns * MATRIX_PANEL, &panel))
    return INT64_MAX / MATRIX_PANEL;
  return RELEASED_BYTES / panel + 1;
}

static void pack_panels(void *context, int thread, int threads) {
  const Job *job = context;
  float *scratch = job->scratch + thread * job->scratch_stride;
  int64_t rows = job->entry->rows, columns = job->entry->columns, begin, end;
  int64_t panel_bytes = matrix_panel_bytes(job->dtype, columns);
  int64_t step = panels_released(job);
  bool moves = moves_bytes(job);
  team_share(matrix_panels(rows), 1, thread, threads, &begin, &end);
  int64_t kept = begin;
  for (int64_t panel = begin; panel < end; panel++) {
    int64_t first = panel * MATRIX_PANEL;
    int64_t count = rows - first < MATRIX_PANEL ? rows - first : MATRIX_PANEL;
    char *place = job->place + panel * panel_bytes;
    if (moves)
      move_panel(job, first, count, place);
    else
      widen_panel(job, first, count, scratch, place);
    if (panel + 1 - kept < step && panel + 1 < end) continue;
    release_rows(job, kept * MATRIX_PANEL, (panel + 1) * MATRIX_PANEL);
    kept = panel + 1;
  }
}

// Norms, biases and positions: small, so one thread does them.
static void pack_vector(const Job *job) {
  float *out = (float *)(void *)job->place;
  int64_t columns = job->entry->columns;
  for (int64_t row = 0; row < job->entry->rows; row += MATRIX_PANEL) {
    int64_t left = job->entry->rows - row, count = left < MATRIX_PANEL ? left : MATRIX_PANEL;
    read_rows(job, row, count, out + row * columns);
  }
  round_floats(job->rounding, out, job->entry->rows * columns);
  round_floats(job->dtype, out, job->entry->rows * columns);
}

static void release_parts(const Job *job) {
  for (int i = 0; job->checkpoint && i < job->entry->part_count; i++)
    checkpoint_release(job->checkpoint, job->parts[i].tensor);
}

static int64_t most_columns(const WeightPlan *plan) {
  int64_t most = 1;
  for (int64_t i = 0; i < plan->count; i++)
    if (plan->entries[i].columns > most) most = plan->entries[i].columns;
  return most;
}

bool pack_run(const PackList *list, const WeightSource *source, Dtype rounding, void *base,
              Team *team, CpuTier tier, Error *error) {
  const WeightPlan *plan = list->plan;
  int64_t stride = most_columns(plan) * MATRIX_PANEL;
  Region scratch;
  if (!region_map(&scratch, (size_t)team_size(team) * (size_t)stride * sizeof(float), error))
    return false;
  Job job = {.checkpoint = source->checkpoint,
             .kernels = kernels_for(tier),
             .dtype = plan->weights.embedding.dtype,
             .rounding = rounding,
             .scratch = scratch.data,
             .scratch_stride = stride};
  for (int64_t i = 0; i < plan->count; i++) {
    job.entry = &plan->entries[i];
    job.parts = list->parts[i];
    job.place = (char *)base + job.entry->offset;
    if (job.entry->matrix)
      team_run(team, pack_panels, &job);
    else
      pack_vector(&job);
    release_parts(&job);
  }
  region_unmap(&scratch);
  return true;
}
