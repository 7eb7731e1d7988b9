// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf.h"
#include "tensor/widen.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
  MOST_KEYS = 65536,
  MOST_TENSORS = 1 << 20,
  MOST_RANK = 4,
  MOST_NAME_BYTES = 63,
  MOST_PARTS = 65535,
  LEAST_KEY_BYTES = 8 + 1 + 4 + 1,
  LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8,
  DEFAULT_ALIGNMENT = 32,
  MOST_ALIGNMENT = 1 << 30
};

// One tensor as the file states it.
typedef struct {
  Span name;
  Dtype dtype;
  int rank;
  int64_t shape[TENSOR_MAX_RANK]; // outermost first
  int64_t elements, bytes;
  uint64_t offset; // in the data section
} Entry;

typedef struct {
  ByteReader reader;
  uint64_t tensor_count, key_count, alignment;
  ARRAY_OF(Entry) entries;
} Parser;

// Names of the types that are not read, by id; the format has dropped those marked so.
static const char *const refused_types[] = {
    [4] = "Q4_2 (dropped)",
    [5] = "Q4_3 (dropped)",
    [9] = "Q8_1",
    [10] = "Q2_K",
    [11] = "Q3_K",
    [15] = "Q8_K",
    [16] = "IQ2_XXS",
    [17] = "IQ2_XS",
    [18] = "IQ3_XXS",
    [19] = "IQ1_S",
    [20] = "IQ4_NL",
    [21] = "IQ3_S",
    [22] = "IQ2_S",
    [23] = "IQ4_XS",
    [29] = "IQ1_M",
    [31] = "Q4_0_4_4 (dropped)",
    [32] = "Q4_0_4_8 (dropped)",
    [33] = "Q4_0_8_8 (dropped)",
    [34] = "TQ1_0",
    [35] = "TQ2_0",
    [36] = "IQ4_NL_4_4 (dropped)",
    [37] = "IQ4_NL_4_8 (dropped)",
    [38] = "IQ4_NL_8_8 (dropped)",
    [39] = "MXFP4",
    [40] = "NVFP4",
    [41] = "Q1_0",
    [42] = "Q2_0",
};

// "file.gguf, tensor token_embd.weight" in `buffer` of 256 bytes.
static const char *place(const Parser *parser, Span tensor, char *buffer) {
  snprintf(buffer, 256, "%s, tensor %.*s", text_ending(parser->reader.name, 120), (int)tensor.size,
           tensor.data);
  return buffer;
}

static bool read_version(ByteReader *reader, uint32_t *version, Error *error) {
  const unsigned char *magic;
  if (!byte_reader_take(reader, 4, "magic", &magic, error)) return false;
  if (memcmp(magic, "GGUF", 4) != 0)
    return error_set(error, ERROR_FORMAT, reader->name,
                     "begins with bytes %02x %02x %02x %02x, expected \"GGUF\"", magic[0], magic[1],
                     magic[2], magic[3]);
  if (!byte_reader_u32(reader, "version", version, error)) return false;
  if ((*version & 0xFFFF) == 0)
    return error_set(error, ERROR_UNSUPPORTED, reader->name,
                     "is big-endian, expected a little-endian file");
  return *version == 2 || *version == 3 ||
         error_set(error, ERROR_UNSUPPORTED, reader->name,
                   "is GGUF version %" PRIu32 ", expected 2 or 3", *version);
}

static bool read_count(ByteReader *reader, const char *what, uint64_t most, uint64_t least_bytes,
                       uint64_t *count, Error *error) {
  size_t begin = reader->position;
  if (!byte_reader_u64(reader, what, count, error)) return false;
  uint64_t room = byte_reader_left(reader) / least_bytes;
  if (room < most) most = room;
  return *count <= most || error_set(error, ERROR_FORMAT, reader->name,
                                     "%s at byte %zu is %" PRIu64 ", expected at most %" PRIu64
                                     " in a file of %zu bytes",
                                     what, begin, *count, most, reader->size);
}

static bool read_alignment(const GgufMetadata *metadata, uint64_t *out, Error *error) {
  char where[256];
  int64_t alignment = DEFAULT_ALIGNMENT;
  if (!gguf_metadata_integer_or(metadata, "general.alignment", 1, MOST_ALIGNMENT, &alignment,
                                error))
    return false;
  if (alignment & (alignment - 1)) {
    snprintf(where, sizeof where, "%s, key general.alignment", text_ending(metadata->name, 120));
    return error_set(error, ERROR_FORMAT, where, "is %" PRId64 ", expected a power of two",
                     alignment);
  }
  *out = (uint64_t)alignment;
  return true;
}

static bool read_name(Parser *parser, Span *name, Error *error) {
  size_t begin = parser->reader.position;
  if (!byte_reader_text(&parser->reader, MOST_NAME_BYTES, "a tensor's name", name, error))
    return false;
  return !memchr(name->data, '\0', name->size) ||
         error_set(error, ERROR_FORMAT, parser->reader.name,
                   "the tensor name at byte %zu holds a NUL", begin);
}

