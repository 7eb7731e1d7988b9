// SPDX-License-Identifier: Apache-2.0
// C text to loaded code, with compilers that fail, hang, chatter or die, and caches that are
// corrupt, full, not ours, or shared by two processes.
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "compile/compiler.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { SECOND = 1000 * 1000 * 1000 };

typedef struct {
  char folder[64], cache[96], script[96];
  char *cc; // what $CC was
} Bench;

static int set_up(void **state) {
  Bench *bench = memory_allocate(sizeof *bench);
  snprintf(bench->folder, sizeof bench->folder, "/tmp/attometer-compiler-XXXXXX");
  assert_non_null(mkdtemp(bench->folder));
  snprintf(bench->cache, sizeof bench->cache, "%s/cache", bench->folder);
  snprintf(bench->script, sizeof bench->script, "%s/cc.sh", bench->folder);
  const char *cc = getenv("CC");
  bench->cc = cc ? memory_copy_text(cc) : NULL;
  *state = bench;
  return 0;
}

static int tear_down(void **state) {
  Bench *bench = *state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", bench->folder);
  int status = system(command);
  if (bench->cc)
    setenv("CC", bench->cc, 1);
  else
    unsetenv("CC");
  memory_free(bench->cc);
  memory_free(bench);
  return status;
}

// A compiler that answers --version like one, and else does what `body` says.
static void use_script(const Bench *bench, const char *body) {
  FILE *file = fopen(bench->script, "w");
  fprintf(file, "#!/bin/sh\nif [ \"$1\" = --version ]; then echo trial 1.0; exit; fi\n%s\n", body);
  fclose(file);
  chmod(bench->script, 0700);
  setenv("CC", bench->script, 1);
}

static Compiler *open_compiler(const Bench *bench, bool bypass) {
  Error error = {0};
  CompilerOptions options = {.tier = CPU_TIER_REFERENCE,
                             .cache_folder = bench->cache,
                             .bypass_cache = bypass,
                             .timeout_ns = 20 * (int64_t)SECOND,
                             .interrupt = -1};
  Compiler *compiler = compiler_open(&options, &error);
  assert_non_null(compiler);
  return compiler;
}

static const char visible[] = "__attribute__((visibility(\"default\"))) ";

// Makes f(int) = number + its argument, calls it, and says how it was had.
static CodeFacts make_and_call(Compiler *compiler, int number) {
  char source[160];
  Code *code;
  CodeFacts facts;
  Error error = {0};
  snprintf(source, sizeof source, "%sint f(int x) { return x + %d; }\n", visible, number);
  CodeRequest request = {.label = "sum", .source = source};
  assert_true(compiler_make(compiler, &request, 1, &code, &facts, &error));
  int (*f)(int);
  *(void **)&f = code_symbol(code, "f", &error);
  assert_non_null(f);
  assert_int_equal(f(2), number + 2);
  code_unload(code);
  return facts;
}

static void built_once_then_cached(void **state) {
  Compiler *compiler = open_compiler(*state, false);
  assert_null(code_cache_problem(compiler_cache(compiler)));
  CodeFacts cold = make_and_call(compiler, 40), warm = make_and_call(compiler, 40);
  assert_false(cold.cached);
  assert_true(cold.build_ns > 0);
  assert_true(warm.cached);
  assert_int_equal(warm.build_ns, 0);
  assert_false(make_and_call(compiler, 41).cached);
  compiler_close(compiler);
  compiler = open_compiler(*state, true);
  assert_false(make_and_call(compiler, 40).cached);
  compiler_close(compiler);
}

static void several_at_once(void **state) {
  Compiler *compiler = open_compiler(*state, false);
  char sources[5][128];
  CodeRequest requests[5];
  Code *codes[5];
  CodeFacts facts[5];
  Error error = {0};
  for (int i = 0; i < 5; i++) {
    snprintf(sources[i], sizeof sources[i], "%sint f(void) { return %d; }", visible, i);
    requests[i] = (CodeRequest){.label = "several", .source = sources[i]};
  }
  assert_true(compiler_make(compiler, requests, 5, codes, facts, &error));
  for (int i = 0; i < 5; i++) {
    int (*f)(void);
    *(void **)&f = code_symbol(codes[i], "f", &error);
    assert_int_equal(f(), i);
    code_unload(codes[i]);
  }
  compiler_close(compiler);
}

// The text does not compile, or the compiler misbehaves: an error that says so, in time.
static void expect_failure(const Bench *bench, int64_t timeout_ns, const char *message) {
  Error error = {0};
  CompilerOptions options = {
      .cache_folder = bench->cache, .timeout_ns = timeout_ns, .interrupt = -1};
  Compiler *compiler = compiler_open(&options, &error);
  Code *code;
  CodeFacts facts;
  CodeRequest request = {.label = "trial code", .source = "int broken("};
  int64_t begin = clock_now();
  assert_non_null(compiler);
  assert_false(compiler_make(compiler, &request, 1, &code, &facts, &error));
  assert_true(clock_now() - begin < 15 * (int64_t)SECOND);
  assert_int_equal(error.code, ERROR_CHILD);
  assert_non_null(strstr(error.where, "trial code"));
  if (!strstr(error.message, message)) fail_msg("# %s", error.message);
  CodeCacheEntry *entries;
  assert_int_equal(code_cache_list((CodeCache *)compiler_cache(compiler), &entries), 0);
  memory_free(entries);
  compiler_close(compiler);
}

