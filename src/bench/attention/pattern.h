// SPDX-License-Identifier: Apache-2.0
// A sweep's mod made ready for one shape: its arrays read, its expressions parsed and bound.
//
// document_mask is given its documents here: every token of B * N belongs to one of B documents,
// whose lengths are drawn with a fixed seed (each document has at least one token, each further
// token goes to a document drawn uniformly).
#pragma once
#include "bench/attention/config.h"
#include "mods/mod.h"

typedef struct SweepPattern SweepPattern;

// Whether the mod means something: a known pattern or expressions that parse, with parameters and
// arrays that they name. Errors begin with mod->place.
CHECKED bool sweep_pattern_check(const SweepMod *mod, Error *error);
// Whether its batch is flattened into documents: the pattern document_mask without an array of the
// user's.
bool sweep_pattern_has_documents(const SweepMod *mod);
// `documents`: of document_mask, else 0. NULL on failure; what binding refuses for this shape is
// told beginning with mod->place.
CHECKED SweepPattern *sweep_pattern_open(const SweepMod *mod, const ModShape *shape,
                                         int64_t documents, Error *error);
void sweep_pattern_close(SweepPattern *pattern); // NULL is fine
const BoundMod *sweep_pattern_bound(const SweepPattern *pattern);
// The bound mod for all batches and lengths (mod_bind_open); NULL where that cannot be. The
// pattern's, as the other.
CHECKED const BoundMod *sweep_pattern_open_lengths(SweepPattern *pattern, Error *error);
// Name, texts and parameters that the mod stands for, and SHA-256 of its array files. New
// reference; NULL: a file cannot be read.
CHECKED json_t *sweep_pattern_json(const SweepMod *mod, Error *error);
