// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf_metadata.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT_BYTES = 1 << 30, MOST_ARRAY_COUNT = 1 << 30, MOST_COPIED = 1 << 24 };

// name, bytes of one value; texts and arrays have no fixed size
static const struct {
  const char *name;
  int size;
} types[GGUF_TYPE_COUNT] = {
    {"u8", 1},   {"i8", 1},     {"u16", 2},   {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4},
    {"bool", 1}, {"string", 0}, {"array", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8},
};

const char *gguf_type_name(GgufType type) {
  return types[type].name;
}

void gguf_metadata_free(GgufMetadata *metadata) {
  ARRAY_FREE(&metadata->entries);
  metadata->name = NULL;
}

// "file.gguf, key general.name" in `buffer` of 256 bytes.
static const char *place(const GgufMetadata *metadata, Span key, char *buffer) {
  int shown = key.size < 120 ? (int)key.size : 120;
  snprintf(buffer, 256, "%s, key %.*s", text_ending(metadata->name, 120), shown, key.data);
  return buffer;
}

static bool read_type(ByteReader *reader, const char *what, GgufType *out, Error *error) {
  size_t begin = reader->position;
  uint32_t type = 0;
  if (!byte_reader_u32(reader, what, &type, error)) return false;
  if (type >= GGUF_TYPE_COUNT)
    return error_set(error, ERROR_FORMAT, reader->name,
                     "%s at byte %zu is %" PRIu32 ", expected 0 to %d", what, begin, type,
                     GGUF_TYPE_COUNT - 1);
  *out = (GgufType)type;
  return true;
}

static bool read_array_head(GgufEntry *entry, ByteReader *reader, Error *error) {
  if (!read_type(reader, "an array's element type", &entry->type, error)) return false;
  if (entry->type == GGUF_ARRAY)
    return error_set(error, ERROR_UNSUPPORTED, reader->name,
                     "holds an array of arrays at byte %zu, expected plain elements",
                     reader->position);
  if (!byte_reader_u64(reader, "an array's count", &entry->count, error)) return false;
  return entry->count <= MOST_ARRAY_COUNT ||
         error_set(error, ERROR_FORMAT, reader->name,
                   "an array has %" PRIu64 " elements, expected at most %d", entry->count,
                   MOST_ARRAY_COUNT);
}

static bool skip_values(const GgufEntry *entry, ByteReader *reader, Error *error) {
  const unsigned char *skipped;
  uint64_t size = (uint64_t)types[entry->type].size;
  if (entry->type != GGUF_TEXT)
    return byte_reader_take(reader, entry->count * size, "values", &skipped, error);
  Span text;
  for (uint64_t i = 0; i < entry->count; i++)
    if (!byte_reader_text(reader, MOST_TEXT_BYTES, "a string", &text, error)) return false;
  return true;
}

static bool read_entry(GgufEntry *entry, ByteReader *reader, Error *error) {
  size_t begin = reader->position;
  if (!byte_reader_text(reader, MOST_TEXT_BYTES, "a key", &entry->key, error)) return false;
  if (entry->key.size == 0)
    return error_set(error, ERROR_FORMAT, reader->name, "the key at byte %zu is empty", begin);
  if (!read_type(reader, "a value's type", &entry->type, error)) return false;
  entry->is_array = entry->type == GGUF_ARRAY;
  entry->count = 1;
  if (entry->is_array && !read_array_head(entry, reader, error)) return false;
  size_t values = reader->position;
  if (!skip_values(entry, reader, error)) return false;
  entry->data = reader->bytes + values;
  entry->size = reader->position - values;
  return true;
}

