// SPDX-License-Identifier: Apache-2.0
// Tuning the steps of random programs: whatever is chosen, results stay; answers are kept, found
// again, and a cache that is wrong, shared or of no use never costs more than the time.
#include "compile/step_tuner.h"
#include "graph/passes/passes.h"
#include "left.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { THREADS = 2, LEAST_QUESTIONS = 2 };

// A program with questions, and what it leaves.
typedef struct {
  char folder[64];
  CodeCache *cache;
  Team *team;
  RandomProgram *random;
  uint64_t seed;
  Left expected;
} Bench;

static Executable *open_executable(const Bench *bench, bool replay) {
  Error error = {0};
  ExecutableOptions options = {kernels_for(cpu_best_tier()), bench->team, replay, NULL};
  Graph *graph = random_program_trace(bench->random);
  for (int i = 0; i < pass_count(); i++) pass_at(i)->run(graph);
  Executable *executable = executable_open(graph, &options, &error);
  assert_non_null(executable);
  return executable;
}

static void run_and_compare(const Bench *bench, Executable *executable, const char *what) {
  random_program_reset(bench->random);
  executable_run(executable);
  Left found =
      left_of(bench->random, executable_output(executable, 0), executable_output_count(executable));
  left_compare(bench->seed, what, &bench->expected, &found, LEFT_ROUNDED);
  free(found.values);
}

static StepTuner *open_tuner(const Bench *bench, const CodeCache *cache, bool refresh) {
  StepTunerOptions options = {.kernels = kernels_for(cpu_best_tier()),
                              .team = bench->team,
                              .cache = cache,
                              .refresh = refresh};
  return step_tuner_open(&options);
}

static StepTunerFacts tune(const Bench *bench, StepTuner *tuner, const char *what) {
  Executable *executable = open_executable(bench, false);
  run_and_compare(bench, executable, "before");
  step_tuner_run(tuner, executable);
  for (int i = 0; i < 2; i++) run_and_compare(bench, executable, what);
  executable_close(executable);
  return step_tuner_facts(tuner);
}

static StepTunerFacts tune_once(const Bench *bench, const CodeCache *cache, bool refresh,
                                const char *what) {
  StepTuner *tuner = open_tuner(bench, cache, refresh);
  StepTunerFacts facts = tune(bench, tuner, what);
  step_tuner_close(tuner);
  return facts;
}

// The first program from a fresh seed on that asks enough.
static void draw_program(Bench *bench) {
  for (bench->seed = (uint64_t)getpid();; bench->seed++) {
    bench->random = random_program_open(bench->seed);
    bench->expected = left_by_eager(bench->random, kernels_for(cpu_best_tier()), bench->team);
    if (tune_once(bench, NULL, false, "drawn").questions >= LEAST_QUESTIONS) return;
    free(bench->expected.values);
    random_program_close(bench->random);
  }
}

static int set_up(void **state) {
  Error error;
  Bench *bench = memory_allocate(sizeof *bench);
  snprintf(bench->folder, sizeof bench->folder, "/tmp/attometer-steps-XXXXXX");
  assert_non_null(mkdtemp(bench->folder));
  bench->cache = code_cache_open(bench->folder, 1 << 20);
  assert_null(code_cache_problem(bench->cache));
  bench->team = team_open(THREADS, false, &error);
  assert_non_null(bench->team);
  draw_program(bench);
  *state = bench;
  return 0;
}

static int tear_down(void **state) {
  Bench *bench = *state;
  char command[200];
  snprintf(command, sizeof command, "chmod 700 %s && rm -rf %s", bench->folder, bench->folder);
  code_cache_close(bench->cache);
  free(bench->expected.values);
  random_program_close(bench->random);
  team_close(bench->team);
  memory_free(bench);
  return system(command);
}

// Calls visit for every kept answer; returns how many there are.
static int each_record(const Bench *bench, void (*visit)(const Bench *bench, const char *key)) {
  int count = 0;
  DIR *folder = opendir(bench->folder);
  for (struct dirent *file; folder && (file = readdir(folder));) {
    char key[SHA256_HEX_SIZE];
    const char *end = strchr(file->d_name, '.');
    if (!end || strcmp(end, ".tuned") != 0) continue;
    snprintf(key, sizeof key, "%.*s", (int)(end - file->d_name), file->d_name);
    if (visit) visit(bench, key);
    count++;
  }
  closedir(folder);
  return count;
}

