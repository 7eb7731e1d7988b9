// SPDX-License-Identifier: Apache-2.0
// What is written reads back as NumPy would; malformed headers are refused.
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "formats/npy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/attometer-npy-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

// A version 1 file around a dictionary, in an exact-size block that the caller frees.
static unsigned char *file_of(const char *dictionary, size_t data, size_t *size) {
  size_t length = strlen(dictionary);
  *size = 10 + length + data;
  unsigned char *bytes = malloc(*size);
  memcpy(bytes, "\x93NUMPY\1\0", 8);
  bytes[8] = (unsigned char)(length & 255);
  bytes[9] = (unsigned char)(length >> 8);
  memcpy(bytes + 10, dictionary, length);
  memset(bytes + 10 + length, 7, data);
  return bytes;
}

static bool parse(const char *dictionary, size_t data, Tensor *tensor, Error *error) {
  size_t size;
  unsigned char *bytes = file_of(dictionary, data, &size);
  bool parsed = npy_parse(bytes, size, "x.npy", tensor, error);
  free(bytes);
  return parsed;
}

static void written_arrays_read_back(void **state) {
  (void)state;
  static const struct {
    int rank;
    int64_t shape[4];
    const char *text;
  } arrays[] = {{0, {0}, "'shape': ()"},
                {1, {5}, "'shape': (5,)"},
                {2, {3, 4}, "'shape': (3, 4)"},
                {4, {2, 1, 3, 2}, "'shape': (2, 1, 3, 2)"},
                {2, {0, 4}, "'shape': (0, 4)"}};
  uint64_t seed = (uint64_t)clock_now();
  print_message("# seed %llu\n", (unsigned long long)seed);
  Random random = random_seeded(seed);
  char *path = path_join(folder, "a.npy");
  for (size_t a = 0; a < COUNT_OF(arrays); a++) {
    float values[16];
    Error error = {0};
    FileMap map;
    Tensor tensor;
    for (int i = 0; i < 16; i++) values[i] = (float)random_normal(&random);
    if (!npy_write(path, arrays[a].rank, arrays[a].shape, values, &error))
      fail_msg("%s", error.message);
    if (!npy_open(&map, path, &tensor, &error)) fail_msg("%s", error.message);
    assert_int_equal(tensor.dtype, DTYPE_F32);
    assert_int_equal(tensor.rank, arrays[a].rank);
    for (int i = 0; i < tensor.rank; i++) assert_int_equal(tensor.shape[i], arrays[a].shape[i]);
    assert_memory_equal(tensor.data, values, (size_t)tensor_elements(&tensor) * sizeof(float));
    assert_int_equal(((const unsigned char *)tensor.data - map.data) % 64, 0);
    char header[80] = {0};
    memcpy(header, map.data + 10, 79 < map.size - 10 ? 79 : map.size - 10);
    assert_non_null(strstr(header, arrays[a].text));
    file_map_close(&map);
  }
  unlink(path);
  memory_free(path);
}

