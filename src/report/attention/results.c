// SPDX-License-Identifier: Apache-2.0
#include "report/attention/results.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const attention_pass_names[] = {"forward", "backward"};

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static double number_of(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static RowStatus status_of(const json_t *object) {
  const char *status = text_of(object, "status");
  if (strcmp(status, "measured") == 0) return ROW_MEASURED;
  return strcmp(status, "skipped") == 0 ? ROW_SKIPPED : ROW_FAILED;
}

static AttentionTime time_of(const json_t *source) {
  if (!json_is_object(source)) return (AttentionTime){.median = NAN, .noise = NAN};
  return (AttentionTime){.there = true,
                         .count = json_integer_value(json_object_get(source, "count")),
                         .median = number_of(source, "med_ns") * 1e-9,
                         .noise = number_of(source, "noise")};
}

static AttentionPass pass_of(const json_t *source) {
  return (AttentionPass){.there = json_is_object(source),
                         .warm = time_of(json_object_get(source, "warm")),
                         .cold = time_of(json_object_get(source, "cold")),
                         .tflop_per_s = number_of(source, "tflop_per_s"),
                         .tb_per_s = number_of(source, "tb_per_s"),
                         .share_of_fma = number_of(source, "share_of_fma"),
                         .share_of_read = number_of(source, "share_of_read"),
                         .flex_speedup = number_of(source, "flex_speedup")};
}

// The result that is farthest off.
static void find_worst(const json_t *correctness, AttentionRun *run) {
  static const char *const tensors[] = {"out", "lse", "dq", "dk", "dv"};
  run->error = NAN;
  run->worst = "";
  for (size_t i = 0; i < COUNT_OF(tensors); i++) {
    const json_t *tensor = json_object_get(correctness, tensors[i]);
    double error = number_of(tensor, "error");
    bool less = error <= run->error || (run->worst[0] && isnan(run->error));
    if (!json_is_object(tensor) || less) continue;
    run->error = error;
    run->worst = tensors[i];
  }
}

static AttentionRun run_of(const json_t *source) {
  const json_t *correctness = json_object_get(source, "correctness");
  AttentionRun run = {.name = text_of(source, "name"),
                      .status = status_of(source),
                      .reason = text_of(source, "reason"),
                      .valid = strcmp(text_of(correctness, "verdict"), "valid") == 0,
                      .bound = number_of(correctness, "bound"),
                      .source = source};
  find_worst(correctness, &run);
  for (int i = 0; i < ATTENTION_PASSES; i++)
    run.pass[i] = pass_of(json_object_get(source, attention_pass_names[i]));
  return run;
}

static bool is_flex(const char *name) {
  return strcmp(name, "flex") == 0;
}

// In the order of their appearance, flex at the end.
static void add_backend(AttentionNames *names, const char *name) {
  for (size_t i = 0; i < names->count; i++)
    if (strcmp(names->items[i], name) == 0) return;
  ARRAY_APPEND(names, name);
  size_t last = names->count - 1;
  if (last == 0 || !is_flex(names->items[last - 1])) return;
  names->items[last] = names->items[last - 1];
  names->items[last - 1] = name;
}

static bool read_shape(const json_t *source, const char *where, AttentionRow *row, Error *error) {
  int64_t *extents[] = {&row->batch,    &row->heads, &row->queries,
                        &row->kv_heads, &row->keys,  &row->head_dim};
  Field cell = field_root(source, where), shape = field_get(&cell, "shape");
  for (size_t i = 0; i < COUNT_OF(extents); i++) {
    Field extent = field_at(&shape, i);
    if (!field_integer(&extent, 1, INT64_MAX, extents[i], error)) return false;
  }
  return true;
}

static bool add_row(AttentionResults *results, const char *hash, const char *name, Error *error) {
  const json_t *source = json_object_get(results->document, hash), *run;
  const json_t *config = json_object_get(source, "config");
  char where[192];
  snprintf(where, sizeof where, "%s, cell %.16s", name, hash);
  AttentionRow row = {.label = text_of(source, "label"),
                      .mod = text_of(json_object_get(config, "mod"), "name"),
                      .dtype = text_of(config, "dtype"),
                      .status = status_of(source),
                      .reason = text_of(source, "reason"),
                      .source = source};
  if (!read_shape(source, where, &row, error)) return false;
  size_t index;
  json_array_foreach(json_object_get(source, "backends"), index, run) {
    ARRAY_APPEND(&row.runs, run_of(run));
    add_backend(&results->backends, text_of(run, "name"));
  }
  ARRAY_APPEND(&results->rows, row);
  return true;
}

bool attention_results_are(const json_t *document) {
  return strcmp(text_of(json_object_get(document, "sweep"), "kind"), "attention") == 0;
}

// A cell that was not reached yet has a hash and no object.
static bool read_rows(AttentionResults *results, const char *name, Error *error) {
  const json_t *hashes = json_object_get(results->sweep, "cells"), *hash;
  size_t index;
  json_array_foreach(hashes, index, hash) {
    const char *key = json_string_value(hash);
    if (!key) return error_set(error, ERROR_FORMAT, name, "sweep.cells[%zu] is no text", index);
    if (json_object_get(results->document, key) && !add_row(results, key, name, error))
      return false;
  }
  return true;
}

bool attention_results_make(const json_t *document, const char *name, AttentionResults *results,
                            Error *error) {
  *results = (AttentionResults){.document = json_incref((json_t *)document)};
  results->sweep = json_object_get(document, "sweep");
  if (read_rows(results, name, error)) return true;
  attention_results_free(results);
  return false;
}

void attention_results_free(AttentionResults *results) {
  for (size_t i = 0; i < results->rows.count; i++) ARRAY_FREE(&results->rows.items[i].runs);
  ARRAY_FREE(&results->rows);
  ARRAY_FREE(&results->backends);
  json_decref(results->document);
  *results = (AttentionResults){0};
}

const AttentionRun *attention_row_run(const AttentionRow *row, const char *backend) {
  for (size_t i = 0; i < row->runs.count; i++)
    if (strcmp(row->runs.items[i].name, backend) == 0) return &row->runs.items[i];
  return NULL;
}

bool attention_results_have(const AttentionResults *results, int pass) {
  for (size_t i = 0; i < results->rows.count; i++) {
    const AttentionRow *row = &results->rows.items[i];
    for (size_t j = 0; j < row->runs.count; j++)
      if (row->runs.items[j].pass[pass].there) return true;
  }
  return false;
}

double attention_results_ceiling(const AttentionResults *results, const char *key) {
  double largest = NAN;
  for (size_t i = 0; i < results->rows.count; i++)
    largest =
        fmax(largest, number_of(json_object_get(results->rows.items[i].source, "ceilings"), key));
  return largest;
}

const json_t *attention_results_config(const AttentionResults *results, const char *key) {
  return json_object_get(json_object_get(results->sweep, "config"), key);
}

bool attention_row_same_family(const AttentionRow *a, const AttentionRow *b) {
  return strcmp(a->mod, b->mod) == 0 && strcmp(a->dtype, b->dtype) == 0 && a->heads == b->heads &&
         a->kv_heads == b->kv_heads && a->head_dim == b->head_dim &&
         (a->queries == 1) == (b->queries == 1);
}

char *attention_row_family(const AttentionRow *row, char *buffer, size_t size) {
  char keys[64] = "";
  if (row->kv_heads != row->heads)
    snprintf(keys, sizeof keys, " on %" PRId64 " key head%s", row->kv_heads,
             row->kv_heads > 1 ? "s" : "");
  snprintf(buffer, size, "%s, %" PRId64 " query head%s%s of %" PRId64 ", %s%s", row->mod,
           row->heads, row->heads > 1 ? "s" : "", keys, row->head_dim, row->dtype,
           row->queries == 1 ? ", decoding" : "");
  return buffer;
}
