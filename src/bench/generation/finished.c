// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/finished.h"

static bool is_precise(const PrecisionGoal *goal, const json_t *ours) {
  if (!(goal->until > 0)) return true;
  const json_t *precision = json_object_get(ours, "precision");
  const json_t *reached = json_object_get(precision, "reached");
  json_int_t most = json_integer_value(json_object_get(precision, "most"));
  bool within = json_is_number(reached) && json_number_value(reached) <= goal->until;
  bool tried = json_is_false(json_object_get(precision, "within")) && most >= goal->most;
  return within || tried;
}

static bool same_load(const EntryFacts *facts, const MatrixCell *cell, const json_t *effective) {
  if (!facts->load || !cell->effective.continuous_batching) return true;
  return json_equal(json_object_get(effective, "load"), (json_t *)facts->load);
}

bool finished_in(const Results *results, const EntryFacts *facts, const MatrixCell *cell) {
  const json_t *entry = results_find(results, cell->hash);
  const json_t *success = json_object_get(json_object_get(entry, "metadata"), "success");
  const json_t *ours = json_object_get(entry, "attometer"), *trust = json_object_get(ours, "trust");
  const json_t *files = json_object_get(facts->trust, "model_files");
  const json_t *effective = json_object_get(ours, "effective");
  bool pinned = json_is_true(json_object_get(effective, "pin"));
  return json_is_true(success) && pinned == facts->pinned && same_load(facts, cell, effective) &&
         json_equal(json_object_get(trust, "model_files"), (json_t *)files) &&
         is_precise(&facts->goal, ours);
}
