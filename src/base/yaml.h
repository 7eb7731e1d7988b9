// SPDX-License-Identifier: Apache-2.0
// YAML 1.2 read into the tree that document.h reads, so that a configuration is the same thing in
// either language, and where in the text each value stands, so that errors can say so.
//
//   mods: [causal, {name: steep, score: 2}]
//   → "sweep.yaml, mods[1].score (line 1, column 37): is an integer, expected a string"
//
// Plain scalars mean what the core schema says: null ~ true false, integers, floats; `no`, `on` and
// dates are strings. Quoted scalars are strings. Refused: several documents, keys that are no
// strings, duplicate keys, merge keys, tags but !!str !!int !!float !!bool !!null !!seq !!map,
// values that JSON cannot hold (.nan, .inf, integers beyond 64 bits), and text that aliases blow
// up beyond YAML_MOST_VALUES. JSON is YAML, but for characters written as two \u escapes.
//
// libyaml scans and parses: libfyaml 0.7.12 loses memory on malformed text, which fuzzing found.
#pragma once
#include "base/yaml_places.h"

enum { YAML_MOST_BYTES = 1 << 20, YAML_MOST_VALUES = 100000, YAML_MOST_DEPTH = 64 };

// Parses `size` bytes; `name` (a file name) goes into errors and is what field_root must be given
// for yaml_places_tell to know its fields. An empty text is null. *places (may be NULL: not wanted)
// is the caller's: yaml_places_close. The caller owns the result: json_decref. NULL on failure.
CHECKED json_t *yaml_parse(const void *bytes, size_t size, const char *name, YamlPlaces **places,
                           Error *error);
// The same for a file of at most YAML_MOST_BYTES.
CHECKED json_t *yaml_read(const char *path, YamlPlaces **places, Error *error);
