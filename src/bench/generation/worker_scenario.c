// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/memory.h"
#include "bench/generation/compile_phase.h"
#include "bench/generation/correctness.h"
#include "bench/generation/logits_file.h"
#include "bench/generation/measurement.h"
#include "bench/generation/memory_estimate.h"
#include "bench/generation/roofline.h"
#include "bench/generation/worker_tasks.h"
#include "bench/process_usage.h"
#include "bench/worker_events.h"
#include <math.h>
#include <string.h>

// Everything one scenario needs while it runs.
typedef struct {
  const WorkerRequest *request;
  const RequestCase *item;
  Team *team;
  int output;
  Model *model;
  Engine *engine;
  int32_t *prompts;              // [batch, prompt_length]
  int64_t context_ns;            // filling the cache to the depth, once
  int64_t open_ns;               // opening the engine
  StepFacts cold, cached;        // of compiling, before the runs
  StepOptions compile;           // of the engine that is open
  GraphDump dump;                // of what the cold round compiles
  double fma_before, dot_before; // GFLOP/s right before the runs
} Scene;

static GenerationRequest generation_of(const Scene *scene) {
  return (GenerationRequest){
      .batch = scene->request->batch,
      .prompt_length = scene->item->prompt_length,
      .new_tokens = scene->item->new_tokens,
      .prompts = scene->prompts,
      .sampling = sampling_greedy(),
  };
}

static bool run_generation(void *context, int32_t *ids, int64_t *times, int64_t *counts,
                           int64_t *end, Error *error) {
  Scene *scene = context;
  GenerationRequest request = generation_of(scene);
  GenerationResult result = {.ids = ids, .times = times, .counts = counts};
  bool done = engine_run(scene->engine, &request, &result, error);
  *end = result.end;
  return done;
}

static bool report_progress(void *context, MeasurementPhase phase, int64_t done, int64_t total) {
  Scene *scene = context;
  return worker_event_progress(scene->output, measurement_phase_name(phase), done, total);
}

// One round of compiling: cold, or from the cache, whose engine stays.
static bool compile_scene(Scene *scene, const EngineSetup *options, GeneratorOptions *generator,
                          bool cold, Error *error) {
  scene->compile = step_options(scene->request->compile_mode);
  scene->compile.dynamic = scene->request->dynamic;
  scene->compile.refresh_cache = cold;
  if (cold && scene->dump.which != GRAPH_DUMP_NONE) scene->compile.dump = &scene->dump;
  generator->compile = &scene->compile;
  worker_event_progress(scene->output, cold ? "compile" : "compile, cached", 0, 1);
  int64_t start = clock_now();
  Engine *engine = compile_phase_open(scene->model, scene->team, scene->request->tier, options,
                                      scene->prompts, scene->item->prompt_length, error);
  if (!engine) return false;
  *(cold ? &scene->cold : &scene->cached) = engine_step_facts(engine);
  if (cold)
    engine_close(engine);
  else
    scene->engine = engine;
  scene->open_ns = clock_now() - start;
  return true;
}

static bool open_dump(Scene *scene, Error *error) {
  GraphDumpWhich which;
  if (!graph_dump_by_name(scene->request->dump_graph, &which))
    return error_set(error, ERROR_FORMAT, "dump_graph", "unknown \"%s\"",
                     scene->request->dump_graph);
  scene->dump = graph_dump(which, scene->request->dump_folder, "");
  return true;
}

static bool open_engine(Scene *scene, GeneratorOptions *generator, Error *error) {
  EngineSetup options = {generator, scene->request->load, model_config(scene->model)->max_positions,
                         scene->item->depth};
  if (scene->request->compile_mode)
    return open_dump(scene, error) &&
           (scene->request->brief || compile_scene(scene, &options, generator, true, error)) &&
           compile_scene(scene, &options, generator, false, error);
  int64_t start = clock_now();
  scene->engine = engine_open(scene->model, scene->team, scene->request->tier, &options, error);
  scene->open_ns = clock_now() - start;
  return scene->engine != NULL;
}

// The same ids for every sequence: [batch, count]. The caller frees them.
static int32_t *repeat_ids(int64_t batch, const int32_t *ids, int64_t count) {
  size_t row = (size_t)count;
  int32_t *rows = memory_allocate((size_t)batch * row * sizeof *rows);
  for (int64_t i = 0; i < batch; i++) memcpy(rows + (size_t)i * row, ids, row * sizeof *rows);
  return rows;
}

