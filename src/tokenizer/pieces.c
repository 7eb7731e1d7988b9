// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/pieces.h"

void pieces_close(Pieces *pieces) {
  text_free(&pieces->texts[0]);
  text_free(&pieces->texts[1]);
  ARRAY_FREE(&pieces->list);
  ARRAY_FREE(&pieces->next);
}

void pieces_start(Pieces *pieces, Span text, bool starts_text) {
  pieces->text = text;
  pieces->starts_text = starts_text;
  pieces->unmapped = false;
  pieces->next.count = pieces->list.count = 0;
  if (text.size) ARRAY_APPEND(&pieces->list, ((Piece){0, text.size}));
}

Span pieces_span(const Pieces *pieces, size_t index) {
  Piece piece = pieces->list.items[index];
  return (Span){pieces->text.data + piece.begin, piece.end - piece.begin};
}

void cut_start(Cut *cut, Pieces *pieces, size_t index, SplitBehavior behavior, bool invert) {
  Piece whole = pieces->list.items[index];
  *cut = (Cut){.pieces = pieces, .behavior = behavior, .invert = invert, .whole = whole};
  cut->at = whole.begin;
}

static void emit(Cut *cut, Piece piece) {
  if (piece.begin < piece.end) ARRAY_APPEND(&cut->pieces->next, piece);
}

static void flush(Cut *cut) {
  if (cut->holds) emit(cut, cut->held);
  cut->holds = false;
}

// The held piece grows by this one, or is written and this one held.
static void hold(Cut *cut, Piece piece, bool is_match, bool join) {
  if (cut->holds && join) {
    cut->held.end = piece.end;
  } else {
    flush(cut);
    cut->held = piece;
    cut->holds = true;
  }
  cut->held_is_match = is_match;
}

// Merging attaches a match only to a neighbour that is not itself a match.
static void segment(Cut *cut, Piece piece, bool is_match) {
  if (cut->invert) is_match = !is_match;
  switch (cut->behavior) {
  case SPLIT_REMOVED:
    if (!is_match) emit(cut, piece);
    break;
  case SPLIT_ISOLATED: emit(cut, piece); break;
  case SPLIT_MERGED_WITH_PREVIOUS:
    hold(cut, piece, is_match, is_match && !cut->held_is_match);
    break;
  case SPLIT_MERGED_WITH_NEXT: hold(cut, piece, is_match, !is_match && cut->held_is_match); break;
  case SPLIT_CONTIGUOUS: hold(cut, piece, is_match, is_match == cut->held_is_match); break;
  }
}

void cut_match(Cut *cut, size_t begin, size_t end) {
  begin += cut->whole.begin;
  end += cut->whole.begin;
  if (begin > cut->at) segment(cut, (Piece){cut->at, begin}, false);
  segment(cut, (Piece){begin, end}, true);
  cut->at = end;
}

void cut_finish(Cut *cut) {
  if (cut->whole.end > cut->at) segment(cut, (Piece){cut->at, cut->whole.end}, false);
  flush(cut);
}

void pieces_commit(Pieces *pieces) {
  PieceList list = pieces->list;
  pieces->list = pieces->next;
  pieces->next = list;
  pieces->next.count = 0;
}

Text *pieces_rewrite(Pieces *pieces) {
  Text *text = &pieces->texts[pieces->text.data == pieces->texts[0].data ? 1 : 0];
  text_clear(text);
  return text;
}

void pieces_rewrite_piece(Pieces *pieces, Text *text, size_t begin) {
  if (begin < text->size) ARRAY_APPEND(&pieces->next, ((Piece){begin, text->size}));
}

void pieces_rewrite_finish(Pieces *pieces, Text *text) {
  pieces->text = text_span(text);
  pieces_commit(pieces);
}
