// SPDX-License-Identifier: Apache-2.0
// Where in a text the values of a document stand, by the paths of their fields (base/document.h).
#pragma once
#include "base/document.h"

typedef struct YamlPlaces YamlPlaces;

YamlPlaces *yaml_places_open(void);
void yaml_places_close(YamlPlaces *places); // NULL is fine
// Lines and columns count from 1. All are added, then sorted once, then found.
void yaml_places_add(YamlPlaces *places, const char *path, int line, int column);
void yaml_places_sort(YamlPlaces *places);
// The place of a field's value, or of what holds it where the field itself is missing; false: not
// known. `places` NULL knows nothing.
bool yaml_places_find(const YamlPlaces *places, const Field *field, int *line, int *column);
// Puts "(line L, column C)" behind the path in error->where, when that is a known path or begins
// with one and ": ". Returns false, as error_set does.
bool yaml_places_tell(const YamlPlaces *places, Error *error);
