// SPDX-License-Identifier: Apache-2.0
// The sweep against workers that misbehave. This program is its own worker: started with the
// argument "worker" it answers requests without an engine, and the batch size tells it how.
#include "base/clock.h"
#include "base/file.h"
#include "bench/generation/runner.h"
#include "bench/scenario_name.h"
#include "bench/trust.h"
#include "bench/worker_events.h"
#include "fake_worker.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

// What the fake worker does for a batch size.
enum {
  WELL = 1,
  KILLED,                        // kill -9 of itself
  CRASH,                         // a segmentation fault
  GARBAGE,                       // bytes that are no message
  HANG,                          // never answers
  NO_MEMORY,                     // ends as the allocator ends a process
  WRONG_SHAPE,                   // answers with too few times
  REFUSES,                       // sends an error
  WRONG,                         // its logits are off
  SILENT,                        // ends well without an answer
  ENDLESS,                       // hangs after its answer
  TOO_MANY = SCENARIO_MAX_BATCH, // needs more memory than any machine has; is never asked for
};

static json_t *fake_scenario(const WorkerRequest *request) {
  json_t *times = json_array(), *ends = json_array(), *ids = json_array();
  int64_t new_tokens = request->cases[0].new_tokens;
  int64_t iterations = request->iterations - (request->batch == WRONG_SHAPE);
  for (int64_t i = 0; i < iterations; i++) {
    json_t *sequences = json_array(), *row = json_array();
    for (int64_t j = 0; j < request->batch; j++) {
      json_t *tokens = json_array();
      for (int64_t k = 0; k < new_tokens; k++)
        json_array_append_new(tokens, json_integer((k + 1) * 1000000 + i));
      json_array_append_new(sequences, tokens);
    }
    for (int64_t k = 0; k < new_tokens; k++) json_array_append_new(row, json_integer(k));
    json_array_append_new(times, sequences);
    json_array_append_new(ids, row);
    json_array_append_new(ends, json_integer((new_tokens + 1) * 1000000));
  }
  return json_pack("{s:o, s:o, s:o, s:{s:i}, s:{s:i, s:i}, s:{s:i, s:i, s:i, s:f, s:f, s:f}, "
                   "s:{s:f, s:f, s:f}, "
                   "s:{s:f, s:f, s:s}, s:{s:f}, s:i}",
                   "times_ns", times, "ends_ns", ends, "ids", ids, "load", "first_run_ns", 7,
                   "memory", "peak_rss_bytes", 1000, "paper_bytes", 900, "work", "weights", 10,
                   "weight_bytes", 20, "decode_bytes", 30, "prefill_flops", 40.0,
                   "prefill_flops_executed", 50.0, "prefill_flops_dot", 0.0, "ceilings",
                   "read_gb_per_s", 10.0, "fma_gflop_per_s", 100.0, "dot_gflop_per_s", 0.0,
                   "correctness", "error", 0.001, "bound", 0.05, "verdict",
                   request->batch == WRONG ? "invalid" : "valid", "usage", "other_load_cores", 0.0,
                   "allocations", 0);
}

// A process of this task dies while there is a file of this name to remove: once.
static void mark_name(WorkerTask task, char *buffer, size_t size) {
  const char *stem = getenv("TEST_RUNNER_KILLS");
  snprintf(buffer, size, "%s.%d", stem ? stem : "", (int)task);
}

static json_t *fake_answer(const WorkerRequest *request) {
  char mark[128];
  mark_name(request->task, mark, sizeof mark);
  if (unlink(mark) == 0) kill(getpid(), SIGKILL);
  if (request->task == TASK_MAKE) return fake_make();
  if (request->task == TASK_REFERENCE) return fake_reference(request);
  switch (request->batch) {
  case KILLED: kill(getpid(), SIGKILL); break;
  case CRASH:
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    break;
  case GARBAGE:
    if (write(1, "\x01\xff{]\n", 5) != 5) exit(1);
    break;
  case HANG: pause(); break;
  case NO_MEMORY: exit(error_exit_code(ERROR_MEMORY));
  case SILENT: exit(0);
  case TOO_MANY: abort();
  case REFUSES: {
    Error error;
    error_set(&error, ERROR_UNSUPPORTED, "mock", "will not");
    worker_event_error(1, &error);
    exit(5);
  }
  default: break;
  }
  return fake_scenario(request);
}