// The dimensions come innermost first.
static bool read_shape(Parser *parser, Entry *entry, Error *error) {
  char where[256];
  uint32_t rank = 0;
  if (!byte_reader_u32(&parser->reader, "a tensor's rank", &rank, error)) return false;
  if (rank > MOST_RANK)
    return error_set(error, ERROR_FORMAT, place(parser, entry->name, where),
                     "has %" PRIu32 " dimensions, expected at most %d", rank, MOST_RANK);
  entry->rank = (int)rank;
  for (int i = 0; i < entry->rank; i++) {
    uint64_t extent = 0;
    if (!byte_reader_u64(&parser->reader, "a tensor's dimension", &extent, error)) return false;
    if (extent > INT64_MAX)
      return error_set(error, ERROR_FORMAT, place(parser, entry->name, where),
                       "has a dimension of %" PRIu64 ", expected at most 2^63 - 1", extent);
    entry->shape[entry->rank - 1 - i] = (int64_t)extent;
  }
  return tensor_shape_elements(entry->rank, entry->shape, &entry->elements) ||
         error_set(error, ERROR_FORMAT, place(parser, entry->name, where),
                   "the product of its dimensions overflows 63 bits");
}

static bool read_dtype(Parser *parser, Entry *entry, Error *error) {
  char where[256];
  uint32_t id = 0;
  if (!byte_reader_u32(&parser->reader, "a tensor's type", &id, error)) return false;
  if (dtype_by_ggml_id(id, &entry->dtype) && widen_supports(entry->dtype)) return true;
  const char *name = id < COUNT_OF(refused_types) ? refused_types[id] : NULL;
  return error_set(error, name ? ERROR_UNSUPPORTED : ERROR_FORMAT,
                   place(parser, entry->name, where),
                   "has type %s (id %" PRIu32 "), expected F32, F16, BF16, F64, an integer, Q4_0, "
                   "Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K",
                   name ? name : "unknown", id);
}

static bool size_entry(Parser *parser, Entry *entry, Error *error) {
  char where[256];
  int64_t row = entry->rank ? entry->shape[entry->rank - 1] : 1;
  int block = dtype_facts(entry->dtype)->block_elements;
  if (row % block)
    return error_set(error, ERROR_FORMAT, place(parser, entry->name, where),
                     "has rows of %" PRId64 " elements of %s, expected a multiple of %d", row,
                     dtype_name(entry->dtype), block);
  return dtype_bytes(entry->dtype, entry->elements, &entry->bytes) ||
         error_set(error, ERROR_FORMAT, place(parser, entry->name, where),
                   "its size in bytes overflows 63 bits");
}

static bool read_entry(Parser *parser, Entry *entry, Error *error) {
  return read_name(parser, &entry->name, error) && read_shape(parser, entry, error) &&
         read_dtype(parser, entry, error) && size_entry(parser, entry, error) &&
         byte_reader_u64(&parser->reader, "a tensor's offset", &entry->offset, error);
}

// Each tensor begins where the one before ended, padded. The last may lack its padding.
static bool check_place(const Parser *parser, const Entry *entry, uint64_t *end, size_t data_bytes,
                        Error *error) {
  char where[256];
  if (entry->offset != *end)
    return error_set(error, ERROR_FORMAT, place(parser, entry->name, where),
                     "has offset %" PRIu64 ", expected %" PRIu64 ", where the tensor before ends",
                     entry->offset, *end);
  if (entry->offset > data_bytes || (uint64_t)entry->bytes > data_bytes - entry->offset)
    return error_set(error, ERROR_FORMAT, place(parser, entry->name, where),
                     "has %" PRId64 " bytes at offset %" PRIu64
                     ", but the data section has %zu: the "
                     "file is truncated",
                     entry->bytes, entry->offset, data_bytes);
  uint64_t mask = parser->alignment - 1;
  *end = (entry->offset + (uint64_t)entry->bytes + mask) & ~mask;
  return true;
}

static bool add_tensors(Checkpoint *checkpoint, const Parser *parser, Error *error) {
  const ByteReader *reader = &parser->reader;
  uint64_t mask = parser->alignment - 1, start = (reader->position + mask) & ~mask, end = 0;
  size_t data_bytes = start < reader->size ? reader->size - (size_t)start : 0;
  const unsigned char *data = data_bytes ? reader->bytes + start : reader->bytes;
  for (size_t i = 0; i < parser->entries.count; i++) {
    const Entry *entry = &parser->entries.items[i];
    if (!check_place(parser, entry, &end, data_bytes, error)) return false;
    const unsigned char *place_of_data = data_bytes ? data + entry->offset : data;
    checkpoint_add(
        checkpoint, entry->name,
        tensor_dense(entry->dtype, entry->rank, entry->shape, (void *)(uintptr_t)place_of_data));
  }
  return checkpoint_index(checkpoint, reader->name, error);
}

