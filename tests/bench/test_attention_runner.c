// SPDX-License-Identifier: Apache-2.0
// Sweeps of small cells with the real back ends, and against processes that misbehave. This program
// is its own worker: the sweep's benchmark_name tells it how to.
#include "base/file.h"
#include "base/memory.h"
#include "bench/attention/cell_request.h"
#include "bench/attention/cell_task.h"
#include "bench/attention/dashboard.h"
#include "bench/attention/runner.h"
#include "bench/worker_events.h"
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

// Dies, or does not, as it is told, when math is among the back ends.
static void misbehave(const char *how) {
  if (strcmp(how, "crash") == 0) {
    worker_event_progress(1, "math: check", 0, 1);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  if (strcmp(how, "hang") == 0) {
    worker_event_progress(1, "math: warmup", 0, 1);
    pause();
  }
  if (strcmp(how, "no memory") == 0) {
    worker_event_progress(1, "math: prepare", 0, 1);
    exit(error_exit_code(ERROR_MEMORY));
  }
  if (strcmp(how, "crash between") == 0) {
    worker_event_progress(1, "forward", 0, 1);
    kill(getpid(), SIGKILL);
  }
  if (strcmp(how, "garbage") == 0) {
    if (write(1, "\x01\xff{]\n", 5) != 5) exit(1);
    exit(0);
  }
  if (strcmp(how, "refuse") == 0) {
    Error error;
    error_set(&error, ERROR_UNSUPPORTED, "mock", "will not");
    worker_event_error(1, &error);
    exit(5);
  }
}

static bool asks_for(const json_t *request, const char *name) {
  size_t i;
  json_t *backend;
  json_array_foreach(json_object_get(request, "backends"), i, backend) {
    if (strcmp(json_string_value(json_object_get(backend, "name")), name) == 0) return true;
  }
  return false;
}

// What a lying worker changes in its answer.
static void lie(json_t *answer, const char *how) {
  json_t *backends = json_object_get(answer, "backends"), *first = json_array_get(backends, 0);
  if (strcmp(how, "wrong") == 0)
    json_object_set_new(json_object_get(first, "correctness"), "verdict", json_string("invalid"));
  if (strcmp(how, "forget") == 0) json_array_remove(backends, 0);
  if (strcmp(how, "no work") == 0) json_object_del(answer, "work");
}

static int act_as_worker(void) {
  static char buffer[1 << 20];
  Error error;
  ssize_t size = read(0, buffer, sizeof buffer);
  json_t *request = document_parse(buffer, (size_t)size, "request", &error);
  const char *how =
      json_string_value(json_object_get(json_object_get(request, "sweep"), "benchmark_name"));
  if (asks_for(request, "math")) misbehave(how);
  Field field = field_root(request, "request");
  json_t *answer = cell_task_run(&field, 1, &error);
  if (!answer) {
    worker_event_error(1, &error);
    return 1;
  }
  lie(answer, how);
  worker_event_result(1, answer);
  json_decref(request);
  return 0;
}

typedef struct {
  char folder[64];
  AttentionSweep *sweep;
  SweepCells cells;
  Results *results;
  SweepSummary summary;
  Error error;
  bool done;
  int interrupt;
} Bed;

static void bed_open(Bed *bed, const char *text) {
  static const char common[] =
      "dtype: float32\nb: [1]\nnh: [\"2,1\"]\nd: [16]\nmeasure_time: 0.0001\nwarmup: 1\n"
      "cold: false\nthreads: 2\n";
  *bed = (Bed){.folder = "/tmp/attometer-sweep-XXXXXX", .interrupt = -1};
  assert_non_null(mkdtemp(bed->folder));
  bed->sweep = attention_sweep_open();
  bool done =
      attention_sweep_parse(bed->sweep, common, strlen(common), "c.yaml", "", &bed->error) &&
      attention_sweep_parse(bed->sweep, text, strlen(text), "f.yaml", "", &bed->error) &&
      sweep_cells_expand(bed->sweep, &bed->cells, &bed->error);
  if (!done) print_error("%s: %s\n", bed->error.where, bed->error.message);
  assert_true(done);
}

static void bed_run(Bed *bed, bool resume) {
  char *const arguments[] = {"worker", "worker", NULL};
  Repository repository = {.dirty = -1};
  Progress progress = progress_open(NULL);
  results_close(bed->results);
  bed->results = results_open(bed->folder, "attention", resume, &bed->error);
  assert_non_null(bed->results);
  const SweepRunnerOptions options = {
      .sweep = bed->sweep,
      .cells = &bed->cells,
      .repository = &repository,
      .results = bed->results,
      .progress = &progress,
      .command = {.program = "/proc/self/exe", .arguments = arguments, .interrupt = bed->interrupt},
  };
  bed->done = sweep_runner_run(&options, &bed->summary, &bed->error);
}

static void bed_close(Bed *bed) {
  char command[160];
  results_close(bed->results);
  sweep_cells_free(&bed->cells);
  attention_sweep_close(bed->sweep);
  snprintf(command, sizeof command, "rm -rf %s", bed->folder);
  assert_int_equal(system(command), 0);
}

static const json_t *cell(const Bed *bed, size_t index) {
  return results_find(bed->results, bed->cells.cells.items[index].hash);
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static const json_t *backend(const json_t *entry, const char *name) {
  size_t i;
  json_t *found;
  json_array_foreach(json_object_get(entry, "backends"), i, found) {
    if (strcmp(text_of(found, "name"), name) == 0) return found;
  }
  fail_msg("there is no back end %s", name);
  return NULL;
}

static double number(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_number(value)) fail_msg("%s is no number", key);
  return json_number_value(value);
}

static void assert_pass(const json_t *entry, const json_t *found, const char *pass, bool cold) {
  const json_t *json = json_object_get(found, pass), *warm = json_object_get(json, "warm");
  const json_t *work = json_object_get(entry, "work");
  char key[40];
  assert_true(number(json, "first_ns") > 0);
  assert_true(number(warm, "count") >= 3 && number(warm, "med_ns") > 0);
  assert_int_equal(json_array_size(json_object_get(warm, "values_ns")), number(warm, "count"));
  snprintf(key, sizeof key, "%s_flops", pass);
  double rate = number(work, key) / number(warm, "med_ns") * 1e-3;
  assert_true(rate > 0 && number(json, "tflop_per_s") / rate > 0.999999 &&
              number(json, "tflop_per_s") / rate < 1.000001);
  assert_true(number(json, "share_of_fma") > 0 && number(json, "share_of_read") > 0);
  assert_int_equal(json_is_object(json_object_get(json, "cold")), cold);
}

static void tell_backend(const json_t *entry, const json_t *found) {
  char *text = json_dumps(json_object_get(found, "correctness"), JSON_COMPACT);
  print_error("%s, %s: %s %s\n", text_of(entry, "label"), text_of(found, "name"),
              text_of(found, "reason"), text ? text : "");
  free(text);
}

// That all cells were measured and are right; says what was not.
static void assert_all_valid(const Bed *bed) {
  for (size_t i = 0; i < bed->cells.cells.count; i++) {
    size_t j;
    json_t *found;
    const json_t *entry = cell(bed, i);
    if (strcmp(text_of(entry, "status"), "measured") != 0)
      print_error("%s: %s\n", text_of(entry, "label"), text_of(entry, "reason"));
    json_array_foreach(json_object_get(entry, "backends"), j, found) {
      const char *verdict = text_of(json_object_get(found, "correctness"), "verdict");
      if (strcmp(verdict, "invalid") == 0 || strcmp(text_of(found, "status"), "failed") == 0)
        tell_backend(entry, found);
    }
  }
  assert_int_equal(bed->summary.measured, bed->cells.cells.count);
  assert_int_equal(bed->summary.invalid, 0);
}

static void a_sweep_is_checked_timed_and_recorded(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "calculate_bwd: true\ns: [40]\nmods: [causal]\nbackend: [math, fav2, cudnn]\n"
                 "cold: true\nmax_autotune: true\n");
  bed_run(&bed, false);
  assert_true(bed.done);
  assert_all_valid(&bed);
  const json_t *header = results_find(bed.results, "sweep"), *entry = cell(&bed, 0);
  assert_string_equal(text_of(header, "kind"), "attention");
  assert_int_equal(json_array_size(json_object_get(header, "notes")), 0);
  assert_string_equal(json_string_value(json_array_get(json_object_get(header, "cells"), 0)),
                      bed.cells.cells.items[0].hash);
  assert_string_equal(text_of(entry, "status"), "measured");
  assert_string_equal(text_of(entry, "label"), "causal, B 1, Hq 2, M 40, Hkv 1, N 40, D 16");
  assert_true(number(json_object_get(entry, "pairs"), "visible") == 2 * 40 * 41 / 2);
  assert_true(number(json_object_get(entry, "work"), "forward_flops") == 2 * 820 * (4 * 16 + 2));
  assert_int_equal(number(entry, "allocations"), 0);
  assert_int_equal(json_array_size(json_object_get(entry, "backends")), 4);
  const json_t *math = backend(entry, "math"), *flex = backend(entry, "flex");
  assert_string_equal(text_of(json_object_get(math, "correctness"), "verdict"), "valid");
  assert_pass(entry, math, "forward", true);
  assert_pass(entry, math, "backward", true);
  assert_pass(entry, flex, "forward", true);
  assert_true(number(json_object_get(math, "forward"), "flex_speedup") > 0);
  assert_true(json_is_null(json_object_get(json_object_get(flex, "forward"), "flex_speedup")));
  assert_true(json_is_object(json_object_get(flex, "mask")));
  const json_t *tuning = json_object_get(flex, "tuning");
  assert_true(json_array_size(json_object_get(tuning, "candidates")) >= 1);
  assert_non_null(json_object_get(tuning, "winner"));
  assert_string_equal(text_of(backend(entry, "cudnn"), "status"), "skipped");
  assert_non_null(strstr(text_of(backend(entry, "cudnn"), "reason"), "NVIDIA"));
  bed_close(&bed);
}

