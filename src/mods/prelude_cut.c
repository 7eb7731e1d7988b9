// SPDX-License-Identifier: Apache-2.0
#include "mods/prelude_cut.h"
#include "base/array.h"
#include "base/memory.h"
#include <string.h>

// Names by their hash: of two names that share one, both count as used.
enum { SLOTS = 1 << 14 };
typedef struct {
  uint64_t seen[SLOTS / 64];
} Names;

typedef struct {
  Span text;
  bool needed;
  ARRAY_OF(uint32_t) made; // slots of the names that no definition before has
} Definition;

typedef ARRAY_OF(Definition) Definitions;

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_name(const char *at, size_t size) {
  return size > 4 &&
         (strncmp(at, "mod_", 4) == 0 || strncmp(at, "Mod", 3) == 0 || strncmp(at, "MOD_", 4) == 0);
}

// The slot of the next name of the text; false: there is none. Moves *at behind it.
static bool next_name(Span text, size_t *at, uint32_t *slot) {
  while (*at < text.size) {
    size_t begin = *at;
    uint32_t hash = 2166136261u;
    for (; *at < text.size && is_letter(text.data[*at]); ++*at)
      hash = (hash ^ (unsigned char)text.data[*at]) * 16777619u;
    if (*at == begin) {
      ++*at;
      continue;
    }
    *slot = (hash ^ hash >> 14) % SLOTS;
    if (is_name(text.data + begin, *at - begin)) return true;
  }
  return false;
}

static bool has(const Names *names, uint32_t slot) {
  return names->seen[slot / 64] >> slot % 64 & 1;
}

static void add(Names *names, uint32_t slot) {
  names->seen[slot / 64] |= (uint64_t)1 << slot % 64;
}

static void add_all(Names *names, Span text) {
  uint32_t slot;
  for (size_t at = 0; next_name(text, &at, &slot);) add(names, slot);
}

static void append_definition(Definitions *list, Names *before, Span text) {
  Definition definition = {.text = text};
  uint32_t slot;
  for (size_t at = 0; next_name(text, &at, &slot);)
    if (!has(before, slot)) ARRAY_APPEND(&definition.made, slot);
  add_all(before, text);
  ARRAY_APPEND(list, definition);
}

static Definitions definitions_of(const char *prelude) {
  Definitions list = {0};
  Names *before = memory_allocate(sizeof *before);
  for (const char *at = prelude; *at;) {
    const char *end = strstr(at, "\n\n");
    size_t size = end ? (size_t)(end - at) + 1 : strlen(at);
    append_definition(&list, before, (Span){at, size});
    at += size + (end != NULL);
  }
  memory_free(before);
  return list;
}

static bool makes_any(const Definition *definition, const Names *used) {
  for (size_t i = 0; i < definition->made.count; i++)
    if (has(used, definition->made.items[i])) return true;
  return false;
}

void prelude_cut(const char *prelude, const char *used, Text *out) {
  Names *names = memory_allocate(sizeof *names);
  Definitions list = definitions_of(prelude);
  add_all(names, (Span){used, strlen(used)});
  for (size_t i = list.count; i-- > 0;) {
    Definition *definition = &list.items[i];
    definition->needed = makes_any(definition, names);
    if (definition->needed) add_all(names, definition->text);
  }
  for (size_t i = 0; i < list.count; i++) {
    if (list.items[i].needed) text_append(out, list.items[i].text.data, list.items[i].text.size);
    ARRAY_FREE(&list.items[i].made);
  }
  ARRAY_FREE(&list);
  memory_free(names);
}