static int compare_spans(Span a, Span b) {
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_entries(const void *a, const void *b) {
  return compare_spans(((const GgufEntry *)a)->key, ((const GgufEntry *)b)->key);
}

bool gguf_metadata_parse(GgufMetadata *metadata, ByteReader *reader, uint64_t count, Error *error) {
  metadata->name = reader->name;
  for (uint64_t i = 0; i < count; i++) {
    GgufEntry entry = {0};
    if (!read_entry(&entry, reader, error)) return false;
    ARRAY_APPEND(&metadata->entries, entry);
  }
  if (count == 0) return true;
  qsort(metadata->entries.items, metadata->entries.count, sizeof *metadata->entries.items,
        compare_entries);
  for (size_t i = 1; i < metadata->entries.count; i++) {
    char where[256];
    const GgufEntry *entry = &metadata->entries.items[i];
    if (compare_entries(entry - 1, entry) == 0)
      return error_set(error, ERROR_FORMAT, place(metadata, entry->key, where),
                       "occurs twice, expected unique keys");
  }
  return true;
}

const GgufEntry *gguf_metadata_find(const GgufMetadata *metadata, const char *key) {
  GgufEntry wanted = {.key = span_of(key)};
  if (metadata->entries.count == 0) return NULL;
  return bsearch(&wanted, metadata->entries.items, metadata->entries.count, sizeof wanted,
                 compare_entries);
}

static bool is_integer(GgufType type) {
  return type <= GGUF_I32 || type == GGUF_U64 || type == GGUF_I64;
}

static bool is_number(GgufType type) {
  return is_integer(type) || type == GGUF_F32 || type == GGUF_F64;
}

static bool is_boolean(GgufType type) {
  return type == GGUF_BOOL;
}

static bool is_text(GgufType type) {
  return type == GGUF_TEXT;
}

static bool is_byte(GgufType type) {
  return type == GGUF_U8 || type == GGUF_I8;
}

// The entry of a key whose type is right, or NULL with the error filled.
static const GgufEntry *entry_of(const GgufMetadata *metadata, const char *key, bool array,
                                 bool right(GgufType), const char *expected, Error *error) {
  char where[256];
  const GgufEntry *entry = gguf_metadata_find(metadata, key);
  if (!entry)
    error_set(error, ERROR_FORMAT, place(metadata, span_of(key), where), "is missing, expected %s",
              expected);
  else if (entry->is_array == array && right(entry->type))
    return entry;
  else
    error_set(error, ERROR_FORMAT, place(metadata, span_of(key), where), "is %s%s, expected %s",
              entry->is_array ? "an array of " : "", types[entry->type].name, expected);
  return NULL;
}

#define VALUE(TYPE) (*(TYPE *)memcpy(&(TYPE){0}, data + index * sizeof(TYPE), sizeof(TYPE)))

// The integer element at `index`; false: over int64.
static bool integer_at(GgufType type, const unsigned char *data, size_t index, int64_t *out) {
  switch (type) {
  case GGUF_U8: *out = VALUE(uint8_t); return true;
  case GGUF_I8: *out = VALUE(int8_t); return true;
  case GGUF_U16: *out = VALUE(uint16_t); return true;
  case GGUF_I16: *out = VALUE(int16_t); return true;
  case GGUF_U32: *out = VALUE(uint32_t); return true;
  case GGUF_I32: *out = VALUE(int32_t); return true;
  case GGUF_I64: *out = VALUE(int64_t); return true;
  default: return !__builtin_add_overflow(VALUE(uint64_t), 0, out);
  }
}

static double number_at(GgufType type, const unsigned char *data, size_t index) {
  int64_t integer;
  if (type == GGUF_F32) return (double)VALUE(float);
  if (type == GGUF_F64) return VALUE(double);
  return integer_at(type, data, index, &integer) ? (double)integer : (double)VALUE(uint64_t);
}

bool gguf_metadata_integer(const GgufMetadata *metadata, const char *key, int64_t least,
                           int64_t most, int64_t *out, Error *error) {
  char where[256];
  const GgufEntry *entry = entry_of(metadata, key, false, is_integer, "an integer", error);
  if (!entry) return false;
  int64_t value = INT64_MAX;
  bool fits = integer_at(entry->type, entry->data, 0, &value);
  if (!fits || value < least || value > most)
    return error_set(error, ERROR_FORMAT, place(metadata, entry->key, where),
                     "is %s%" PRId64 ", expected %" PRId64 " to %" PRId64, fits ? "" : "over ",
                     value, least, most);
  *out = value;
  return true;
}

bool gguf_metadata_number(const GgufMetadata *metadata, const char *key, double *out,
                          Error *error) {
  const GgufEntry *entry = entry_of(metadata, key, false, is_number, "a number", error);
  if (entry) *out = number_at(entry->type, entry->data, 0);
  return entry != NULL;
}

bool gguf_metadata_boolean(const GgufMetadata *metadata, const char *key, bool *out, Error *error) {
  char where[256];
  const GgufEntry *entry = entry_of(metadata, key, false, is_boolean, "a bool", error);
  if (!entry) return false;
  if (*entry->data > 1)
    return error_set(error, ERROR_FORMAT, place(metadata, entry->key, where),
                     "is a bool of %d, expected 0 or 1", *entry->data);
  *out = *entry->data;
  return true;
}

// The text at *data, which moves behind it; sizes were checked at parsing.
static Span next_text(const unsigned char **data) {
  uint64_t size;
  memcpy(&size, *data, sizeof size);
  Span text = {(const char *)*data + sizeof size, (size_t)size};
  *data += sizeof size + size;
  return text;
}

bool gguf_metadata_text(const GgufMetadata *metadata, const char *key, Span *out, Error *error) {
  const GgufEntry *entry = entry_of(metadata, key, false, is_text, "a string", error);
  if (!entry) return false;
  const unsigned char *data = entry->data;
  *out = next_text(&data);
  return true;
}

bool gguf_metadata_integer_or(const GgufMetadata *metadata, const char *key, int64_t least,
                              int64_t most, int64_t *out, Error *error) {
  return !gguf_metadata_find(metadata, key) ||
         gguf_metadata_integer(metadata, key, least, most, out, error);
}

bool gguf_metadata_number_or(const GgufMetadata *metadata, const char *key, double *out,
                             Error *error) {
  return !gguf_metadata_find(metadata, key) || gguf_metadata_number(metadata, key, out, error);
}

bool gguf_metadata_boolean_or(const GgufMetadata *metadata, const char *key, bool *out,
                              Error *error) {
  return !gguf_metadata_find(metadata, key) || gguf_metadata_boolean(metadata, key, out, error);
}

bool gguf_metadata_text_or(const GgufMetadata *metadata, const char *key, Span *out, Error *error) {
  return !gguf_metadata_find(metadata, key) || gguf_metadata_text(metadata, key, out, error);
}

// As entry_of for arrays that are copied out.
static const GgufEntry *array_of(const GgufMetadata *metadata, const char *key,
                                 bool right(GgufType), const char *expected, Error *error) {
  char where[256];
  const GgufEntry *entry = entry_of(metadata, key, true, right, expected, error);
  if (!entry || entry->count <= MOST_COPIED) return entry;
  error_set(error, ERROR_UNSUPPORTED, place(metadata, entry->key, where),
            "has %" PRIu64 " elements, expected at most %d", entry->count, MOST_COPIED);
  return NULL;
}

bool gguf_metadata_texts(const GgufMetadata *metadata, const char *key, Span **out, size_t *count,
                         Error *error) {
  const GgufEntry *entry = array_of(metadata, key, is_text, "an array of strings", error);
  if (!entry) return false;
  *count = (size_t)entry->count;
  *out = memory_allocate(*count * sizeof **out);
  const unsigned char *data = entry->data;
  for (size_t i = 0; i < *count; i++) (*out)[i] = next_text(&data);
  return true;
}

bool gguf_metadata_integers(const GgufMetadata *metadata, const char *key, int64_t **out,
                            size_t *count, Error *error) {
  char where[256];
  const GgufEntry *entry = array_of(metadata, key, is_integer, "an array of integers", error);
  if (!entry) return false;
  int64_t *values = memory_allocate((size_t)entry->count * sizeof *values);
  for (size_t i = 0; i < entry->count; i++) {
    if (integer_at(entry->type, entry->data, i, &values[i])) continue;
    memory_free(values);
    return error_set(error, ERROR_FORMAT, place(metadata, entry->key, where),
                     "element %zu is over %" PRId64, i, INT64_MAX);
  }
  *out = values;
  *count = (size_t)entry->count;
  return true;
}

bool gguf_metadata_numbers(const GgufMetadata *metadata, const char *key, double **out,
                           size_t *count, Error *error) {
  const GgufEntry *entry = array_of(metadata, key, is_number, "an array of numbers", error);
  if (!entry) return false;
  *count = (size_t)entry->count;
  *out = memory_allocate(*count * sizeof **out);
  for (size_t i = 0; i < *count; i++) (*out)[i] = number_at(entry->type, entry->data, i);
  return true;
}

bool gguf_metadata_bytes(const GgufMetadata *metadata, const char *key, Span *out, Error *error) {
  const GgufEntry *entry = entry_of(metadata, key, true, is_byte, "an array of u8 or i8", error);
  if (entry) *out = (Span){(const char *)entry->data, entry->size};
  return entry != NULL;
}