static int fake_worker(void) {
  WorkerRequest request;
  Arena *arena = arena_open(0);
  if (!fake_request(arena, &request)) return 1;
  worker_event_progress(1, "trial", 1, 1);
  worker_event_result(1, fake_answer(&request));
  if (request.task == TASK_SCENARIO && request.batch == ENDLESS) pause();
  arena_close(arena);
  return 0;
}

typedef struct {
  char folder[64];
  ScenarioMatrix matrix;
  Results *results;
  json_t *trust;
  RunnerSummary summary;
  Error error;
  double timeout;
  int interrupt;
  bool pinned;
  int64_t length;     // of prompts; 0: the standard
  Progress *progress; // NULL: silent
} Bed;

static void bed_open(Bed *bed, const int64_t *batches, size_t count, bool resume) {
  Scenario base = scenario_standard();
  base.warmup_iterations = 1;
  base.measurement_iterations = 3;
  base.num_tokens_to_generate = 4;
  if (bed->length) base.sequence_length = bed->length;
  const Scenarios from = {&base, 1, 1};
  const MatrixAxes axes = {.batch_sizes = batches, .batch_size_count = count};
  const RuleFacts facts = {.flash_attention_2 = true};
  if (!bed->folder[0]) {
    snprintf(bed->folder, sizeof bed->folder, "/tmp/test_runner.XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
  }
  assert_true(scenario_matrix_build(&from, &axes, RULES_ALL, &facts, &bed->matrix, &bed->error));
  Repository repository = {.dirty = -1};
  bed->trust = trust_of_run("preset:mock", &repository, &bed->error);
  assert_non_null(bed->trust);
  bed->results = results_open(bed->folder, "preset:mock", resume, &bed->error);
  assert_non_null(bed->results);
}

static bool bed_run(Bed *bed) {
  char *const worker[] = {"test", "worker", NULL};
  Progress silent = progress_open(NULL);
  const RunnerOptions options = {
      .matrix = &bed->matrix,
      .stock = {.model = "preset:mock",
                .command = {"/proc/self/exe", worker,
                            (int64_t)((bed->timeout > 0 ? bed->timeout : 60) * 1e9),
                            bed->interrupt ? bed->interrupt : -1},
                .prompt = fake_prompt},
      .facts = {.model_id = "preset:mock",
                .repository = {.dirty = -1},
                .trust = bed->trust,
                .pinned = bed->pinned},
      .results = bed->results,
      .progress = bed->progress ? bed->progress : &silent,
  };
  return runner_run(&options, &bed->summary, &bed->error);
}

static void bed_close(Bed *bed, bool remove) {
  results_close(bed->results);
  json_decref(bed->trust);
  scenario_matrix_free(&bed->matrix);
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", bed->folder);
  if (remove) assert_int_equal(system(command), 0);
}

static const json_t *ours_at(const Bed *bed, size_t index) {
  const json_t *entry = results_find(bed->results, bed->matrix.cells.items[index].hash);
  return json_object_get(entry, "attometer");
}

static void assert_text(const json_t *object, const char *key, const char *part) {
  const char *text = json_string_value(json_object_get(object, key));
  if (!text || !strstr(text, part))
    print_error("%s: \"%s\" lacks \"%s\"\n", key, text ? text : "", part);
  assert_non_null(text);
  assert_non_null(strstr(text, part));
}

// Runs one misbehaving scenario between two good ones: it is recorded, they are measured.
static void assert_survives(int64_t behaviour, const char *reason, double timeout) {
  const int64_t batches[] = {WELL, behaviour, 20};
  Bed bed = {.timeout = timeout};
  bed_open(&bed, batches, 3, false);
  bool done = bed_run(&bed);
  if (!done) print_error("%s: %s\n", bed.error.where, bed.error.message);
  assert_true(done);
  assert_int_equal(bed.summary.measured, 2);
  assert_int_equal(bed.summary.failed, 1);
  assert_text(ours_at(&bed, 0), "status", "measured");
  assert_text(ours_at(&bed, 1), "status", "failed");
  assert_text(ours_at(&bed, 1), "reason", reason);
  assert_text(ours_at(&bed, 2), "status", "measured");
  bed_close(&bed, true);
}

static void a_killed_worker_is_recorded(void **state) {
  (void)state;
  assert_survives(KILLED, "signal 9", 0);
}

static void what_all_scenarios_wait_for_is_tried_twice(void **state) {
  (void)state;
  const WorkerTask tasks[] = {TASK_MAKE, TASK_REFERENCE};
  const int64_t batches[] = {WELL, 20};
  char stem[] = "/tmp/test_runner_kills.XXXXXX", mark[128];
  int reserved = mkstemp(stem);
  assert_true(reserved >= 0);
  assert_int_equal(setenv("TEST_RUNNER_KILLS", stem, 1), 0);
  for (size_t i = 0; i < 2; i++) {
    mark_name(tasks[i], mark, sizeof mark);
    FILE *file = fopen(mark, "w");
    assert_non_null(file);
    fclose(file);
    Bed bed = {0};
    bed_open(&bed, batches, 2, false);
    assert_true(bed_run(&bed));
    assert_int_equal(bed.summary.measured, 2);
    assert_int_equal(access(mark, F_OK), -1);
    bed_close(&bed, true);
  }
  close(reserved);
  unlink(stem);
  unsetenv("TEST_RUNNER_KILLS");
}

static void a_crash_is_recorded(void **state) {
  (void)state;
  assert_survives(CRASH, "signal 11", 0);
}

static void garbage_is_recorded(void **state) {
  (void)state;
  assert_survives(GARBAGE, "no message", 0);
}

static void a_hang_is_ended(void **state) {
  (void)state;
  int64_t start = clock_now();
  assert_survives(HANG, "--timeout", 5);
  assert_true(clock_seconds(clock_now() - start) < 60);
}

static void lack_of_memory_is_recorded(void **state) {
  (void)state;
  assert_survives(NO_MEMORY, "memory", 0);
}

static void a_wrong_shape_is_recorded(void **state) {
  (void)state;
  assert_survives(WRONG_SHAPE, "2 elements, expected 3", 0);
}

static void a_refusal_is_recorded(void **state) {
  (void)state;
  assert_survives(REFUSES, "mock: will not", 0);
}

static void silence_is_recorded(void **state) {
  (void)state;
  assert_survives(SILENT, "exit code 0 and no answer", 0);
}

static void an_answer_counts_even_if_the_worker_hangs_after_it(void **state) {
  (void)state;
  const int64_t batches[] = {ENDLESS};
  Bed bed = {0};
  bed_open(&bed, batches, 1, false);
  assert_true(bed_run(&bed));
  assert_int_equal(bed.summary.measured, 1);
  bed_close(&bed, true);
}

static void a_wrong_result_is_shown_as_invalid(void **state) {
  (void)state;
  const int64_t batches[] = {WRONG};
  Bed bed = {0};
  bed_open(&bed, batches, 1, false);
  assert_true(bed_run(&bed));
  assert_int_equal(bed.summary.invalid, 1);
  assert_text(json_object_get(ours_at(&bed, 0), "correctness"), "verdict", "invalid");
  const json_t *entry = results_find(bed.results, bed.matrix.cells.items[0].hash);
  assert_true(json_is_false(json_object_get(json_object_get(entry, "metadata"), "success")));
  bed_close(&bed, true);
}

static void entries_have_the_peers_keys(void **state) {
  (void)state;
  static const char *const metadata_keys[] = {"model_id",  "timestamp",      "branch_name",
                                              "commit_id", "commit_message", "hardware_info",
                                              "success"};
  static const char *const measurement_keys[] = {"e2e_latency",         "time_to_first_token",
                                                 "inter_token_latency", "shape_and_decoded_outputs",
                                                 "gpu_metrics",         "timestamps"};
  const int64_t batches[] = {WELL, KILLED};
  Bed bed = {0};
  bed_open(&bed, batches, 2, false);
  assert_true(bed_run(&bed));
  Error error;
  json_t *document = document_read(results_path(bed.results), 1 << 24, &error);
  assert_int_equal(json_object_size(document), 2);
  for (size_t i = 0; i < 2; i++) {
    const json_t *entry = json_object_get(document, bed.matrix.cells.items[i].hash);
    const json_t *metadata = json_object_get(entry, "metadata");
    const json_t *measurements = json_object_get(entry, "measurements");
    assert_int_equal(json_object_size(metadata), COUNT_OF(metadata_keys));
    for (size_t j = 0; j < COUNT_OF(metadata_keys); j++)
      assert_non_null(json_object_get(metadata, metadata_keys[j]));
    assert_int_equal(json_object_size(measurements), COUNT_OF(measurement_keys));
    for (size_t j = 0; j < COUNT_OF(measurement_keys); j++)
      assert_non_null(json_object_get(measurements, measurement_keys[j]));
    json_t *config = scenario_config(&bed.matrix.cells.items[i].effective);
    assert_true(json_equal(config, json_object_get(entry, "config")));
    json_decref(config);
  }
  const json_t *good = json_object_get(document, bed.matrix.cells.items[0].hash);
  const json_t *measurements = json_object_get(good, "measurements");
  assert_int_equal(json_array_size(json_object_get(measurements, "e2e_latency")), 3);
  assert_string_equal(json_string_value(json_array_get(
                          json_object_get(measurements, "shape_and_decoded_outputs"), 0)),
                      "(1, 4) | 0 1 2 3");
  assert_text(json_array_get(json_object_get(measurements, "gpu_metrics"), 0), "monitoring_status",
              "no_gpus_available");
  json_decref(document);
  bed_close(&bed, true);
}

static void a_resumed_run_measures_only_what_is_missing(void **state) {
  (void)state;
  const int64_t first[] = {WELL, KILLED}, second[] = {WELL, KILLED, 20};
  Bed bed = {0};
  bed_open(&bed, first, 2, false);
  assert_true(bed_run(&bed));
  char path[300];
  snprintf(path, sizeof path, "%s", results_path(bed.results));
  bed_close(&bed, false);
  bed_open(&bed, second, 3, true);
  assert_string_equal(results_path(bed.results), path);
  assert_true(bed_run(&bed));
  assert_int_equal(bed.summary.kept, 1);
  assert_int_equal(bed.summary.measured, 1);
  assert_int_equal(bed.summary.failed, 1);
  assert_int_equal(json_object_size(results_document(bed.results)), 3);
  bed_close(&bed, true);
}

static void a_resumed_run_measures_again_what_was_pinned_otherwise(void **state) {
  (void)state;
  const int64_t batches[] = {WELL, 20};
  Bed bed = {0};
  bed_open(&bed, batches, 1, false);
  assert_true(bed_run(&bed));
  assert_true(
      json_is_false(json_object_get(json_object_get(ours_at(&bed, 0), "effective"), "pin")));
  bed_close(&bed, false);
  const bool pinned[] = {false, true, true, false};
  for (size_t i = 0; i < COUNT_OF(pinned); i++) {
    bed.pinned = pinned[i];
    bed_open(&bed, batches, 1, true);
    assert_true(bed_run(&bed));
    assert_int_equal(bed.summary.kept, i % 2 == 0);
    assert_int_equal(bed.summary.measured, i % 2);
    bed_close(&bed, i + 1 == COUNT_OF(pinned));
  }
}

static void what_needs_too_much_memory_is_not_started(void **state) {
  (void)state;
  const int64_t batches[] = {WELL, TOO_MANY, 20};
  Bed bed = {.length = 3000};
  bed_open(&bed, batches, 3, false);
  assert_true(bed_run(&bed));
  assert_int_equal(bed.summary.measured, 2);
  assert_int_equal(bed.summary.failed, 1);
  assert_text(ours_at(&bed, 1), "reason", "needs about 8");
  assert_text(ours_at(&bed, 1), "reason", "lower --batch-size or --sequence-length");
  bed_close(&bed, true);
}

static void lines_fit_the_terminal(void **state) {
  (void)state;
  const int64_t batches[] = {WELL, REFUSES, WRONG};
  for (int columns = 60; columns <= 100; columns += 20) {
    char *written = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&written, &size);
    assert_non_null(stream);
    Progress progress = progress_open(stream);
    progress.terminal = true;
    progress.columns = columns;
    Bed bed = {.progress = &progress};
    bed_open(&bed, batches, 3, false);
    assert_true(bed_run(&bed));
    fclose(stream);
    int lines = 0;
    for (char *line = strtok(written, "\r\n"); line; line = strtok(NULL, "\r\n")) {
      size_t erase = strncmp(line, "\033[K", 3) == 0 ? 3 : 0;
      if (strlen(line + erase) > (size_t)columns) print_error("%d: %s\n", columns, line + erase);
      assert_true(strlen(line + erase) <= (size_t)columns);
      lines += strstr(line, " ms") != NULL;
    }
    assert_true(lines >= 2);
    free(written);
    bed_close(&bed, true);
  }
}

