// SPDX-License-Identifier: Apache-2.0
// A key of the configuration and its flag are one name: calculate_bwd, --calculate-bwd.
#include "cli/attention_options.h"
#include "base/array.h"
#include "cli/attention_mod.h"
#include "cli/results_options.h"
#include <string.h>

enum { LONGEST_FLAG = 64 };

static const Option sweep_rows[] = {
    {.flag = "--config",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "keys and values, YAML or .json; flags given here override it"},
    {.flag = "--dtype",
     .brief = true,
     .kind = OPTION_CHOICE,
     .choices = "bfloat16|float16|float32",
     .standard = "bfloat16",
     .help = "of queries, keys and values; sums are float32"},
    {.flag = "--b",
     .letter = 'b',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = 1 << 24,
     .standard = "2 8 16",
     .help = "batch sizes"},
    {.flag = "--nh",
     .brief = true,
     .kind = OPTION_TEXT,
     .list = true,
     .placeholder = "HQ,HKV",
     .standard = "16,16 16,2",
     .help = "query heads and key/value heads, which divide them"},
    {.flag = "--s",
     .letter = 's',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = 1 << 24,
     .standard = "512 1024 4096",
     .help = "sequence lengths, of queries and keys alike"},
    {.flag = "--d",
     .letter = 'd',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = 1 << 24,
     .standard = "64 128",
     .help = "head dimensions, at most 256"},
    {.flag = "--mods",
     .brief = true,
     .kind = OPTION_TEXT,
     .list = true,
     .placeholder = "NAME",
     .standard = "noop causal alibi sliding_window",
     .help = "patterns; --list-mods names them"},
    {.flag = "--backend",
     .kind = OPTION_TEXT,
     .list = true,
     .placeholder = "NAME",
     .standard = "efficient",
     .help = "implementations beside flex, which always runs; --list-backends names them"},
    {.flag = "--calculate-bwd", .kind = OPTION_SWITCH, .help = "the backward pass too"},
    {.flag = "--decoding",
     .kind = OPTION_SWITCH,
     .help = "one query, at position N/2, against N keys; has no backward pass"},
    {.flag = "--kv-size",
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = 1 << 24,
     .placeholder = "MIB",
     .help = "keys and values of this size: batches follow from it, in place of -b"},
    {.flag = "--dynamic",
     .kind = OPTION_SWITCH,
     .help = "compile flex once for all batches and lengths"},
    {.flag = "--max-autotune", .kind = OPTION_SWITCH, .help = "tune the tiles of flex"},
    {.flag = "--flex",
     .kind = OPTION_CHOICE,
     .choices = "compiled|interpreted",
     .standard_help = "compiled where there is a C compiler",
     .help = "how flex works; compiled is an error where that cannot be"},
    {.flag = "--jit-async",
     .kind = OPTION_SWITCH,
     .help = "flex is interpreted until its code has been built beside it"},
};

static const Option pattern_rows[] = {
    {.flag = "--score",
     .kind = OPTION_TEXT,
     .placeholder = "EXPR",
     .help = "a pattern of your own in place of --mods: the score of a pair, as "
             "'score + (kv_idx - q_idx) / 8'"},
    {.flag = "--mask",
     .kind = OPTION_TEXT,
     .placeholder = "EXPR",
     .help = "its mask: which pairs are seen, as 'q_idx >= kv_idx'"},
    {.flag = "--param",
     .kind = OPTION_TEXT,
     .list = true,
     .placeholder = "NAME=VALUE",
     .help = "a number that the expressions name, or a parameter of the one pattern of --mods"},
    {.flag = "--array",
     .kind = OPTION_TEXT,
     .list = true,
     .placeholder = "NAME=FILE",
     .help = "an array that they index: .npy of one or two dimensions"},
};

static const Option measure_rows[] = {
    {.flag = "--max-seq",
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = 1 << 24,
     .placeholder = "N",
     .standard_help = "none",
     .help = "leave out longer sequences"},
    {.flag = "--max-batch",
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = 1 << 24,
     .placeholder = "N",
     .standard_help = "none",
     .help = "leave out larger batches"},
    {.flag = "--max-bytes",
     .kind = OPTION_TEXT,
     .placeholder = "BYTES",
     .standard_help = "what the machine has left",
     .help = "leave out what needs more memory; 512M, 8G"},
    {.flag = "--time-budget",
     .kind = OPTION_REAL,
     .least = 0,
     .most = 1e9,
     .placeholder = "SECONDS",
     .standard_help = "none",
     .help = "after this time no further shape is begun"},
    {.flag = "--timeout",
     .kind = OPTION_REAL,
     .least = 0,
     .most = 1e9,
     .placeholder = "SECONDS",
     .standard = "600",
     .help = "end a shape that takes longer, and go on with the next"},
    {.flag = "--measure-time",
     .kind = OPTION_REAL,
     .least = 0,
     .most = 1e9,
     .placeholder = "SECONDS",
     .standard = "1",
     .help = "timed calls of each back end and pass take about this long"},
    {.flag = "--warmup",
     .letter = 'w',
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = 1e6,
     .standard = "5",
     .help = "calls before the timed ones, fewer where they are long"},
    {.flag = "--cold", .kind = OPTION_SWITCH, .help = "time calls with flushed caches too"},
    {.flag = "--no-cold", .kind = OPTION_SWITCH, .help = "do not"},
};

