// SPDX-License-Identifier: Apache-2.0
#include "base/wrap.h"
#include <string.h>

void wrap_append(Text *text, const char *words, int columns, int indent) {
  size_t used = 0;
  while (*words) {
    size_t length = strcspn(words, " ");
    if (used > 0 && used + 1 + length > (size_t)columns) {
      text_append_format(text, "\n%*s", indent, "");
      used = (size_t)indent;
    } else if (used > 0) {
      text_append_character(text, ' ');
      used++;
    }
    text_append(text, words, length);
    used += length;
    words += length + (words[length] == ' ');
  }
  text_append_character(text, '\n');
}
