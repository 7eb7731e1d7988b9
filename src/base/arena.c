// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, DEFAULT_CHUNK = 64 * 1024 };

typedef struct {
  unsigned char *data; // ALIGNMENT-aligned
  void *block;         // what the heap gave
  size_t size, used;
} Chunk;

struct Arena {
  Chunk *chunks;
  size_t count, current, chunk_size;
};

Arena *arena_open(size_t chunk_size) {
  Arena *arena = memory_allocate(sizeof *arena);
  arena->chunk_size = chunk_size ? chunk_size : DEFAULT_CHUNK;
  return arena;
}

void arena_close(Arena *arena) {
  if (!arena) return;
  for (size_t i = 0; i < arena->count; i++) memory_free(arena->chunks[i].block);
  memory_free(arena->chunks);
  memory_free(arena);
}

static Chunk chunk_open(size_t size) {
  void *block = memory_allocate(size + ALIGNMENT);
  uintptr_t aligned = ((uintptr_t)block + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
  return (Chunk){.data = (unsigned char *)aligned, .block = block, .size = size};
}

// A chunk with room for `size` bytes: the current one, a later one left by a restore, or a new one.
static Chunk *chunk_with_room(Arena *arena, size_t size) {
  for (; arena->current < arena->count; arena->current++) {
    Chunk *chunk = &arena->chunks[arena->current];
    if (chunk->size - chunk->used >= size) return chunk;
    if (arena->current + 1 == arena->count) break;
  }
  arena->chunks = memory_resize(arena->chunks, (arena->count + 1) * sizeof *arena->chunks);
  arena->chunks[arena->count] = chunk_open(size > arena->chunk_size ? size : arena->chunk_size);
  arena->current = arena->count++;
  return &arena->chunks[arena->current];
}

void *arena_take(Arena *arena, size_t size) {
  if (size > SIZE_MAX - 2 * ALIGNMENT) size = SIZE_MAX - 2 * ALIGNMENT; // the heap refuses this
  size_t padded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  if (padded == 0) padded = ALIGNMENT;
  Chunk *chunk = chunk_with_room(arena, padded);
  void *pointer = chunk->data + chunk->used;
  chunk->used += padded;
  return pointer;
}

void *arena_allocate(Arena *arena, size_t size) {
  return memset(arena_take(arena, size), 0, size);
}

char *arena_copy_bytes(Arena *arena, const void *bytes, size_t size) {
  char *copy = arena_allocate(arena, size + 1);
  if (size) memcpy(copy, bytes, size);
  return copy;
}

char *arena_copy_text(Arena *arena, const char *text) {
  return arena_copy_bytes(arena, text, strlen(text));
}

char *arena_format(Arena *arena, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = arena_allocate(arena, (size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

ArenaMark arena_mark(const Arena *arena) {
  size_t used = arena->current < arena->count ? arena->chunks[arena->current].used : 0;
  return (ArenaMark){arena->current, used};
}

void arena_restore(Arena *arena, ArenaMark mark) {
  for (size_t i = mark.chunk; i < arena->count; i++)
    arena->chunks[i].used = i == mark.chunk ? mark.used : 0;
  arena->current = mark.chunk;
}

size_t arena_used(const Arena *arena) {
  size_t used = 0;
  for (size_t i = 0; i < arena->count; i++) used += arena->chunks[i].used;
  return used;
}

size_t arena_reserved(const Arena *arena) {
  size_t reserved = 0;
  for (size_t i = 0; i < arena->count; i++) reserved += arena->chunks[i].size;
  return reserved;
}
