// SPDX-License-Identifier: Apache-2.0
// Little-endian fields of a binary file, read one after another with every size checked. An error
// names the file, the field and its byte offset.
#pragma once
#include "base/error.h"
#include "base/text.h"
#include <stdint.h>

typedef struct {
  const unsigned char *bytes;
  size_t size, position; // position <= size
  const char *name;      // of the file, for errors
} ByteReader;

size_t byte_reader_left(const ByteReader *reader); // bytes from the position to the end

// Each moves the position past what it read; `what` says the field in errors. On failure the
// position stays.
CHECKED bool byte_reader_take(ByteReader *reader, uint64_t count, const char *what,
                              const unsigned char **out, Error *error);
CHECKED bool byte_reader_u32(ByteReader *reader, const char *what, uint32_t *out, Error *error);
CHECKED bool byte_reader_u64(ByteReader *reader, const char *what, uint64_t *out, Error *error);
// A u64 size of at most `most`, and that many bytes.
CHECKED bool byte_reader_text(ByteReader *reader, uint64_t most, const char *what, Span *out,
                              Error *error);
