// SPDX-License-Identifier: Apache-2.0
// The results of a run on disk: the peer's JSON object keyed by hash, written whole and atomically
// after every scenario, so that there is always a valid file.
//
//   {output_dir}/{model}/{model}_benchmark_{YYYYmmdd_HHMMSS}.json
#pragma once
#include "base/document.h"

typedef struct Results Results;

// Makes the folder and writes the file once, so that a folder that cannot be written is known
// before anything runs. `resume`: goes on with the newest file of this model, if there is one.
CHECKED Results *results_open(const char *output_dir, const char *model, bool resume, Error *error);
void results_close(Results *results); // NULL is fine
// Puts a scenario's entry (stolen) under its hash and writes the file.
CHECKED bool results_put(Results *results, const char *hash, json_t *entry, Error *error);
// The same without writing the file, for entries that come in numbers before one that is put.
void results_set(Results *results, const char *hash, json_t *entry);
// What the file says about a hash, borrowed; NULL: nothing.
const json_t *results_find(const Results *results, const char *hash);
const json_t *results_document(const Results *results); // borrowed
const char *results_path(const Results *results);
// The name of a model in file names: the last part of a path, '/' of org/name becomes '_'. Writes
// at most size bytes; returns buffer.
char *results_model_name(const char *model, char *buffer, size_t size);