static const Option output_rows[] = {
    {.flag = "--output-dir",
     .kind = OPTION_TEXT,
     .placeholder = "FOLDER",
     .standard = "benchmark_results",
     .help = "results go to FOLDER/attention/attention_benchmark_TIME.json"},
    {.flag = "--resume",
     .kind = OPTION_SWITCH,
     .help = "go on with the newest results there: what was measured is not measured again"},
    OUTPUT_FORMAT_ROW,
    {.flag = "--throughput", .kind = OPTION_SWITCH, .help = "TFLOP/s and TB/s in tables"},
    {.flag = "--no-throughput", .kind = OPTION_SWITCH, .help = "without them"},
    {.flag = "--show-speedups",
     .kind = OPTION_SWITCH,
     .help = "the speedup of flex over each other back end, with average, largest and smallest"},
    {.flag = "--plot",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "a picture (SVG): time and TFLOP/s against length, and what each mask leaves"},
    {.flag = "--save-path",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "a CSV file with the peer's columns"},
    {.flag = "--output-json-for-dashboard",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "records of the PyTorch benchmark dashboard"},
    {.flag = "--benchmark-name",
     .kind = OPTION_TEXT,
     .placeholder = "NAME",
     .standard = "PyTorch operator microbenchmark",
     .help = "their benchmark"},
    LOG_LEVEL_ROW,
    BRANCH_NAME_ROW,
    COMMIT_ID_ROW,
    COMMIT_MESSAGE_ROW,
};

static const Option cell_rows[] = {
    {.flag = "--load",
     .kind = OPTION_TEXT,
     .placeholder = "FOLDER",
     .help = "run one cell, untimed: q.npy [B, Hq, M, D], k.npy and v.npy [B, Hkv, N, D] and, for "
             "the backward pass, dout.npy, all float32, rounded to --dtype"},
    {.flag = "--save",
     .kind = OPTION_TEXT,
     .placeholder = "FOLDER",
     .help = "where out.npy, lse.npy, dq.npy, dk.npy and dv.npy go"},
};

static const Option list_rows[] = {
    {.flag = "--dry-run", .kind = OPTION_SWITCH, .help = "print what would be measured"},
    {.flag = "--print-config",
     .kind = OPTION_CHOICE,
     .choices = "yaml|json",
     .help = "print the configuration that results, as a file for --config"},
    {.flag = "--list-mods",
     .kind = OPTION_SWITCH,
     .help = "print the patterns as they could stand in a configuration"},
    {.flag = "--list-backends", .kind = OPTION_SWITCH, .help = "print the implementations"},
};

const OptionTable attention_sweep_options = OPTION_TABLE("Sweep", sweep_rows);
const OptionTable attention_pattern_options = OPTION_TABLE("A pattern of your own", pattern_rows);
const OptionTable attention_measure_options = OPTION_TABLE("Bounds and times", measure_rows);
const OptionTable attention_output_options = OPTION_TABLE("Results", output_rows);
const OptionTable attention_cell_options = OPTION_TABLE("One cell from files", cell_rows);
const OptionTable attention_list_options = OPTION_TABLE("Without measuring", list_rows);

static void flag_of(const char *key, char flag[LONGEST_FLAG]) {
  size_t size = 2;
  memcpy(flag, "--", 3);
  for (; *key && size + 1 < LONGEST_FLAG; key++) flag[size++] = *key == '_' ? '-' : *key;
  flag[size] = '\0';
}

static bool set_key(const Arguments *arguments, AttentionSweep *sweep, const SweepKey *key,
                    Error *error) {
  char flag[LONGEST_FLAG];
  flag_of(key->key, flag);
  if (!arguments_given(arguments, flag)) return true;
  ARRAY_OF(const char *) words = {0};
  for (size_t i = 0; i < arguments_count(arguments, flag); i++)
    ARRAY_APPEND(&words, arguments_text_at(arguments, flag, i));
  bool done = attention_sweep_set(sweep, key->key, words.items, words.count, flag, error);
  ARRAY_FREE(&words);
  return done;
}

static bool set_off(const Arguments *arguments, AttentionSweep *sweep, const char *key,
                    const char *flag, Error *error) {
  return !arguments_given(arguments, flag) ||
         attention_sweep_set(sweep, key, (const char *[]){"false"}, 1, flag, error);
}

static bool fill(const Arguments *arguments, AttentionSweep *sweep, Error *error) {
  const char *path = arguments_text(arguments, "--config");
  if (path && !attention_sweep_read(sweep, path, error)) return false;
  for (size_t i = 0; i < sweep_key_count; i++)
    if (!set_key(arguments, sweep, &sweep_keys[i], error)) return false;
  return set_off(arguments, sweep, "throughput", "--no-throughput", error) &&
         set_off(arguments, sweep, "cold", "--no-cold", error) &&
         attention_mod_apply(arguments, sweep, error);
}

AttentionSweep *attention_options_sweep(const Arguments *arguments, Error *error) {
  AttentionSweep *sweep = attention_sweep_open();
  if (fill(arguments, sweep, error)) return sweep;
  attention_sweep_close(sweep);
  return NULL;
}
