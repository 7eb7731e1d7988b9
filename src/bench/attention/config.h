// SPDX-License-Identifier: Apache-2.0
// What a sweep of attention is to measure: one row a key, in a configuration file (YAML or JSON,
// `key: value`) and on the command line, which wins. The first block of keys is the peer's.
//
// key, kind, field of AttentionSweep, what it is
#pragma once
#include "base/arena.h"
#include "base/array.h"
#include "base/text.h"
#include "base/yaml.h"
#include "tensor/dtype.h"

#define SWEEP_KEYS(X)                                                                              \
  X("dynamic", SWEEP_SWITCH, dynamic, "compile flex for dynamic shapes")                           \
  X("calculate_bwd", SWEEP_SWITCH, calculate_bwd, "the backward pass too; not with decoding")      \
  X("dtype", SWEEP_DTYPE, dtype, "of queries, keys, values: bfloat16, float16, float32")           \
  X("b", SWEEP_COUNTS, b, "batch sizes")                                                           \
  X("nh", SWEEP_HEADS, nh, "query heads, key/value heads: \"16,2\"")                               \
  X("s", SWEEP_COUNTS, s, "sequence lengths (of the keys alone when decoding)")                    \
  X("d", SWEEP_COUNTS, d, "head dimensions")                                                       \
  X("mods", SWEEP_MODS, mods, "patterns: names, or {name, score, mask, params, arrays}")           \
  X("backend", SWEEP_NAMES, backend, "implementations beside flex, which always runs")             \
  X("max_autotune", SWEEP_SWITCH, max_autotune, "tune flex")                                       \
  X("decoding", SWEEP_SWITCH, decoding, "query length 1, at position N/2")                         \
  X("kv_size", SWEEP_COUNTS_OR_NULL, kv_size, "MiB of keys and values; replaces b")                \
  X("throughput", SWEEP_SWITCH, throughput, "TFLOP/s and TB/s in tables")                          \
  X("show_speedups", SWEEP_SWITCH, show_speedups, "speedup of flex over each implementation")      \
  X("save_path", SWEEP_TEXT, save_path, "CSV file")                                                \
  X("output_json_for_dashboard", SWEEP_TEXT, output_json_for_dashboard, "dashboard records")       \
  X("benchmark_name", SWEEP_TEXT, benchmark_name, "in the dashboard records")                      \
  X("flex", SWEEP_TEXT, flex, "compiled, interpreted; none: compiled where there is a compiler")   \
  X("jit_async", SWEEP_SWITCH, jit_async, "flex is interpreted while it is being compiled")        \
  X("max_seq", SWEEP_COUNT, max_seq, "leave out longer sequences; 0: none")                        \
  X("max_batch", SWEEP_COUNT, max_batch, "leave out larger batches; 0: none")                      \
  X("max_bytes", SWEEP_BYTES, max_bytes, "leave out what needs more memory; 0: what there is")     \
  X("time_budget", SWEEP_SECONDS, time_budget, "seconds after which no shape is begun; 0: none")   \
  X("timeout", SWEEP_SECONDS, timeout, "seconds that one shape may take; 0: no limit")             \
  X("measure_time", SWEEP_SECONDS, measure_time, "seconds of timed calls: each back end and pass") \
  X("warmup", SWEEP_COUNT, warmup, "calls before the timed ones, fewer where they are long")       \
  X("cold", SWEEP_SWITCH, cold, "time calls with flushed caches too")                              \
  X("threads", SWEEP_COUNT, threads, "0: all cores")                                               \
  X("pin", SWEEP_SWITCH, pin, "bind threads to cores")                                             \
  X("cpu_mask", SWEEP_TEXT, cpu_mask, "best instruction set to use: reference, avx2, avx512")