static bool fill_context(Scene *scene, Error *error) {
  const RequestCase *item = scene->item;
  if (item->depth == 0) return true;
  int32_t *ids = repeat_ids(scene->request->batch, item->context, item->depth);
  worker_event_progress(scene->output, "context", 0, 1);
  int64_t start = clock_now();
  bool done = engine_set_context(scene->engine, ids, scene->request->batch, item->depth, error);
  scene->context_ns = clock_now() - start;
  memory_free(ids);
  return done;
}

static bool open_scene(Scene *scene, Error *error) {
  const WorkerRequest *request = scene->request;
  const RequestCase *item = scene->item;
  ModelOptions options = {request->model, request->dtype, request->rounding,
                          (uint64_t)request->seed};
  scene->model = model_map(&options, REQUEST_WEIGHTS, error);
  if (!scene->model) return false;
  scene->prompts = repeat_ids(request->batch, item->prompt, item->prompt_length);
  int64_t longest = item->new_tokens > item->steps ? item->new_tokens : item->steps;
  GeneratorOptions generator = {
      .attention = request->attention,
      .sdpa_backend = request->sdpa_backend,
      .cache_dtype = request->dtype,
      .kernelize = request->kernelize,
      .max_batch = request->batch,
      .max_tokens = item->depth + item->prompt_length + longest,
  };
  return open_engine(scene, &generator, error) && fill_context(scene, error);
}

static void close_scene(Scene *scene) {
  engine_close(scene->engine);
  model_close(scene->model);
  memory_free(scene->prompts);
}

// The FMA ceiling is the best that was seen, so it is taken before the runs as well: a neighbour
// who comes or goes moves it. (The read ceiling needs memory of its own, which the peak must not
// hold.)
enum { FMA_ROUNDS_BEFORE = 15 };

static bool measure(Scene *scene, Measurement *measurement, Error *error) {
  MeasurementPlan plan = {
      .warmup = scene->request->warmup,
      .iterations = scene->request->iterations,
      .goal = scene->request->goal,
      .batch = scene->request->batch,
      .prompt_length = scene->item->prompt_length,
      .new_tokens = scene->item->new_tokens,
      .listener = report_progress,
      .listener_context = scene,
  };
  Executor executor = {scene, run_generation};
  int rounds = scene->request->brief ? 0 : FMA_ROUNDS_BEFORE;
  if (rounds) scene->fma_before = ceiling_fma(scene->team, scene->request->tier, rounds);
  if (rounds) scene->dot_before = ceiling_dot(scene->team, scene->request->tier, rounds);
  return measurement_run(&plan, &executor, measurement, error);
}

static json_t *bytes_or_null(int64_t bytes) {
  return bytes < 0 ? json_null() : json_integer(bytes);
}

// Taken right after the measured runs, before ceilings and comparison touch memory of their own.
static json_t *memory_report(const Scene *scene) {
  MemoryShape shape = {.batch = scene->request->batch,
                       .depth = scene->item->depth,
                       .prompt_length = scene->item->prompt_length,
                       .new_tokens = scene->item->new_tokens,
                       .dtype = scene->request->dtype,
                       .score_matrix = strcmp(scene->request->attention, "eager") == 0};
  MemoryFacts facts = memory_facts_of(model_config(scene->model));
  MemoryEstimate estimate = memory_estimate_of(&facts, &shape);
  int64_t paper = memory_estimate_total(&estimate), peak = process_peak_bytes("");
  return json_pack(
      "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "peak_rss_bytes", bytes_or_null(peak),
      "weight_bytes", (json_int_t)model_load(scene->model).weight_bytes, "cache_bytes",
      (json_int_t)engine_cache_bytes(scene->engine), "scratch_bytes",
      (json_int_t)engine_scratch_bytes(scene->engine), "paper_weight_bytes",
      (json_int_t)estimate.weights, "paper_cache_bytes", (json_int_t)estimate.cache,
      "paper_activation_bytes", (json_int_t)estimate.activations, "paper_bytes", (json_int_t)paper,
      "peak_over_paper", peak < 0 ? json_null() : json_real((double)peak / (double)paper));
}

