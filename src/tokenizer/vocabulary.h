// SPDX-License-Identifier: Apache-2.0
// Token texts and their ids: a flat open-addressing table keyed by the bytes, and the reverse by
// id. Ids may have holes. Immutable once filled.
//
//   slots: | hash, id, text | hash, id, text | empty | …   a power of two, at most half full
//   tokens[id] = span into one block of bytes
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <stdint.h>

#define VOCABULARY_ID_LIMIT (1 << 22) // ids at or above are refused: four times any known model

typedef struct {
  uint32_t hash;
  int32_t id;            // -1: empty
  uint32_t offset, size; // of the text in `bytes`, so that a look-up touches two lines of memory
} VocabularySlot;

typedef struct {
  uint32_t offset, size;
  bool present;
} VocabularyToken;

typedef struct {
  VocabularySlot *slots;
  size_t mask;  // slots - 1; no slots at all while empty
  size_t count; // tokens
  Text bytes;
  VocabularyToken *tokens;
  size_t capacity; // of tokens
  int32_t limit;   // largest id + 1
} Vocabulary;

void vocabulary_close(Vocabulary *vocabulary); // leaves it zero
// Room for this many tokens in all, so that adding them moves nothing.
void vocabulary_reserve(Vocabulary *vocabulary, size_t count, size_t bytes);
// A text or an id that is already there, or an id out of range, is an error.
CHECKED bool vocabulary_add(Vocabulary *vocabulary, Span text, int64_t id, const char *where,
                            Error *error);
// Gives an id a text under which it is not found: for files in which a text occurs twice.
CHECKED bool vocabulary_add_hidden(Vocabulary *vocabulary, Span text, int64_t id, const char *where,
                                   Error *error);
int32_t vocabulary_find(const Vocabulary *vocabulary, Span text); // -1: none
// The text of an id; data NULL for an id without one.
Span vocabulary_text(const Vocabulary *vocabulary, int32_t id);

// A hash of bytes for tables inside the program (not for files): 8 bytes a step.
uint64_t vocabulary_hash(const char *bytes, size_t size);
