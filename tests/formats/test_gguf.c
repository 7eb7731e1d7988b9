// SPDX-License-Identifier: Apache-2.0
// Files made by a small writer of this test: every value type, typed access and its errors, every
// check of the reader, every truncation, split models.
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "formats/gguf.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PUT(TEXT, TYPE, VALUE) text_append((TEXT), &(TYPE){(VALUE)}, sizeof(TYPE))

static void put_text(Text *out, const char *text) {
  PUT(out, uint64_t, strlen(text));
  text_append_text(out, text);
}

static void put_head(Text *out, uint32_t version, uint64_t tensors, uint64_t keys) {
  text_append_text(out, "GGUF");
  PUT(out, uint32_t, version);
  PUT(out, uint64_t, tensors);
  PUT(out, uint64_t, keys);
}

static void put_key(Text *out, const char *key, uint32_t type) {
  put_text(out, key);
  PUT(out, uint32_t, type);
}

static void put_array(Text *out, const char *key, uint32_t type, uint64_t count) {
  put_key(out, key, GGUF_ARRAY);
  PUT(out, uint32_t, type);
  PUT(out, uint64_t, count);
}

static void put_tensor(Text *out, const char *name, uint32_t rank, const uint64_t *extents,
                       uint32_t type, uint64_t offset) {
  put_text(out, name);
  PUT(out, uint32_t, rank);
  for (uint32_t i = 0; i < rank; i++) PUT(out, uint64_t, extents[i]);
  PUT(out, uint32_t, type);
  PUT(out, uint64_t, offset);
}

// Pads to the alignment, then `count` bytes counting up.
static void put_data(Text *out, size_t alignment, size_t count) {
  while (out->size % alignment) text_append_character(out, '\0');
  for (size_t i = 0; i < count; i++) text_append_character(out, (char)i);
}

// Parses an exact-size copy, so that a sanitizer sees reads outside; the copy is freed by close.
typedef struct {
  Gguf gguf;
  void *bytes;
} Opened;

static bool open_bytes(Opened *opened, const Text *text, Error *error) {
  *opened = (Opened){.bytes = malloc(text->size ? text->size : 1)};
  if (text->size) memcpy(opened->bytes, text->data, text->size);
  return gguf_parse(&opened->gguf, opened->bytes, text->size, "x.gguf", error);
}

static void close_bytes(Opened *opened) {
  gguf_close(&opened->gguf);
  free(opened->bytes);
}

static void put_every_type(Text *out) {
  put_head(out, 3, 2, 18);
  put_key(out, "u8", GGUF_U8), PUT(out, uint8_t, 200);
  put_key(out, "i8", GGUF_I8), PUT(out, int8_t, -5);
  put_key(out, "u16", GGUF_U16), PUT(out, uint16_t, 60000);
  put_key(out, "i16", GGUF_I16), PUT(out, int16_t, -300);
  put_key(out, "u32", GGUF_U32), PUT(out, uint32_t, 4000000000u);
  put_key(out, "i32", GGUF_I32), PUT(out, int32_t, -70000);
  put_key(out, "f32", GGUF_F32), PUT(out, float, 0.25f);
  put_key(out, "yes", GGUF_BOOL), PUT(out, uint8_t, 1);
  put_key(out, "odd", GGUF_BOOL), PUT(out, uint8_t, 2);
  put_key(out, "text", GGUF_TEXT), put_text(out, "na\xc3\xafve");
  put_key(out, "u64", GGUF_U64), PUT(out, uint64_t, UINT64_MAX);
  put_key(out, "i64", GGUF_I64), PUT(out, int64_t, INT64_MIN);
  put_key(out, "f64", GGUF_F64), PUT(out, double, 1e300);
  put_array(out, "texts", GGUF_TEXT, 3), put_text(out, "a"), put_text(out, ""), put_text(out, "bc");
  put_array(out, "ids", GGUF_I32, 2), PUT(out, int32_t, -1), PUT(out, int32_t, 7);
  put_array(out, "scores", GGUF_F32, 2), PUT(out, float, -1.5f), PUT(out, float, 3.0f);
  put_array(out, "bytes", GGUF_U8, 3), text_append(out, "\1\2\3", 3);
  put_array(out, "none", GGUF_TEXT, 0);
  put_tensor(out, "w", 2, (uint64_t[]){3, 2}, 0, 0); // float32, two rows of three
  put_tensor(out, "q", 1, (uint64_t[]){32}, 8, 32);  // Q8_0
  put_data(out, 32, 32 + 34);
}

