// SPDX-License-Identifier: Apache-2.0
#include "attention/key_runs.h"

static void fetch(KeyRuns *runs) {
  const ScoreStage *stage = runs->stage;
  if (!stage->runs_of_queries(stage, runs->batch, runs->head, runs->query, runs->rows,
                              &runs->cursor, 1, &runs->run))
    runs->run = (ScoreRun){0};
}

void key_runs_start(KeyRuns *runs, const ScoreStage *stage, int64_t batch, int64_t head,
                    int64_t query, int64_t rows) {
  *runs = (KeyRuns){.stage = stage, .batch = batch, .head = head, .query = query, .rows = rows};
  fetch(runs);
}

// Whether the run goes on where the last partial part ends.
static bool continues(const KeyStretch *stretch, ScoreRun run) {
  return stretch->parts > 0 && stretch->partial[stretch->parts - 1].last == run.first;
}

// false: no room for another partial part.
static bool append(KeyStretch *stretch, ScoreRun run) {
  if (run.partial && continues(stretch, run))
    stretch->partial[stretch->parts - 1].last = run.last;
  else if (run.partial && stretch->parts == KEY_STRETCH_PARTS)
    return false;
  else if (run.partial)
    stretch->partial[stretch->parts++] = run;
  stretch->last = run.last;
  return true;
}

bool key_runs_next(KeyRuns *runs, int64_t end, KeyStretch *stretch) {
  stretch->first = stretch->last = runs->run.first;
  stretch->parts = 0;
  while (runs->run.first < runs->run.last && runs->run.first < end &&
         runs->run.first == stretch->last) {
    ScoreRun run = runs->run;
    if (run.last > end) run.last = end;
    if (!append(stretch, run)) break;
    runs->run.first = run.last;
    if (runs->run.first == runs->run.last) fetch(runs);
  }
  return stretch->first < stretch->last;
}

bool key_stretch_equal(const KeyStretch *a, const KeyStretch *b) {
  if (a->first != b->first || a->last != b->last || a->parts != b->parts) return false;
  for (int i = 0; i < a->parts; i++)
    if (a->partial[i].first != b->partial[i].first || a->partial[i].last != b->partial[i].last)
      return false;
  return true;
}
