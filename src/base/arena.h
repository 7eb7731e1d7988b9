// SPDX-License-Identifier: Apache-2.0
// Memory that lives and dies together: one arena per long-lived thing (a model, a program, a run).
//
//   chunk 0  | used … | free      |   chunk 1 | used … | free |  ← allocation goes to the last
//
// Allocation never moves what was handed out. A mark taken before and restored after a piece of
// work gives back what it used; the chunks stay, so that the next round allocates nothing from the
// heap. Not safe for several threads.
#pragma once
#include "base/memory.h"

typedef struct Arena Arena;
typedef struct {
  size_t chunk, used;
} ArenaMark;

Arena *arena_open(size_t chunk_size);                  // bytes of a usual chunk; 0: 64 KiB
void arena_close(Arena *arena);                        // NULL is fine
void *arena_allocate(Arena *arena, size_t size);       // zeroed, 64-byte aligned
void *arena_take(Arena *arena, size_t size);           // the same, but not zeroed
char *arena_copy_text(Arena *arena, const char *text); // with its NUL
char *arena_copy_bytes(Arena *arena, const void *bytes, size_t size); // a NUL is added behind
char *arena_format(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
ArenaMark arena_mark(const Arena *arena);
void arena_restore(Arena *arena, ArenaMark mark); // what was allocated since is given back
size_t arena_used(const Arena *arena);            // bytes handed out, padding included
size_t arena_reserved(const Arena *arena);        // bytes of all chunks, used or not
