// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/unicode_form.h"
#include "base/array.h"
#include "tokenizer/unicode.h"
#include <utf8proc.h>

static utf8proc_option_t form_options(UnicodeForm form) {
  switch (form) {
  case FORM_NFC: return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  case FORM_NFD: return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  case FORM_NFKC: return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
  default: return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
  }
}

// A character that its form keeps and that starts anew: nothing before it combines with it.
static bool is_plain(UnicodeForm form, uint32_t c) {
  if (c < 0x80) return true;
  if (form == FORM_NFC && (c < 0x300 || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x400 && c < 0x483)))
    return true;
  return false;
}

static bool append_run(UnicodeForm form, Span run, int32_t **buffer, size_t *capacity, Text *out,
                       Error *error) {
  utf8proc_option_t options = form_options(form);
  for (;;) {
    utf8proc_ssize_t count =
        utf8proc_decompose((const utf8proc_uint8_t *)run.data, (utf8proc_ssize_t)run.size, *buffer,
                           (utf8proc_ssize_t)*capacity, options);
    if (count < 0)
      return error_set(error, ERROR_FORMAT, NULL, "Unicode normalization failed: %s",
                       utf8proc_errmsg(count));
    if ((size_t)count > *capacity) {
      *capacity = array_capacity(*capacity, (size_t)count);
      *buffer = memory_resize(*buffer, (*capacity + 1) * sizeof **buffer);
      continue;
    }
    if (count) count = utf8proc_normalize_utf32(*buffer, count, options);
    for (utf8proc_ssize_t i = 0; i < count; i++) utf8_append(out, (uint32_t)(*buffer)[i]);
    return true;
  }
}

bool unicode_form_append(UnicodeForm form, Span text, int32_t **buffer, size_t *capacity, Text *out,
                         Error *error) {
  // Plain runs are copied; the rest goes to utf8proc from the last plain character before it to
  // the next plain one; a foreign character is copied and nothing combines across it.
  size_t copied = 0, previous = 0, at = 0;
  while (at < text.size) {
    size_t length;
    uint32_t c = utf8_decode(text.data + at, &length);
    if (is_plain(form, c) || unicode_is_unnormalized(c)) {
      previous = unicode_is_unnormalized(c) ? at + length : at;
      at += length;
      continue;
    }
    text_append(out, text.data + copied, previous - copied);
    while (at < text.size) {
      c = utf8_decode(text.data + at, &length);
      if (is_plain(form, c) || unicode_is_unnormalized(c)) break;
      at += length;
    }
    Span run = {text.data + previous, at - previous};
    if (!append_run(form, run, buffer, capacity, out, error)) return false;
    copied = previous = at;
  }
  text_append(out, text.data + copied, text.size - copied);
  return true;
}
