// SPDX-License-Identifier: Apache-2.0
#include "attention/attention.h"
#include "attention/eager.h"
#include "attention/flash_attention.h"
#include "attention/flex_attention.h"
#include "attention/sdpa_math.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool supports_all(const AttentionSpec *spec, Error *error) {
  (void)spec, (void)error;
  return true;
}

#define NOT_HERE "not in this build"
#define PAGED "serves the pages of continuous batching alone"

// Of one name the fastest comes first: it is taken where no back end is named.
static const Attention list[] = {
    {.name = "eager", .supports = supports_all, .forward = attention_eager},
    {.name = "sdpa",
     .backend = "flash_attention",
     .supports = supports_all,
     .forward = attention_flash},
    {.name = "sdpa",
     .backend = "efficient",
     .supports = supports_all,
     .forward = attention_efficient},
    {.name = "sdpa", .backend = "math", .supports = supports_all, .forward = attention_sdpa_math},
    {.name = "sdpa", .backend = "cudnn", .absent = NOT_HERE},
    {.name = "flash_attention_2", .supports = supports_all, .forward = attention_flash},
    {.name = "flash_attention_3", .absent = NOT_HERE},
    {.name = "flex_attention",
     .supports = supports_all,
     .open = attention_flex_open,
     .close = attention_flex_close,
     .forward = attention_flex},
    {.name = "fav3", .absent = NOT_HERE},
    {.name = "paged|eager", .absent = PAGED},
    {.name = "paged|sdpa", .absent = PAGED},
    {.name = "paged|flash_attention_2", .absent = PAGED},
    {.name = "paged|flex_attention", .absent = PAGED},
};

int attention_count(void) {
  return COUNT_OF(list);
}

const Attention *attention_at(int index) {
  return &list[index];
}

// Whether a message about an unknown name shows the entry: those of `name` with a back end, or,
// without `name`, the first of each name.
static bool is_listed(int index, const char *name) {
  const Attention *entry = &list[index];
  if (name) return entry->backend && strcmp(entry->name, name) == 0;
  return index == 0 || strcmp(list[index - 1].name, entry->name) != 0;
}

static const Attention *unknown(const char *name, const char *backend, bool name_known,
                                Error *error) {
  char names[256] = "";
  size_t used = 0;
  for (int i = 0; i < attention_count() && used < sizeof names; i++) {
    if (!is_listed(i, name_known ? name : NULL)) continue;
    const char *word = name_known ? list[i].backend : list[i].name;
    used += (size_t)snprintf(names + used, sizeof names - used, used ? ", %s" : "%s", word);
  }
  if (name_known)
    error_set(error, ERROR_ARGUMENT, NULL, "attention \"%s\" has no back end \"%s\"; it has: %s",
              name, backend, used ? names : "none");
  else
    error_set(error, ERROR_ARGUMENT, NULL, "no attention implementation \"%s\"; known: %s", name,
              names);
  return NULL;
}

const Attention *attention_find(const char *name, const char *backend, Error *error) {
  const Attention *absent = NULL;
  bool name_known = false;
  for (int i = 0; i < attention_count(); i++) {
    if (strcmp(list[i].name, name) != 0) continue;
    name_known = true;
    if (backend && (!list[i].backend || strcmp(list[i].backend, backend) != 0)) continue;
    if (!list[i].absent) return &list[i];
    if (!absent) absent = &list[i];
  }
  if (!absent) return unknown(name, backend, name_known, error);
  error_set(error, ERROR_UNSUPPORTED, NULL, "attention %s%s%s: %s", absent->name,
            absent->backend ? " with back end " : "", absent->backend ? absent->backend : "",
            absent->absent);
  return NULL;
}

bool attention_supports(const Attention *attention, const AttentionSpec *spec, Error *error) {
  if (spec->kv_heads < 1 || spec->heads % spec->kv_heads)
    return error_set(error, ERROR_ARGUMENT, attention->name,
                     "%" PRId64 " heads over %" PRId64 " key heads do not divide", spec->heads,
                     spec->kv_heads);
  if (!dtype_is_compute(spec->dtype))
    return error_set(error, ERROR_UNSUPPORTED, attention->name, "a cache of %s",
                     dtype_name(spec->dtype));
  return attention->supports(spec, error);
}

bool attention_open(const Attention *attention, const AttentionLimits *limits, void **prepared,
                    Error *error) {
  *prepared = NULL;
  return !attention->open || attention->open(limits, prepared, error);
}

void attention_close(const Attention *attention, void *prepared) {
  if (prepared) attention->close(prepared);
}
