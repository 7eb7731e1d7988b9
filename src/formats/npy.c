// SPDX-License-Identifier: Apache-2.0
#include "formats/npy.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAGIC_BYTES = 6, VERSION_1_HEAD = 10, VERSION_2_HEAD = 12, HEADER_ALIGNMENT = 64 };
static const char magic[] = "\x93NUMPY";

// The dictionary being read.
typedef struct {
  const char *at, *end, *name;
  Dtype dtype;
  int rank;
  int64_t shape[TENSOR_MAX_RANK];
  bool has_descr, has_order, has_shape;
} Header;

static bool malformed(const Header *header, const char *expected, Error *error) {
  int left = header->end - header->at < 24 ? (int)(header->end - header->at) : 24;
  return error_set(error, ERROR_FORMAT, header->name, "the header has \"%.*s\", expected %s", left,
                   header->at, expected);
}

static void skip_spaces(Header *header) {
  while (header->at < header->end && (*header->at == ' ' || *header->at == '\n')) header->at++;
}

// Takes one character, after spaces.
static bool take(Header *header, char character) {
  skip_spaces(header);
  bool there = header->at < header->end && *header->at == character;
  if (there) header->at++;
  return there;
}

// A quoted text without escapes.
static bool take_text(Header *header, Span *out, Error *error) {
  skip_spaces(header);
  char quote = header->at < header->end ? *header->at : '\0';
  if (quote != '\'' && quote != '"') return malformed(header, "a quoted text", error);
  const char *begin = header->at + 1;
  const char *end = memchr(begin, quote, (size_t)(header->end - begin));
  if (!end) return malformed(header, "a closing quote", error);
  *out = (Span){begin, (size_t)(end - begin)};
  header->at = end + 1;
  return true;
}

static bool take_integer(Header *header, int64_t *out, Error *error) {
  skip_spaces(header);
  if (header->at == header->end || *header->at < '0' || *header->at > '9')
    return malformed(header, "a length that is not negative", error);
  int64_t value = 0;
  for (; header->at < header->end && *header->at >= '0' && *header->at <= '9'; header->at++)
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, *header->at - '0', &value))
      return malformed(header, "a length below 2^63", error);
  *out = value;
  return true;
}

static bool read_descr(Header *header, Error *error) {
  static const struct {
    const char *name;
    Dtype dtype;
  } known[] = {{"<f4", DTYPE_F32}, {"<f8", DTYPE_F64}, {"<f2", DTYPE_F16}, {"<i8", DTYPE_I64},
               {"<i4", DTYPE_I32}, {"<i2", DTYPE_I16}, {"|i1", DTYPE_I8},  {"<u8", DTYPE_U64},
               {"<u4", DTYPE_U32}, {"<u2", DTYPE_U16}, {"|u1", DTYPE_U8},  {"|b1", DTYPE_BOOL}};
  Span descr = {0};
  if (!take_text(header, &descr, error)) return false;
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (span_equal(descr, span_of(known[i].name))) {
      header->dtype = known[i].dtype;
      return true;
    }
  int shown = descr.size < 32 ? (int)descr.size : 32;
  return error_set(error, ERROR_UNSUPPORTED, header->name,
                   "descr is '%.*s', expected a little-endian number such as '<f4'", shown,
                   descr.data);
}

static bool read_order(Header *header, Error *error) {
  Span rest = {header->at, (size_t)(header->end - header->at)};
  while (rest.size && *rest.data == ' ') rest = (Span){rest.data + 1, rest.size - 1};
  if (span_starts_with(rest, span_of("True")))
    return error_set(error, ERROR_UNSUPPORTED, header->name,
                     "fortran_order is True, expected False");
  if (!span_starts_with(rest, span_of("False"))) return malformed(header, "True or False", error);
  header->at = rest.data + strlen("False");
  return true;
}

// "()", "(3,)", "(3, 4)"
static bool read_shape(Header *header, Error *error) {
  if (!take(header, '(')) return malformed(header, "a tuple", error);
  while (!take(header, ')')) {
    if (header->rank == TENSOR_MAX_RANK) return malformed(header, "at most 8 dimensions", error);
    if (!take_integer(header, &header->shape[header->rank], error)) return false;
    header->rank++;
    if (take(header, ',')) continue;
    if (header->rank < 2) return malformed(header, "a comma in a tuple of one", error);
    if (!take(header, ')')) return malformed(header, ", or )", error);
    break;
  }
  return true;
}