static int64_t integer_of(const GgufMetadata *metadata, const char *key) {
  int64_t value = 0;
  Error error;
  if (!gguf_metadata_integer(metadata, key, INT64_MIN, INT64_MAX, &value, &error))
    fail_msg("%s: %s", error.where, error.message);
  return value;
}

static double number_of(const GgufMetadata *metadata, const char *key) {
  double value = 0;
  Error error;
  if (!gguf_metadata_number(metadata, key, &value, &error))
    fail_msg("%s: %s", error.where, error.message);
  return value;
}

static void single_values_are_read(void **state) {
  (void)state;
  Text file = {0};
  Opened opened;
  Error error = {0};
  bool flag = false;
  Span text;
  put_every_type(&file);
  if (!open_bytes(&opened, &file, &error)) fail_msg("%s", error.message);
  const GgufMetadata *metadata = &opened.gguf.metadata;
  assert_int_equal(opened.gguf.version, 3);
  assert_int_equal(integer_of(metadata, "u8"), 200);
  assert_int_equal(integer_of(metadata, "i8"), -5);
  assert_int_equal(integer_of(metadata, "u16"), 60000);
  assert_int_equal(integer_of(metadata, "i16"), -300);
  assert_int_equal(integer_of(metadata, "u32"), 4000000000);
  assert_int_equal(integer_of(metadata, "i32"), -70000);
  assert_int_equal(integer_of(metadata, "i64"), INT64_MIN);
  assert_true(number_of(metadata, "f32") == 0.25);
  assert_true(number_of(metadata, "f64") == 1e300);
  assert_true(number_of(metadata, "i8") == -5.0);
  assert_true(number_of(metadata, "u64") == 0x1p64);
  assert_true(gguf_metadata_boolean(metadata, "yes", &flag, &error) && flag);
  assert_true(gguf_metadata_text(metadata, "text", &text, &error));
  assert_true(span_equal(text, span_of("na\xc3\xafve")));
  close_bytes(&opened);
  text_free(&file);
}

static void defaults_stand_for_absent_keys(void **state) {
  (void)state;
  GgufMetadata metadata = {0};
  int64_t integer = 5;
  double number = 0.5;
  bool flag = true;
  Span text = span_of("x");
  Error error;
  assert_true(gguf_metadata_integer_or(&metadata, "a", 0, 9, &integer, &error));
  assert_true(gguf_metadata_number_or(&metadata, "a", &number, &error));
  assert_true(gguf_metadata_boolean_or(&metadata, "a", &flag, &error));
  assert_true(gguf_metadata_text_or(&metadata, "a", &text, &error));
  assert_true(integer == 5 && number == 0.5 && flag && text.size == 1);
}

static void arrays_are_read(void **state) {
  (void)state;
  Text file = {0};
  Opened opened;
  Error error = {0};
  Span *texts, bytes;
  int64_t *ids;
  double *scores;
  size_t count;
  put_every_type(&file);
  assert_true(open_bytes(&opened, &file, &error));
  const GgufMetadata *metadata = &opened.gguf.metadata;
  assert_true(gguf_metadata_texts(metadata, "texts", &texts, &count, &error));
  assert_int_equal(count, 3);
  assert_true(span_equal(texts[0], span_of("a")) && texts[1].size == 0);
  assert_true(span_equal(texts[2], span_of("bc")));
  memory_free(texts);
  assert_true(gguf_metadata_texts(metadata, "none", &texts, &count, &error));
  assert_int_equal(count, 0);
  memory_free(texts);
  assert_true(gguf_metadata_integers(metadata, "ids", &ids, &count, &error));
  assert_true(count == 2 && ids[0] == -1 && ids[1] == 7);
  memory_free(ids);
  assert_true(gguf_metadata_numbers(metadata, "scores", &scores, &count, &error));
  assert_true(count == 2 && scores[0] == -1.5 && scores[1] == 3.0);
  memory_free(scores);
  assert_true(gguf_metadata_numbers(metadata, "ids", &scores, &count, &error));
  assert_true(count == 2 && scores[0] == -1.0);
  memory_free(scores);
  assert_true(gguf_metadata_bytes(metadata, "bytes", &bytes, &error));
  assert_true(bytes.size == 3 && memcmp(bytes.data, "\1\2\3", 3) == 0);
  close_bytes(&opened);
  text_free(&file);
}

