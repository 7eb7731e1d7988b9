// SPDX-License-Identifier: Apache-2.0
#include "cli/command_bench_kernels.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/suggestion.h"
#include "cli/arguments.h"
#include "cli/engine_options.h"
#include "cli/kernel_table.h"
#include "cli/output.h"
#include "device/host_document.h"
#include "model/presets.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const Option rows[] = {
    {.flag = "--list", .kind = OPTION_SWITCH, .help = "print the names of the operators, no more"},
    {.flag = "--shape",
     .kind = OPTION_TEXT,
     .placeholder = "PRESET",
     .standard = "smollm2-135m",
     .help = "the model whose shapes are measured: a preset's name"},
    {.flag = "--rows",
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = 65536,
     .standard = "1 2 4 8 16 128 512",
     .help = "tokens at a time, M of the products; up to 16 are a decoding step against a cache "
             "of 4096, more are a prompt"},
    {.flag = "--dtype",
     .kind = OPTION_CHOICE,
     .list = true,
     .choices = "float32|bfloat16|float16",
     .standard = "float32 bfloat16 float16",
     .help = "what weights and caches are stored as"},
    {.flag = "--seconds",
     .kind = OPTION_REAL,
     .least = 0,
     .most = 86400,
     .standard = "8",
     .help = "time for all measurements together; a check takes its time in any case"},
    {.flag = "--full",
     .kind = OPTION_SWITCH,
     .help = "also the reference tier where it takes long"},
    {.flag = "--seed",
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = 9e15,
     .standard_help = "a fresh one, which is printed",
     .help = "seed of the random input"},
    {.flag = "--output-format",
     .kind = OPTION_CHOICE,
     .choices = "table|json",
     .standard = "table",
     .help = "how to print"},
};
static const OptionTable options = OPTION_TABLE("Measurement", rows);

// One measurement: what is timed, where, by whom.
typedef struct {
  const WorkshopOperator *op;
  Dtype dtype;
  WorkshopShape shape;
  CpuTier tier;
  bool openblas; // in place of a tier's kernels
} Item;

typedef struct {
  const Arguments *arguments;
  const WorkshopOperator **operators;
  int operator_count;
  WorkshopModel model;
  CpuTier highest;
  Team *team;
  Ceilings ceilings;
  uint64_t seed;
  Workshop *workshop;
  Openblas openblas;
  bool has_openblas;
  Error no_openblas; // why not
  json_t *results;   // NULL: a table
  Progress progress;
  int64_t start;
  double seconds;
  int64_t total, done, wrong; // measurements
  Item last;                  // for which the ceilings were taken
} Bench;

// The reference tier is the meaning of an operator, not a contender: where it takes long it is left
// out unless asked for.
static bool is_wanted(const Bench *bench, const Item *item) {
  const double most_products = 2e7;
  const WorkshopShape *shape = &item->shape;
  double products = (double)shape->m * (double)shape->n * (double)(shape->k ? shape->k : 1);
  bool slow = item->tier == CPU_TIER_REFERENCE && bench->highest != CPU_TIER_REFERENCE &&
              products > most_products && !arguments_switch(bench->arguments, "--full");
  return !slow && workshop_differs(item->op, kernels_for(item->tier), item->dtype);
}

typedef bool Visit(Bench *bench, const Item *item, Error *error);

// Float32 products, which OpenBLAS has too.
static bool is_openblas_work(const Item *item) {
  return item->op->site == SITE_LINEAR && item->dtype == DTYPE_F32;
}

static bool visit_shape(Bench *bench, Item item, Visit *visit, Error *error) {
  for (int tier = CPU_TIER_REFERENCE; tier <= (int)bench->highest; tier++) {
    item.tier = (CpuTier)tier;
    if (is_wanted(bench, &item) && !visit(bench, &item, error)) return false;
  }
  item.openblas = bench->has_openblas && is_openblas_work(&item);
  return !item.openblas || visit(bench, &item, error);
}

static bool visit_dtype(Bench *bench, Item item, Visit *visit, Error *error) {
  WorkshopShape shapes[WORKSHOP_MOST_SHAPES];
  for (size_t i = 0; i < arguments_count(bench->arguments, "--rows"); i++) {
    int64_t tokens = arguments_integer_at(bench->arguments, "--rows", i);
    int count = workshop_shapes(item.op->site, &bench->model, tokens, shapes);
    for (int j = 0; j < count; j++) {
      item.shape = shapes[j];
      if (!visit_shape(bench, item, visit, error)) return false;
    }
  }
  return true;
}

// Operators that know float32 alone are measured whatever dtypes were asked for.
static bool visit_operator(Bench *bench, const WorkshopOperator *op, Visit *visit, Error *error) {
  Item item = {.op = op, .dtype = DTYPE_F32};
  if (!op->by_dtype) return visit_dtype(bench, item, visit, error);
  for (size_t i = 0; i < arguments_count(bench->arguments, "--dtype"); i++) {
    const char *name = arguments_text_at(bench->arguments, "--dtype", i);
    if (!dtype_by_name(name, &item.dtype))
      return error_set(error, ERROR_ARGUMENT, "--dtype", "\"%s\" is no dtype", name);
    if (!visit_dtype(bench, item, visit, error)) return false;
  }
  return true;
}

