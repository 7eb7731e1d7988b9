// SPDX-License-Identifier: Apache-2.0
// The keys and values of a GGUF file, with typed access. Nothing is copied at parsing: texts and
// arrays are spans of the mapped file. Writers vary in the width of numbers, so any integer type is
// taken for an integer, and any number for a number. Errors name the file and the key.
#pragma once
#include "base/array.h"
#include "formats/byte_reader.h"

// The type ids of the format, in its order.
typedef enum {
  GGUF_U8,
  GGUF_I8,
  GGUF_U16,
  GGUF_I16,
  GGUF_U32,
  GGUF_I32,
  GGUF_F32,
  GGUF_BOOL,
  GGUF_TEXT,
  GGUF_ARRAY,
  GGUF_U64,
  GGUF_I64,
  GGUF_F64,
  GGUF_TYPE_COUNT
} GgufType;

// One key. A single value has count 1.
typedef struct {
  Span key;
  GgufType type; // of the value, or of an array's elements
  bool is_array;
  uint64_t count;
  const unsigned char *data; // `size` bytes in the file; texts each begin with their u64 size
  size_t size;
} GgufEntry;

// {0} has no keys.
typedef struct {
  ARRAY_OF(GgufEntry) entries; // sorted by key
  const char *name;            // of the file; lives as long as the metadata
} GgufMetadata;

// Reads `count` pairs at the reader's position: keys are unique and not empty. On failure the
// metadata may hold some of them.
CHECKED bool gguf_metadata_parse(GgufMetadata *metadata, ByteReader *reader, uint64_t count,
                                 Error *error);
void gguf_metadata_free(GgufMetadata *metadata);

const GgufEntry *gguf_metadata_find(const GgufMetadata *metadata, const char *key); // or NULL
const char *gguf_type_name(GgufType type);                                          // "u32", …

// Each reads a key that must be there; *out is left alone on failure.
CHECKED bool gguf_metadata_integer(const GgufMetadata *metadata, const char *key, int64_t least,
                                   int64_t most, int64_t *out, Error *error);
CHECKED bool gguf_metadata_number(const GgufMetadata *metadata, const char *key, double *out,
                                  Error *error);
CHECKED bool gguf_metadata_boolean(const GgufMetadata *metadata, const char *key, bool *out,
                                   Error *error);
CHECKED bool gguf_metadata_text(const GgufMetadata *metadata, const char *key, Span *out,
                                Error *error);
// As above, but *out keeps its value (the default) when the key is absent.
CHECKED bool gguf_metadata_integer_or(const GgufMetadata *metadata, const char *key, int64_t least,
                                      int64_t most, int64_t *out, Error *error);
CHECKED bool gguf_metadata_number_or(const GgufMetadata *metadata, const char *key, double *out,
                                     Error *error);
CHECKED bool gguf_metadata_boolean_or(const GgufMetadata *metadata, const char *key, bool *out,
                                      Error *error);
CHECKED bool gguf_metadata_text_or(const GgufMetadata *metadata, const char *key, Span *out,
                                   Error *error);

// Arrays of at most 2^24 elements, in one piece that the caller frees with memory_free; texts point
// into the file. A key that is absent, or no array of the kind, is an error. An empty array gives a
// pointer that is not NULL.
CHECKED bool gguf_metadata_texts(const GgufMetadata *metadata, const char *key, Span **out,
                                 size_t *count, Error *error);
CHECKED bool gguf_metadata_integers(const GgufMetadata *metadata, const char *key, int64_t **out,
                                    size_t *count, Error *error);
CHECKED bool gguf_metadata_numbers(const GgufMetadata *metadata, const char *key, double **out,
                                   size_t *count, Error *error);
// An array of u8 or i8 as bytes of the file; nothing to free.
CHECKED bool gguf_metadata_bytes(const GgufMetadata *metadata, const char *key, Span *out,
                                 Error *error);
