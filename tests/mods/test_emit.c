// SPDX-License-Identifier: Apache-2.0
// Emitted C against a second reading of the language (estimate.h): random expressions, one function
// each, compiled as one text without headers or libraries by the system's compiler if there is one.
#include "base/text.h"
#include "estimate.h"
#include "mods/emit.h"
#include "random_mod.h"
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXPRESSIONS = 400, POINTS = 60 };

typedef float Function(float score, long long b, int h, long long q, int k,
                       const void *const *arrays);

static const char *const array_names[] = {"documents", "far_away", "slopes",
                                          "bias",      "seen",     "table"};

static const ModNames names = {
    .variable = {"score", "b", "h", "q", "k"}, .array = array_names, .prefix = "t", .indent = "  "};

static BoundMod bound_of(const RandomMod *mod, ModTree tree) {
  return (BoundMod){
      .shape = mod->shape, .score = tree, .array_count = RANDOM_ARRAYS, .arrays = mod->arrays};
}

static ModTree copy_of(ModTree tree) {
  ModTree copy = {tree.count, malloc((size_t)tree.count * sizeof *tree.nodes)};
  memcpy(copy.nodes, tree.nodes, (size_t)tree.count * sizeof *tree.nodes);
  return copy;
}

static void append_function(Text *text, const RandomMod *mod, const ModTree *tree, int number) {
  Error error;
  char result[64];
  BoundMod bound = bound_of(mod, *tree);
  text_append_format(text,
                     "float f%d(float score, long long b, int h, long long q, int k, "
                     "const void *const *a) {\n"
                     "  const int *documents = a[0], *table = a[5];\n"
                     "  const long long *far_away = a[1];\n"
                     "  const float *slopes = a[2], *bias = a[3];\n"
                     "  const unsigned char *seen = a[4];\n"
                     "  (void)score, (void)b, (void)h, (void)q, (void)k, (void)documents, "
                     "(void)table;\n"
                     "  (void)far_away, (void)slopes, (void)bias, (void)seen;\n",
                     number);
  if (!mod_emit(text, &mod_language_c, &bound, tree, &names, result, sizeof result, &error))
    fail_msg("%s: %s", random_mod_text(tree), error.message);
  text_append_format(text, "  return (float)%s;\n}\n", result);
}

static char folder[] = "/tmp/test_emit_XXXXXX", source[64], library[64];

static void remove_files(void) {
  unlink(source);
  unlink(library);
  rmdir(folder);
}

// The path of a library made from the text, or NULL without a compiler. All that it calls is in it:
// the linker is given no library.
static const char *compiled(const Text *text) {
  char command[512];
  const char *compiler = getenv("CC") ? getenv("CC") : "cc";
  assert_non_null(mkdtemp(folder));
  snprintf(source, sizeof source, "%s/emitted.c", folder);
  snprintf(library, sizeof library, "%s/emitted.so", folder);
  FILE *file = fopen(source, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text->data, 1, text->size, file), text->size);
  fclose(file);
  snprintf(command, sizeof command, "%s --version >/dev/null 2>&1", compiler);
  if (system(command) != 0) return NULL;
  snprintf(command, sizeof command,
           "%s -std=c17 -O1 -Wall -Wextra -Wno-unused-function -Wno-overlength-strings "
           "-Wno-tautological-compare -Wno-unused-but-set-variable -Wno-unused-variable -Werror "
           "-fno-math-errno -fPIC -shared -nostdlib -Wl,--no-undefined %s -o %s",
           compiler, source, library);
  if (system(command) != 0) fail_msg("%s", command);
  return library;
}

static void check_function(RandomMod *mod, const ModTree *tree, Function *function, int *sure) {
  const void *arrays[RANDOM_ARRAYS];
  for (int i = 0; i < RANDOM_ARRAYS; i++) arrays[i] = mod->arrays[i].values.data;
  for (int i = 0; i < POINTS; i++) {
    float score = (float)(random_normal(&mod->random) * exp(2 * random_normal(&mod->random)));
    if (i % 20 == 7) score = i % 40 == 7 ? INFINITY : NAN;
    ModPoint point = {(int64_t)random_below(&mod->random, 2),
                      (int64_t)random_below(&mod->random, 4),
                      (int64_t)random_below(&mod->random, 92),
                      (int64_t)random_below(&mod->random, 97), (double)score};
    Estimate estimate = estimate_at(tree, mod->arrays, &point);
    if (mod_tree_root(tree)->type != MOD_FLOAT) estimate.real = (double)(float)estimate.integer;
    float found =
        function(score, point.batch, (int)point.head, point.query, (int)point.key, arrays);
    *sure += !estimate.unsure;
    if (!estimate.unsure && !estimate_holds(&estimate, found))
      fail_msg("%s: b %d h %d q_idx %d kv_idx %d score %.9g: found %.9g, expected %.9g ± %.3g",
               random_mod_text(tree), (int)point.batch, (int)point.head, (int)point.query,
               (int)point.key, (double)score, (double)found, estimate.real, estimate.error);
  }
}

