// SPDX-License-Identifier: Apache-2.0
// The four Unicode normalization forms, by the tables of Unicode 9.0 as in the reference:
// characters that later versions added keep as they are.
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <stdint.h>

typedef enum { FORM_NFC, FORM_NFD, FORM_NFKC, FORM_NFKD } UnicodeForm;

// Appends the form of `text`. *buffer with its capacity is scratch that grows; the caller frees it.
CHECKED bool unicode_form_append(UnicodeForm form, Span text, int32_t **buffer, size_t *capacity,
                                 Text *out, Error *error);
