// SPDX-License-Identifier: Apache-2.0
// The search is a trie over bytes. Its nodes keep their children in a list; the first byte is
// looked up in a table, so that most positions of a text cost one load.
#include "tokenizer/added_tokens.h"
#include "tokenizer/unicode.h"

typedef struct {
  const AddedToken *token; // that ends here; NULL: none
  int32_t child, sibling;  // -1: none
  unsigned char byte;
} Node;

struct AddedTokenSearch {
  ARRAY_OF(Node) nodes;
  int32_t first[256];
};

AddedTokenSearch *added_token_search_open(void) {
  AddedTokenSearch *search = memory_allocate(sizeof *search);
  for (int i = 0; i < 256; i++) search->first[i] = -1;
  return search;
}

void added_token_search_close(AddedTokenSearch *search) {
  if (!search) return;
  ARRAY_FREE(&search->nodes);
  memory_free(search);
}

bool added_token_search_empty(const AddedTokenSearch *search) {
  return search->nodes.count == 0;
}

static int32_t find_child(const AddedTokenSearch *search, int32_t parent, unsigned char byte) {
  if (parent < 0) return search->first[byte];
  int32_t child = search->nodes.items[parent].child;
  while (child >= 0 && search->nodes.items[child].byte != byte)
    child = search->nodes.items[child].sibling;
  return child;
}

static int32_t make_child(AddedTokenSearch *search, int32_t parent, unsigned char byte) {
  int32_t child = find_child(search, parent, byte);
  if (child >= 0) return child;
  child = (int32_t)search->nodes.count;
  Node node = {.child = -1, .sibling = -1, .byte = byte};
  if (parent >= 0) {
    node.sibling = search->nodes.items[parent].child;
    search->nodes.items[parent].child = child;
  } else
    search->first[byte] = child;
  ARRAY_APPEND(&search->nodes, node);
  return child;
}

void added_token_search_add(AddedTokenSearch *search, Span text, const AddedToken *token) {
  int32_t node = -1;
  for (size_t i = 0; i < text.size; i++)
    node = make_child(search, node, (unsigned char)text.data[i]);
  if (node >= 0) search->nodes.items[node].token = token;
}

static const AddedToken *longest_at(const AddedTokenSearch *search, Span text, size_t at,
                                    size_t *end) {
  const AddedToken *best = NULL;
  int32_t node = -1;
  for (size_t i = at; i < text.size; i++) {
    node = find_child(search, node, (unsigned char)text.data[i]);
    if (node < 0) break;
    if (search->nodes.items[node].token) {
      best = search->nodes.items[node].token;
      *end = i + 1;
    }
  }
  return best;
}

static bool stands_alone(Span text, size_t begin, size_t end) {
  size_t length;
  if (begin > 0 && unicode_is_word(utf8_decode_before(text.data, begin, &length))) return false;
  return end == text.size || !unicode_is_word(utf8_decode(text.data + end, &length));
}

static size_t strip_left(Span text, size_t begin, size_t least) {
  size_t length;
  while (begin > least && unicode_is_space(utf8_decode_before(text.data, begin, &length)))
    begin -= length;
  return begin < least ? least : begin;
}

static size_t strip_right(Span text, size_t end) {
  size_t length;
  while (end < text.size && unicode_is_space(utf8_decode(text.data + end, &length))) end += length;
  return end;
}

void added_token_search_split(const AddedTokenSearch *search, Span text, bool skip_special,
                              AddedTokenParts *parts) {
  size_t written = 0, end = 0;
  for (size_t at = 0; at < text.size && search->nodes.count;) {
    const AddedToken *token =
        search->first[(unsigned char)text.data[at]] < 0 ? NULL : longest_at(search, text, at, &end);
    if (!token) {
      at++;
      continue;
    }
    size_t begin = at, stop = end;
    at = end;
    if ((token->special && skip_special) || (token->single_word && !stands_alone(text, begin, end)))
      continue;
    if (token->left_strip) begin = strip_left(text, begin, written);
    if (token->right_strip) stop = strip_right(text, stop);
    if (begin > written) ARRAY_APPEND(parts, ((AddedTokenPart){written, begin, NULL}));
    ARRAY_APPEND(parts, ((AddedTokenPart){begin, stop, token}));
    written = stop;
  }
  if (written < text.size) ARRAY_APPEND(parts, ((AddedTokenPart){written, text.size, NULL}));
}
