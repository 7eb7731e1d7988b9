// SPDX-License-Identifier: Apache-2.0
// A walk over the keys that some queries see, a stretch of neighbouring keys at a time: what a
// stage tells as runs, cut where a block of packed keys ends and joined where runs touch.
#pragma once
#include "attention/score_stage.h"

typedef struct {
  const ScoreStage *stage;
  int64_t batch, head, query, rows;
  int64_t cursor;
  ScoreRun run; // not handed out yet; first = last: nothing is left
} KeyRuns;

enum { KEY_STRETCH_PARTS = 4 };

// Keys [first, last), of which those in `partial` need the stage's mask.
typedef struct {
  int64_t first, last;
  int parts;
  ScoreRun partial[KEY_STRETCH_PARTS];
} KeyStretch;

// Of queries [query, query + rows), which lie in one block of the stage.
void key_runs_start(KeyRuns *runs, const ScoreStage *stage, int64_t batch, int64_t head,
                    int64_t query, int64_t rows);
// The next stretch that begins before `end`, cut there; false: there is none.
bool key_runs_next(KeyRuns *runs, int64_t end, KeyStretch *stretch);
bool key_stretch_equal(const KeyStretch *a, const KeyStretch *b);