static void expect(bool done, const Error *error, const char *key, const char *message) {
  if (done || !strstr(error->where, key) || !strstr(error->message, message))
    fail_msg("done %d, \"%s: %s\" lacks \"%s: %s\"", done, error->where, error->message, key,
             message);
}

static void wrong_types_are_named(void **state) {
  (void)state;
  Text file = {0};
  Opened opened;
  Error e = {0};
  put_every_type(&file);
  assert_true(open_bytes(&opened, &file, &e));
  const GgufMetadata *m = &opened.gguf.metadata;
  int64_t integer = 1, *integers;
  double number;
  bool flag;
  Span text, *texts;
  size_t count;
  expect(gguf_metadata_integer(m, "gone", 0, 9, &integer, &e), &e, "x.gguf, key gone",
         "is missing");
  expect(gguf_metadata_integer(m, "f32", 0, 9, &integer, &e), &e, "key f32",
         "is f32, expected an integer");
  expect(gguf_metadata_integer(m, "u8", 0, 9, &integer, &e), &e, "key u8",
         "is 200, expected 0 to 9");
  expect(gguf_metadata_integer(m, "u64", 0, 9, &integer, &e), &e, "key u64", "is over");
  expect(gguf_metadata_integer(m, "ids", 0, 9, &integer, &e), &e, "key ids", "is an array of i32");
  expect(gguf_metadata_integer(m, "yes", 0, 9, &integer, &e), &e, "key yes", "is bool");
  expect(gguf_metadata_number(m, "text", &number, &e), &e, "key text", "expected a number");
  expect(gguf_metadata_boolean(m, "odd", &flag, &e), &e, "key odd", "expected 0 or 1");
  expect(gguf_metadata_boolean(m, "u8", &flag, &e), &e, "key u8", "expected a bool");
  expect(gguf_metadata_text(m, "texts", &text, &e), &e, "key texts",
         "an array of string, expected a string");
  expect(gguf_metadata_texts(m, "text", &texts, &count, &e), &e, "key text",
         "expected an array of strings");
  expect(gguf_metadata_texts(m, "ids", &texts, &count, &e), &e, "key ids",
         "expected an array of strings");
  expect(gguf_metadata_integers(m, "scores", &integers, &count, &e), &e, "key scores",
         "an array of integers");
  expect(gguf_metadata_bytes(m, "ids", &text, &e), &e, "key ids", "an array of u8 or i8");
  assert_int_equal(integer, 1);
  close_bytes(&opened);
  text_free(&file);
}

static void tensors_come_in_our_order(void **state) {
  (void)state;
  Text file = {0};
  Opened opened;
  Error error = {0};
  put_every_type(&file);
  assert_true(open_bytes(&opened, &file, &error));
  const Tensor *w = checkpoint_find(&opened.gguf.checkpoint, "w");
  const Tensor *q = checkpoint_find(&opened.gguf.checkpoint, "q");
  assert_true(w->rank == 2 && w->shape[0] == 2 && w->shape[1] == 3 && w->dtype == DTYPE_F32);
  assert_true(q->rank == 1 && q->shape[0] == 32 && q->dtype == DTYPE_Q8_0);
  const unsigned char *data = (unsigned char *)opened.bytes + file.size - 66;
  assert_ptr_equal(w->data, data);
  assert_ptr_equal(q->data, data + 32);
  assert_int_equal(checkpoint_bytes(&opened.gguf.checkpoint), 24 + 34);
  close_bytes(&opened);
  text_free(&file);
}

