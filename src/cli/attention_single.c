// SPDX-License-Identifier: Apache-2.0
#include "cli/attention_single.h"
#include "base/file.h"
#include "bench/attention/cell_compiler.h"
#include "bench/attention/pattern.h"
#include "cli/attention_cell.h"
#include "cli/engine_options.h"
#include "cli/output.h"
#include <inttypes.h>
#include <string.h>

static const char documents_array[] = "doc"; // what document_mask indexes

// One cell while it is worked on.
typedef struct {
  const Arguments *arguments;
  AttentionSweep *sweep;
  const AttentionBackend *backend;
  AttentionCell cell;
  SweepPattern *pattern;
  Team *team;
  CellCompiler compiler;
  AttentionCodeFacts code;
} Single;

bool attention_single_wanted(const Arguments *arguments) {
  return arguments_given(arguments, "--load") || arguments_given(arguments, "--save");
}

// Shapes come from the files, and nothing is measured.
static bool check_flags(const Arguments *arguments, Error *error) {
  static const char *const foreign[] = {"--b",      "--nh",        "--s",
                                        "--d",      "--kv-size",   "--calculate-bwd",
                                        "--plot",   "--save-path", "--output-json-for-dashboard",
                                        "--dry-run"};
  static const char *const both[] = {"--load", "--save"};
  for (size_t i = 0; i < COUNT_OF(both); i++)
    if (!arguments_given(arguments, both[i]))
      return error_set(error, ERROR_ARGUMENT, both[i],
                       "missing: %s is given, and one cell from files needs both", both[1 - i]);
  for (size_t i = 0; i < COUNT_OF(foreign); i++)
    if (arguments_given(arguments, foreign[i]))
      return error_set(error, ERROR_ARGUMENT, foreign[i],
                       "has no place beside --load: shapes and passes follow from its files, and "
                       "nothing is measured");
  if (arguments_count(arguments, "--backend") > 1)
    return error_set(error, ERROR_ARGUMENT, "--backend", "%zu given, expected one beside --load",
                     arguments_count(arguments, "--backend"));
  return true;
}

// Without --mods and --config: noop.
static bool check_mods(Single *single, Error *error) {
  const Arguments *arguments = single->arguments;
  AttentionSweep *sweep = single->sweep;
  static const char *const sources[] = {"--mods", "--score", "--mask", "--config"};
  bool given = false;
  for (size_t i = 0; i < COUNT_OF(sources); i++) given |= arguments_given(arguments, sources[i]);
  if (!given)
    return attention_sweep_set(sweep, "mods", (const char *[]){"noop"}, 1, "--mods", error);
  if (sweep->mods.count == 1) return true;
  return error_set(error, ERROR_ARGUMENT, "--mods", "%zu given, expected one beside --load",
                   sweep->mods.count);
}

// document_mask reads its documents from doc.npy beside q.npy unless --array says otherwise.
static bool add_documents(Single *single, const char *folder, Error *error) {
  SweepMod mod = single->sweep->mods.items[0];
  if (!sweep_pattern_has_documents(&mod)) return true;
  char *path = path_join(folder, "doc.npy");
  bool there = file_exists(path);
  if (there) {
    SweepArray array = {documents_array, path};
    mod.parameters = (__typeof__(mod.parameters)){0};
    mod.arrays = (__typeof__(mod.arrays)){.items = &array, .count = 1};
    mod.folder = "";
    attention_sweep_set_mod(single->sweep, &mod);
  } else {
    error_set(error, ERROR_NOT_FOUND, path,
              "document_mask needs the document of each token: [N] integers there, or in the file "
              "of --array doc=FILE");
  }
  memory_free(path);
  return there;
}