static void failing_compilers_say_why(void **state) {
  Bench *bench = *state;
  expect_failure(bench, 20 * (int64_t)SECOND, "error");
  use_script(bench, "echo no licence left >&2; exit 3");
  expect_failure(bench, 20 * (int64_t)SECOND, "(exit code 3): no licence left");
  use_script(bench, "sleep 60");
  expect_failure(bench, SECOND / 5, "took longer than");
  use_script(bench, "kill -9 $$");
  expect_failure(bench, 20 * (int64_t)SECOND, "signal 9");
  use_script(bench, "exit 0");
  Error error = {0};
  Compiler *compiler = open_compiler(bench, false);
  Code *code;
  CodeFacts facts;
  CodeRequest request = {.label = "nothing", .source = "int x;"};
  assert_false(compiler_make(compiler, &request, 1, &code, &facts, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND); // it wrote no shared object
  compiler_close(compiler);
}

// Output on both streams, more than a pipe holds.
static void chatter_is_no_failure(void **state) {
  Bench *bench = *state;
  use_script(bench, "i=0; while [ $i -lt 3000 ]; do echo warning: this is line $i of many; "
                    "echo warning: this is line $i of many >&2; i=$((i+1)); done; exec cc \"$@\"");
  Compiler *compiler = open_compiler(bench, false);
  make_and_call(compiler, 1);
  compiler_close(compiler);
}

static void no_compiler_is_unsupported(void **state) {
  (void)state;
  static const char *const commands[] = {"/no/such/compiler", "false"};
  for (size_t i = 0; i < COUNT_OF(commands); i++) {
    Error error = {0};
    Toolchain toolchain;
    setenv("CC", commands[i], 1);
    assert_false(toolchain_find(&toolchain, -1, &error));
    assert_int_equal(error.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, commands[i]));
  }
}

static char *only_object(const Bench *bench) {
  char command[160], name[160] = "";
  snprintf(command, sizeof command, "ls %s/*.so", bench->cache);
  FILE *listing = popen(command, "r");
  assert_non_null(fgets(name, sizeof name, listing));
  pclose(listing);
  name[strcspn(name, "\n")] = '\0';
  return memory_copy_text(name);
}

static void corrupt_entries_are_built_anew(void **state) {
  Bench *bench = *state;
  Compiler *compiler = open_compiler(bench, false);
  make_and_call(compiler, 7);
  char *path = only_object(bench);
  FILE *file = fopen(path, "r+");
  fseek(file, 300, SEEK_SET);
  fputc(fgetc(file) ^ 1, file);
  fclose(file);
  assert_false(make_and_call(compiler, 7).cached);
  assert_true(make_and_call(compiler, 7).cached);
  assert_int_equal(truncate(path, 100), 0);
  assert_false(make_and_call(compiler, 7).cached);
  assert_int_equal(chmod(path, 0666), 0); // somebody else could have written it
  assert_false(make_and_call(compiler, 7).cached);
  memory_free(path);
  compiler_close(compiler);
}

static void folders_of_others_are_not_used(void **state) {
  Bench *bench = *state;
  assert_int_equal(mkdir(bench->cache, 0777), 0);
  assert_int_equal(chmod(bench->cache, 0777), 0);
  Compiler *compiler = open_compiler(bench, false);
  assert_non_null(strstr(code_cache_problem(compiler_cache(compiler)), "written by others"));
  assert_false(make_and_call(compiler, 3).cached);
  assert_false(make_and_call(compiler, 3).cached);
  compiler_close(compiler);
  assert_int_equal(rmdir(bench->cache), 0);
  assert_int_equal(symlink("/tmp", bench->cache), 0);
  compiler = open_compiler(bench, false);
  assert_non_null(code_cache_problem(compiler_cache(compiler)));
  make_and_call(compiler, 3);
  compiler_close(compiler);
}

// A folder or an entry of another user, a folder that cannot be written, a file in its place: code
// is built as if there were no cache, and run.
static void what_is_not_ours_is_left_alone(void **state) {
  Bench *bench = *state;
  bool root = geteuid() == 0;
  Compiler *compiler = open_compiler(bench, false);
  make_and_call(compiler, 5);
  char *path = only_object(bench);
  if (root) {
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_false(make_and_call(compiler, 5).cached);
  }
  memory_free(path);
  compiler_close(compiler);
  assert_int_equal(root ? chown(bench->cache, 12345, 12345) : chmod(bench->cache, 0500), 0);
  compiler = open_compiler(bench, false);
  assert_non_null(strstr(code_cache_problem(compiler_cache(compiler)),
                         root ? "another user" : "cannot be written"));
  assert_false(make_and_call(compiler, 5).cached);
  compiler_close(compiler);
  assert_int_equal(root ? chown(bench->cache, 0, 0) : chmod(bench->cache, 0700), 0);
  char command[240];
  snprintf(command, sizeof command, "rm -r %s && : >%s", bench->cache, bench->cache);
  assert_int_equal(system(command), 0);
  compiler = open_compiler(bench, false);
  assert_non_null(code_cache_problem(compiler_cache(compiler)));
  assert_false(make_and_call(compiler, 5).cached);
  compiler_close(compiler);
}