// One cell of causal with what else the text says; its flex.
static const json_t *flex_of(Bed *bed, const char *keys) {
  char text[200];
  snprintf(text, sizeof text, "s: [40]\nmods: [softcap]\nbackend: [math]\n%s", keys);
  bed_open(bed, text);
  bed_run(bed, false);
  assert_true(bed->done);
  assert_string_equal(text_of(backend(cell(bed, 0), "math"), "status"), "measured");
  return backend(cell(bed, 0), "flex");
}

static void how_flex_worked_is_told(void **state) {
  (void)state;
  Bed bed;
  const json_t *code = json_object_get(flex_of(&bed, "flex: compiled\n"), "code");
  assert_string_equal(text_of(code, "state"), "compiled");
  assert_true(number(code, "cold_ns") > number(code, "cached_ns"));
  assert_true(number(code, "cached_ns") > 0);
  assert_int_equal(number(code, "interpreted_calls"), 0);
  bed_close(&bed);
  code = json_object_get(flex_of(&bed, "jit_async: true\ndynamic: true\n"), "code");
  assert_string_equal(text_of(code, "state"), "compiled");
  assert_true(json_is_true(json_object_get(code, "dynamic")));
  assert_true(number(code, "interpreted_calls") >= 0);
  bed_close(&bed);
  code = json_object_get(flex_of(&bed, "flex: interpreted\n"), "code");
  assert_string_equal(text_of(code, "state"), "interpreted");
  assert_true(json_is_null(json_object_get(code, "reason")));
  bed_close(&bed);
}

