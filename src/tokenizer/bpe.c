// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/bpe.h"
#include "tokenizer/byte_map.h"
#include "tokenizer/unicode.h"
#include <stdio.h>
#include <string.h>

#define SCAN_LIMIT 48 // symbols of a piece whose pairs are scanned rather than kept in a heap
#define BPE_GONE (-2)
#define MARK "\xE2\x96\x81" // U+2581, which SentencePiece writes for a space
#define MARK_SIZE 3

void bpe_close(Bpe *bpe) {
  vocabulary_close(&bpe->vocabulary);
  merge_table_close(&bpe->merges);
  memory_free(bpe->prefix);
  memory_free(bpe->suffix);
  memory_free(bpe->unknown);
}

static size_t find_mark(Span text, size_t from) {
  const char *found =
      from < text.size ? memmem(text.data + from, text.size - from, MARK, MARK_SIZE) : NULL;
  return found ? (size_t)(found - text.data) : text.size;
}

static bool follows_mark(Span text, size_t at) {
  return at >= MARK_SIZE && !memcmp(text.data + at - MARK_SIZE, MARK, MARK_SIZE);
}

// What is before a mark can be told apart from it unless a merge makes a token with both inside.
static void note_joined_marks(Bpe *bpe) {
  bpe->cuts_at_marks = !bpe->prefix && !bpe->suffix && !bpe->ignore_merges &&
                       vocabulary_find(&bpe->vocabulary, (Span){MARK, MARK_SIZE}) >= 0;
  for (size_t i = 0; bpe->cuts_at_marks && i <= bpe->merges.mask; i++) {
    if (bpe->merges.slots[i].key == UINT64_MAX) continue;
    Span text = vocabulary_text(&bpe->vocabulary, bpe->merges.slots[i].id);
    for (size_t at = find_mark(text, 1); at < text.size; at = find_mark(text, at + 1))
      if (!follows_mark(text, at)) bpe->joins_mark[(unsigned char)text.data[at - 1]] = true;
  }
}

void bpe_prepare(Bpe *bpe) {
  bpe->has_byte_tokens = true;
  bpe->maps_bytes = !bpe->prefix && !bpe->suffix;
  for (int byte = 0; byte < 256; byte++) {
    char name[8];
    size_t size = (size_t)snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
    bpe->byte_tokens[byte] = vocabulary_find(&bpe->vocabulary, (Span){name, size});
    size = utf8_encode(byte_map_character((unsigned char)byte), name);
    bpe->mapped_bytes[byte] = vocabulary_find(&bpe->vocabulary, (Span){name, size});
    if (bpe->byte_tokens[byte] < 0) bpe->has_byte_tokens = false;
  }
  bpe->unknown_id = bpe->unknown ? vocabulary_find(&bpe->vocabulary, span_of(bpe->unknown)) : -1;
  if (!bpe->merges.slots) merge_table_reserve(&bpe->merges, 0);
  note_joined_marks(bpe);
}

void bpe_work_open(BpeWork *work) {
  *work = (BpeWork){0};
  word_cache_open(&work->cache);
}

void bpe_work_close(BpeWork *work) {
  ARRAY_FREE(&work->symbols);
  ARRAY_FREE(&work->heap);
  text_free(&work->text);
  word_cache_close(&work->cache);
}

static void add_symbol(BpeWork *work, int32_t id) {
  ARRAY_APPEND(&work->symbols, ((BpeSymbol){.id = id}));
}

// The text of one character's symbol: with the prefix unless first, the suffix if last.
static Span symbol_text(const Bpe *bpe, BpeWork *work, Span character, bool first, bool last) {
  if (!(bpe->prefix && !first) && !(bpe->suffix && last)) return character;
  text_clear(&work->text);
  if (bpe->prefix && !first) text_append_text(&work->text, bpe->prefix);
  text_append(&work->text, character.data, character.size);
  if (bpe->suffix && last) text_append_text(&work->text, bpe->suffix);
  return text_span(&work->text);
}

static bool add_byte_tokens(const Bpe *bpe, BpeWork *work, Span text) {
  for (size_t i = 0; i < text.size && !bpe->has_byte_tokens; i++)
    if (bpe->byte_tokens[(unsigned char)text.data[i]] < 0) return false;
  for (size_t i = 0; i < text.size; i++)
    add_symbol(work, bpe->byte_tokens[(unsigned char)text.data[i]]);
  return true;
}

