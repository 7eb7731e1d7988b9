// SPDX-License-Identifier: Apache-2.0
#include "cli/token_ids.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char separators[] = " \t\r\n,";

bool token_ids_parse(const char *text, const char *where, TokenIds *ids, Error *error) {
  for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
    size_t size = strcspn(text, separators);
    char *end;
    errno = 0;
    long long id = strtoll(text, &end, 10);
    if (end != text + size || errno != 0 || id < 0 || id > INT32_MAX) {
      return error_set(error, ERROR_ARGUMENT, where, "\"%.*s\" given, expected token ids",
                       size > 40 ? 40 : (int)size, text);
    }
    ARRAY_APPEND(ids, (int32_t)id);
    text += size;
  }
  return true;
}

bool token_ids_of_document(const json_t *array, const char *where, TokenIds *ids, Error *error) {
  Field root = field_root(array, where);
  if (!field_array(&root, error)) return false;
  size_t count = field_count(&root);
  for (size_t i = 0; i < count; i++) {
    Field item = field_at(&root, i);
    int64_t id = 0;
    if (!field_integer(&item, 0, INT32_MAX, &id, error)) return false;
    ARRAY_APPEND(ids, (int32_t)id);
  }
  return true;
}