static bool compare_logits(Scene *scene, const float *reference, int64_t vocabulary,
                           Correctness *correctness, Error *error) {
  const RequestCase *item = scene->item;
  int64_t length = item->prompt_length + item->steps, positions = item->steps + 1;
  float *logits = memory_allocate((size_t)(positions * vocabulary) * sizeof *logits);
  int32_t *forced = memory_allocate((size_t)length * sizeof *forced);
  memcpy(forced, item->prompt, (size_t)item->prompt_length * sizeof *forced);
  memcpy(forced + item->prompt_length, item->expected, (size_t)item->steps * sizeof *forced);
  bool done = engine_logits(scene->engine, forced, length, positions, item->steps, logits, error);
  if (done) correctness->error = correctness_error(logits, reference, positions * vocabulary);
  memory_free(logits);
  memory_free(forced);
  return done;
}

static bool check(Scene *scene, const Measurement *measurement, Correctness *correctness,
                  Error *error) {
  const RequestCase *item = scene->item;
  int64_t vocabulary = model_config(scene->model)->vocabulary, positions = item->steps + 1;
  LogitsView view;
  if (item->expected_count < item->steps)
    return error_set(error, ERROR_ARGUMENT, "request", "fewer reference ids than steps");
  if (!logits_file_map(&view, REQUEST_REFERENCE, item->offset, positions * vocabulary, false,
                       error))
    return false;
  *correctness =
      (Correctness){.bound = correctness_bound(scene->request->dtype), .positions = positions};
  bool done = compare_logits(scene, view.values, vocabulary, correctness, error);
  const int32_t *last = measurement->ids + (measurement->iterations - 1) * measurement->batch *
                                               measurement->new_tokens;
  bool plausible = done && correctness_of_tokens(last, measurement->batch, measurement->new_tokens,
                                                 item->expected, item->expected_count, view.values,
                                                 positions, vocabulary, correctness);
  correctness->passed = plausible && correctness->error <= correctness->bound;
  logits_file_unmap(&view);
  return done;
}

// [iteration][sequence][token]
static json_t *times_json(const Measurement *measurement) {
  json_t *iterations = json_array();
  for (int64_t i = 0; i < measurement->iterations; i++) {
    TokenTimes times = measurement_times(measurement, i);
    json_t *sequences = json_array();
    for (int64_t j = 0; j < times.batch; j++) {
      json_t *tokens = json_array();
      for (int64_t k = 0; k < times.new_tokens; k++)
        json_array_append_new(tokens, json_integer(times.times[j * times.new_tokens + k]));
      json_array_append_new(sequences, tokens);
    }
    json_array_append_new(iterations, sequences);
  }
  return iterations;
}

// The new ids of the first sequence of each iteration: what is decoded and shown.
static json_t *first_ids_json(const Measurement *measurement) {
  json_t *iterations = json_array();
  int64_t stride = measurement->batch * measurement->new_tokens;
  for (int64_t i = 0; i < measurement->iterations; i++)
    json_array_append_new(iterations,
                          ids_json(measurement->ids + i * stride, measurement->new_tokens));
  return iterations;
}

static json_t *ends_json(const Measurement *measurement) {
  json_t *ends = json_array();
  for (int64_t i = 0; i < measurement->iterations; i++)
    json_array_append_new(ends, json_integer(measurement->ends[i]));
  return ends;
}

static json_t *load_json(const Scene *scene, const Measurement *measurement) {
  return json_pack("{s:I, s:I, s:I, s:I, s:I}", "map_ns",
                   (json_int_t)model_load(scene->model).map_ns, "open_ns",
                   (json_int_t)scene->open_ns, "context_ns", (json_int_t)scene->context_ns,
                   "first_run_ns", (json_int_t)measurement->trial_end, "first_run_first_token_ns",
                   (json_int_t)measurement->trial_first);
}

// What compiling took before the runs, cold and from the cache, and in all, the passes that only
// the comparison of logits makes included.
static json_t *graphs_json(const GraphDump *dump) {
  char text[sizeof(Error)];
  if (dump->which == GRAPH_DUMP_NONE) return json_null();
  bool fine = dump->problem.code == ERROR_NONE;
  return json_pack("{s:s, s:i, s:s?}", "folder", dump->folder, "files", dump->files, "problem",
                   fine ? NULL : error_text(&dump->problem, text, sizeof text));
}

