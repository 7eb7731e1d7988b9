// SPDX-License-Identifier: Apache-2.0
// One value of a sweep's configuration, from a document, from words, and back.
#pragma once
#include "bench/attention/config.h"

const SweepKey *sweep_key_by_name(const char *name); // NULL: there is none
// Empties the list and frees what its mods hold.
void sweep_mods_clear(SweepMods *mods);

// Checks the value and puts it into the sweep. null: the value that stands stays, but of texts and
// kv_size it means none. `folder`: what array files are relative to.
CHECKED bool sweep_value_read(AttentionSweep *sweep, const SweepKey *key, const Field *field,
                              const char *folder, const YamlPlaces *places, Error *error);
// Reads an object of keys and values. `places` may be NULL.
CHECKED bool sweep_keys_read(AttentionSweep *sweep, const Field *root, const char *folder,
                             const YamlPlaces *places, Error *error);
// Reads the list of mods.
CHECKED bool sweep_mods_read(AttentionSweep *sweep, const Field *field, const char *folder,
                             const YamlPlaces *places, Error *error);
// "8G", "512M", "64K", "1000": bytes in powers of 1024; false: it is none of these.
bool sweep_bytes_parse(const char *text, int64_t *bytes);
json_t *sweep_value_json(const AttentionSweep *sweep, const SweepKey *key); // new reference
// A pattern by its name alone is a string, else an object. New reference.
json_t *sweep_mod_json(const SweepMod *mod);
