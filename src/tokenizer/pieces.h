// SPDX-License-Identifier: Apache-2.0
// A text cut into pieces, in order and without empty ones. Pre-tokenizers cut pieces further, drop
// some, or rewrite their text.
#pragma once
#include "base/array.h"
#include "tokenizer/pattern.h"

typedef struct {
  size_t begin, end;
} Piece;

typedef ARRAY_OF(Piece) PieceList;

typedef struct {
  Span text;        // what the pieces are cut from: the caller's, or one of `texts`
  Text texts[2];    // rewritten text
  PieceList list;   // the pieces
  PieceList next;   // those being made
  bool starts_text; // the first byte of `text` comes from offset 0 of the original
  bool unmapped;    // a last ByteLevel step left the bytes to the model
} Pieces;

void pieces_close(Pieces *pieces);
// One piece that is the whole text (none when it is empty). `text` must outlive the pieces.
void pieces_start(Pieces *pieces, Span text, bool starts_text);
Span pieces_span(const Pieces *pieces, size_t index);

typedef enum {
  SPLIT_REMOVED,
  SPLIT_ISOLATED,
  SPLIT_MERGED_WITH_PREVIOUS,
  SPLIT_MERGED_WITH_NEXT,
  SPLIT_CONTIGUOUS
} SplitBehavior;

// Cuts one piece. Give it the matches in order with cut_match (begin … end inside the piece), then
// cut_finish; the new pieces go to pieces->next.
typedef struct {
  Pieces *pieces;
  SplitBehavior behavior;
  bool invert; // what lies between the matches is what matches
  Piece whole;
  size_t at;  // end of the last match
  Piece held; // not written yet
  bool holds, held_is_match;
} Cut;

void cut_start(Cut *cut, Pieces *pieces, size_t index, SplitBehavior behavior, bool invert);
void cut_match(Cut *cut, size_t begin, size_t end);
void cut_finish(Cut *cut);
// `next` becomes the list.
void pieces_commit(Pieces *pieces);

// Rewriting: pieces_rewrite gives the Text to append the new text to, pieces_rewrite_piece is
// called after each piece was appended (from `begin` on), pieces_rewrite_finish makes the new text
// the text. A piece that became empty vanishes.
Text *pieces_rewrite(Pieces *pieces);
void pieces_rewrite_piece(Pieces *pieces, Text *text, size_t begin);
void pieces_rewrite_finish(Pieces *pieces, Text *text);
