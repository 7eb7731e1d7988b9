// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "base/memory.h"
#include "hub/cache.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static const char commit[] = "0123456789abcdef0123456789abcdef01234567";

static void forget_variables(void) {
  static const char *const names[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                                      "XDG_CACHE_HOME"};
  for (size_t i = 0; i < COUNT_OF(names); i++) unsetenv(names[i]);
  setenv("HOME", "/home/nobody", 1);
}

static void expect_folder(const char *expected) {
  char *folder = hub_cache_folder();
  assert_non_null(folder);
  assert_string_equal(folder, expected);
  memory_free(folder);
}

static void the_cache_folder_follows_the_variables(void **state) {
  (void)state;
  forget_variables();
  expect_folder("/home/nobody/.cache/huggingface/hub");
  setenv("XDG_CACHE_HOME", "/x", 1);
  expect_folder("/x/huggingface/hub");
  setenv("HF_HOME", "~/hf", 1);
  expect_folder("/home/nobody/hf/hub");
  setenv("HF_HOME", "${HOME}/$NO_SUCH_THING/h", 1);
  expect_folder("/home/nobody/$NO_SUCH_THING/h/hub");
  setenv("HUGGINGFACE_HUB_CACHE", "/old", 1);
  expect_folder("/old");
  setenv("HF_HUB_CACHE", "$HOME/new", 1);
  expect_folder("/home/nobody/new");
  forget_variables();
  unsetenv("HOME");
  assert_null(hub_cache_folder());
}

static void names_have_one_slash_at_most(void **state) {
  (void)state;
  static const char *const good[] = {"gpt2", "org/name", "a/b.c-d_e", "Org-1/Name.2"};
  static const char *const bad[] = {"",     "/",    "org/", "/name", "a/b/c", "../up",   "a--b",
                                    "a/..", "a/.b", "-a",   "a b",   "a/b-",  "preset:x"};
  for (size_t i = 0; i < COUNT_OF(good); i++) assert_true(hub_cache_is_name(good[i]));
  for (size_t i = 0; i < COUNT_OF(bad); i++) assert_false(hub_cache_is_name(bad[i]));
}

static void write_text(const char *folder, const char *name, const char *text) {
  Error error = {0};
  char *path = path_join(folder, name);
  assert_true(file_write_atomically(path, text, strlen(text), &error));
  memory_free(path);
}

static void expect_failure(const char *model_id, ErrorCode code, const char *part) {
  Error error = {0};
  char text[1024];
  assert_null(hub_cache_find(model_id, &error));
  assert_int_equal(error.code, code);
  assert_non_null(strstr(error_text(&error, text, sizeof text), part));
}

static void a_snapshot_is_found_through_its_reference(void **state) {
  (void)state;
  forget_variables();
  char root[] = "/tmp/hub_cache_XXXXXX", path[256];
  Error error = {0};
  assert_non_null(mkdtemp(root));
  setenv("HF_HUB_CACHE", root, 1);
  expect_failure("org/name", ERROR_NOT_FOUND, "models--org--name");
  expect_failure("not a name", ERROR_ARGUMENT, "org/name");

  snprintf(path, sizeof path, "%s/models--org--name/refs", root);
  assert_true(folder_make(path, &error));
  expect_failure("org/name", ERROR_NOT_FOUND, "refs/main");
  write_text(path, "main", "../../../../etc");
  expect_failure("org/name", ERROR_FORMAT, "commit");
  write_text(path, "main", commit);
  expect_failure("org/name", ERROR_NOT_FOUND, "snapshots");

  snprintf(path, sizeof path, "%s/models--org--name/snapshots/%s", root, commit);
  assert_true(folder_make(path, &error));
  char *found = hub_cache_find("org/name", &error);
  assert_non_null(found);
  assert_string_equal(found, path);
  memory_free(found);

  snprintf(path, sizeof path, "rm -r '%s'", root);
  assert_int_equal(system(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_cache_folder_follows_the_variables),
      cmocka_unit_test(names_have_one_slash_at_most),
      cmocka_unit_test(a_snapshot_is_found_through_its_reference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
