// SPDX-License-Identifier: Apache-2.0
#include "bench/known_keys.h"
#include "base/suggestion.h"
#include <string.h>

static bool is_known(const char *key, const char *const *keys, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(key, keys[i]) == 0) return true;
  return false;
}

static bool refuse(const Field *object, const char *key, const char *const *keys, size_t count,
                   Error *error) {
  Suggestion best = {0};
  Span typed = span_of(key);
  for (size_t i = 0; i < count; i++) suggestion_consider(&best, span_of(keys[i]), typed);
  if (!suggestion_good(&best, typed))
    return error_set(error, ERROR_FORMAT, object->path, "unknown key \"%.64s\"", key);
  return error_set(error, ERROR_FORMAT, object->path,
                   "unknown key \"%.64s\" (did you mean \"%.*s\"?)", key, (int)best.name.size,
                   best.name.data);
}

const char *known_keys_unknown(const Field *object, const char *const *keys, size_t count) {
  for (void *at = json_object_iter((json_t *)object->value); at;
       at = json_object_iter_next((json_t *)object->value, at)) {
    const char *key = json_object_iter_key(at);
    if (!is_known(key, keys, count)) return key;
  }
  return NULL;
}

bool known_keys_check(const Field *object, const char *const *keys, size_t count, Error *error) {
  if (!field_object(object, error)) return false;
  const char *unknown = known_keys_unknown(object, keys, count);
  return !unknown || refuse(object, unknown, keys, count, error);
}