// Without a compiler flex is interpreted and says why; where code is needed, it alone has failed.
static void a_compiler_may_be_missing(void **state) {
  (void)state;
  Bed bed;
  char *before = getenv("CC") ? memory_copy_text(getenv("CC")) : NULL;
  setenv("CC", "/no/such/compiler", 1);
  const json_t *flex = flex_of(&bed, ""), *code = json_object_get(flex, "code");
  assert_string_equal(text_of(flex, "status"), "measured");
  assert_string_equal(text_of(code, "state"), "interpreted");
  assert_non_null(strstr(text_of(code, "reason"), "/no/such/compiler"));
  bed_close(&bed);
  flex = flex_of(&bed, "flex: compiled\n");
  assert_string_equal(text_of(flex, "status"), "failed");
  assert_non_null(strstr(text_of(flex, "reason"), "/no/such/compiler"));
  bed_close(&bed);
  if (before)
    setenv("CC", before, 1);
  else
    unsetenv("CC");
  memory_free(before);
}

static void every_pattern_and_dtype_is_right(void **state) {
  (void)state;
  static const char *const dtypes[] = {"float32", "bfloat16", "float16"};
  for (size_t i = 0; i < COUNT_OF(dtypes); i++) {
    Bed bed;
    bed_open(&bed, "calculate_bwd: true\ns: [33]\nb: [2]\nmods: [noop, causal, rel, head_bias, "
                   "alibi, sliding_window, document_mask, prefix_lm, softcap, {name: own, score: "
                   "score * w, mask: kv_idx % 3 != q_idx % 2, params: {w: 0.5}}]\n"
                   "backend: [og-eager, math, efficient, fav2]\n");
    assert_true(dtype_by_name(dtypes[i], &bed.sweep->dtype));
    bed_run(&bed, false);
    assert_int_equal(bed.cells.cells.count, 10);
    assert_all_valid(&bed);
    for (size_t j = 0; j < bed.cells.cells.count; j++)
      assert_string_equal(text_of(backend(cell(&bed, j), "flex"), "status"), "measured");
    bed_close(&bed);
  }
}