static bool count(Bench *bench, const Item *item, Error *error) {
  (void)item, (void)error;
  bench->total++;
  return true;
}

static double seconds_left(const Bench *bench) {
  double left = bench->seconds - clock_seconds(clock_now() - bench->start);
  return left > 0.0 ? left / (double)(bench->total - bench->done) : 0.0;
}

// The ceilings are taken again when the operator or the dtype changes.
static bool take_ceilings(Bench *bench, const Item *item, Error *error) {
  if (bench->last.op == item->op && bench->last.dtype == item->dtype) return true;
  bench->last = *item;
  return workshop_take_ceilings(bench->workshop, item->dtype, error);
}

static bool measure(Bench *bench, const Item *item, Error *error) {
  WorkshopResult result;
  const WorkshopOperator *op = item->openblas ? &workshop_openblas : item->op;
  progress_draw(&bench->progress, (double)bench->done / (double)bench->total, "%s", item->op->name);
  if (!take_ceilings(bench, item, error) ||
      !workshop_measure(bench->workshop, op, kernels_for(item->tier), item->dtype, item->shape,
                        seconds_left(bench), &result, error))
    return false;
  bench->done++;
  bench->wrong += !result.correct;
  if (bench->results) {
    json_array_append_new(bench->results, kernel_table_document(&result));
    return true;
  }
  kernel_table_line(&result);
  return output_flush(error);
}

static bool measure_all(Bench *bench, Error *error) {
  for (int i = 0; i < bench->operator_count; i++)
    if (!visit_operator(bench, bench->operators[i], count, error)) return false;
  for (int i = 0; i < bench->operator_count; i++) {
    if (!bench->results) kernel_table_heading(bench->operators[i]);
    if (!visit_operator(bench, bench->operators[i], measure, error)) return false;
  }
  return true;
}

static bool unknown_operator(const char *name, Error *error) {
  int known;
  const WorkshopOperator *list = workshop_operators(&known);
  Suggestion best = {0};
  for (int i = 0; i < known; i++) suggestion_consider(&best, span_of(list[i].name), span_of(name));
  bool good = suggestion_good(&best, span_of(name));
  return error_set(error, ERROR_NOT_FOUND, name,
                   "no such operator%s%s%s (attometer bench-kernels --list names them)",
                   good ? ", did you mean " : "", good ? best.name.data : "", good ? "?" : "");
}

// Those that were named, in that order, or all.
static bool choose(Bench *bench, Error *error) {
  int known;
  const WorkshopOperator *list = workshop_operators(&known);
  size_t named = arguments_rest_count(bench->arguments);
  bench->operator_count = named ? (int)named : known;
  bench->operators = memory_allocate((size_t)bench->operator_count * sizeof *bench->operators);
  for (int i = 0; i < bench->operator_count; i++) {
    const char *name = named ? arguments_rest(bench->arguments, (size_t)i) : list[i].name;
    bench->operators[i] = workshop_operator_by_name(name);
    if (!bench->operators[i]) return unknown_operator(name, error);
  }
  return true;
}

static bool read_shape(Bench *bench, Error *error) {
  Arena *arena = arena_open(4096);
  ModelConfig config;
  bool done = preset_config(arguments_text(bench->arguments, "--shape"), arena, &config, error);
  if (done)
    bench->model = (WorkshopModel){.hidden = config.hidden,
                                   .intermediate = config.intermediate,
                                   .heads = config.heads,
                                   .kv_heads = config.kv_heads,
                                   .head_dim = config.head_dim,
                                   .vocabulary = config.vocabulary,
                                   .gated = config.gated};
  else
    error_within(error, "--shape");
  arena_close(arena);
  return done;
}

static bool open_bench(Bench *bench, Error *error) {
  const Arguments *arguments = bench->arguments;
  int threads = 0;
  if (!choose(bench, error) || !read_shape(bench, error) ||
      !engine_options_highest(arguments, &bench->highest, error) ||
      !engine_options_threads(arguments, &threads, error))
    return false;
  bool seeded = arguments_given(arguments, "--seed");
  bench->seed = (uint64_t)(seeded ? arguments_integer(arguments, "--seed") : clock_now());
  bench->seconds = arguments_real(arguments, "--seconds");
  bench->start = clock_now();
  if (strcmp(arguments_text(arguments, "--output-format"), "json") == 0) {
    bench->results = json_array();
    bench->progress = progress_open(stderr);
  }
  bench->team = team_open(threads, arguments_switch(arguments, "--pin"), error);
  if (!bench->team || !ceilings_measure(bench->team, bench->highest, &bench->ceilings, error))
    return false;
  bench->workshop = workshop_open(bench->team, &bench->ceilings, bench->seed);
  bench->has_openblas = openblas_open(OPENBLAS_FILE, &bench->openblas, &bench->no_openblas);
  workshop_set_openblas(bench->workshop, &bench->openblas);
  return true;
}

