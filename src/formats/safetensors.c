// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"
#include "base/document.h"
#include "base/file.h"
#include "formats/sharded.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX_BYTES = 8, MOST_HEADER_BYTES = 100000000, MOST_HEADER_VALUES = 2000000 };

// One tensor as the header states it.
typedef struct {
  const char *name;
  Dtype dtype;
  int rank;
  int64_t shape[TENSOR_MAX_RANK], begin, end;
} Entry;

typedef struct {
  const char *name; // of the file
  ARRAY_OF(Entry) entries;
} Header;

// How much of a file's path goes before a tensor's name, so that a Field keeps both.
enum { SHOWN_PATH_BYTES = 60 };

// "model.safetensors, tensor a.b": `buffer` of 256 bytes.
static const char *place(const Header *header, const char *tensor, char *buffer) {
  snprintf(buffer, 256, "%s, tensor %.120s", text_ending(header->name, SHOWN_PATH_BYTES), tensor);
  return buffer;
}

static bool read_shape(const Field *entry, Entry *out, Error *error) {
  Field shape = field_get(entry, "shape");
  if (!field_array(&shape, error)) return false;
  size_t rank = field_count(&shape);
  if (rank > TENSOR_MAX_RANK)
    return error_set(error, ERROR_UNSUPPORTED, shape.path,
                     "has %zu dimensions, expected at most %d", rank, TENSOR_MAX_RANK);
  out->rank = (int)rank;
  for (size_t i = 0; i < rank; i++) {
    Field extent = field_at(&shape, i);
    if (!field_integer(&extent, 0, INT64_MAX, &out->shape[i], error)) return false;
  }
  return true;
}

static bool read_offsets(const Field *entry, Entry *out, Error *error) {
  Field offsets = field_get(entry, "data_offsets");
  if (!field_array(&offsets, error)) return false;
  if (field_count(&offsets) != 2)
    return error_set(error, ERROR_FORMAT, offsets.path, "has %zu elements, expected [begin, end]",
                     field_count(&offsets));
  Field begin = field_at(&offsets, 0), end = field_at(&offsets, 1);
  return field_integer(&begin, 0, INT64_MAX, &out->begin, error) &&
         field_integer(&end, 0, INT64_MAX, &out->end, error);
}

static bool read_entry(const Field *entry, Entry *out, Error *error) {
  const char *dtype;
  if (!field_object(entry, error)) return false;
  Field field = field_get(entry, "dtype");
  if (!field_text(&field, &dtype, error)) return false;
  if (!dtype_by_safetensors_name(dtype, &out->dtype))
    return error_set(error, ERROR_FORMAT, field.path,
                     "is \"%.64s\", expected a dtype of the format", dtype);
  return read_shape(entry, out, error) && read_offsets(entry, out, error);
}

static Span span_of_string(const json_t *string) {
  return (Span){json_string_value(string), json_string_length(string)};
}

static bool read_metadata(Checkpoint *checkpoint, const Field *metadata, Error *error) {
  if (!field_present(metadata)) return true;
  if (!field_object(metadata, error)) return false;
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)metadata->value, key, value) {
    Field field = field_get(metadata, key);
    const char *text;
    if (!field_text(&field, &text, error)) return false;
    checkpoint_add_text(checkpoint, span_of(key), span_of_string(value));
  }
  return true;
}

static bool read_header(Checkpoint *checkpoint, Header *header, const json_t *root, Error *error) {
  Field top = field_root(root, text_ending(header->name, SHOWN_PATH_BYTES));
  if (!field_object(&top, error)) return false;
  ARRAY_RESERVE(&header->entries, json_object_size(root));
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)root, key, value) {
    char where[256];
    bool metadata = strcmp(key, "__metadata__") == 0;
    Field field = metadata ? field_get(&top, key) : field_root(value, place(header, key, where));
    Entry entry = {.name = key};
    if (metadata ? !read_metadata(checkpoint, &field, error) : !read_entry(&field, &entry, error))
      return false;
    if (!metadata) ARRAY_APPEND(&header->entries, entry);
  }
  return true;
}

static int compare_places(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->end > y->end) - (x->end < y->end);
}

// Bytes that shape and dtype ask for.
static bool entry_bytes(const Header *header, const Entry *entry, int64_t *bytes, Error *error) {
  char where[256];
  int64_t elements = 0;
  if (!tensor_shape_elements(entry->rank, entry->shape, &elements))
    return error_set(error, ERROR_FORMAT, place(header, entry->name, where),
                     "the product of its shape overflows 63 bits");
  int block = dtype_facts(entry->dtype)->block_elements;
  if (elements % block)
    return error_set(error, ERROR_FORMAT, place(header, entry->name, where),
                     "has %" PRId64 " elements of %s, expected a multiple of %d (whole bytes)",
                     elements, dtype_name(entry->dtype), block);
  return dtype_bytes(entry->dtype, elements, bytes) ||
         error_set(error, ERROR_FORMAT, place(header, entry->name, where),
                   "its size in bytes overflows 64 bits");
}