static void a_writer_checks_its_counts(void **state) {
  (void)state;
  char *path = path_join(folder, "b.npy"), *nowhere = path_join(folder, "no/b.npy");
  const int64_t shape[2] = {2, 3}, huge[2] = {INT64_MAX, 2};
  const float values[6] = {1, 2, 3, 4, 5, 6};
  Error error = {0};
  NpyWriter *writer = npy_writer_open(path, 2, shape, &error);
  assert_non_null(writer);
  assert_true(npy_writer_append(writer, values, 4, &error));
  assert_false(npy_writer_append(writer, values, 3, &error));
  assert_false(npy_writer_close(writer, &error));
  assert_non_null(strstr(error.message, "lacks 2 elements"));
  assert_false(file_exists(path));
  writer = npy_writer_open(path, 2, shape, &error);
  assert_true(npy_writer_append(writer, values, 4, &error));
  assert_true(npy_writer_append(writer, values + 4, 2, &error));
  assert_true(npy_writer_close(writer, &error));
  assert_true(file_exists(path));
  unlink(path);
  npy_writer_abandon(npy_writer_open(path, 2, shape, &error));
  assert_null(npy_writer_open(path, 2, huge, &error));
  assert_null(npy_writer_open(path, 9, huge, &error));
  assert_null(npy_writer_open(nowhere, 2, shape, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_false(file_exists(path));
  memory_free(path);
  memory_free(nowhere);
}

static void other_dtypes_are_read(void **state) {
  (void)state;
  static const struct {
    const char *descr;
    Dtype dtype;
    size_t bytes;
  } kinds[] = {{"<f8", DTYPE_F64, 8}, {"<f2", DTYPE_F16, 2}, {"<i8", DTYPE_I64, 8},
               {"<i4", DTYPE_I32, 4}, {"<i2", DTYPE_I16, 2}, {"|u1", DTYPE_U8, 1},
               {"|b1", DTYPE_BOOL, 1}};
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    char text[128];
    Tensor tensor;
    Error error = {0};
    snprintf(text, sizeof text, "{\"shape\":(3,) ,\"fortran_order\": False,'descr':'%s'}\n",
             kinds[i].descr);
    if (!parse(text, 3 * kinds[i].bytes, &tensor, &error)) fail_msg("%s: %s", text, error.message);
    assert_int_equal(tensor.dtype, kinds[i].dtype);
    assert_int_equal(tensor.shape[0], 3);
  }
}

static void malformed_arrays_are_refused(void **state) {
  (void)state;
#define HEAD "{'descr': '<f4', 'fortran_order': False, 'shape': "
  static const struct {
    const char *text;
    size_t data;
    const char *expected;
  } files[] = {
      {"", 0, "{"},
      {HEAD "(1,)", 4, ", or }"},
      {HEAD "(1,), } x", 4, "nothing behind"},
      {HEAD "(1), }", 4, "comma"},
      {HEAD "(1 2), }", 4, "comma"},
      {HEAD "(1, 2 3), }", 4, ", or )"},
      {HEAD "(-1,), }", 4, "not negative"},
      {HEAD "(1.5,), }", 4, "comma"},
      {HEAD "(99999999999999999999,), }", 4, "2^63"},
      {HEAD "(4294967296, 4294967296), }", 4, "overflow"},
      {HEAD "(0, 4294967296, 4294967296), }", 0, "overflow"},
      {HEAD "(4611686018427387904,), }", 4, "overflow"},
      {HEAD "(1,1,1,1,1,1,1,1,1), }", 4, "8 dimensions"},
      {HEAD "[1], }", 4, "a tuple"},
      {HEAD "(2,), }", 4, "4 bytes follow the header, expected 8"},
      {HEAD "(1,), }", 5, "5 bytes follow the header, expected 4"},
      {HEAD "(1,), 'shape': (1,)}", 4, "each key once"},
      {HEAD "(1,), 'more': 1}", 4, "alone"},
      {"{'descr': '<f4', 'shape': (1,)}", 4, "all of"},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4, "'>f4'"},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 8, "'<c8'"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, "a quoted text"},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", 4, "expected False"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4, "True or False"},
      {"{'descr", 0, "closing quote"},
      {"{'descr' '<f4'}", 0, ":"},
  };
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    Tensor tensor;
    Error error = {0};
    if (parse(files[i].text, files[i].data, &tensor, &error))
      fail_msg("accepted %s", files[i].text);
    if (!strstr(error.message, files[i].expected))
      fail_msg("%s: \"%s\" lacks \"%s\"", files[i].text, error.message, files[i].expected);
  }
}

static void versions_and_truncations(void **state) {
  (void)state;
  size_t size;
  unsigned char *bytes = file_of(HEAD "(2,), }\n", 8, &size);
  Tensor tensor;
  Error error = {0};
  assert_true(npy_parse(bytes, size, "x", &tensor, &error));
  for (size_t cut = 0; cut < size; cut++) {
    unsigned char *part = malloc(cut ? cut : 1);
    memcpy(part, bytes, cut);
    assert_false(npy_parse(part, cut, "x", &tensor, &error));
    free(part);
  }
  unsigned char *wide = malloc(size + 2); // version 2: the header's size has four bytes
  memcpy(wide, bytes, 10);
  wide[6] = 2;
  wide[10] = wide[11] = 0;
  memcpy(wide + 12, bytes + 10, size - 10);
  assert_true(npy_parse(wide, size + 2, "x", &tensor, &error));
  wide[6] = 4;
  assert_false(npy_parse(wide, size + 2, "x", &tensor, &error));
  wide[6] = 0;
  assert_false(npy_parse(wide, size + 2, "x", &tensor, &error));
  free(wide);
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(written_arrays_read_back), cmocka_unit_test(a_writer_checks_its_counts),
      cmocka_unit_test(other_dtypes_are_read),    cmocka_unit_test(malformed_arrays_are_refused),
      cmocka_unit_test(versions_and_truncations),
  };
  return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
