// SPDX-License-Identifier: Apache-2.0
// Valid and invalid files of every kind that the format's rules name, parsed from exact-size heap
// blocks so that a sanitizer sees any read outside; every truncation of a small file.
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "formats/safetensors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ENTRY(NAME, DTYPE, SHAPE, BEGIN, END)                                                      \
  "\"" NAME "\":{\"dtype\":\"" DTYPE "\",\"shape\":" SHAPE ",\"data_offsets\":[" BEGIN "," END "]" \
  "}"

// The bytes of a file: header, then `data` bytes counting up. The caller frees.
static unsigned char *file_of(const char *header, size_t header_size, size_t data, size_t *size) {
  uint64_t stated = header_size;
  *size = 8 + header_size + data;
  unsigned char *bytes = malloc(*size);
  memcpy(bytes, &stated, 8);
  memcpy(bytes + 8, header, header_size);
  for (size_t i = 0; i < data; i++) bytes[8 + header_size + i] = (unsigned char)i;
  return bytes;
}

static bool parse(Checkpoint *checkpoint, const char *header, size_t data, Error *error) {
  size_t size;
  unsigned char *bytes = file_of(header, strlen(header), data, &size);
  *checkpoint = (Checkpoint){0};
  bool parsed = safetensors_parse(checkpoint, bytes, size, "x.safetensors", error);
  free(bytes);
  return parsed;
}

static void valid_files_open(void **state) {
  (void)state;
  static const struct {
    const char *header;
    size_t data, tensors;
  } files[] = {
      {"{}", 0, 0},
      {" \n{}\r\t ", 0, 0},
      {"{" ENTRY("scalar", "F32", "[]", "0", "4") "}", 4, 1},
      {"{" ENTRY("empty", "F32", "[0,7]", "0", "0") "}", 0, 1},
      {"{" ENTRY("e", "U8", "[0]", "2", "2") "," ENTRY("b", "U8", "[1]", "2", "3") "," ENTRY(
           "a", "F16", "[1]", "0", "2") "}",
       3, 3},
      {"{" ENTRY("a", "I64", "[2]", "0", "16") "," ENTRY("b", "BF16", "[2,1]", "16", "20") "}   ",
       20, 2},
      {"{\"__metadata__\":null}", 0, 0},
      {"{\"__metadata__\":{}}", 0, 0},
      {"{" ENTRY("q", "F4", "[4]", "0", "2") "," ENTRY("r", "F6_E2M3", "[4]", "2", "5") "}", 5, 2},
      {"{\"t\":{\"more\":[1.5,{\"x\":null}],\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}"
       "}",
       1, 1},
      {"{" ENTRY("", "U8", "[1]", "0", "1") "}", 1, 1},
      {"{" ENTRY("m", "C64", "[1,1,1,1,1,1,1,1]", "0", "8") "}", 8, 1},
  };
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    Checkpoint checkpoint;
    Error error = {0};
    if (!parse(&checkpoint, files[i].header, files[i].data, &error))
      fail_msg("%s: %s", files[i].header, error.message);
    assert_int_equal(checkpoint.tensors.count, files[i].tensors);
    checkpoint_close(&checkpoint);
  }
}

