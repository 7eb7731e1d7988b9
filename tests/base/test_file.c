// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "base/file_map.h"
#include "base/memory.h"
#include "base/sha256.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static char folder[] = "/tmp/attometer-file-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

static void a_written_file_is_read_mapped_and_hashed(void **state) {
  (void)state;
  Error error;
  char *deep = path_join(folder, "a/b"), *path = path_join(deep, "c.txt");
  assert_true(folder_make(deep, &error));
  assert_true(folder_make(deep, &error));
  assert_true(file_write_atomically(path, "abc", 3, &error));
  Text text = {0};
  assert_true(file_read(path, 3, &text, &error));
  assert_string_equal(text.data, "abc");
  assert_false(file_read(path, 2, &text, &error));
  FileMap map;
  assert_true(file_map_open(&map, path, &error));
  assert_int_equal(map.size, 3);
  file_map_close(&map);
  char hex[SHA256_HEX_SIZE];
  assert_true(sha256_file(path, hex, &error));
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  text_free(&text);
  memory_free(deep);
  memory_free(path);
}

static void what_cannot_be_mapped_or_made_says_why(void **state) {
  (void)state;
  Error error;
  FileMap map;
  assert_false(file_map_open(&map, "/nonexistent/file", &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_false(file_map_open(&map, folder, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  assert_false(file_map_open(&map, "/dev/zero", &error));
  char *path = path_join(folder, "plain");
  assert_true(file_write_atomically(path, "", 0, &error));
  assert_true(file_map_open(&map, path, &error));
  assert_int_equal(map.size, 0);
  file_map_close(&map);
  char *pipe = path_join(folder, "pipe");
  Text text = {0};
  assert_int_equal(mkfifo(pipe, 0600), 0);
  assert_false(file_read(pipe, 100, &text, &error)); // and does not wait for a writer
  assert_int_equal(error.code, ERROR_ARGUMENT);
  assert_false(file_map_open(&map, pipe, &error));
  assert_false(file_read("/dev/zero", 100, &text, &error));
  assert_int_equal(unlink(pipe), 0);
  text_free(&text);
  memory_free(pipe);
  char *below = path_join(path, "below");
  assert_false(folder_make(below, &error));
  memory_free(below);
  memory_free(path);
}

static void paths_are_joined(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    char *path = path_join(cases[i][0], cases[i][1]);
    assert_string_equal(path, cases[i][2]);
    memory_free(path);
  }
}

static void a_write_that_fails_leaves_the_old_file(void **state) {
  (void)state;
  Error error;
  char *path = path_join(folder, "kept");
  assert_true(file_write_atomically(path, "old", 3, &error));
  struct rlimit before, small = {.rlim_cur = 100};
  getrlimit(RLIMIT_FSIZE, &before);
  small.rlim_max = before.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  static char large[1000];
  bool done = file_write_atomically(path, large, sizeof large, &error);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_false(done);
  assert_int_equal(error.code, ERROR_IO);
  Text text = {0};
  assert_true(file_read(path, 100, &text, &error));
  assert_string_equal(text.data, "old");
  text_free(&text);
  memory_free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_are_joined),
      cmocka_unit_test(a_written_file_is_read_mapped_and_hashed),
      cmocka_unit_test(what_cannot_be_mapped_or_made_says_why),
      cmocka_unit_test(a_write_that_fails_leaves_the_old_file),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