static void every_truncation_and_flip_is_survived(void **state) {
  (void)state;
  uint64_t seed = (uint64_t)clock_now();
  print_message("# seed %" PRIu64 "\n", seed);
  Random random = random_seeded(seed);
  Text file = {0};
  Opened opened;
  put_every_type(&file);
  for (size_t cut = 0; cut < file.size; cut++) {
    Error error = {0};
    Text part = {file.data, cut, 0};
    assert_false(open_bytes(&opened, &part, &error));
    assert_true(error.message[0] && strstr(error.where, "x.gguf"));
    close_bytes(&opened);
  }
  for (int round = 0; round < 5000; round++) {
    Error error = {0};
    size_t at = random_below(&random, file.size);
    char bit = (char)(1u << random_below(&random, 8));
    file.data[at] ^= bit;
    if (!open_bytes(&opened, &file, &error)) assert_true(error.message[0]);
    close_bytes(&opened);
    file.data[at] ^= bit;
  }
  text_free(&file);
}

// Frees the text; fails unless it is refused with such a message.
static void refused(Text *file, const char *expected) {
  Opened opened;
  Error error = {0};
  char text[1024];
  if (open_bytes(&opened, file, &error)) fail_msg("accepted; expected \"%s\"", expected);
  error_text(&error, text, sizeof text);
  if (!strstr(text, expected)) fail_msg("\"%s\" lacks \"%s\"", text, expected);
  close_bytes(&opened);
  text_free(file);
}

static void bad_heads_are_refused(void **state) {
  (void)state;
  Text file = {0};
  text_append_text(&file, "GGML and more"), refused(&file, "expected \"GGUF\"");
  put_head(&file, 1, 0, 0), refused(&file, "version 1, expected 2 or 3");
  put_head(&file, 4, 0, 0), refused(&file, "version 4");
  put_head(&file, 3u << 24, 0, 0), refused(&file, "big-endian");
  put_head(&file, 3, UINT64_MAX, 0), refused(&file, "the number of tensors");
  put_head(&file, 3, 1, 0), refused(&file, "the number of tensors");
  put_head(&file, 3, 0, UINT64_MAX), refused(&file, "the number of keys");
  put_head(&file, 3, 0, 1), refused(&file, "the number of keys");
}

static void bad_keys_are_refused(void **state) {
  (void)state;
  Text file = {0};
  put_head(&file, 3, 0, 1), put_key(&file, "", GGUF_U32), PUT(&file, uint32_t, 1);
  refused(&file, "is empty");
  put_head(&file, 3, 0, 1), put_key(&file, "a", 13), PUT(&file, uint32_t, 1);
  refused(&file, "is 13, expected 0 to 12");
  put_head(&file, 3, 0, 1), PUT(&file, uint64_t, UINT64_MAX), PUT(&file, uint64_t, 0);
  refused(&file, "the size of a key");
  put_head(&file, 3, 0, 1), PUT(&file, uint64_t, 1000), PUT(&file, uint64_t, 0);
  refused(&file, "1000 bytes of a key");
  put_head(&file, 3, 0, 2), put_key(&file, "a", GGUF_U8), PUT(&file, uint8_t, 1);
  put_key(&file, "a", GGUF_I64), PUT(&file, int64_t, 1);
  refused(&file, "key a: occurs twice");
  put_head(&file, 3, 0, 1), put_array(&file, "a", GGUF_ARRAY, 1), put_data(&file, 1, 40);
  refused(&file, "an array of arrays");
  put_head(&file, 3, 0, 1), put_array(&file, "a", GGUF_U8, UINT64_MAX);
  refused(&file, "expected at most");
  put_head(&file, 3, 0, 1), put_array(&file, "a", GGUF_F64, 1 << 30);
  refused(&file, "ends at byte");
  put_head(&file, 3, 0, 1), put_array(&file, "a", GGUF_TEXT, 2), put_text(&file, "x");
  refused(&file, "a string");
  static const uint32_t alignments[] = {0, 3, 48, 1u << 31};
  for (size_t i = 0; i < COUNT_OF(alignments); i++) {
    put_head(&file, 3, 0, 1), put_key(&file, "general.alignment", GGUF_U32);
    PUT(&file, uint32_t, alignments[i]), refused(&file, "general.alignment");
  }
  put_head(&file, 3, 0, 1), put_key(&file, "general.alignment", GGUF_TEXT), put_text(&file, "32");
  refused(&file, "expected an integer");
}

