// SPDX-License-Identifier: Apache-2.0
// docs/mods.md says what is so: every example of a mod binds, and every value in its tables is what
// the expression gives.
#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "mods/evaluate.h"
#include "mods/patterns.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 2, HEADS = 8, LENGTH = 256, MOST = 4 };
static const ModShape shape = {BATCH, HEADS, 2, LENGTH, LENGTH, 64, 0, false};

typedef struct {
  Text page;
  float *reals;
  int32_t *integers;
} Manual;

static int open_manual(void **state) {
  Manual *manual = memory_allocate(sizeof *manual);
  Error error;
  assert_true(file_read(DOCUMENT, 1 << 20, &manual->page, &error));
  manual->reals = memory_allocate(LENGTH * LENGTH * sizeof *manual->reals);
  manual->integers = memory_allocate(LENGTH * sizeof *manual->integers);
  for (int i = 0; i < LENGTH; i++) manual->integers[i] = i / 50;
  *state = manual;
  return 0;
}

static int close_manual(void **state) {
  Manual *manual = *state;
  text_free(&manual->page);
  memory_free(manual->reals);
  memory_free(manual->integers);
  memory_free(manual);
  return 0;
}

// The files that the examples name, by what they must hold.
static Tensor file_tensor(const Manual *manual, const char *path) {
  static const struct {
    const char *path;
    Dtype dtype;
    int rank;
    int64_t shape[2];
  } files[] = {
      {"slopes.npy", DTYPE_F32, 1, {HEADS}},
      {"distances.npy", DTYPE_F32, 2, {HEADS, 128}},
      {"bias.npy", DTYPE_F32, 2, {LENGTH, LENGTH}},
      {"lengths.npy", DTYPE_I32, 1, {BATCH}},
      {"doc.npy", DTYPE_I32, 1, {LENGTH}},
      {"images.npy", DTYPE_I32, 1, {LENGTH}},
      {"near.npy", DTYPE_F32, 1, {128}},
  };
  for (size_t i = 0; i < COUNT_OF(files); i++)
    if (strcmp(path, files[i].path) == 0)
      return tensor_dense(files[i].dtype, files[i].rank, files[i].shape,
                          files[i].dtype == DTYPE_F32 ? (void *)manual->reals
                                                      : (void *)manual->integers);
  fail_msg("the manual names %s, which no test knows", path);
  return (Tensor){0};
}

static void evaluate_corners(const BoundMod *bound) {
  for (int64_t q = 0; q < LENGTH; q += LENGTH - 1)
    for (int64_t k = 0; k < LENGTH; k += LENGTH - 1) {
      ModPoint point = {.batch = BATCH - 1, .head = HEADS - 1, .query = q, .key = k, .score = 0.5};
      double score = mod_score_at(bound, &point);
      assert_true(!mod_visible_at(bound, &point) || isfinite(score) || score == -INFINITY);
    }
}

static void check_source(const ModSource *source) {
  Error error = {0};
  BoundMod *bound = NULL;
  Mod *mod = mod_parse(source, &error);
  if (!mod || !mod_bind(mod, &shape, &bound, &error))
    fail_msg("%s: %s", error.where, error.message);
  evaluate_corners(bound);
  bound_mod_close(bound);
  mod_close(mod);
}

static void check_mod(const Manual *manual, const json_t *mod) {
  ModParameter parameters[MOST];
  ModArray arrays[MOST];
  const char *key;
  json_t *value;
  if (json_is_string(mod)) {
    assert_non_null(pattern_by_name(json_string_value(mod)));
    return;
  }
  ModSource source = {json_string_value(json_object_get(mod, "name")),
                      json_string_value(json_object_get(mod, "score")),
                      json_string_value(json_object_get(mod, "mask")),
                      0,
                      0,
                      parameters,
                      arrays};
  assert_non_null(source.name);
  assert_true(source.score || source.mask);
  json_object_foreach(json_object_get(mod, "params"), key,
                      value) parameters[source.parameter_count++] =
      (ModParameter){key, json_is_real(value), json_integer_value(value), json_number_value(value)};
  json_object_foreach(json_object_get(mod, "arrays"), key, value) arrays[source.array_count++] =
      (ModArray){key, file_tensor(manual, json_string_value(value))};
  check_source(&source);
}

static int check_block(const Manual *manual, Span block) {
  Error error = {0};
  size_t index;
  json_t *mod, *document = yaml_parse(block.data, block.size, "mods.md", NULL, &error);
  if (!document) fail_msg("%s: %s", error.where, error.message);
  json_t *mods = json_is_object(document) ? json_object_get(document, "mods") : document;
  assert_true(json_array_size(mods) > 0);
  json_array_foreach(mods, index, mod) check_mod(manual, mod);
  json_decref(document);
  return (int)index;
}

static void examples_bind(void **state) {
  const Manual *manual = *state;
  static const char begin[] = "```yaml\n", end[] = "```\n";
  int count = 0;
  for (const char *at = manual->page.data; (at = strstr(at, begin));) {
    at += strlen(begin);
    const char *last = strstr(at, end);
    assert_non_null(last);
    count += check_block(manual, (Span){at, (size_t)(last - at)});
    at = last + strlen(end);
  }
  assert_true(count >= 20);
}

static double value_of(const char *text) {
  Error error = {0};
  BoundMod *bound = NULL;
  Text score = {0};
  text_append_format(&score, "float(%s)", text);
  ModSource source = {.name = text, .score = score.data};
  Mod *mod = mod_parse(&source, &error);
  if (!mod || !mod_bind(mod, &shape, &bound, &error)) fail_msg("%s", error.message);
  double value = mod_score_at(bound, &(ModPoint){.head = 3});
  bound_mod_close(bound);
  mod_close(mod);
  text_free(&score);
  return value;
}

// A row `expression` | `value`; anything else is passed over.
static bool check_row(const char *row) {
  char expression[64], value[64];
  int read = 0;
  if (sscanf(row, "| `%63[^`]` | `%63[^`]` |%n", expression, value, &read) != 2 || read == 0)
    return false;
  char *end;
  double wanted = strtod(value, &end), found = value_of(expression);
  assert_int_equal(*end, '\0');
  if (isnan(wanted) ? !isnan(found) : found != wanted)
    fail_msg("%s is %.17g, the manual says %s", expression, found, value);
  return true;
}

static void values_in_tables_are_so(void **state) {
  const Manual *manual = *state;
  int count = 0;
  for (const char *row = manual->page.data; row; row = strchr(row, '\n'))
    count += check_row(row += *row == '\n');
  assert_int_equal(count, 29);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(examples_bind),
      cmocka_unit_test(values_in_tables_are_so),
  };
  return cmocka_run_group_tests(tests, open_manual, close_manual);
}
