// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/ab_document.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/python_json.h"
#include "bench/generation/token_times.h"
#include "bench/results.h"
#include "bench/scenario_name.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const side_keys[AB_SIDES] = {"a", "b"};

const char *ab_verdict_text(AbVerdict verdict) {
  static const char *const texts[] = {"cannot tell", "better", "worse", "same"};
  return texts[verdict];
}

static json_t *number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers(const double *values, size_t count) {
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(array, number(values[i]));
  return array;
}

static json_t *interval_json(Interval interval) {
  return json_pack("[o, o]", number(interval.low), number(interval.high));
}

static json_t *side_json(const AbOptions *options, const AbOutcome *outcome, int side) {
  const MatrixCell *cell = &options->cells[side];
  char name[SCENARIO_NAME_SIZE], label[SCENARIO_NAME_SIZE];
  return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:O}", "name",
                   scenario_name(&cell->effective, name), "label",
                   scenario_label(&cell->effective, label), "hash", cell->hash, "program",
                   options->commands[side].program, "effective", scenario_json(&cell->effective),
                   "rules", rules_json(cell->fired), "correctness", outcome->correctness[side]);
}

// The median is of the rounds that the decision saw.
static json_t *values_json(const double *values, size_t count, size_t pairs) {
  return json_pack("{s:o, s:o}", "med", number(sample_median(values, pairs)), "values",
                   numbers(values, count));
}

static json_t *metric_json(const AbOutcome *outcome, int index, bool timed) {
  const TokenMetric *metric = token_metric(ab_metric_tags[index]);
  const SequentialComparison *comparison = &outcome->comparisons[index];
  json_t *object =
      json_pack("{s:s, s:s, s:b, s:s, s:b, s:b, s:I}", "name", metric->name, "unit", metric->unit,
                "less_is_better", metric->less_is_better, "verdict",
                timed ? verdict_text(comparison->verdict) : "cannot tell", "decided",
                timed && comparison->decided, "negligible", timed && comparison->negligible,
                "pairs", (json_int_t)comparison->pairs);
  for (int side = 0; side < AB_SIDES; side++)
    json_object_set_new(
        object, side_keys[side],
        timed ? values_json(outcome->values[index][side], outcome->rounds, comparison->pairs)
              : json_null());
  json_object_set_new(object, "ratio", timed ? number(comparison->ratio) : json_null());
  json_object_set_new(object, "interval",
                      timed ? interval_json(comparison->interval) : json_null());
  json_object_set_new(object, "confidence", timed ? number(comparison->confidence) : json_null());
  json_object_set_new(object, "p", timed ? number(comparison->p) : json_null());
  json_object_set_new(object, "level", timed ? number(comparison->level) : json_null());
  return object;
}

static json_t *design_json(const AbOptions *options) {
  return json_pack("{s:s, s:s, s:f, s:i, s:f, s:I, s:I, s:f, s:I}", "test",
                   "Wilcoxon signed rank of log ratios, exact", "spending", "linear", "alpha",
                   options->alpha, "metrics", AB_METRICS, "minimum_effect", options->least_effect,
                   "rounds_max", (json_int_t)options->rounds_most, "looks",
                   (json_int_t)options->looks, "time_budget", options->budget, "seed",
                   (json_int_t)options->seed);
}

static json_t *order_json(const AbOutcome *outcome) {
  json_t *order = json_array();
  for (size_t i = 0; i < outcome->rounds; i++)
    json_array_append_new(order, json_string(outcome->b_first[i] ? "BA" : "AB"));
  return order;
}

json_t *ab_document(const AbOptions *options, const AbOutcome *outcome, const EntryFacts *facts,
                    const json_t *before, const json_t *after) {
  char timestamp[40];
  bool timed = outcome->end != AB_INVALID;
  clock_iso8601(timestamp, sizeof timestamp);
  json_t *metrics = json_object();
  for (int i = 0; i < AB_METRICS; i++)
    json_object_set_new(metrics, ab_metric_tags[i], metric_json(outcome, i, timed));
  json_t *trust = json_deep_copy(facts->trust);
  json_object_set(trust, "before", (json_t *)before);
  json_object_set(trust, "after", (json_t *)after);
  return json_pack(
      "{s:i, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:I, s:s, s:f, s:o, s:s, s:b, s:o, s:o}", "schema",
      1, "kind", "ab", "timestamp", timestamp, "model_id", facts->model_id, "pin", facts->pinned,
      "a", side_json(options, outcome, AB_A), "b", side_json(options, outcome, AB_B), "design",
      design_json(options), "rounds", (json_int_t)outcome->rounds, "end", ab_end_name(outcome->end),
      "seconds", outcome->seconds, "order", order_json(outcome), "verdict",
      ab_verdict_text(ab_verdict(outcome)), "valid", timed, "metrics", metrics, "trust", trust);
}

char *ab_document_write(const json_t *document, const char *output_dir, const char *model,
                        Error *error) {
  char name[200], stamp[32], file[300];
  char *folder = path_join(output_dir, results_model_name(model, name, sizeof name)), *path = NULL;
  clock_file_stamp(stamp, sizeof stamp);
  for (int i = 1; i < 1000; i++) {
    snprintf(file, sizeof file, i > 1 ? "%s_ab_%s_%d.json" : "%s_ab_%s.json", name, stamp, i);
    memory_free(path);
    path = path_join(folder, file);
    if (!file_exists(path)) break;
  }
  Text text = {0};
  python_json_append(&text, document, PYTHON_JSON_INDENT);
  text_append_character(&text, '\n');
  bool done =
      folder_make(folder, error) && file_write_atomically(path, text.data, text.size, error);
  text_free(&text);
  memory_free(folder);
  if (done) return path;
  memory_free(path);
  return NULL;
}