// Walks the tensors in the order of their places: each begins where the one before ended.
static bool check_cover(const Header *header, int64_t data_bytes, Error *error) {
  char where[256];
  int64_t position = 0;
  for (size_t i = 0; i < header->entries.count; i++) {
    const Entry *entry = &header->entries.items[i];
    int64_t bytes;
    if (entry->begin != position || entry->end < entry->begin)
      return error_set(error, ERROR_FORMAT, place(header, entry->name, where),
                       "data_offsets are [%" PRId64 ", %" PRId64 "], expected them to begin at "
                       "%" PRId64 ", where the tensor before ends, and to go up",
                       entry->begin, entry->end, position);
    if (!entry_bytes(header, entry, &bytes, error)) return false;
    if (bytes != entry->end - entry->begin)
      return error_set(error, ERROR_FORMAT, place(header, entry->name, where),
                       "data_offsets hold %" PRId64 " bytes, expected %" PRId64
                       " for its shape and dtype",
                       entry->end - entry->begin, bytes);
    position = entry->end;
  }
  return position == data_bytes ||
         error_set(error, ERROR_FORMAT, header->name,
                   "the tensors cover %" PRId64 " bytes, expected all %" PRId64
                   " bytes after the header: the file is %s",
                   position, data_bytes, position > data_bytes ? "truncated" : "too long");
}

static bool load(Checkpoint *checkpoint, Header *header, const json_t *root,
                 const unsigned char *data, int64_t data_bytes, Error *error) {
  if (!read_header(checkpoint, header, root, error)) return false;
  if (header->entries.count)
    qsort(header->entries.items, header->entries.count, sizeof *header->entries.items,
          compare_places);
  if (!check_cover(header, data_bytes, error)) return false;
  for (size_t i = 0; i < header->entries.count; i++) {
    const Entry *entry = &header->entries.items[i];
    checkpoint_add(checkpoint, span_of(entry->name),
                   tensor_dense(entry->dtype, entry->rank, entry->shape,
                                (void *)(uintptr_t)(data + entry->begin)));
  }
  return checkpoint_index(checkpoint, header->name, error);
}

static bool header_size(const unsigned char *bytes, size_t size, const char *name, size_t *out,
                        Error *error) {
  if (size < PREFIX_BYTES)
    return error_set(error, ERROR_FORMAT, name, "is %zu bytes, expected at least %d", size,
                     PREFIX_BYTES);
  uint64_t stated;
  memcpy(&stated, bytes, sizeof stated);
  if (stated > MOST_HEADER_BYTES)
    return error_set(error, ERROR_FORMAT, name,
                     "the header size at byte 0 is %" PRIu64 ", expected at most %d: is this a "
                     "safetensors file?",
                     stated, MOST_HEADER_BYTES);
  if (stated > size - PREFIX_BYTES)
    return error_set(error, ERROR_FORMAT, name,
                     "the header size at byte 0 is %" PRIu64
                     ", but only %zu bytes follow: the file "
                     "is truncated",
                     stated, size - PREFIX_BYTES);
  *out = (size_t)stated;
  return true;
}

bool safetensors_parse(Checkpoint *checkpoint, const void *bytes, size_t size, const char *name,
                       Error *error) {
  const unsigned char *file = bytes;
  size_t stated = 0;
  if (!header_size(file, size, name, &stated, error)) return false;
  const unsigned char *text = file + PREFIX_BYTES;
  if (document_values_bound(text, stated) > MOST_HEADER_VALUES)
    return error_set(error, ERROR_UNSUPPORTED, name,
                     "the header may hold %zu JSON values, expected at most %d",
                     document_values_bound(text, stated), MOST_HEADER_VALUES);
  char where[256];
  snprintf(where, sizeof where, "%s, header", text_ending(name, 200));
  json_t *root = document_parse(text, stated, where, error);
  if (!root) return false;
  Header header = {.name = name};
  bool loaded = load(checkpoint, &header, root, text + stated,
                     (int64_t)(size - PREFIX_BYTES - stated), error);
  ARRAY_FREE(&header.entries);
  json_decref(root);
  return loaded;
}

bool safetensors_open(Checkpoint *checkpoint, const char *path, Error *error) {
  FileMap map;
  *checkpoint = (Checkpoint){0};
  bool opened = checkpoint_map(checkpoint, path, &map, error) &&
                safetensors_parse(checkpoint, map.data, map.size, path, error);
  if (!opened) checkpoint_close(checkpoint);
  return opened;
}

static bool folder_holds(const char *folder, const char *name) {
  char *path = path_join(folder, name);
  bool holds = file_exists(path);
  memory_free(path);
  return holds;
}

static bool nothing_to_open(const char *folder, Error *error) {
  static const char *const others[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                       "tf_model.h5", "flax_model.msgpack"};
  if (!folder_exists(folder))
    return error_set(error, ERROR_NOT_FOUND, folder, "is not a folder, expected one with a model");
  for (size_t i = 0; i < COUNT_OF(others); i++)
    if (folder_holds(folder, others[i]))
      return error_set(error, ERROR_UNSUPPORTED, folder,
                       "holds %s, which is not read; expected model.safetensors or "
                       "model.safetensors.index.json (save the model with safe serialization)",
                       others[i]);
  return error_set(error, ERROR_NOT_FOUND, folder,
                   "has no weights: looked for model.safetensors and model.safetensors.index.json");
}

bool safetensors_open_folder(Checkpoint *checkpoint, const char *folder, Error *error) {
  *checkpoint = (Checkpoint){0};
  bool single = folder_holds(folder, "model.safetensors");
  if (!single && !folder_holds(folder, "model.safetensors.index.json"))
    return nothing_to_open(folder, error);
  char *path = path_join(folder, single ? "model.safetensors" : "model.safetensors.index.json");
  bool opened = (single ? safetensors_open : sharded_open)(checkpoint, path, error);
  memory_free(path);
  return opened;
}