static void bad_tensors_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *name;
    uint32_t rank, type;
    uint64_t extents[5], offset;
    size_t data;
    const char *expected;
  } tensors[] = {
      {"t", 5, 0, {1, 1, 1, 1, 1}, 0, 4, "5 dimensions"},
      {"t", 1, 0, {UINT64_MAX}, 0, 4, "dimension of 18446744073709551615"},
      {"t", 2, 0, {1ull << 32, 1ull << 32}, 0, 4, "overflows"},
      {"t", 3, 0, {0, 1ull << 32, 1ull << 32}, 0, 0, "overflows"},
      {"t", 1, 28, {1ull << 60}, 0, 4, "overflows"},
      {"t", 1, 2, {48}, 0, 64, "multiple of 32"},
      {"t", 1, 14, {128}, 0, 256, "multiple of 256"},
      {"t", 0, 2, {0}, 0, 64, "multiple of 32"},
      {"t", 1, 0, {1}, 32, 64, "expected 0"},
      {"t", 1, 0, {1}, 1, 64, "expected 0"},
      {"t", 1, 0, {9}, 0, 35, "truncated"},
      {"t", 1, 0, {1ull << 40}, 0, 35, "truncated"},
      {"t", 1, 16, {256}, 0, 66, "IQ2_XXS"},
      {"t", 1, 39, {32}, 0, 17, "MXFP4"},
      {"t", 1, 10, {256}, 0, 84, "Q2_K"},
      {"t", 1, 31, {32}, 0, 18, "Q4_0_4_4 (dropped)"},
      {"t", 1, 99, {32}, 0, 18, "unknown (id 99)"},
      {"a.name.of.sixty.four.bytes.is.one.more.than.the.format.has.room.fo",
       1,
       0,
       {1},
       0,
       4,
       "expected at most 63"},
  };
  for (size_t i = 0; i < COUNT_OF(tensors); i++) {
    Text file = {0};
    put_head(&file, 3, 1, 0);
    put_tensor(&file, tensors[i].name, tensors[i].rank, tensors[i].extents, tensors[i].type,
               tensors[i].offset);
    put_data(&file, 32, tensors[i].data);
    refused(&file, tensors[i].expected);
  }
  Text file = {0};
  put_head(&file, 2, 2, 0);
  put_tensor(&file, "t", 1, (uint64_t[]){1}, 0, 0),
      put_tensor(&file, "t", 1, (uint64_t[]){1}, 0, 32);
  put_data(&file, 32, 64), refused(&file, "tensor t occurs twice");
  put_head(&file, 2, 2, 0); // the second lies on the first
  put_tensor(&file, "t", 1, (uint64_t[]){1}, 0, 0),
      put_tensor(&file, "u", 1, (uint64_t[]){1}, 0, 0);
  put_data(&file, 32, 64), refused(&file, "tensor u: has offset 0, expected 32");
  put_head(&file, 2, 1, 0), PUT(&file, uint64_t, 2), text_append(&file, "t\0", 2);
  PUT(&file, uint32_t, 0), PUT(&file, uint32_t, 0), PUT(&file, uint64_t, 0);
  put_data(&file, 32, 4), refused(&file, "holds a NUL");
}

static void odd_but_valid_files_open(void **state) {
  (void)state;
  Text file = {0};
  Opened opened;
  Error error = {0};
  put_head(&file, 2, 0, 0); // nothing at all, no padding
  assert_true(open_bytes(&opened, &file, &error));
  close_bytes(&opened);
  text_clear(&file);
  put_head(&file, 3, 3, 1); // alignment 8 as u64; a scalar, an empty tensor, bytes left over
  put_key(&file, "general.alignment", GGUF_U64), PUT(&file, uint64_t, 8);
  put_tensor(&file, "s", 0, NULL, 0, 0);
  put_tensor(&file, "e", 2, (uint64_t[]){32, 0}, 8, 8);
  put_tensor(&file, "t", 4, (uint64_t[]){1, 2, 3, 4}, 24, 8);
  put_data(&file, 8, 40);
  if (!open_bytes(&opened, &file, &error)) fail_msg("%s: %s", error.where, error.message);
  const Tensor *t = checkpoint_find(&opened.gguf.checkpoint, "t");
  assert_true(t->shape[0] == 4 && t->shape[1] == 3 && t->shape[2] == 2 && t->shape[3] == 1);
  assert_int_equal(*(const unsigned char *)t->data, 8);
  assert_int_equal(checkpoint_find(&opened.gguf.checkpoint, "s")->rank, 0);
  assert_int_equal(tensor_elements(checkpoint_find(&opened.gguf.checkpoint, "e")), 0);
  close_bytes(&opened);
  text_free(&file);
}