static void what_is_not_in_this_build_is_skipped(void **state) {
  (void)state;
  const int64_t batches[] = {WELL};
  Bed bed = {0};
  bed_open(&bed, batches, 1, false);
  strcpy(bed.matrix.cells.items[0].effective.device, "cuda");
  assert_true(bed_run(&bed));
  assert_int_equal(bed.summary.skipped, 1);
  assert_text(ours_at(&bed, 0), "reason", "not in this build");
  bed_close(&bed, true);
}

static void wait_until_measured(const char *path) {
  Text text = {0};
  Error error;
  for (int i = 0; i < 600; i++) {
    if (file_read(path, 1 << 24, &text, &error) && strstr(text.data, "\"measured\"")) break;
    usleep(100000);
  }
  text_free(&text);
}

static void an_interrupt_ends_the_worker_and_keeps_the_results(void **state) {
  (void)state;
  const int64_t batches[] = {WELL, HANG, 20};
  int signals[2];
  assert_int_equal(pipe(signals), 0);
  Bed bed = {.interrupt = signals[0]};
  bed_open(&bed, batches, 3, false);
  pid_t sender = fork();
  if (sender == 0) { // once the first scenario is on disk, the second hangs
    wait_until_measured(results_path(bed.results));
    _exit(write(signals[1], "x", 1) == 1 ? 0 : 1);
  }
  assert_false(bed_run(&bed));
  assert_int_equal(bed.error.code, ERROR_INTERRUPTED);
  assert_int_equal(bed.summary.measured, 1);
  Error error;
  json_t *document = document_read(results_path(bed.results), 1 << 24, &error);
  assert_int_equal(json_object_size(document), 1);
  json_decref(document);
  close(signals[0]);
  close(signals[1]);
  bed_close(&bed, true);
}