static bool parse(Gguf *gguf, Parser *parser, Error *error) {
  ByteReader *reader = &parser->reader;
  if (!read_version(reader, &gguf->version, error)) return false;
  if (!read_count(reader, "the number of tensors", MOST_TENSORS, LEAST_TENSOR_BYTES,
                  &parser->tensor_count, error) ||
      !read_count(reader, "the number of keys", MOST_KEYS, LEAST_KEY_BYTES, &parser->key_count,
                  error) ||
      !gguf_metadata_parse(&gguf->metadata, reader, parser->key_count, error) ||
      !read_alignment(&gguf->metadata, &parser->alignment, error))
    return false;
  for (uint64_t i = 0; i < parser->tensor_count; i++) {
    Entry entry = {0};
    if (!read_entry(parser, &entry, error)) return false;
    ARRAY_APPEND(&parser->entries, entry);
  }
  return add_tensors(&gguf->checkpoint, parser, error);
}

bool gguf_parse(Gguf *gguf, const void *bytes, size_t size, const char *name, Error *error) {
  Parser parser = {.reader = {bytes, size, 0, name}};
  bool parsed = parse(gguf, &parser, error);
  ARRAY_FREE(&parser.entries);
  return parsed;
}

void gguf_close(Gguf *gguf) {
  gguf_metadata_free(&gguf->metadata);
  checkpoint_close(&gguf->checkpoint);
  *gguf = (Gguf){0};
}

static bool open_file(Gguf *gguf, const char *path, Error *error) {
  FileMap map;
  *gguf = (Gguf){0};
  if (!checkpoint_map(&gguf->checkpoint, path, &map, error)) return false;
  const char *name = checkpoint_keep_text(&gguf->checkpoint, path);
  return gguf_parse(gguf, map.data, map.size, name, error);
}

// Whether `path` ends in "-NUMBER-of-COUNT.gguf", five digits each; then *stem is the bytes before.
static bool has_part_name(const char *path, int number, int count, size_t *stem) {
  char ending[64];
  int size = snprintf(ending, sizeof ending, "-%05d-of-%05d.gguf", number, count);
  size_t length = strlen(path);
  if (length < (size_t)size || strcmp(path + length - (size_t)size, ending) != 0) return false;
  *stem = length - (size_t)size;
  return true;
}

static bool split_numbers(const Gguf *gguf, int64_t *number, int64_t *count, Error *error) {
  *number = 0, *count = 1;
  return gguf_metadata_integer_or(&gguf->metadata, "split.no", 0, MOST_PARTS - 1, number, error) &&
         gguf_metadata_integer_or(&gguf->metadata, "split.count", 0, MOST_PARTS, count, error);
}

static void move_tensors(Checkpoint *whole, Checkpoint *part) {
  for (size_t i = 0; i < part->tensors.count; i++)
    checkpoint_add(whole, span_of(part->tensors.items[i].name), part->tensors.items[i].tensor);
  checkpoint_take_files(whole, part);
}

static bool add_part(Gguf *whole, const char *path, int64_t number, int64_t count, Error *error) {
  Gguf part;
  int64_t stated_number, stated_count;
  bool added =
      open_file(&part, path, error) && split_numbers(&part, &stated_number, &stated_count, error);
  if (added && (stated_number != number || stated_count != count))
    added = error_set(error, ERROR_FORMAT, path,
                      "says that it is part %" PRId64 " of %" PRId64 ", expected %" PRId64
                      " of %" PRId64 " (counted from 0)",
                      stated_number, stated_count, number, count);
  if (added) move_tensors(&whole->checkpoint, &part.checkpoint);
  gguf_close(&part);
  return added;
}

static bool check_tensor_total(const Gguf *gguf, const char *path, Error *error) {
  int64_t found = (int64_t)gguf->checkpoint.tensors.count, stated = found;
  if (!gguf_metadata_integer_or(&gguf->metadata, "split.tensors.count", 0, INT64_MAX, &stated,
                                error))
    return false;
  return found == stated || error_set(error, ERROR_FORMAT, path,
                                      "the parts hold %" PRId64 " tensors, expected the %" PRId64
                                      " of split.tensors.count",
                                      found, stated);
}

// Adds the other parts of a split model to its first.
static bool add_parts(Gguf *gguf, const char *path, Error *error) {
  int64_t number, count;
  size_t stem = 0;
  if (!split_numbers(gguf, &number, &count, error)) return false;
  if (count <= 1) return true;
  if (number != 0 || !has_part_name(path, 1, (int)count, &stem))
    return error_set(error, ERROR_ARGUMENT, path,
                     "is part %" PRId64 " of a model in %" PRId64
                     " files, expected the first, NAME-00001-of-%05" PRId64 ".gguf",
                     number + 1, count, count);
  for (int64_t i = 1; i < count; i++) {
    Text name = {0};
    text_append(&name, path, stem);
    text_append_format(&name, "-%05" PRId64 "-of-%05" PRId64 ".gguf", i + 1, count);
    bool added = add_part(gguf, name.data, i, count, error);
    text_free(&name);
    if (!added) return false;
  }
  return check_tensor_total(gguf, path, error) && checkpoint_index(&gguf->checkpoint, path, error);
}

bool gguf_open(Gguf *gguf, const char *path, Error *error) {
  bool opened = open_file(gguf, path, error) && add_parts(gguf, path, error);
  if (!opened) gguf_close(gguf);
  return opened;
}