// Writes part `number` (from 0) of a split model with one tensor, of `number` + 1 floats.
static char *write_part(const char *folder, int number, int stated, int count, int total) {
  Text file = {0}, name = {0};
  Error error;
  char tensor[16];
  uint64_t extent = (uint64_t)number + 1;
  put_head(&file, 3, 1, 3);
  put_key(&file, "split.no", GGUF_U16), PUT(&file, uint16_t, (uint16_t)stated);
  put_key(&file, "split.count", GGUF_U16), PUT(&file, uint16_t, (uint16_t)count);
  put_key(&file, "split.tensors.count", GGUF_I32), PUT(&file, int32_t, total);
  snprintf(tensor, sizeof tensor, "t%d", number);
  put_tensor(&file, tensor, 1, &extent, 0, 0);
  put_data(&file, 32, 32);
  text_append_format(&name, "%s/m-%05d-of-%05d.gguf", folder, number + 1, 3);
  assert_true(file_write_atomically(name.data, file.data, file.size, &error));
  text_free(&file);
  return name.data;
}

static void refused_file(const char *path, const char *expected) {
  Gguf gguf;
  Error error = {0};
  char text[1024];
  assert_false(gguf_open(&gguf, path, &error));
  error_text(&error, text, sizeof text);
  if (!strstr(text, expected)) fail_msg("\"%s\" lacks \"%s\"", text, expected);
  assert_null(gguf.checkpoint.arena);
}

static void split_models_are_joined(void **state) {
  (void)state;
  char folder[] = "/tmp/attometer-gguf-XXXXXX";
  Gguf gguf;
  Error error = {0};
  char *paths[3];
  assert_non_null(mkdtemp(folder));
  for (int i = 0; i < 3; i++) paths[i] = write_part(folder, i, i, 3, 3);
  if (!gguf_open(&gguf, paths[0], &error)) fail_msg("%s: %s", error.where, error.message);
  assert_int_equal(gguf.checkpoint.tensors.count, 3);
  assert_int_equal(gguf.checkpoint.maps.count, 3);
  assert_int_equal(checkpoint_find(&gguf.checkpoint, "t2")->shape[0], 3);
  assert_memory_equal(checkpoint_find(&gguf.checkpoint, "t2")->data, "\0\1\2\3", 4);
  checkpoint_release(&gguf.checkpoint, checkpoint_find(&gguf.checkpoint, "t2"));
  gguf_close(&gguf);
  refused_file(paths[1], "is part 2 of a model in 3 files");
  memory_free(write_part(folder, 2, 1, 3, 3));
  refused_file(paths[0], "says that it is part 1 of 3, expected 2 of 3");
  memory_free(write_part(folder, 2, 2, 3, 3));
  memory_free(write_part(folder, 0, 0, 3, 4));
  refused_file(paths[0], "expected the 4 of split.tensors.count");
  unlink(paths[2]);
  refused_file(paths[0], "m-00003-of-00003.gguf");
  for (int i = 0; i < 2; i++) unlink(paths[i]);
  for (int i = 0; i < 3; i++) memory_free(paths[i]);
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(single_values_are_read),
      cmocka_unit_test(defaults_stand_for_absent_keys),
      cmocka_unit_test(arrays_are_read),
      cmocka_unit_test(wrong_types_are_named),
      cmocka_unit_test(tensors_come_in_our_order),
      cmocka_unit_test(every_truncation_and_flip_is_survived),
      cmocka_unit_test(bad_heads_are_refused),
      cmocka_unit_test(bad_keys_are_refused),
      cmocka_unit_test(bad_tensors_are_refused),
      cmocka_unit_test(odd_but_valid_files_open),
      cmocka_unit_test(split_models_are_joined),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