static bool start_from_characters(const Bpe *bpe, BpeWork *work, Span piece, Error *error) {
  bool pending = false; // an unknown that is not written yet, so that others can join it
  size_t length;
  for (size_t at = 0; at < piece.size; at += length) {
    length = utf8_length(piece.data[at]);
    Span text =
        symbol_text(bpe, work, (Span){piece.data + at, length}, at == 0, at + length == piece.size);
    int32_t id = vocabulary_find(&bpe->vocabulary, text);
    if (id >= 0) {
      if (pending) add_symbol(work, bpe->unknown_id);
      pending = false;
      add_symbol(work, id);
    } else if (!(bpe->byte_fallback && add_byte_tokens(bpe, work, text)) && bpe->unknown) {
      if (bpe->unknown_id < 0)
        return error_set(error, ERROR_FORMAT, NULL,
                         "the text has an unknown character and unk_token \"%.60s\" is not in the "
                         "vocabulary",
                         bpe->unknown);
      if (pending && !bpe->fuse_unknown) add_symbol(work, bpe->unknown_id);
      pending = true;
    }
  }
  if (pending) add_symbol(work, bpe->unknown_id);
  return true;
}

// ---- Short pieces: the rank of each adjacent pair in an array, the least one merged. ----

static uint32_t pair_rank(const Bpe *bpe, int32_t left, int32_t right, int32_t *id) {
  const Merge *merge = merge_table_find(&bpe->merges, left, right);
  if (!merge) return MERGE_NONE;
  *id = merge->id;
  return merge->rank;
}

static size_t lowest(const uint32_t *ranks, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (ranks[i] < ranks[best]) best = i;
  return best;
}

static void merge_by_scan(const Bpe *bpe, BpeWork *work, TokenIds *ids) {
  int32_t symbols[SCAN_LIMIT], results[SCAN_LIMIT];
  uint32_t ranks[SCAN_LIMIT];
  size_t count = work->symbols.count;
  for (size_t i = 0; i < count; i++) symbols[i] = work->symbols.items[i].id;
  for (size_t i = 0; i + 1 < count; i++)
    ranks[i] = pair_rank(bpe, symbols[i], symbols[i + 1], &results[i]);
  while (count > 1) {
    size_t at = lowest(ranks, count - 1);
    if (ranks[at] == MERGE_NONE) break;
    symbols[at] = results[at];
    size_t behind = count - at - 2; // symbols after the pair
    memmove(symbols + at + 1, symbols + at + 2, behind * sizeof *symbols);
    if (behind) {
      memmove(ranks + at, ranks + at + 1, behind * sizeof *ranks);
      memmove(results + at, results + at + 1, behind * sizeof *results);
    }
    count--;
    if (at > 0) ranks[at - 1] = pair_rank(bpe, symbols[at - 1], symbols[at], &results[at - 1]);
    if (at + 1 < count) ranks[at] = pair_rank(bpe, symbols[at], symbols[at + 1], &results[at]);
  }
  for (size_t i = 0; i < count; i++) ARRAY_APPEND(ids, symbols[i]);
}

// ---- Long pieces: a linked list of symbols and a binary heap of candidates. ----

static bool comes_before(const BpeCandidate *a, const BpeCandidate *b) {
  return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

static void heap_push(BpeWork *work, BpeCandidate candidate) {
  ARRAY_APPEND(&work->heap, candidate);
  BpeCandidate *heap = work->heap.items;
  size_t at = work->heap.count - 1;
  for (; at > 0 && comes_before(&candidate, &heap[(at - 1) / 2]); at = (at - 1) / 2)
    heap[at] = heap[(at - 1) / 2];
  heap[at] = candidate;
}

static BpeCandidate heap_pop(BpeWork *work) {
  BpeCandidate *heap = work->heap.items, top = heap[0], last = heap[--work->heap.count];
  size_t count = work->heap.count, at = 0;
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && comes_before(&heap[child + 1], &heap[child])) child++;
    if (!comes_before(&heap[child], &last)) break;
    heap[at] = heap[child];
  }
  heap[at] = last;
  return top;
}

static void push_pair(const Bpe *bpe, BpeWork *work, int32_t position) {
  if (position < 0 || work->symbols.items[position].next < 0) return;
  int32_t left = work->symbols.items[position].id;
  int32_t right = work->symbols.items[work->symbols.items[position].next].id;
  const Merge *merge = merge_table_find(&bpe->merges, left, right);
  if (merge) heap_push(work, (BpeCandidate){merge->rank, (uint32_t)position, left, right});
}

