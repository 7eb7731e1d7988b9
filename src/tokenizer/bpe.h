// SPDX-License-Identifier: Apache-2.0
// Byte-pair encoding of one piece of text: symbols (characters, or bytes of a byte-level
// vocabulary) are merged pair by pair, lowest rank first, leftmost on ties.
//
// Short pieces scan their pairs; long ones keep a heap of (rank, position) with stale entries
// skipped, so that a piece of n symbols takes O(n log n).
#pragma once
#include "base/array.h"
#include "base/error.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_cache.h"

typedef ARRAY_OF(int32_t) TokenIds;

typedef struct {
  Vocabulary vocabulary;
  MergeTable merges;
  char *prefix;       // continuing_subword_prefix; NULL: none
  char *suffix;       // end_of_word_suffix; NULL: none
  char *unknown;      // unk_token; NULL: none
  int32_t unknown_id; // -1 also when unknown is not in the vocabulary
  bool fuse_unknown, byte_fallback, ignore_merges;
  bool has_byte_tokens;     // all 256 <0xHH> exist: byte_fallback never has to look further
  int32_t byte_tokens[256]; // of <0xHH>, -1: none
  bool cuts_at_marks;   // a piece may be cut before a U+2581, so that its words can be cached…
  bool joins_mark[256]; // …unless this byte precedes it: some merge makes the two one token
  bool maps_bytes;      // pieces may come as bytes: no prefix and no suffix
  int32_t mapped_bytes[256]; // of the byte characters, -1: none
} Bpe;

typedef struct {
  int32_t id;
  int32_t previous, next; // neighbours; -1 at the ends. next == BPE_GONE: merged away
} BpeSymbol;

typedef struct {
  uint32_t rank, position;
  int32_t left, right; // the pair it was made for
} BpeCandidate;

// Scratch of one thread.
typedef struct {
  ARRAY_OF(BpeSymbol) symbols;
  ARRAY_OF(BpeCandidate) heap;
  Text text;
  WordCache cache;
} BpeWork;

void bpe_close(Bpe *bpe);
// Fills what depends on the vocabulary (byte tokens, unknown_id); call once before bpe_encode.
void bpe_prepare(Bpe *bpe);
void bpe_work_open(BpeWork *work);
void bpe_work_close(BpeWork *work);
// Appends the ids of a piece. `bytes`: the piece is text whose bytes still have to become byte
// characters (needs maps_bytes, no prefix and no suffix). Fails for a piece with an unknown
// character when unk_token itself is not in the vocabulary.
CHECKED bool bpe_encode(const Bpe *bpe, BpeWork *work, Span piece, bool bytes, TokenIds *ids,
                        Error *error);
