// SPDX-License-Identifier: Apache-2.0
// What a comparison of A and B found, as one JSON object; docs/results.md has its keys.
#pragma once
#include "bench/generation/ab.h"
#include "bench/generation/entry.h"

// `before` and `after`: trust_of_moment. New reference.
json_t *ab_document(const AbOptions *options, const AbOutcome *outcome, const EntryFacts *facts,
                    const json_t *before, const json_t *after);
// Writes it to {output_dir}/{model}/{model}_ab_{stamp}.json; returns the path, which the caller
// frees, or NULL.
CHECKED char *ab_document_write(const json_t *document, const char *output_dir, const char *model,
                                Error *error);
const char *ab_verdict_text(AbVerdict verdict); // "cannot tell", "better", "worse", "same"