static json_t *compile_json(const Scene *scene) {
  if (!scene->request->compile_mode) return json_null();
  StepFacts all = engine_step_facts(scene->engine);
  return json_pack("{s:s, s:o, s:o, s:o, s:o}", "mode", scene->request->compile_mode, "cold",
                   compile_phase_json(&scene->cold), "cached", compile_phase_json(&scene->cached),
                   "all", compile_phase_json(&all), "graphs", graphs_json(&scene->dump));
}

static json_t *ceilings_json(const Ceilings *ceilings) {
  return json_pack("{s:f, s:f, s:f, s:i}", "read_gb_per_s", ceilings->read_gb_per_s,
                   "fma_gflop_per_s", ceilings->fma_gflop_per_s, "dot_gflop_per_s",
                   ceilings->dot_gflop_per_s, "threads", ceilings->threads);
}

static bool take_ceilings(Scene *scene, Ceilings *ceilings, Error *error) {
  worker_event_progress(scene->output, "ceilings", 0, 1);
  if (!ceilings_measure(scene->team, scene->request->tier, ceilings, error)) return false;
  ceilings->fma_gflop_per_s = fmax(ceilings->fma_gflop_per_s, scene->fma_before);
  ceilings->dot_gflop_per_s = fmax(ceilings->dot_gflop_per_s, scene->dot_before);
  return true;
}

static json_t *precision_of(const Scene *scene, const Measurement *measurement) {
  return precision_json(&scene->request->goal, measurement->precision, scene->request->iterations,
                        measurement->iterations);
}

// What the engine did under its load; an empty object where only times are asked for.
static json_t *load_account(Scene *scene, Error *error) {
  if (scene->request->brief) return json_object();
  GenerationRequest generation = generation_of(scene);
  worker_event_progress(scene->output, "load", 0, 1);
  return engine_load(scene->engine, &generation, error);
}

static json_t *finish(Scene *scene, const Measurement *measurement, Error *error) {
  WorkShape shape = {.batch = scene->request->batch,
                     .depth = scene->item->depth,
                     .prompt_length = scene->item->prompt_length,
                     .new_tokens = scene->item->new_tokens,
                     .cache_dtype = scene->request->dtype,
                     .tier = scene->request->tier};
  Work work = work_of(scene->model, &shape);
  json_t *memory = memory_report(scene);
  Ceilings ceilings = {.threads = team_size(scene->team)};
  Correctness correctness;
  json_t *load = load_account(scene, error);
  if (!load) {
    json_decref(memory);
    return NULL;
  }
  bool done = scene->request->brief || take_ceilings(scene, &ceilings, error);
  worker_event_progress(scene->output, "check", 0, 1);
  if (!done || !check(scene, measurement, &correctness, error)) {
    json_decref(memory);
    json_decref(load);
    return NULL;
  }
  json_t *result = json_pack(
      "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:i}", "times_ns",
      times_json(measurement), "precision", precision_of(scene, measurement), "ends_ns",
      ends_json(measurement), "ids", first_ids_json(measurement), "load",
      load_json(scene, measurement), "compile", compile_json(scene), "memory", memory, "work",
      work_json(&work), "ceilings", ceilings_json(&ceilings), "correctness",
      correctness_json(&correctness), "usage", process_usage_json(&measurement->usage),
      "allocations", (json_int_t)measurement->allocations, "threads", team_size(scene->team));
  json_object_update(result, load);
  json_decref(load);
  return result;
}

json_t *worker_scenario(const WorkerRequest *request, Team *team, int output, Error *error) {
  if (request->case_count != 1 || request->batch < 1 || request->iterations < 1 ||
      request->cases[0].prompt_length < 1 || !request->attention) {
    error_set(error, ERROR_ARGUMENT, "request", "a scenario needs one prompt and its numbers");
    return NULL;
  }
  Scene scene = {.request = request, .item = &request->cases[0], .team = team, .output = output};
  Measurement measurement = {0};
  json_t *result = NULL;
  if (open_scene(&scene, error) && measure(&scene, &measurement, error))
    result = finish(&scene, &measurement, error);
  measurement_free(&measurement);
  close_scene(&scene);
  return result;
}