// The file that was there stays whole when the next one cannot be written.
static void a_full_disk_ends_the_sweep_and_keeps_the_last_file(void **state) {
  (void)state;
  const int64_t batches[] = {WELL, 20};
  Bed bed = {0};
  bed_open(&bed, batches, 2, false);
  struct rlimit before, limit;
  getrlimit(RLIMIT_FSIZE, &before);
  limit = (struct rlimit){24000, before.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  bool done = bed_run(&bed);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  assert_false(done);
  assert_int_equal(bed.error.code, ERROR_IO);
  Error error;
  json_t *document = document_read(results_path(bed.results), 1 << 24, &error);
  assert_non_null(document);
  json_decref(document);
  bed_close(&bed, true);
}

static void a_folder_that_takes_no_results_is_known_before_anything_runs(void **state) {
  (void)state;
  Error error;
  assert_null(results_open("/proc/no/such", "m", false, &error));
  assert_true(error.code == ERROR_IO || error.code == ERROR_NOT_FOUND);
  assert_null(results_open("/dev/null", "m", false, &error));
  assert_int_equal(error.code, ERROR_IO);
}

static void model_names_make_safe_folders(void **state) {
  (void)state;
  char name[200];
  assert_string_equal(results_model_name("org/name", name, sizeof name), "org_name");
  assert_string_equal(results_model_name("/a/b/model.gguf", name, sizeof name), "model.gguf");
  assert_string_equal(results_model_name("./models/x/", name, sizeof name), "x");
  assert_string_equal(results_model_name("..", name, sizeof name), "model");
  assert_string_equal(results_model_name("preset:tiny", name, sizeof name), "preset:tiny");
}

int main(int count, char **words) {
  if (count > 1 && strcmp(words[1], "worker") == 0) return fake_worker();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_killed_worker_is_recorded),
      cmocka_unit_test(what_all_scenarios_wait_for_is_tried_twice),
      cmocka_unit_test(a_crash_is_recorded),
      cmocka_unit_test(garbage_is_recorded),
      cmocka_unit_test(a_hang_is_ended),
      cmocka_unit_test(lack_of_memory_is_recorded),
      cmocka_unit_test(a_wrong_shape_is_recorded),
      cmocka_unit_test(a_refusal_is_recorded),
      cmocka_unit_test(silence_is_recorded),
      cmocka_unit_test(an_answer_counts_even_if_the_worker_hangs_after_it),
      cmocka_unit_test(a_wrong_result_is_shown_as_invalid),
      cmocka_unit_test(entries_have_the_peers_keys),
      cmocka_unit_test(a_resumed_run_measures_only_what_is_missing),
      cmocka_unit_test(a_resumed_run_measures_again_what_was_pinned_otherwise),
      cmocka_unit_test(what_needs_too_much_memory_is_not_started),
      cmocka_unit_test(lines_fit_the_terminal),
      cmocka_unit_test(what_is_not_in_this_build_is_skipped),
      cmocka_unit_test(an_interrupt_ends_the_worker_and_keeps_the_results),
      cmocka_unit_test(a_full_disk_ends_the_sweep_and_keeps_the_last_file),
      cmocka_unit_test(a_folder_that_takes_no_results_is_known_before_anything_runs),
      cmocka_unit_test(model_names_make_safe_folders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
