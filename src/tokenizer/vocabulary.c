// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/vocabulary.h"
#include "base/array.h"
#include <string.h>

// Multiply and fold, as in wyhash and its relatives.
static inline uint64_t mix(uint64_t a, uint64_t b) {
  __uint128_t product = (__uint128_t)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load(const char *bytes, size_t size) {
  uint64_t value = 0;
  memcpy(&value, bytes, size);
  return value;
}

uint64_t vocabulary_hash(const char *bytes, size_t size) {
  uint64_t state = 0x9E3779B97F4A7C15u ^ size;
  for (; size > 8; bytes += 8, size -= 8) state = mix(state ^ load(bytes, 8), 0xD6E8FEB86659FD93u);
  if (size) state ^= load(bytes, size);
  return mix(state, 0xA0761D6478BD642Fu);
}

void vocabulary_close(Vocabulary *vocabulary) {
  memory_free(vocabulary->slots);
  memory_free(vocabulary->tokens);
  text_free(&vocabulary->bytes);
  *vocabulary = (Vocabulary){0};
}

static void rehash(Vocabulary *v, size_t slots) {
  VocabularySlot *old = v->slots;
  size_t old_count = old ? v->mask + 1 : 0;
  v->slots = memory_allocate(slots * sizeof *v->slots);
  v->mask = slots - 1;
  for (size_t i = 0; i < slots; i++) v->slots[i].id = -1;
  for (size_t i = 0; i < old_count; i++) {
    if (old[i].id < 0) continue;
    size_t at = old[i].hash & v->mask;
    while (v->slots[at].id >= 0) at = (at + 1) & v->mask;
    v->slots[at] = old[i];
  }
  memory_free(old);
}

static void reserve_tokens(Vocabulary *v, size_t capacity) {
  if (capacity <= v->capacity) return;
  size_t next = array_capacity(v->capacity, capacity);
  v->tokens = memory_resize(v->tokens, next * sizeof *v->tokens);
  memset(v->tokens + v->capacity, 0, (next - v->capacity) * sizeof *v->tokens);
  v->capacity = next;
}

void vocabulary_reserve(Vocabulary *v, size_t count, size_t bytes) {
  size_t slots = 16;
  while (slots < 2 * count) slots *= 2;
  if (!v->slots || slots > v->mask + 1) rehash(v, slots);
  if (count <= VOCABULARY_ID_LIMIT) reserve_tokens(v, count);
  if (bytes >= v->bytes.capacity) {
    v->bytes.capacity = bytes + 1;
    v->bytes.data = memory_resize(v->bytes.data, v->bytes.capacity);
  }
}

// The slot of a text, or the empty one where it belongs.
static size_t find_slot(const Vocabulary *v, Span text, uint32_t hash) {
  size_t at = hash & v->mask;
  for (; v->slots[at].id >= 0; at = (at + 1) & v->mask) {
    if (v->slots[at].hash != hash) continue;
    if (v->slots[at].size != text.size) continue;
    if (!memcmp(v->bytes.data + v->slots[at].offset, text.data, text.size)) break;
  }
  return at;
}

bool vocabulary_add_hidden(Vocabulary *v, Span text, int64_t id, const char *where, Error *error) {
  int shown = (int)(text.size < 60 ? text.size : 60);
  if (id < 0 || id >= VOCABULARY_ID_LIMIT)
    return error_set(error, ERROR_FORMAT, where, "id %lld of \"%.*s\" is outside 0 … %d",
                     (long long)id, shown, text.data, VOCABULARY_ID_LIMIT - 1);
  if (text.size > UINT32_MAX - v->bytes.size)
    return error_set(error, ERROR_FORMAT, where, "more than 4 GiB of token texts");
  reserve_tokens(v, (size_t)id + 1);
  if (v->tokens[id].present)
    return error_set(error, ERROR_FORMAT, where, "id %lld occurs twice: \"%.*s\"", (long long)id,
                     shown, text.data);
  v->tokens[id] = (VocabularyToken){(uint32_t)v->bytes.size, (uint32_t)text.size, true};
  text_append(&v->bytes, text.data, text.size);
  v->count++;
  if (id >= v->limit) v->limit = (int32_t)id + 1;
  return true;
}

bool vocabulary_add(Vocabulary *v, Span text, int64_t id, const char *where, Error *error) {
  if (!v->slots || 2 * (v->count + 1) > v->mask + 1) rehash(v, v->slots ? 2 * (v->mask + 1) : 16);
  uint32_t hash = (uint32_t)vocabulary_hash(text.data, text.size);
  size_t slot = find_slot(v, text, hash);
  if (v->slots[slot].id >= 0)
    return error_set(error, ERROR_FORMAT, where, "a token occurs twice: \"%.*s\", id %lld",
                     (int)(text.size < 60 ? text.size : 60), text.data, (long long)id);
  if (!vocabulary_add_hidden(v, text, id, where, error)) return false;
  v->slots[slot] = (VocabularySlot){hash, (int32_t)id, v->tokens[id].offset, (uint32_t)text.size};
  return true;
}

int32_t vocabulary_find(const Vocabulary *v, Span text) {
  if (!v->slots) return -1;
  return v->slots[find_slot(v, text, (uint32_t)vocabulary_hash(text.data, text.size))].id;
}

Span vocabulary_text(const Vocabulary *v, int32_t id) {
  if (id < 0 || id >= v->limit || !v->tokens[id].present) return (Span){0};
  return (Span){v->bytes.data + v->tokens[id].offset, v->tokens[id].size};
}