static void invalid_files_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *header;
    size_t data;
    const char *expected; // in the message or its place
  } files[] = {
      {"", 0, "not valid JSON"},
      {"{", 0, "not valid JSON"},
      {"[]", 0, "is an array, expected an object"},
      {"{}x", 0, "not valid JSON"},
      {"{}{}", 0, "not valid JSON"},
      {"{\"\xff\":1}", 0, "not valid JSON"},
      {"{\"a\xc3\":1}", 0, "not valid JSON"},
      {"{\"a\":1}", 0, "is an integer, expected an object"},
      {"{\"a\":{}}", 0, "missing, expected a string"},
      {"{" ENTRY("a", "F33", "[1]", "0", "4") "}", 4, "\"F33\""},
      {"{" ENTRY("a", "f32", "[1]", "0", "4") "}", 4, "\"f32\""},
      {"{" ENTRY("a", "F32", "1", "0", "4") "}", 4, "shape"},
      {"{" ENTRY("a", "F32", "[1.0]", "0", "4") "}", 4, "a real number, expected an integer"},
      {"{" ENTRY("a", "F32", "[1e0]", "0", "4") "}", 4, "a real number, expected an integer"},
      {"{" ENTRY("a", "F32", "[-1]", "0", "4") "}", 4, "is -1"},
      {"{" ENTRY("a", "F32", "[\"1\"]", "0", "4") "}", 4, "a string, expected an integer"},
      {"{" ENTRY("a", "F32", "[99999999999999999999]", "0", "4") "}", 4, "not valid JSON"},
      {"{" ENTRY("a", "U8", "[1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, "9 dimensions"},
      {"{" ENTRY("a", "F32", "[1]", "0", "-4") "}", 4, "is -4"},
      {"{" ENTRY("a", "F32", "[1]", "0", "4.0") "}", 4, "a real number"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "1 elements"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1, "3 elements"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "data_offsets"},
      {"{" ENTRY("a", "U8", "[1]", "0", "1") "," ENTRY("a", "U8", "[1]", "0", "1") "}", 1,
       "duplicate"},
      {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
       "duplicate"},
      {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__.a"},
      {"{\"__metadata__\":{\"a\":null}}", 0, "is null, expected a string"},
      {"{\"__metadata__\":[]}", 0, "expected an object"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate"},
      {"{" ENTRY("a", "U8", "[1]", "1", "2") "}", 2, "begin at 0"},
      {"{" ENTRY("a", "U8", "[1]", "0", "1") "," ENTRY("b", "U8", "[1]", "2", "3") "}", 3,
       "begin at 1"},
      {"{" ENTRY("a", "U8", "[2]", "0", "2") "," ENTRY("b", "U8", "[2]", "1", "3") "}", 3,
       "begin at 2"},
      {"{" ENTRY("a", "U8", "[1]", "0", "1") "," ENTRY("b", "U8", "[1]", "0", "1") "}", 1,
       "begin at 1"},
      {"{" ENTRY("a", "U8", "[1]", "1", "0") "}", 1, "begin at 0"},
      {"{" ENTRY("z", "U8", "[0]", "0", "0") "," ENTRY("a", "U8", "[1]", "0", "-1") "}", 1, "-1"},
      {"{" ENTRY("a", "U8", "[4294967296,4294967296]", "0", "1") "}", 1, "overflow"},
      {"{" ENTRY("a", "F64", "[4611686018427387904]", "0", "1") "}", 1, "overflow"},
      {"{" ENTRY("a", "U8", "[4294967296,4294967296,0]", "0", "0") "}", 0, "overflow"},
      {"{" ENTRY("a", "U8", "[0,4294967296,4294967296]", "0", "0") "}", 0, "overflow"},
      {"{" ENTRY("a", "F4", "[3]", "0", "2") "}", 2, "multiple of 2"},
      {"{" ENTRY("a", "F6_E3M2", "[2]", "0", "2") "}", 2, "multiple of 4"},
      {"{" ENTRY("a", "F32", "[2]", "0", "4") "}", 4, "expected 8"},
      {"{" ENTRY("a", "U8", "[1]", "0", "1") "}", 2, "too long"},
      {"{" ENTRY("a", "U8", "[2]", "0", "2") "}", 1, "truncated"},
      {"{}", 1, "too long"},
      {"{" ENTRY("a\\u0000b", "U8", "[1]", "0", "1") "}", 1, "not valid JSON"},
  };
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    Checkpoint checkpoint;
    Error error = {0};
    char text[1024];
    if (parse(&checkpoint, files[i].header, files[i].data, &error))
      fail_msg("accepted %s", files[i].header);
    error_text(&error, text, sizeof text);
    if (!strstr(text, files[i].expected) || !strstr(text, "x.safetensors"))
      fail_msg("%s: \"%s\" lacks \"%s\"", files[i].header, text, files[i].expected);
    checkpoint_close(&checkpoint);
  }
}

static void errors_keep_the_ends_of_long_paths(void **state) {
  (void)state;
  char path[400];
  memset(path, 'p', sizeof path);
  strcpy(path + 370, "/model.safetensors");
  const char *header =
      "{\"model.layers.10.self_attn.q_proj.weight\":{\"dtype\":\"U8\",\"shape\":[-1]}}";
  size_t size;
  unsigned char *bytes = file_of(header, strlen(header), 0, &size);
  Checkpoint checkpoint = {0};
  Error error = {0};
  assert_false(safetensors_parse(&checkpoint, bytes, size, path, &error));
  assert_non_null(strstr(error.where, "/model.safetensors, tensor model.layers.10.self_attn.q_proj."
                                      "weight.shape[0]"));
  free(bytes);
}

static void header_sizes_are_checked(void **state) {
  (void)state;
  static const struct {
    uint64_t stated;
    size_t size;
    const char *expected;
  } files[] = {{UINT64_MAX, 10, "at most 100000000"},
               {UINT64_MAX - 7, 10, "at most 100000000"},
               {100000001, 10, "at most 100000000"},
               {100000000, 10, "only 2 bytes follow"},
               {3, 10, "only 2 bytes follow"},
               {0, 0, "at least 8"},
               {0, 7, "at least 8"},
               {0, 8, "not valid JSON"}};
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    unsigned char *bytes = calloc(1, files[i].size ? files[i].size : 1);
    memcpy(bytes, &files[i].stated, files[i].size < 8 ? files[i].size : 8);
    Checkpoint checkpoint = {0};
    Error error = {0};
    assert_false(safetensors_parse(&checkpoint, bytes, files[i].size, "x", &error));
    assert_non_null(strstr(error.message, files[i].expected));
    checkpoint_close(&checkpoint);
    free(bytes);
  }
}

static void a_hostile_header_costs_bounded_memory(void **state) {
  (void)state;
  enum { SIZE = 9000000 };
  char *header = malloc(SIZE + 1);
  for (size_t i = 0; i < SIZE; i++) header[i] = "[],"[i % 3];
  header[SIZE] = '\0';
  Checkpoint checkpoint;
  Error error = {0};
  assert_false(parse(&checkpoint, header, 0, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  for (size_t i = 0; i < SIZE; i++) header[i] = '['; // and deep nesting ends in an error
  header[100000] = '\0';
  assert_false(parse(&checkpoint, header, 0, &error));
  assert_int_equal(error.code, ERROR_FORMAT);
  free(header);
}

static void tensors_lie_where_the_file_says(void **state) {
  (void)state;
  const char *header = "{\"__metadata__\":{\"format\":\"pt\",\"\":\"x\\\"\"}," ENTRY(
      "b", "U8", "[3]", "8", "11") "," ENTRY("a\\u00e9\\n", "F32", "[2,1]", "0", "8") "}";
  size_t size;
  unsigned char *bytes = file_of(header, strlen(header), 11, &size);
  Checkpoint checkpoint = {0};
  Error error = {0};
  assert_true(safetensors_parse(&checkpoint, bytes, size, "x", &error));
  const Tensor *a = checkpoint_find(&checkpoint, "a\xc3\xa9\n"),
               *b = checkpoint_find(&checkpoint, "b");
  assert_non_null(a);
  assert_non_null(b);
  assert_ptr_equal(a->data, bytes + 8 + strlen(header));
  assert_ptr_equal(b->data, bytes + 8 + strlen(header) + 8);
  assert_int_equal(a->dtype, DTYPE_F32);
  assert_int_equal(a->rank, 2);
  assert_int_equal(a->shape[0], 2);
  assert_int_equal(a->shape[1], 1);
  assert_string_equal(checkpoint.tensors.items[1].name, "b");
  assert_null(checkpoint_find(&checkpoint, "c"));
  assert_string_equal(checkpoint_text(&checkpoint, "format"), "pt");
  assert_string_equal(checkpoint_text(&checkpoint, ""), "x\"");
  assert_null(checkpoint_text(&checkpoint, "none"));
  assert_int_equal(checkpoint_bytes(&checkpoint), 11);
  checkpoint_close(&checkpoint);
  free(bytes);
}

static void every_truncation_and_flip_is_survived(void **state) {
  (void)state;
  const char *header = "{\"__metadata__\":{\"k\":\"v\"}," ENTRY(
      "a", "F32", "[2,1]", "0", "8") "," ENTRY("b", "U8", "[3]", "8", "11") "}";
  uint64_t seed = (uint64_t)clock_now();
  print_message("# seed %llu\n", (unsigned long long)seed);
  Random random = random_seeded(seed);
  size_t size, accepted = 0;
  unsigned char *whole = file_of(header, strlen(header), 11, &size);
  for (size_t cut = 0; cut < size; cut++) {
    unsigned char *part = malloc(cut ? cut : 1);
    memcpy(part, whole, cut);
    Checkpoint checkpoint = {0};
    Error error = {0};
    assert_false(safetensors_parse(&checkpoint, part, cut, "x", &error));
    assert_true(error.message[0]);
    checkpoint_close(&checkpoint);
    free(part);
  }
  for (int round = 0; round < 5000; round++) {
    unsigned char *copy = memcpy(malloc(size), whole, size);
    copy[random_below(&random, size)] ^= (unsigned char)(1u << random_below(&random, 8));
    Checkpoint checkpoint = {0};
    Error error = {0};
    if (safetensors_parse(&checkpoint, copy, size, "x", &error))
      accepted++;
    else
      assert_true(error.message[0]);
    checkpoint_close(&checkpoint);
    free(copy);
  }
  assert_in_range(accepted, 1, 4999); // flips in the data and in names are fine
  free(whole);
}

// A folder of small files, removed with them.
typedef struct {
  char path[64];
} Folder;

static Folder folder_open(void) {
  Folder folder = {"/tmp/attometer-test-XXXXXX"};
  assert_non_null(mkdtemp(folder.path));
  return folder;
}

static void folder_write(const Folder *folder, const char *name, const void *bytes, size_t size) {
  Error error;
  char *path = path_join(folder->path, name);
  assert_true(file_write_atomically(path, bytes, size, &error));
  memory_free(path);
}

static void folder_write_model(const Folder *folder, const char *name, const char *header,
                               size_t data) {
  size_t size;
  unsigned char *bytes = file_of(header, strlen(header), data, &size);
  folder_write(folder, name, bytes, size);
  free(bytes);
}

static void folder_drop(const Folder *folder, const char *name) {
  char *path = path_join(folder->path, name);
  unlink(path);
  memory_free(path);
}

static void refused(const Folder *folder, ErrorCode code, const char *expected) {
  Checkpoint checkpoint;
  Error error = {0};
  char text[1024];
  assert_false(safetensors_open_folder(&checkpoint, folder->path, &error));
  error_text(&error, text, sizeof text);
  if (error.code != code || !strstr(text, expected))
    fail_msg("\"%s\" (code %d) lacks \"%s\"", text, error.code, expected);
  assert_null(checkpoint.arena);
  assert_int_equal(checkpoint.maps.count, 0);
}

static void folders_are_searched_in_order(void **state) {
  (void)state;
  Folder folder = folder_open(), missing = {"/nonexistent/model"};
  refused(&missing, ERROR_NOT_FOUND, "is not a folder");
  refused(&folder, ERROR_NOT_FOUND, "looked for model.safetensors");
  folder_write(&folder, "pytorch_model.bin", "x", 1);
  refused(&folder, ERROR_UNSUPPORTED, "holds pytorch_model.bin");
  folder_write(&folder, "model.safetensors.index.json", "{}", 2);
  refused(&folder, ERROR_FORMAT, "weight_map: is missing");
  folder_write_model(&folder, "model.safetensors", "{" ENTRY("w", "U8", "[3]", "0", "3") "}", 3);
  Checkpoint checkpoint;
  Error error = {0};
  assert_true(safetensors_open_folder(&checkpoint, folder.path, &error));
  const Tensor *w = checkpoint_find(&checkpoint, "w");
  assert_memory_equal(w->data, "\0\1\2", 3);
  checkpoint_release(&checkpoint, w);
  assert_memory_equal(w->data, "\0\1\2", 3); // given back is not lost
  checkpoint_close(&checkpoint);
  folder_drop(&folder, "model.safetensors");
  folder_drop(&folder, "model.safetensors.index.json");
  folder_drop(&folder, "pytorch_model.bin");
  rmdir(folder.path);
}

static void shards_are_joined(void **state) {
  (void)state;
  Folder folder = folder_open();
  folder_write_model(
      &folder, "one.safetensors",
      "{" ENTRY("a", "U8", "[2]", "0", "2") "," ENTRY("x", "U8", "[1]", "2", "3") "}", 3);
  folder_write_model(
      &folder, "two.safetensors",
      "{" ENTRY("b", "U8", "[1]", "0", "1") "," ENTRY("a", "U8", "[1]", "1", "2") "}", 2);
  static const char index[] = "{\"metadata\":{\"total_size\":3},\"weight_map\":"
                              "{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}";
  folder_write(&folder, "model.safetensors.index.json", index, sizeof index - 1);
  Checkpoint checkpoint;
  Error error = {0};
  if (!safetensors_open_folder(&checkpoint, folder.path, &error)) fail_msg("%s", error.message);
  assert_int_equal(checkpoint.tensors.count, 2); // x is not listed, two's a belongs to one
  assert_int_equal(checkpoint.maps.count, 2);
  assert_int_equal(checkpoint_find(&checkpoint, "a")->shape[0], 2);
  assert_memory_equal(checkpoint_find(&checkpoint, "a")->data, "\0\1", 2);
  assert_memory_equal(checkpoint_find(&checkpoint, "b")->data, "\0", 1);
  checkpoint_close(&checkpoint);
  folder_drop(&folder, "two.safetensors");
  refused(&folder, ERROR_NOT_FOUND, "two.safetensors");
  folder_drop(&folder, "one.safetensors");
  folder_drop(&folder, "model.safetensors.index.json");
  rmdir(folder.path);
}

static void bad_indexes_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } indexes[] = {
      {"", "not valid JSON"},
      {"[]", "expected an object"},
      {"{\"weight_map\":[]}", "is an array, expected an object"},
      {"{\"weight_map\":{\"a\":1}}", "weight_map.a: is an integer"},
      {"{\"weight_map\":{\"a\":\"\"}}", "beside the index"},
      {"{\"weight_map\":{\"a\":\"../one.safetensors\"}}", "beside the index"},
      {"{\"weight_map\":{\"a\":\"..\"}}", "beside the index"},
      {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "beside the index"},
      {"{\"weight_map\":{\"a\":\"b\\\\c\"}}", "beside the index"},
      {"{\"weight_map\":{\"a\":\"one.safetensors\",\"a\":\"one.safetensors\"}}", "duplicate"},
      {"{\"weight_map\":{\"nope\":\"one.safetensors\"}}", "lacks tensor nope"},
      {"{\"weight_map\":{\"a\":\".\"}}", "not a regular file"},
  };
  Folder folder = folder_open();
  folder_write_model(&folder, "one.safetensors", "{" ENTRY("a", "U8", "[2]", "0", "2") "}", 2);
  for (size_t i = 0; i < COUNT_OF(indexes); i++) {
    folder_write(&folder, "model.safetensors.index.json", indexes[i].text, strlen(indexes[i].text));
    Checkpoint checkpoint;
    Error error = {0};
    char text[1024];
    assert_false(safetensors_open_folder(&checkpoint, folder.path, &error));
    error_text(&error, text, sizeof text);
    if (!strstr(text, indexes[i].expected))
      fail_msg("%s: \"%s\" lacks \"%s\"", indexes[i].text, text, indexes[i].expected);
  }
  folder_drop(&folder, "one.safetensors");
  folder_drop(&folder, "model.safetensors.index.json");
  rmdir(folder.path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_files_open),
      cmocka_unit_test(invalid_files_are_refused),
      cmocka_unit_test(errors_keep_the_ends_of_long_paths),
      cmocka_unit_test(header_sizes_are_checked),
      cmocka_unit_test(a_hostile_header_costs_bounded_memory),
      cmocka_unit_test(tensors_lie_where_the_file_says),
      cmocka_unit_test(every_truncation_and_flip_is_survived),
      cmocka_unit_test(folders_are_searched_in_order),
      cmocka_unit_test(shards_are_joined),
      cmocka_unit_test(bad_indexes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