static void answers_are_kept_and_found(void **state) {
  Bench *bench = *state;
  StepTunerFacts first = tune_once(bench, bench->cache, false, "timed");
  assert_int_equal(first.cached, 0);
  assert_true(first.candidates >= first.questions && first.tuning_ns > 0);
  assert_int_equal(each_record(bench, NULL), first.questions);
  StepTunerFacts second = tune_once(bench, bench->cache, false, "found");
  assert_int_equal(second.questions, first.questions);
  assert_int_equal(second.cached, first.questions);
  assert_int_equal(second.candidates, 0);
  assert_int_equal(second.changed, first.changed);
  StepTunerFacts third = tune_once(bench, bench->cache, true, "timed anew");
  assert_int_equal(third.cached, 0);
  StepTuner *tuner = open_tuner(bench, bench->cache, true); // what one tuner knows it does not ask
  first = tune(bench, tuner, "once");
  second = tune(bench, tuner, "again");
  assert_int_equal(second.questions, first.questions);
  assert_int_equal(second.candidates, first.candidates);
  step_tuner_close(tuner);
}

static void corrupt(const Bench *bench, const char *key) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s.tuned", bench->folder, key);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("{\"label\": \"x\", \"winner\":", file);
  fclose(file);
}

static void set_winner(const Bench *bench, const char *key, const char *name) {
  TuningRecord record;
  assert_true(tuning_store_find(bench->cache, key, &record));
  snprintf(record.candidates[0].name, sizeof record.candidates[0].name, "%s", name);
  record.winner = 0;
  assert_true(tuning_store_put(bench->cache, key, &record));
}

static void name_nonsense(const Bench *bench, const char *key) {
  set_winner(bench, key, "sliver 48K rows 0 width 512 stream 3 threads 0 balanced");
}

static void name_another(const Bench *bench, const char *key) {
  set_winner(bench, key, "sliver 4K rows 16 width 64 stream 0 threads 1 by rows");
}

static void wrong_answers_are_none(void **state) {
  Bench *bench = *state;
  int questions = tune_once(bench, bench->cache, false, "timed").questions;
  assert_int_equal(each_record(bench, corrupt), questions);
  StepTunerFacts facts = tune_once(bench, bench->cache, false, "corrupt");
  assert_int_equal(facts.cached, 0);
  assert_int_equal(each_record(bench, name_nonsense), questions);
  assert_int_equal(tune_once(bench, bench->cache, false, "nonsense").cached, 0);
  facts = tune_once(bench, bench->cache, false, "mended");
  assert_int_equal(facts.cached, questions);
  each_record(bench, name_another);
  facts = tune_once(bench, bench->cache, false, "another plan");
  assert_int_equal(facts.cached, questions);
  assert_int_equal(facts.changed, questions);
}

static void a_cache_of_no_use_costs_time_alone(void **state) {
  Bench *bench = *state;
  int questions = tune_once(bench, NULL, false, "without a cache").questions;
  assert_int_equal(chmod(bench->folder, 0777), 0); // others may write there
  CodeCache *shared = code_cache_open(bench->folder, 1 << 20);
  assert_non_null(code_cache_problem(shared));
  StepTunerFacts facts = tune_once(bench, shared, false, "shared");
  assert_int_equal(facts.questions, questions);
  assert_int_equal(facts.cached, 0);
  code_cache_close(shared);
  assert_int_equal(chmod(bench->folder, 0700), 0);
  assert_int_equal(rmdir(bench->folder), 0); // the open cache's folder is gone: nothing can be kept
  facts = tune_once(bench, bench->cache, false, "gone");
  assert_int_equal(facts.questions, questions);
  assert_int_equal(facts.cached, 0);
  assert_int_equal(mkdir(bench->folder, 0700), 0);
}

// The child has no threads but its own.
static int tune_in_child(Bench *bench) {
  Error error;
  bench->team = team_open(THREADS, false, &error);
  if (!bench->team) return 1;
  StepTunerFacts facts = tune_once(bench, bench->cache, false, "beside another process");
  team_close(bench->team);
  return facts.questions < LEAST_QUESTIONS;
}

static void two_processes_tune_at_once(void **state) {
  Bench *bench = *state;
  pid_t children[2];
  for (int i = 0; i < 2; i++) {
    children[i] = fork();
    assert_true(children[i] >= 0);
    if (children[i] == 0) _exit(tune_in_child(bench));
  }
  for (int i = 0; i < 2; i++) {
    int status;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  StepTunerFacts facts = tune_once(bench, bench->cache, false, "after both");
  assert_int_equal(facts.cached, facts.questions);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(answers_are_kept_and_found, set_up, tear_down),
      cmocka_unit_test_setup_teardown(wrong_answers_are_none, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_cache_of_no_use_costs_time_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(two_processes_tune_at_once, set_up, tear_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
