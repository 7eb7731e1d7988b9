// SPDX-License-Identifier: Apache-2.0
// Machine code that was made for one bound mod: what its score_mod and mask_mod do to a tile of
// scores, in one pass each. How it comes about is another room's matter: here are its form and the
// interface of whoever makes it.
#pragma once
#include "attention/score_call.h"
#include "device/cpu.h"
#include "mods/mod.h"

typedef struct {
  // scores = score_mod(scores), -infinity where the mask hides them; found = the largest of
  // `largest` and of the row's scores (a NaN passes it by).
  ScoreFunction *forward;
  // scores = score_mod(scale scores), -infinity where hidden; slopes = d score_mod / d score there.
  // NULL: there is no score_mod, or no backward pass was asked for.
  ScoreFunction *backward;
  bool sloped; // false: every slope is 1, and slopes are not written
  // scores = -infinity where hidden, whatever the parts. For the odd case: it takes numbers one by
  // one. NULL: without a score_mod, where forward does the same.
  ScoreFunction *mask;
  ScoreGiven given;
} ScoreCode;

enum { SCORE_CODE_SCRATCH = 12 * 4 * SCORE_TILE_COLUMNS }; // bytes of one thread, at most

// What a piece of code is made for.
typedef struct {
  const BoundMod *mod;  // outlives the code; it has a score_mod or a mask_mod
  const BoundMod *open; // the same mod for any lengths (mod_bind_open): code for all; NULL: for mod
  CpuTier tier;
  bool backward;
} ScoreCodeRequest;

typedef enum { SCORE_CODE_BUILDING, SCORE_CODE_READY, SCORE_CODE_FAILED } ScoreCodeState;

typedef struct {
  bool cached;     // it came from a cache
  int64_t text_ns; // to write the text
  int64_t make_ns; // to have it built, or found, and loaded
  int64_t load_ns; // of that
  int64_t text_bytes;
} ScoreCodeFacts;

typedef struct ScoreJob ScoreJob; // one piece of code on its way

typedef struct ScoreCompiler ScoreCompiler;
struct ScoreCompiler {
  // Begins; what goes wrong shows later. `later`: another thread makes it, and nobody need wait.
  ScoreJob *(*start)(ScoreCompiler *compiler, const ScoreCodeRequest *request, bool later);
  // How far it is. `wait`: not before it is ready or failed. Without it, it costs next to nothing.
  ScoreCodeState (*state)(ScoreJob *job, bool wait);
  const ScoreCode *(*code)(const ScoreJob *job); // of a job that is ready
  const Error *(*failure)(const ScoreJob *job);  // of one that failed
  ScoreCodeFacts (*facts)(const ScoreJob *job);  // of one that is ready
  void (*end)(ScoreJob *job); // the code too; waits for a thread that makes it; NULL is fine
};