// No file may grow beyond a few bytes, as on a full disk; building goes elsewhere in real life, so
// the entry is stored by hand.
static void a_full_disk_keeps_nothing(void **state) {
  Bench *bench = *state;
  struct rlimit before, little = {1024, 1024};
  CodeCache *cache = code_cache_open(bench->cache, 1 << 20);
  CodeCacheEntry entry = {.label = "large", .bytes = 4096};
  char bytes[4096] = {1};
  Text found = {0};
  memset(entry.key, 'a', SHA256_HEX_SIZE - 1);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  little.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_FSIZE, &little);
  bool stored = code_cache_store(cache, &entry, (Span){bytes, sizeof bytes});
  setrlimit(RLIMIT_FSIZE, &before);
  assert_false(stored);
  assert_false(code_cache_find(cache, entry.key, &found));
  assert_true(code_cache_store(cache, &entry, (Span){bytes, sizeof bytes}));
  assert_true(code_cache_find(cache, entry.key, &found));
  assert_int_equal(found.size, sizeof bytes);
  text_free(&found);
  code_cache_close(cache);
}

static void the_oldest_make_room(void **state) {
  Bench *bench = *state;
  CodeCache *cache = code_cache_open(bench->cache, 2500);
  char bytes[1000] = {1};
  for (int i = 0; i < 4; i++) {
    CodeCacheEntry entry = {.bytes = sizeof bytes};
    char path[200];
    struct timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
    memset(entry.key, 'a' + i, SHA256_HEX_SIZE - 1);
    assert_true(code_cache_store(cache, &entry, (Span){bytes, sizeof bytes}));
    snprintf(path, sizeof path, "%s/%s.json", bench->cache, entry.key);
    utimensat(AT_FDCWD, path, times, 0);
  }
  CodeCacheEntry *entries;
  Error error = {0};
  assert_int_equal(code_cache_list(cache, &entries), 2);
  assert_int_equal(entries[0].key[0], 'd');
  assert_int_equal(entries[1].key[0], 'c');
  memory_free(entries);
  assert_int_equal(code_cache_clear(cache, &error), 2);
  assert_int_equal(code_cache_list(cache, &entries), 0);
  memory_free(entries);
  code_cache_close(cache);
}

// Two processes that want the same code: the compiler runs once.
static void two_processes_build_once(void **state) {
  Bench *bench = *state;
  char body[256], count[96];
  snprintf(count, sizeof count, "%s/count", bench->folder);
  snprintf(body, sizeof body, "echo x >>%s; sleep 1; exec cc \"$@\"", count);
  use_script(bench, body);
  pid_t children[2];
  for (int i = 0; i < 2; i++) {
    children[i] = fork();
    if (children[i]) continue;
    Compiler *compiler = open_compiler(bench, false);
    make_and_call(compiler, 9);
    _exit(0);
  }
  for (int i = 0; i < 2; i++) {
    int status;
    waitpid(children[i], &status, 0);
    assert_int_equal(status, 0);
  }
  struct stat facts;
  assert_int_equal(stat(count, &facts), 0);
  assert_int_equal(facts.st_size, 2); // one line
}

// What is mapped executable comes from a sealed file and is not writable.
static void code_is_never_writable(void **state) {
  Compiler *compiler = open_compiler(*state, false);
  Code *code;
  CodeFacts facts;
  Error error = {0};
  CodeRequest request = {.label = "sealed",
                         .source =
                             "__attribute__((visibility(\"default\"))) int f(void) { return 5; }"};
  assert_true(compiler_make(compiler, &request, 1, &code, &facts, &error));
  FILE *maps = fopen("/proc/self/maps", "r");
  int executable = 0;
  for (char line[512]; fgets(line, sizeof line, maps);) {
    if (!strstr(line, "memfd:sealed")) continue;
    const char *rights = strchr(line, ' ') + 1;
    executable += rights[2] == 'x';
    assert_false(rights[1] == 'w' && rights[2] == 'x');
  }
  fclose(maps);
  assert_true(executable > 0);
  code_unload(code);
  compiler_close(compiler);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(built_once_then_cached),         TEST(several_at_once),
      TEST(failing_compilers_say_why),      TEST(chatter_is_no_failure),
      TEST(no_compiler_is_unsupported),     TEST(corrupt_entries_are_built_anew),
      TEST(what_is_not_ours_is_left_alone), TEST(folders_of_others_are_not_used),
      TEST(a_full_disk_keeps_nothing),      TEST(the_oldest_make_room),
      TEST(two_processes_build_once),       TEST(code_is_never_writable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