static void decoding_is_right(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "decoding: true\ns: [100]\nb: [2]\nnh: [\"8,2\"]\nmods: [causal, alibi]\n"
                 "backend: [fakv, math]\n");
  bed_run(&bed, false);
  assert_int_equal(bed.cells.cells.count, 2);
  assert_all_valid(&bed);
  const json_t *entry = cell(&bed, 0);
  assert_string_equal(text_of(backend(entry, "fakv"), "status"), "measured");
  // the query stands at 50 and sees 51 keys
  assert_true(number(json_object_get(entry, "pairs"), "visible") == 2 * 8 * 51);
  bed_close(&bed);
}

// One back end brings its process down; the others are measured without it.
static void assert_left_out(const char *how, const char *reason) {
  Bed bed;
  char text[200];
  snprintf(text, sizeof text,
           "s: [16]\nmods: [noop]\nbackend: [math, fav2]\ntimeout: 8\nbenchmark_name: %s\n", how);
  bed_open(&bed, text);
  bed_run(&bed, false);
  assert_true(bed.done);
  assert_int_equal(bed.summary.measured, 1);
  const json_t *math = backend(cell(&bed, 0), "math");
  assert_string_equal(text_of(math, "status"), "failed");
  if (!strstr(text_of(math, "reason"), reason)) print_error("%s\n", text_of(math, "reason"));
  assert_non_null(strstr(text_of(math, "reason"), reason));
  assert_string_equal(text_of(backend(cell(&bed, 0), "flex"), "status"), "measured");
  assert_string_equal(text_of(backend(cell(&bed, 0), "fav2"), "status"), "measured");
  bed_close(&bed);
}

static void a_back_end_that_crashes_is_left_out(void **state) {
  (void)state;
  assert_left_out("crash", "ended by signal 11");
  assert_left_out("no memory", "ran out of memory");
}

static void a_back_end_that_hangs_is_left_out(void **state) {
  (void)state;
  assert_left_out("hang", "no end within 8 s");
}

