// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/config.h"
#include "bench/attention/config_value.h"
#include "bench/attention/pattern.h"
#include "device/cpu.h"
#include <stdio.h>
#include <string.h>

const SweepKey sweep_keys[] = {
#define X(KEY, KIND, FIELD, HELP) {KEY, KIND, offsetof(AttentionSweep, FIELD), HELP},
    SWEEP_KEYS(X)
#undef X
};
const size_t sweep_key_count = COUNT_OF(sweep_keys);

const SweepKey *sweep_key_by_name(const char *name) {
  for (size_t i = 0; i < sweep_key_count; i++)
    if (strcmp(sweep_keys[i].key, name) == 0) return &sweep_keys[i];
  return NULL;
}

#define APPEND_ALL(ARRAY, ...)                                                                     \
  do {                                                                                             \
    __typeof__((ARRAY)->items[0]) values[] = {__VA_ARGS__};                                        \
    for (size_t i = 0; i < COUNT_OF(values); i++) ARRAY_APPEND((ARRAY), values[i]);                \
  } while (0)

static void append_pattern(AttentionSweep *sweep, const char *name) {
  SweepMod mod = {.name = name, .folder = "", .place = "mods"};
  ARRAY_APPEND(&sweep->mods, mod);
}

AttentionSweep *attention_sweep_open(void) {
  AttentionSweep *sweep = memory_allocate(sizeof *sweep);
  *sweep = (AttentionSweep){
      .arena = arena_open(0),
      .throughput = true,
      .cold = true,
      .dtype = DTYPE_BF16,
      .benchmark_name = "PyTorch operator microbenchmark",
      .warmup = 5,
      .timeout = 600,
      .measure_time = 1,
  };
  APPEND_ALL(&sweep->b, 2, 8, 16);
  APPEND_ALL(&sweep->nh, {16, 16}, {16, 2});
  APPEND_ALL(&sweep->s, 512, 1024, 4096);
  APPEND_ALL(&sweep->d, 64, 128);
  APPEND_ALL(&sweep->backend, "efficient");
  append_pattern(sweep, "noop");
  append_pattern(sweep, "causal");
  append_pattern(sweep, "alibi");
  append_pattern(sweep, "sliding_window");
  return sweep;
}

void sweep_mods_clear(SweepMods *mods) {
  for (size_t i = 0; i < mods->count; i++) {
    ARRAY_FREE(&mods->items[i].parameters);
    ARRAY_FREE(&mods->items[i].arrays);
  }
  mods->count = 0;
}

void attention_sweep_close(AttentionSweep *sweep) {
  if (!sweep) return;
  sweep_mods_clear(&sweep->mods);
  ARRAY_FREE(&sweep->mods);
  ARRAY_FREE(&sweep->b);
  ARRAY_FREE(&sweep->s);
  ARRAY_FREE(&sweep->d);
  ARRAY_FREE(&sweep->kv_size);
  ARRAY_FREE(&sweep->nh);
  ARRAY_FREE(&sweep->backend);
  arena_close(sweep->arena);
  memory_free(sweep);
}

static const char *copy_or_null(Arena *arena, const char *text) {
  return text ? arena_copy_text(arena, text) : NULL;
}

void attention_sweep_set_mod(AttentionSweep *sweep, const SweepMod *mod) {
  Arena *arena = sweep->arena;
  SweepMod copy = {
      .name = arena_copy_text(arena, mod->name),
      .score = copy_or_null(arena, mod->score),
      .mask = copy_or_null(arena, mod->mask),
      .folder = arena_copy_text(arena, mod->folder ? mod->folder : ""),
      .place = arena_copy_text(arena, mod->place ? mod->place : mod->name),
  };
  for (size_t i = 0; i < mod->parameters.count; i++) {
    SweepParameter parameter = mod->parameters.items[i];
    parameter.name = arena_copy_text(arena, parameter.name);
    ARRAY_APPEND(&copy.parameters, parameter);
  }
  for (size_t i = 0; i < mod->arrays.count; i++) {
    SweepArray array = {arena_copy_text(arena, mod->arrays.items[i].name),
                        arena_copy_text(arena, mod->arrays.items[i].path)};
    ARRAY_APPEND(&copy.arrays, array);
  }
  sweep_mods_clear(&sweep->mods);
  ARRAY_APPEND(&sweep->mods, copy);
}

static bool check_list(size_t count, const char *key, Error *error) {
  return count > 0 ||
         error_set(error, ERROR_ARGUMENT, key, "is an empty list, expected at least one");
}

static bool check_lists(const AttentionSweep *sweep, Error *error) {
  return (sweep->kv_size.count > 0 || check_list(sweep->b.count, "b", error)) &&
         check_list(sweep->nh.count, "nh", error) && check_list(sweep->s.count, "s", error) &&
         check_list(sweep->d.count, "d", error) && check_list(sweep->mods.count, "mods", error);
}

static bool check_mod(const AttentionSweep *sweep, const SweepMod *mod, Error *error) {
  if (!sweep_pattern_check(mod, error)) return false;
  if (sweep->decoding && sweep_pattern_has_documents(mod))
    return error_set(error, ERROR_ARGUMENT, mod->place,
                     "document_mask flattens the batch and cannot be decoded: leave out one of "
                     "document_mask and decoding");
  return true;
}

enum { MOST_THREADS = 1024 }; // of device/team.h

static bool check_machine(const AttentionSweep *sweep, Error *error) {
  CpuTier ignored;
  if (sweep->threads > MOST_THREADS)
    return error_set(error, ERROR_ARGUMENT, "threads", "is %lld, expected at most %d",
                     (long long)sweep->threads, MOST_THREADS);
  if (sweep->cpu_mask && !cpu_tier_by_name(sweep->cpu_mask, &ignored))
    return error_set(error, ERROR_ARGUMENT, "cpu_mask", "is \"%.40s\", which is no instruction set",
                     sweep->cpu_mask);
  return true;
}

static bool check_flex(const AttentionSweep *sweep, Error *error) {
  const char *flex = sweep->flex;
  if (!flex || strcmp(flex, "compiled") == 0) return true;
  if (strcmp(flex, "interpreted") != 0)
    return error_set(error, ERROR_ARGUMENT, "flex",
                     "is \"%.40s\", expected compiled or interpreted", flex);
  const char *idle = sweep->jit_async      ? "jit_async"
                     : sweep->dynamic      ? "dynamic"
                     : sweep->max_autotune ? "max_autotune"
                                           : NULL;
  return !idle || error_set(error, ERROR_ARGUMENT, idle,
                            "has no effect where flex is interpreted: leave out one of the two");
}

bool attention_sweep_check(const AttentionSweep *sweep, Error *error) {
  if (!check_lists(sweep, error) || !check_machine(sweep, error) || !check_flex(sweep, error))
    return false;
  if (sweep->decoding && sweep->calculate_bwd)
    return error_set(error, ERROR_ARGUMENT, "calculate_bwd",
                     "decoding has no backward pass: leave out one of calculate_bwd and decoding");
  for (size_t i = 0; i < sweep->mods.count; i++)
    if (!check_mod(sweep, &sweep->mods.items[i], error)) return false;
  return true;
}