static bool open_pattern(Single *single, Error *error) {
  AttentionProblem *problem = &single->cell.problem;
  ModShape shape = {.batch = problem->batch,
                    .heads = problem->heads,
                    .kv_heads = problem->kv_heads,
                    .queries = problem->queries,
                    .keys = problem->keys,
                    .head_dim = problem->head_dim};
  if (single->sweep->decoding && problem->queries != 1)
    return error_set(error, ERROR_ARGUMENT, "--decoding",
                     "q.npy has %" PRId64 " queries, expected 1", problem->queries);
  if (single->sweep->decoding) shape.query_offset = problem->keys / 2;
  single->pattern = sweep_pattern_open(&single->sweep->mods.items[0], &shape, 0, error);
  if (!single->pattern) return false;
  problem->mod = sweep_pattern_bound(single->pattern);
  return true;
}

static bool open_single(Single *single, Error *error) {
  const Arguments *arguments = single->arguments;
  const char *folder = arguments_text(arguments, "--load");
  int64_t threads = single->sweep->threads;
  if (!check_flags(arguments, error) || !check_mods(single, error)) return false;
  single->backend = attention_backend_find(arguments_text(arguments, "--backend"), error);
  if (!single->backend) return error_within(error, "--backend");
  return engine_options_check_threads(threads, "--threads", true, error) &&
         attention_cell_load(&single->cell, folder, single->sweep->dtype, error) &&
         add_documents(single, folder, error) && open_pattern(single, error) &&
         (single->team = team_open((int)threads, single->sweep->pin, error));
}

static void close_single(Single *single) {
  cell_compiler_close(&single->compiler);
  team_close(single->team);
  sweep_pattern_close(single->pattern);
  attention_cell_close(&single->cell);
}

static void tell(const Single *single) {
  const AttentionProblem *problem = &single->cell.problem;
  output_format("%s, %s, %s, B %" PRId64 ", Hq %" PRId64 ", M %" PRId64 ", Hkv %" PRId64
                ", N %" PRId64 ", D %" PRId64 "\nwrote %s: out.npy lse.npy%s\n",
                single->backend->name, single->sweep->mods.items[0].name,
                dtype_name(problem->dtype), problem->batch, problem->heads, problem->queries,
                problem->kv_heads, problem->keys, problem->head_dim,
                arguments_text(single->arguments, "--save"),
                single->cell.backward ? " dq.npy dk.npy dv.npy" : "");
}

// Of a back end that has its mods compiled: whether that was done, and why not.
static void tell_code(const Single *single) {
  char reason[800];
  const CellCompiler *compiler = &single->compiler;
  const Error *failed =
      single->code.failed.code != ERROR_NONE ? &single->code.failed : &compiler->failed;
  if (single->code.state == ATTENTION_CODE_COMPILED)
    output_format("compiled by %s\n", compiler_toolchain(compiler->compiler)->version);
  else if (single->code.state == ATTENTION_CODE_INTERPRETED)
    output_format("interpreted%s%s\n", failed->code != ERROR_NONE ? ": " : "",
                  failed->code != ERROR_NONE ? error_text(failed, reason, sizeof reason) : "");
}

static bool run_cell(Single *single, CpuTier tier, Error *error) {
  CellCompiler *compiler = &single->compiler;
  if (single->backend->code) cell_compiler_open(compiler, single->sweep, tier);
  if (compiler->needed && !compiler->maker) {
    *error = compiler->failed;
    return error_within(error, "--flex compiled");
  }
  AttentionSetup setup = {.kernels = kernels_for(tier),
                          .team = single->team,
                          .compiler = compiler->maker,
                          .compiler_needed = compiler->needed};
  return attention_cell_run(&single->cell, single->backend, &setup, &single->code, error);
}

static bool work(Single *single, Error *error) {
  CpuTier tier;
  if (!open_single(single, error) || !engine_options_cap(single->sweep->cpu_mask, &tier, error) ||
      !run_cell(single, tier, error) ||
      !attention_cell_save(&single->cell, arguments_text(single->arguments, "--save"), error))
    return false;
  tell(single);
  tell_code(single);
  return true;
}

bool attention_single_run(const Arguments *arguments, AttentionSweep *sweep, Error *error) {
  Single single = {.arguments = arguments, .sweep = sweep};
  bool done = work(&single, error);
  close_single(&single);
  return done;
}
