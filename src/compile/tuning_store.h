// SPDX-License-Identifier: Apache-2.0
// What was fastest on this machine, with the evidence, beside the code in the cache's folder:
//
//   FOLDER/KEY.tuned   {"label", "processor", "created", "tuning_ns", "winner": name,
//                       "candidates": [{"name", "median_ns", "count", "ratio", "low", "high"}]}
//
// KEY is the SHA-256 of whatever the times depend on: the question, the machine, the program. A
// record is read only where it is this user's and nobody else could have written it; one that does
// not make sense is as good as none.
#pragma once
#include "compile/code_cache.h"
#include <jansson.h>

enum { TUNING_MOST_CANDIDATES = 20, TUNING_NAME = 80, TUNING_LABEL = 160 };

typedef struct {
  char name[TUNING_NAME]; // what distinguishes it: "rows 96 columns 128"
  int64_t median_ns;
  int count;               // of timed calls
  double ratio, low, high; // its time over that of the best before it, with its 95 % interval; the
                           // first candidate's are 1
} TuningCandidate;

typedef struct {
  char label[TUNING_LABEL]; // for people: "flex causal, …"
  char processor[128];
  char created[32]; // ISO 8601 UTC
  int64_t tuning_ns;
  int winner, count;
  TuningCandidate candidates[TUNING_MOST_CANDIDATES];
} TuningRecord;

// `what`: all that the times depend on but the processor and this program (other kernels, other
// winners), which are added.
CHECKED bool tuning_store_key(const char *what, char key[SHA256_HEX_SIZE], Error *error);
// "created" and "processor" become now and this one.
void tuning_record_stamp(TuningRecord *record);
// False: there is none, or it is not whole.
bool tuning_store_read(const CodeCache *cache, const char *key, TuningRecord *record);
// The same, as a use of it.
bool tuning_store_find(const CodeCache *cache, const char *key, TuningRecord *record);
// Atomically. False: it could not be kept.
bool tuning_store_put(const CodeCache *cache, const char *key, const TuningRecord *record);
json_t *tuning_record_json(const TuningRecord *record); // as in the file; new reference
