// SPDX-License-Identifier: Apache-2.0
// The flags of the engine: one table that every command which runs a model shares, in two forms.
#pragma once
#include "cli/arguments.h"
#include "device/cpu.h"
#include "tensor/dtype.h"

enum { ENGINE_THREADS_PER_CORE = 32 };

extern const OptionTable model_options;        // --model-id alone, required
extern const OptionTable engine_options;       // one engine
extern const OptionTable engine_options_lists; // --dtype and --attn-implementation take lists, and
                                               // attention of later work is accepted (as a skip)
extern const OptionTable kernel_options;       // --threads, --pin and --cpu-mask alone

typedef struct {
  Dtype dtype;
  const char *device; // "cpu"
  int threads;        // 0: one per core that this process may use
  bool pin;
  const char *attention;                // "eager"
  const char *sdpa_backend;             // NULL: not forced
  CpuTier tier;                         // what this machine can run, capped by --cpu-mask
  const char *cpu_mask;                 // as given; NULL: not capped
  bool kernelize;                       // fused layers
  const char *compile_mode;             // NULL: not compiled
  bool dynamic;                         // one program for every length
  const char *dump_graph, *dump_folder; // dump_graph NULL: no graphs are written
} EngineOptions;

// Reads either form; of a list, the first value. The texts belong to the arguments.
CHECKED bool engine_options_parse(const Arguments *arguments, EngineOptions *options, Error *error);
// The highest tier that --cpu-mask allows, of any of these tables.
CHECKED bool engine_options_highest(const Arguments *arguments, CpuTier *tier, Error *error);
// cpu_chosen_tier, or an error that names --cpu-mask.
CHECKED bool engine_options_cap(const char *mask, CpuTier *tier, Error *error);
// How many cores this process may use.
int64_t engine_options_cores(void);
// Refuses many times more threads than cores: each step of the engine would wait for all of them.
// Warns (when `warn`) of more threads than cores. `where` names the flag or field; 0 is fine.
CHECKED bool engine_options_check_threads(int64_t threads, const char *where, bool warn,
                                          Error *error);
// --threads of any of these tables, checked and warned of; 0: not given.
CHECKED bool engine_options_threads(const Arguments *arguments, int *threads, Error *error);