static bool read_value(Header *header, Span key, Error *error) {
  struct {
    const char *name;
    bool *seen;
    bool (*read)(Header *, Error *);
  } fields[] = {{"descr", &header->has_descr, read_descr},
                {"fortran_order", &header->has_order, read_order},
                {"shape", &header->has_shape, read_shape}};
  for (size_t i = 0; i < COUNT_OF(fields); i++) {
    if (!span_equal(key, span_of(fields[i].name))) continue;
    if (*fields[i].seen) return malformed(header, "each key once", error);
    *fields[i].seen = true;
    return fields[i].read(header, error);
  }
  return malformed(header, "the keys descr, fortran_order and shape alone", error);
}

static bool read_dictionary(Header *header, Error *error) {
  if (!take(header, '{')) return malformed(header, "{", error);
  while (!take(header, '}')) {
    Span key = {0};
    if (!take_text(header, &key, error)) return false;
    if (!take(header, ':')) return malformed(header, ":", error);
    if (!read_value(header, key, error)) return false;
    if (take(header, ',')) continue;
    if (!take(header, '}')) return malformed(header, ", or }", error);
    break;
  }
  skip_spaces(header);
  if (header->at != header->end) return malformed(header, "nothing behind }", error);
  if (!header->has_descr || !header->has_order || !header->has_shape)
    return malformed(header, "all of descr, fortran_order and shape", error);
  return true;
}

// Where the dictionary lies.
static bool find_header(const unsigned char *bytes, size_t size, const char *name, Header *header,
                        Error *error) {
  if (size < VERSION_1_HEAD || memcmp(bytes, magic, MAGIC_BYTES) != 0)
    return error_set(error, ERROR_FORMAT, name,
                     "does not begin with \\x93NUMPY, expected a .npy file");
  int major = bytes[6];
  if (major < 1 || major > 3)
    return error_set(error, ERROR_UNSUPPORTED, name, "is version %d.%d, expected 1 to 3", major,
                     bytes[7]);
  size_t head = major == 1 ? VERSION_1_HEAD : VERSION_2_HEAD;
  uint32_t stated = 0;
  if (size < head) return error_set(error, ERROR_FORMAT, name, "is truncated in its header");
  memcpy(&stated, bytes + 8, head - 8);
  if (stated > size - head)
    return error_set(error, ERROR_FORMAT, name,
                     "the header size at byte 8 is %" PRIu32 ", but only %zu bytes follow", stated,
                     size - head);
  *header = (Header){.at = (const char *)bytes + head, .name = name};
  header->end = header->at + stated;
  return true;
}

bool npy_parse(const void *bytes, size_t size, const char *name, Tensor *out, Error *error) {
  Header header = {0};
  if (!find_header(bytes, size, name, &header, error) || !read_dictionary(&header, error))
    return false;
  int64_t elements = 0, wanted = 0;
  if (!tensor_shape_elements(header.rank, header.shape, &elements))
    return error_set(error, ERROR_FORMAT, name, "the product of its shape overflows 63 bits");
  int64_t left = (int64_t)((const char *)bytes + size - header.end);
  if (!dtype_bytes(header.dtype, elements, &wanted))
    return error_set(error, ERROR_FORMAT, name, "its size in bytes overflows 63 bits");
  if (left != wanted)
    return error_set(error, ERROR_FORMAT, name,
                     "%" PRId64 " bytes follow the header, expected %" PRId64 " for its shape",
                     left, wanted);
  *out = tensor_dense(header.dtype, header.rank, header.shape, (void *)(uintptr_t)header.end);
  return true;
}

bool npy_open(FileMap *map, const char *path, Tensor *out, Error *error) {
  if (!file_map_open(map, path, error)) return false;
  bool parsed = npy_parse(map->data, map->size, path, out, error);
  if (!parsed) file_map_close(map);
  return parsed;
}

struct NpyWriter {
  FILE *file;
  char *path, *partial; // where it will be, where it is until then
  int64_t missing;      // elements
};

