// SPDX-License-Identifier: Apache-2.0
#include "cli/piece.h"
#include <string.h>
#include <utf8proc.h>

static void append_byte(unsigned char byte, Text *out) {
  static const char escapes[] = "n\nr\rt\t\"\"\\\\";
  for (const char *pair = escapes; *pair; pair += 2) {
    if ((unsigned char)pair[1] != byte) continue;
    text_append_format(out, "\\%c", pair[0]);
    return;
  }
  if (byte >= 0x20 && byte < 0x7F) {
    text_append_character(out, (char)byte);
  } else {
    text_append_format(out, "\\x%02x", byte);
  }
}

// Whether a terminal shows something for it and is not steered by it.
static bool is_visible(utf8proc_int32_t character) {
  utf8proc_category_t category = utf8proc_category(character);
  return category != UTF8PROC_CATEGORY_CC && category != UTF8PROC_CATEGORY_CF &&
         category != UTF8PROC_CATEGORY_CN && category != UTF8PROC_CATEGORY_ZL &&
         category != UTF8PROC_CATEGORY_ZP;
}

void piece_append_quoted(Span bytes, Text *out) {
  text_append_character(out, '"');
  for (size_t i = 0; i < bytes.size;) {
    utf8proc_int32_t character;
    utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)bytes.data + i,
                                             (utf8proc_ssize_t)(bytes.size - i), &character);
    if (size > 1 && is_visible(character)) {
      text_append(out, bytes.data + i, (size_t)size);
      i += (size_t)size;
    } else {
      append_byte((unsigned char)bytes.data[i++], out);
    }
  }
  text_append_character(out, '"');
}

void piece_append(const Tokenizer *tokenizer, int32_t id, Text *out) {
  if (!tokenizer || !tokenizer_token(tokenizer, id).data) {
    text_append_character(out, '-');
    return;
  }
  Text bytes = {0};
  tokenizer_piece(tokenizer, id, &bytes);
  piece_append_quoted(text_span(&bytes), out);
  text_free(&bytes);
}