static void merge_candidate(const Bpe *bpe, BpeWork *work, const BpeCandidate *candidate) {
  BpeSymbol *symbols = work->symbols.items, *left = &symbols[candidate->position];
  if (left->next < 0 || left->id != candidate->left) return;
  BpeSymbol *right = &symbols[left->next];
  if (right->id != candidate->right) return;
  left->id = merge_table_find(&bpe->merges, left->id, right->id)->id;
  left->next = right->next;
  right->next = BPE_GONE;
  if (left->next >= 0) symbols[left->next].previous = (int32_t)candidate->position;
  push_pair(bpe, work, left->previous);
  push_pair(bpe, work, (int32_t)candidate->position);
}

static void merge_by_heap(const Bpe *bpe, BpeWork *work, TokenIds *ids) {
  int32_t count = (int32_t)work->symbols.count;
  for (int32_t i = 0; i < count; i++) {
    work->symbols.items[i].previous = i - 1;
    work->symbols.items[i].next = i + 1 < count ? i + 1 : -1;
  }
  work->heap.count = 0;
  for (int32_t i = 0; i + 1 < count; i++) push_pair(bpe, work, i);
  while (work->heap.count) {
    BpeCandidate candidate = heap_pop(work);
    merge_candidate(bpe, work, &candidate);
  }
  for (int32_t i = 0; i >= 0 && i < count; i = work->symbols.items[i].next)
    ARRAY_APPEND(ids, work->symbols.items[i].id);
}

// One symbol per byte; a byte whose character is no token needs the care of other unknown ones.
static bool start_from_bytes(const Bpe *bpe, BpeWork *work, Span piece, Error *error) {
  for (size_t i = 0; i < piece.size; i++) {
    int32_t id = bpe->mapped_bytes[(unsigned char)piece.data[i]];
    if (id >= 0) {
      add_symbol(work, id);
      continue;
    }
    work->symbols.count = 0;
    text_clear(&work->text);
    byte_map_encode(piece, &work->text);
    return start_from_characters(bpe, work, text_span(&work->text), error);
  }
  return true;
}

static int32_t whole_piece(const Bpe *bpe, BpeWork *work, Span piece, bool bytes) {
  if (!bpe->ignore_merges) return -1;
  text_clear(&work->text);
  if (bytes) byte_map_encode(piece, &work->text);
  return vocabulary_find(&bpe->vocabulary, bytes ? text_span(&work->text) : piece);
}

static bool encode_anew(const Bpe *bpe, BpeWork *work, Span piece, bool bytes, TokenIds *ids,
                        Error *error) {
  int32_t whole = whole_piece(bpe, work, piece, bytes);
  if (whole >= 0) {
    ARRAY_APPEND(ids, whole);
    return true;
  }
  work->symbols.count = 0;
  if (bytes ? !start_from_bytes(bpe, work, piece, error)
            : !start_from_characters(bpe, work, piece, error))
    return false;
  if (work->symbols.count <= SCAN_LIMIT)
    merge_by_scan(bpe, work, ids);
  else
    merge_by_heap(bpe, work, ids);
  return true;
}

static bool encode_word(const Bpe *bpe, BpeWork *work, Span piece, bool bytes, TokenIds *ids,
                        Error *error) {
  uint32_t hash;
  WordCacheEntry *entry = word_cache_entry(&work->cache, piece, &hash);
  if (entry && word_cache_holds(entry, piece, hash)) {
    for (size_t i = 0; i < entry->count; i++) ARRAY_APPEND(ids, entry->ids[i]);
    return true;
  }
  size_t before = ids->count;
  if (!encode_anew(bpe, work, piece, bytes, ids, error)) return false;
  if (entry && ids->count)
    word_cache_put(entry, piece, hash, ids->items + before, ids->count - before);
  return true;
}

// Size of the first word: up to a mark at which a piece may be cut.
static size_t word_size(const Bpe *bpe, Span text) {
  size_t at = find_mark(text, 1);
  while (at < text.size &&
         (follows_mark(text, at) || bpe->joins_mark[(unsigned char)text.data[at - 1]]))
    at = find_mark(text, at + 1);
  return at;
}

bool bpe_encode(const Bpe *bpe, BpeWork *work, Span piece, bool bytes, TokenIds *ids,
                Error *error) {
  if (piece.size > INT32_MAX / 4)
    return error_set(error, ERROR_UNSUPPORTED, NULL, "a piece of text has %zu bytes, at most %d",
                     piece.size, INT32_MAX / 4);
  if (bytes || !bpe->cuts_at_marks) return encode_word(bpe, work, piece, bytes, ids, error);
  while (piece.size) {
    Span word = {piece.data, word_size(bpe, piece)};
    if (!encode_word(bpe, work, word, false, ids, error)) return false;
    piece.data += word.size;
    piece.size -= word.size;
  }
  return true;
}