static void append_header(Text *text, int rank, const int64_t *shape) {
  text_append_text(text, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
  for (int i = 0; i < rank; i++) text_append_format(text, i ? ", %" PRId64 : "%" PRId64, shape[i]);
  if (rank == 1) text_append_character(text, ',');
  text_append_text(text, "), }");
  while ((VERSION_1_HEAD + text->size + 1) % HEADER_ALIGNMENT) text_append_character(text, ' ');
  text_append_character(text, '\n');
}

static bool write_failed(const NpyWriter *writer, Error *error) {
  return error_set_errno(error, writer->path, "cannot write");
}

static bool write_head(NpyWriter *writer, int rank, const int64_t *shape, Error *error) {
  Text header = {0};
  append_header(&header, rank, shape);
  unsigned char head[VERSION_1_HEAD] = {0};
  memcpy(head, magic, MAGIC_BYTES);
  head[6] = 1;
  head[8] = (unsigned char)(header.size & 255);
  head[9] = (unsigned char)(header.size >> 8);
  bool written = fwrite(head, 1, sizeof head, writer->file) == sizeof head &&
                 fwrite(header.data, 1, header.size, writer->file) == header.size;
  text_free(&header);
  return written || write_failed(writer, error);
}

static bool count_elements(const char *path, int rank, const int64_t *shape, int64_t *count,
                           Error *error) {
  if (rank < 0 || rank > TENSOR_MAX_RANK)
    return error_set(error, ERROR_ARGUMENT, path, "has %d dimensions, expected 0 to %d", rank,
                     TENSOR_MAX_RANK);
  for (int i = 0; i < rank; i++)
    if (shape[i] < 0)
      return error_set(error, ERROR_ARGUMENT, path, "has a dimension of %" PRId64, shape[i]);
  return tensor_shape_elements(rank, shape, count) ||
         error_set(error, ERROR_ARGUMENT, path, "has a shape beyond 63 bits");
}

NpyWriter *npy_writer_open(const char *path, int rank, const int64_t *shape, Error *error) {
  int64_t count;
  if (!count_elements(path, rank, shape, &count, error)) return NULL;
  if (!file_may_be_replaced(path, error)) return NULL;
  Text partial = {0};
  text_append_format(&partial, "%s.tmp.%ld", path, (long)getpid());
  FILE *file = fopen(partial.data, "wb");
  if (!file) {
    error_set_errno(error, path, "cannot write");
    text_free(&partial);
    return NULL;
  }
  NpyWriter *writer = memory_allocate(sizeof *writer);
  *writer = (NpyWriter){file, memory_copy_text(path), partial.data, count};
  if (write_head(writer, rank, shape, error)) return writer;
  npy_writer_abandon(writer);
  return NULL;
}

bool npy_writer_append(NpyWriter *writer, const float *elements, int64_t count, Error *error) {
  if (count < 0 || count > writer->missing)
    return error_set(error, ERROR_ARGUMENT, writer->path,
                     "got %" PRId64 " more elements, expected at most %" PRId64, count,
                     writer->missing);
  writer->missing -= count;
  return fwrite(elements, sizeof *elements, (size_t)count, writer->file) == (size_t)count ||
         write_failed(writer, error);
}

static void writer_free(NpyWriter *writer) {
  memory_free(writer->path);
  memory_free(writer->partial);
  memory_free(writer);
}

bool npy_writer_close(NpyWriter *writer, Error *error) {
  if (writer->missing) {
    error_set(error, ERROR_ARGUMENT, writer->path, "lacks %" PRId64 " elements of its shape",
              writer->missing);
    npy_writer_abandon(writer);
    return false;
  }
  bool synced = fflush(writer->file) == 0 && fsync(fileno(writer->file)) == 0;
  int reason = errno;
  bool closed = fclose(writer->file) == 0;
  if (!synced) errno = reason;
  bool done = synced && closed && rename(writer->partial, writer->path) == 0;
  if (!done) {
    write_failed(writer, error);
    unlink(writer->partial);
  }
  writer_free(writer);
  return done;
}

void npy_writer_abandon(NpyWriter *writer) {
  if (!writer) return;
  fclose(writer->file);
  unlink(writer->partial);
  writer_free(writer);
}

bool npy_write(const char *path, int rank, const int64_t *shape, const float *elements,
               Error *error) {
  NpyWriter *writer = npy_writer_open(path, rank, shape, error);
  if (!writer) return false;
  if (npy_writer_append(writer, elements, writer->missing, error))
    return npy_writer_close(writer, error);
  npy_writer_abandon(writer);
  return false;
}