static void close_bench(Bench *bench) {
  progress_close(&bench->progress);
  workshop_close(bench->workshop);
  team_close(bench->team);
  json_decref(bench->results);
  memory_free(bench->operators);
}

static const char *openblas_state(const Bench *bench, char *buffer, size_t size) {
  if (bench->has_openblas) return bench->openblas.configuration;
  return error_text(&bench->no_openblas, buffer, size);
}

static void print_head(const Bench *bench) {
  char buffer[sizeof(Error)];
  const Ceilings *ceilings = &bench->ceilings;
  output_format("shapes of %s, seed %" PRIu64 "\n", arguments_text(bench->arguments, "--shape"),
                bench->seed);
  output_format("ceilings: FMA %.1f GFLOP/s (%s), ", ceilings->fma_gflop_per_s,
                cpu_tier_name(ceilings->tier));
  if (ceilings->dot_gflop_per_s > 0.0)
    output_format("bfloat16 dot %.1f GFLOP/s, ", ceilings->dot_gflop_per_s);
  output_format("read %.1f GB/s, %d thread%s\n", ceilings->read_gb_per_s, ceilings->threads,
                ceilings->threads > 1 ? "s" : "");
  output_format("%s%s\n", bench->has_openblas ? "" : "no openblas: ",
                openblas_state(bench, buffer, sizeof buffer));
}

static void print_document(Bench *bench) {
  char buffer[sizeof(Error)];
  json_t *out =
      json_pack("{sssssI}", "attometer", ATTOMETER_VERSION, "shape",
                arguments_text(bench->arguments, "--shape"), "seed", (json_int_t)bench->seed);
  json_object_set_new(out, "ceilings", ceilings_document(&bench->ceilings));
  json_object_set_new(out, "openblas",
                      json_pack("{sbss}", "found", bench->has_openblas, "detail",
                                openblas_state(bench, buffer, sizeof buffer)));
  json_object_set(out, "results", bench->results);
  char *text = json_dumps(out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  output_format("%s\n", text);
  free(text);
  json_decref(out);
}

static bool work(Bench *bench, Error *error) {
  if (!open_bench(bench, error)) return false;
  if (!bench->results) print_head(bench);
  if (!measure_all(bench, error)) return false;
  progress_close(&bench->progress);
  if (bench->results) print_document(bench);
  if (bench->wrong == 0) return true;
  return error_set(error, ERROR_MISMATCH, "bench-kernels", "%lld of %lld measurements were wrong",
                   (long long)bench->wrong, (long long)bench->total);
}

static bool print_list(void) {
  int known;
  const WorkshopOperator *list = workshop_operators(&known);
  for (int i = 0; i < known; i++) output_format("%-18s%s\n", list[i].name, list[i].summary);
  return true;
}

static bool run(const Arguments *arguments, Error *error) {
  if (arguments_switch(arguments, "--list")) return print_list();
  Bench bench = {.arguments = arguments};
  bool done = work(&bench, error);
  close_bench(&bench);
  return done;
}

const Command command_bench_kernels = {
    .name = "bench-kernels",
    .summary = "check and time each kernel",
    .description =
        "For each operator, instruction-set tier, dtype and shape of a model: draws fresh random "
        "input, compares with double precision, and only then takes the time. Weights rotate "
        "through more memory than the caches hold, as they do in a model; activations stay in "
        "them.\n\n"
        "\"share\" is the least possible time at the ceilings over the "
        "time taken, and names the ceiling that binds: multiply-adds (FMA), products of bfloat16 "
        "pairs (dot) or memory read, measured again before each operator and dtype. Above 100 % "
        "the "
        "data was in a cache. A tier stands only where it differs from the one below it; "
        "avx512_bf16 and amx_bf16 do where they multiply bfloat16 pairs, whose result is compared "
        "with the product of activations rounded likewise. "
        "\"residual\" is the largest difference over the largest "
        "value. A result that is wrong gets no time, and exit code 9.\n\n"
        "Where OpenBLAS is installed, its float32 products stand beside ours: one thread of it, "
        "called by our threads on blocks of columns.\n\n"
        "The vocabulary's product is left out beyond 16 rows, and the reference tier, unless "
        "--full, beyond 20 million products. What takes longer than its part of "
        "--seconds is measured once.",
    .arguments = "[NAME...]",
    .examples = "attometer bench-kernels linear --dtype bfloat16\n"
                "attometer bench-kernels --shape llama-3.2-1b --rows 1 512 --output-format json",
    .tables = {&options, &kernel_options},
    .run = run,
};
