// SPDX-License-Identifier: Apache-2.0
#include "formats/byte_reader.h"
#include <inttypes.h>
#include <string.h>

size_t byte_reader_left(const ByteReader *reader) {
  return reader->size - reader->position;
}

bool byte_reader_take(ByteReader *reader, uint64_t count, const char *what,
                      const unsigned char **out, Error *error) {
  if (count > byte_reader_left(reader)) {
    error_set(error, ERROR_FORMAT, reader->name,
              "ends at byte %zu, expected %" PRIu64 " bytes of %s at byte %zu", reader->size, count,
              what, reader->position);
    return false;
  }
  *out = reader->bytes + reader->position;
  reader->position += (size_t)count;
  return true;
}

bool byte_reader_u32(ByteReader *reader, const char *what, uint32_t *out, Error *error) {
  const unsigned char *bytes;
  if (!byte_reader_take(reader, sizeof *out, what, &bytes, error)) return false;
  memcpy(out, bytes, sizeof *out);
  return true;
}

bool byte_reader_u64(ByteReader *reader, const char *what, uint64_t *out, Error *error) {
  const unsigned char *bytes;
  if (!byte_reader_take(reader, sizeof *out, what, &bytes, error)) return false;
  memcpy(out, bytes, sizeof *out);
  return true;
}

bool byte_reader_text(ByteReader *reader, uint64_t most, const char *what, Span *out,
                      Error *error) {
  size_t begin = reader->position;
  uint64_t size = 0;
  const unsigned char *bytes;
  if (!byte_reader_u64(reader, what, &size, error)) return false;
  bool fits = size <= most ||
              error_set(error, ERROR_FORMAT, reader->name,
                        "the size of %s at byte %zu is %" PRIu64 ", expected at most %" PRIu64,
                        what, begin, size, most);
  if (!fits || !byte_reader_take(reader, size, what, &bytes, error)) {
    reader->position = begin;
    return false;
  }
  *out = (Span){(const char *)bytes, (size_t)size};
  return true;
}