// A cell fails as a whole and the sweep goes on.
static void assert_failed(const char *how, const char *reason) {
  Bed bed;
  char text[200];
  snprintf(text, sizeof text, "s: [16, 24]\nmods: [noop]\nbackend: [math]\nbenchmark_name: %s\n",
           how);
  bed_open(&bed, text);
  bed_run(&bed, false);
  assert_true(bed.done);
  assert_int_equal(bed.summary.failed, 2);
  for (size_t i = 0; i < 2; i++) {
    assert_string_equal(text_of(cell(&bed, i), "status"), "failed");
    if (!strstr(text_of(cell(&bed, i), "reason"), reason))
      print_error("%s\n", text_of(cell(&bed, i), "reason"));
    assert_non_null(strstr(text_of(cell(&bed, i), "reason"), reason));
  }
  bed_close(&bed);
}

static void a_cell_that_fails_is_recorded_and_the_sweep_goes_on(void **state) {
  (void)state;
  assert_failed("crash between", "ended by signal 9");
  assert_failed("garbage", "sent something that is no message");
  assert_failed("refuse", "mock: will not");
  assert_failed("forget", "answered without one of its back ends");
  assert_failed("no work", "answered without work");
}

static void a_wrong_result_is_counted(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "s: [16]\nmods: [noop]\nbackend: [math]\nbenchmark_name: wrong\n");
  bed_run(&bed, false);
  assert_int_equal(bed.summary.measured, 1);
  assert_int_equal(bed.summary.invalid, 1);
  json_t *records = dashboard_records(results_document(bed.results));
  assert_int_equal(json_array_size(records), 3); // those of flex alone
  json_decref(records);
  bed_close(&bed);
}

static void a_resumed_sweep_measures_only_what_is_missing(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "s: [16, 24]\nmods: [noop]\nbackend: [math]\n");
  size_t all = bed.cells.cells.count;
  bed.cells.cells.count = 1;
  bed_run(&bed, false);
  assert_int_equal(bed.summary.measured, 1);
  json_t *first = json_deep_copy(cell(&bed, 0));
  bed.cells.cells.count = all;
  bed_run(&bed, true);
  assert_int_equal(bed.summary.kept, 1);
  assert_int_equal(bed.summary.measured, 1);
  assert_true(json_equal(first, (json_t *)cell(&bed, 0)));
  json_decref(first);
  // what failed is tried again
  json_t *failed = json_deep_copy(cell(&bed, 1));
  json_object_set_new(failed, "status", json_string("failed"));
  assert_true(results_put(bed.results, bed.cells.cells.items[1].hash, failed, &bed.error));
  bed_run(&bed, true);
  assert_int_equal(bed.summary.kept, 1);
  assert_int_equal(bed.summary.measured, 1);
  bed_close(&bed);
}

static void what_is_too_large_is_skipped_with_the_figure(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "s: [16]\nmods: [noop]\nbackend: [math]\nmax_bytes: 1M\n");
  bed_run(&bed, false);
  assert_true(bed.done);
  assert_int_equal(bed.summary.skipped, 1);
  assert_string_equal(text_of(cell(&bed, 0), "status"), "skipped");
  assert_non_null(
      strstr(text_of(cell(&bed, 0), "reason"), "GiB of memory, 0.00 GiB are available"));
  const json_t *memory = json_object_get(cell(&bed, 0), "memory");
  assert_true(number(memory, "predicted_bytes") > number(memory, "available_bytes"));
  assert_int_equal(number(memory, "available_bytes"), 1 << 20);
  bed_close(&bed);
}

static void a_mod_that_does_not_fit_its_shape_is_skipped(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "s: [16]\nbackend: [math]\n"
                 "mods: [noop, {name: big, score: \"score + q_idx * 9223372036854775807\"}]\n");
  bed_run(&bed, false);
  assert_int_equal(bed.summary.measured, 1);
  assert_int_equal(bed.summary.skipped, 1);
  assert_non_null(strstr(text_of(cell(&bed, 1), "reason"), "f.yaml, mods[1]"));
  bed_close(&bed);
}

static void a_budget_cuts_the_rest(void **state) {
  (void)state;
  Bed bed;
  bed_open(&bed, "s: [16, 24]\nmods: [noop]\nbackend: [math]\ntime_budget: 0.000001\n");
  bed_run(&bed, false);
  assert_true(bed.done);
  assert_int_equal(bed.summary.skipped, 2);
  assert_non_null(strstr(text_of(cell(&bed, 1), "reason"), "time_budget"));
  const json_t *notes = json_object_get(results_find(bed.results, "sweep"), "notes");
  assert_non_null(strstr(json_string_value(json_array_get(notes, 0)), "2 cells are left out"));
  bed_close(&bed);
}

