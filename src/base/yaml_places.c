// SPDX-License-Identifier: Apache-2.0
#include "base/yaml_places.h"
#include "base/array.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  uint64_t path; // hash of it
  int line, column;
} Place;

struct YamlPlaces {
  ARRAY_OF(Place) places;
};

YamlPlaces *yaml_places_open(void) {
  return memory_allocate(sizeof(YamlPlaces));
}

void yaml_places_close(YamlPlaces *places) {
  if (!places) return;
  ARRAY_FREE(&places->places);
  memory_free(places);
}

// FNV-1a
static uint64_t hash_of(const char *text, size_t size) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)text[i]) * 0x100000001B3u;
  return hash;
}

void yaml_places_add(YamlPlaces *places, const char *path, int line, int column) {
  Place place = {hash_of(path, strlen(path)), line, column};
  ARRAY_APPEND(&places->places, place);
}

static int compare(const void *a, const void *b) {
  uint64_t x = ((const Place *)a)->path, y = ((const Place *)b)->path;
  return (x > y) - (x < y);
}

void yaml_places_sort(YamlPlaces *places) {
  if (places->places.count)
    qsort(places->places.items, places->places.count, sizeof(Place), compare);
}

static const Place *find(const YamlPlaces *places, const char *path, size_t size) {
  Place wanted = {.path = hash_of(path, size)};
  if (!places || !places->places.count) return NULL;
  return bsearch(&wanted, places->places.items, places->places.count, sizeof wanted, compare);
}

// What is inside an alias, or missing, stands where what holds it stands.
static const Place *find_nearest(const YamlPlaces *places, const char *path, size_t size) {
  const Place *place = find(places, path, size);
  while (!place && size > 0) {
    do size--;
    while (size > 0 && !strchr(".[,", path[size]));
    place = find(places, path, size);
  }
  return place;
}

bool yaml_places_find(const YamlPlaces *places, const Field *field, int *line, int *column) {
  const Place *place = find_nearest(places, field->path, strlen(field->path));
  if (!place) return false;
  *line = place->line;
  *column = place->column;
  return true;
}

bool yaml_places_tell(const YamlPlaces *places, Error *error) {
  const char *colon = strstr(error->where, ": ");
  size_t size = colon ? (size_t)(colon - error->where) : strlen(error->where);
  const Place *place = find_nearest(places, error->where, size);
  if (!place) return false;
  char where[sizeof error->where];
  snprintf(where, sizeof where, "%.*s (line %d, column %d)%s", (int)size, error->where, place->line,
           place->column, error->where + size);
  memcpy(error->where, where, sizeof where);
  return false;
}