typedef enum {
  SWEEP_SWITCH,         // bool
  SWEEP_DTYPE,          // Dtype
  SWEEP_COUNT,          // int64_t ≥ 0
  SWEEP_BYTES,          // int64_t ≥ 0; also "512M", "8G" (powers of 1024)
  SWEEP_SECONDS,        // double ≥ 0
  SWEEP_TEXT,           // const char *, NULL: none
  SWEEP_COUNTS,         // SweepCounts, each ≥ 1
  SWEEP_COUNTS_OR_NULL, // SweepCounts, may be empty
  SWEEP_HEADS,          // SweepHeadPairs
  SWEEP_NAMES,          // SweepNames
  SWEEP_MODS,           // SweepMods
} SweepKind;

typedef struct {
  int64_t heads, kv_heads; // heads: a multiple of kv_heads
} SweepHeads;

typedef struct {
  const char *name;
  bool is_float;
  int64_t integer;
  double real;
} SweepParameter;

typedef struct {
  const char *name;
  const char *path; // .npy, as written
} SweepArray;

// A pattern of mods/patterns.h by its name alone, or the user's own expressions.
typedef struct {
  const char *name;
  const char *score, *mask;            // NULL: none; both NULL: the pattern of that name
  ARRAY_OF(SweepParameter) parameters; // of a pattern too: they replace its own of that name
  ARRAY_OF(SweepArray) arrays;
  const char *folder; // that array paths are relative to; "": the working folder
  const char *place;  // where it was said, for messages: "sweep.yaml, mods[1] (line 5, column 5)"
} SweepMod;

typedef ARRAY_OF(int64_t) SweepCounts;
typedef ARRAY_OF(SweepHeads) SweepHeadPairs;
typedef ARRAY_OF(const char *) SweepNames;
typedef ARRAY_OF(SweepMod) SweepMods;

typedef struct {
  Arena *arena; // holds every text below
  bool dynamic, calculate_bwd, max_autotune, decoding, throughput, show_speedups, cold, pin;
  bool jit_async;
  Dtype dtype;
  SweepCounts b, s, d, kv_size;
  SweepHeadPairs nh;
  SweepMods mods;
  SweepNames backend; // without "flex"
  const char *save_path, *output_json_for_dashboard, *benchmark_name, *cpu_mask, *flex;
  int64_t max_seq, max_batch, max_bytes, warmup, threads;
  double time_budget, timeout, measure_time;
} AttentionSweep;

typedef struct {
  const char *key;
  SweepKind kind;
  size_t offset; // of the field in AttentionSweep
  const char *help;
} SweepKey;

extern const SweepKey sweep_keys[];
extern const size_t sweep_key_count;

// The peer's defaults. Caller: attention_sweep_close.
AttentionSweep *attention_sweep_open(void);
void attention_sweep_close(AttentionSweep *sweep); // NULL is fine
// Sets what the file (.json, else YAML) says and leaves the rest. Unknown keys are errors with the
// nearest known one; every error has file, key, line and column. save_path becomes
// "benchmark_results_{timestamp}.csv" when a file gives none.
CHECKED bool attention_sweep_read(AttentionSweep *sweep, const char *path, Error *error);
// The same from bytes; `name` stands in errors, array files are relative to `folder`.
CHECKED bool attention_sweep_parse(AttentionSweep *sweep, const void *bytes, size_t size,
                                   const char *name, const char *folder, Error *error);
// Sets one key from words of a command line: lists have a word an element, switches "true" or
// "false" or none (true). `flag` goes into errors. Mods are names here.
CHECKED bool attention_sweep_set(AttentionSweep *sweep, const char *key, const char *const *words,
                                 size_t count, const char *flag, Error *error);
// Replaces mods by one (copied).
void attention_sweep_set_mod(AttentionSweep *sweep, const SweepMod *mod);
// What no key can tell alone: names of back ends and patterns that exist, decoding with a backward
// pass or document_mask, heads that do not divide, d beyond the back ends.
CHECKED bool attention_sweep_check(const AttentionSweep *sweep, Error *error);
// Every key with its value: the effective configuration. New reference.
json_t *attention_sweep_json(const AttentionSweep *sweep);
// The same as a file that attention_sweep_read takes, with comments: "yaml" or "json".
void attention_sweep_print(const AttentionSweep *sweep, bool yaml, Text *text);