static void emitted_c_agrees(void **state) {
  (void)state;
  static RandomMod mod;
  static ModTree trees[EXPRESSIONS];
  random_mod_open(&mod, random_mod_seed());
  Text text = {0};
  text_append_text(&text, mod_language_c.prelude);
  for (int i = 0; i < EXPRESSIONS; i++) {
    mod.score = i % 3 == 0;
    trees[i] = copy_of(random_mod_tree(&mod,
                                       i % 3 == 0   ? MOD_FLOAT
                                       : i % 3 == 1 ? MOD_BOOL
                                                    : MOD_INTEGER,
                                       3 + i % 40));
    append_function(&text, &mod, &trees[i], i);
  }
  const char *path = compiled(&text);
  if (!path) print_message("# there is no C compiler here: the text was only made\n");
  void *loaded = path ? dlopen(path, RTLD_NOW) : NULL;
  if (path && !loaded) fail_msg("%s", dlerror());
  int sure = 0;
  for (int i = 0; i < EXPRESSIONS; i++) {
    char name[16];
    snprintf(name, sizeof name, "f%d", i);
    Function *function = NULL;
    if (loaded) *(void **)&function = dlsym(loaded, name);
    if (function) check_function(&mod, &trees[i], function, &sure);
    free(trees[i].nodes);
  }
  if (loaded) assert_true(sure > EXPRESSIONS * POINTS / 2);
  if (loaded) dlclose(loaded);
  remove_files();
  text_free(&text);
  random_mod_close(&mod);
}

static ModTree score_plus_key(ModNode *nodes) {
  nodes[0] = (ModNode){.operation = MOD_VARIABLE, .type = MOD_FLOAT, .variable = MOD_SCORE};
  nodes[1] = (ModNode){.operation = MOD_VARIABLE, .type = MOD_INTEGER, .variable = MOD_KEY};
  nodes[2] = (ModNode){.operation = MOD_TO_FLOAT, .type = MOD_FLOAT, .child = {1}};
  nodes[3] = (ModNode){.operation = MOD_ADD, .type = MOD_FLOAT, .child = {0, 2}};
  return (ModTree){4, nodes};
}

static void text_is_as_documented(void **state) {
  (void)state;
  Error error;
  ModNode nodes[4];
  ModTree tree = score_plus_key(nodes);
  BoundMod bound = {.shape = {1, 1, 1, 8, 8, 8, 0}, .score = tree};
  Text text = {0};
  char result[16], tiny[2];
  assert_true(
      mod_emit(&text, &mod_language_c, &bound, &tree, &names, result, sizeof result, &error));
  assert_string_equal(text.data, "  const float t0 = score;\n"
                                 "  const int t1 = ((int)k);\n"
                                 "  const float t2 = ((float)t1);\n"
                                 "  const float t3 = (t0 + t2);\n");
  assert_string_equal(result, "t3");
  assert_false(mod_emit(&text, &mod_language_c, &bound, &tree, &names, tiny, sizeof tiny, &error));
  ModNames without = names;
  without.variable[MOD_KEY] = NULL;
  assert_false(
      mod_emit(&text, &mod_language_c, &bound, &tree, &without, result, sizeof result, &error));
  assert_string_equal(error.message, "the code around has no kv_idx");
  ModLanguage poor = mod_language_c;
  poor.operation[MOD_ADD][MOD_TEXT_FLOAT] = NULL;
  assert_false(mod_emit(&text, &poor, &bound, &tree, &names, result, sizeof result, &error));
  assert_string_equal(error.message, "the target language has no \"+\"");
  text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(emitted_c_agrees),
                                     cmocka_unit_test(text_is_as_documented)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