static void an_interrupt_ends_the_sweep_and_keeps_the_file(void **state) {
  (void)state;
  Bed bed;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  bed_open(&bed, "s: [16]\nmods: [noop]\nbackend: [math]\n");
  assert_int_equal(write(ends[1], "x", 1), 1);
  bed.interrupt = ends[0];
  bed_run(&bed, false);
  assert_false(bed.done);
  assert_int_equal(bed.error.code, ERROR_INTERRUPTED);
  assert_true(file_exists(results_path(bed.results)));
  close(ends[0]);
  close(ends[1]);
  bed_close(&bed);
}

static void the_dashboard_has_the_peers_records(void **state) {
  (void)state;
  Bed bed;
  char path[100];
  bed_open(&bed, "calculate_bwd: true\ns: [16]\nmods: [causal]\nbackend: [math]\n"
                 "benchmark_name: mine\n");
  bed_run(&bed, false);
  snprintf(path, sizeof path, "%s/dashboard.json", bed.folder);
  assert_true(dashboard_write(results_document(bed.results), path, &bed.error));
  json_t *records = document_read(path, 1 << 20, &bed.error);
  assert_int_equal(json_array_size(records), 2 * 4);
  const json_t *record = json_array_get(records, 0),
               *benchmark = json_object_get(record, "benchmark"),
               *metric = json_object_get(record, "metric"),
               *model = json_object_get(record, "model");
  assert_string_equal(text_of(benchmark, "name"), "mine");
  assert_string_equal(text_of(benchmark, "mode"), "training");
  assert_string_equal(text_of(benchmark, "dtype"), "float32");
  const json_t *info = json_object_get(benchmark, "extra_info");
  assert_string_equal(text_of(info, "input_config"),
                      "shape: (1, 2, 16, 1, 16, 16), dtype: float32");
  assert_string_equal(text_of(info, "device"), "cpu");
  assert_string_equal(text_of(model, "name"), "math_causal_(1, 2, 16, 1, 16, 16)");
  assert_string_equal(text_of(model, "type"), "attention-benchmark");
  assert_string_equal(text_of(metric, "name"), "forward latency");
  assert_string_equal(text_of(metric, "unit"), "us");
  double med =
      number(json_object_get(json_object_get(backend(cell(&bed, 0), "math"), "forward"), "warm"),
             "med_ns");
  double value = json_number_value(json_array_get(json_object_get(metric, "benchmark_values"), 0));
  assert_true(value > med * 0.999e-3 && value < med * 1.001e-3);
  json_decref(records);
  bed_close(&bed);
}

int main(int count, char **words) {
  if (count > 1 && strcmp(words[1], "worker") == 0) return act_as_worker();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sweep_is_checked_timed_and_recorded),
      cmocka_unit_test(how_flex_worked_is_told),
      cmocka_unit_test(a_compiler_may_be_missing),
      cmocka_unit_test(every_pattern_and_dtype_is_right),
      cmocka_unit_test(decoding_is_right),
      cmocka_unit_test(a_back_end_that_crashes_is_left_out),
      cmocka_unit_test(a_back_end_that_hangs_is_left_out),
      cmocka_unit_test(a_cell_that_fails_is_recorded_and_the_sweep_goes_on),
      cmocka_unit_test(a_wrong_result_is_counted),
      cmocka_unit_test(a_resumed_sweep_measures_only_what_is_missing),
      cmocka_unit_test(what_is_too_large_is_skipped_with_the_figure),
      cmocka_unit_test(a_mod_that_does_not_fit_its_shape_is_skipped),
      cmocka_unit_test(a_budget_cuts_the_rest),
      cmocka_unit_test(an_interrupt_ends_the_sweep_and_keeps_the_file),
      cmocka_unit_test(the_dashboard_has_the_peers_records),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
