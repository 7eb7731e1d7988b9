// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_options.h"
#include "cli/output.h"
#include "device/host.h"
#include <string.h>

static const Option model_rows[] = {
    {.flag = "--model-id",
     .letter = 'm',
     .kind = OPTION_TEXT,
     .required = true,
     .placeholder = "MODEL",
     .help = "a folder of Hugging Face files, a file.gguf, org/name from the local Hugging Face "
             "cache, or preset:NAME"},
};

// What every form shares: how many threads, and which kernels.
#define THREADS_ROW                                                                                \
  {                                                                                                \
    .flag = "--threads", .letter = 't', .kind = OPTION_INTEGER, .least = 1, .most = 1024,          \
    .standard_help = "every core this process may use",                                            \
    .help = "threads of the engine, at most 32 for each of those cores"                            \
  }
#define PIN_ROW                                                                                    \
  { .flag = "--pin", .kind = OPTION_SWITCH, .help = "bind each thread to a core" }
#define TIER_ROW                                                                                   \
  {                                                                                                \
    .flag = "--cpu-mask", .kind = OPTION_CHOICE,                                                   \
    .choices = "reference|avx2|avx512|avx512_bf16|amx_bf16",                                       \
    .standard_help = "the best of this processor",                                                 \
    .help = "highest instruction-set tier that kernels may use"                                    \
  }

// One row an option; LISTS is whether dtype and attention take several values.
#define KERNELIZE_ROW                                                                              \
  {                                                                                                \
    .flag = "--kernelize", .kind = OPTION_SWITCH,                                                  \
    .help = "hand-written fused layers in place of primitive operators"                            \
  }
#define COMPILE_ROW(LIST)                                                                          \
  {                                                                                                \
    .flag = "--compile-mode", .kind = OPTION_CHOICE, .list = LIST, .placeholder = "MODE",          \
    .choices = "none|default|reduce-overhead|max-autotune|max-autotune-no-cudagraphs",             \
    .standard = "none",                                                                            \
    .help = "how the model's step is compiled: none; default fuses it and writes C for the "       \
            "system's compiler; reduce-overhead also replays it without dispatch; "                \
            "max-autotune-no-cudagraphs also tunes; max-autotune does both"                        \
  }
#define DYNAMIC_ROW                                                                                \
  {                                                                                                \
    .flag = "--dynamic", .kind = OPTION_SWITCH,                                                    \
    .help = "one program serves every length of a prompt, in compile modes"                        \
  }
#define DUMP_ROWS                                                                                  \
  {.flag = "--dump-graph",                                                                         \
   .kind = OPTION_CHOICE,                                                                          \
   .choices = "before|after|all",                                                                  \
   .standard_help = "none",                                                                        \
   .help = "write the compiler's graphs as text and Graphviz: as recorded, as compiled, or after " \
           "every pass"},                                                                          \
  {                                                                                                \
    .flag = "--dump-folder", .kind = OPTION_TEXT, .placeholder = "FOLDER", .standard = "graphs",   \
    .help = "where they go"                                                                        \
  }
#define ENGINE_ROWS(LISTS, ATTENTION, ATTENTION_LATER, ATTENTION_STANDARD, ...)                    \
  {                                                                                                \
    {.flag = "--dtype",                                                                            \
     .kind = OPTION_CHOICE,                                                                        \
     .list = LISTS,                                                                                \
     .choices = "float32|bfloat16|float16",                                                        \
     .standard = "bfloat16",                                                                       \
     .help = "storage of the weights and of the cache; sums are float32"},                         \
        {.flag = "--device",                                                                       \
         .kind = OPTION_CHOICE,                                                                    \
         .choices = "cpu",                                                                         \
         .later_choices = "cuda",                                                                  \
         .standard = "cpu",                                                                        \
         .help = "where the model runs"},                                                          \
        THREADS_ROW, PIN_ROW,                                                                      \
        {.flag = "--attn-implementation",                                                          \
         .kind = OPTION_CHOICE,                                                                    \
         .list = LISTS,                                                                            \
         .choices = ATTENTION,                                                                     \
         .later_choices = ATTENTION_LATER,                                                         \
         .standard = ATTENTION_STANDARD,                                                           \
         .help = "how attention is computed"},                                                     \
        {.flag = "--sdpa-backend",                                                                 \
         .kind = OPTION_CHOICE,                                                                    \
         .choices = "math|efficient_attention|flash_attention",                                    \
         .later_choices = "cudnn_attention",                                                       \
         .standard_help = "flash_attention",                                                       \
         .help = "force one back end of sdpa"},                                                    \
        TIER_ROW, __VA_ARGS__                                                                      \
  }

static const Option single_rows[] =
    ENGINE_ROWS(false, "eager|sdpa|flash_attention_2|flex_attention", NULL, "eager",
                COMPILE_ROW(false), DYNAMIC_ROW, DUMP_ROWS, KERNELIZE_ROW);
#define KERNELIZE_LIST_ROW                                                                         \
  {                                                                                                \
    .flag = "--kernelize", .kind = OPTION_CHOICE, .list = true, .choices = "off|on",               \
    .implied = "on", .standard = "off",                                                            \
    .help = "hand-written fused layers in place of primitive operators"                            \
  }
static const Option list_rows[] =
    ENGINE_ROWS(true, "eager|sdpa|flash_attention_2|flex_attention", NULL, "eager sdpa",
                COMPILE_ROW(true), DYNAMIC_ROW, DUMP_ROWS, KERNELIZE_LIST_ROW);

static const Option kernel_rows[] = {THREADS_ROW, PIN_ROW, TIER_ROW};

const OptionTable model_options = OPTION_TABLE("Model", model_rows);
const OptionTable engine_options = OPTION_TABLE("Engine", single_rows);
const OptionTable kernel_options = OPTION_TABLE("Engine", kernel_rows);
const OptionTable engine_options_lists = OPTION_TABLE("Engine", list_rows);

bool engine_options_cap(const char *mask, CpuTier *tier, Error *error) {
  if (mask && !cpu_tier_by_name(mask, tier))
    return error_set(error, ERROR_ARGUMENT, "--cpu-mask", "\"%s\" is no tier", mask);
  *tier = cpu_chosen_tier(mask);
  return true;
}

bool engine_options_highest(const Arguments *arguments, CpuTier *tier, Error *error) {
  const char *mask = arguments_text(arguments, "--cpu-mask");
  *tier = cpu_best_tier();
  return !mask || engine_options_cap(mask, tier, error);
}

int64_t engine_options_cores(void) {
  Host host;
  host_read("", &host);
  int64_t cores = host.cores_allowed;
  host_free(&host);
  return cores;
}

bool engine_options_check_threads(int64_t threads, const char *where, bool warn, Error *error) {
  int64_t cores = engine_options_cores();
  if (cores < 1 || threads <= cores) return true;
  if (threads > ENGINE_THREADS_PER_CORE * cores)
    return error_set(error, ERROR_ARGUMENT, where,
                     "%lld threads asked for, at most %d for each of the cores that this process "
                     "may use (%lld) expected",
                     (long long)threads, ENGINE_THREADS_PER_CORE, (long long)cores);
  if (warn)
    output_warning("%s: %lld threads on %lld core%s wait for each other, which costs time", where,
                   (long long)threads, (long long)cores, cores > 1 ? "s" : "");
  return true;
}

bool engine_options_threads(const Arguments *arguments, int *threads, Error *error) {
  *threads = (int)arguments_integer(arguments, "--threads");
  return engine_options_check_threads(*threads, "--threads", true, error);
}

bool engine_options_parse(const Arguments *arguments, EngineOptions *options, Error *error) {
  const char *dtype = arguments_text(arguments, "--dtype");
  const char *mode = arguments_text(arguments, "--compile-mode");
  *options = (EngineOptions){
      .device = arguments_text(arguments, "--device"),
      .pin = arguments_switch(arguments, "--pin"),
      .attention = arguments_text(arguments, "--attn-implementation"),
      .sdpa_backend = arguments_text(arguments, "--sdpa-backend"),
      .cpu_mask = arguments_text(arguments, "--cpu-mask"),
      .kernelize = arguments_switch(arguments, "--kernelize"),
      .dynamic = arguments_switch(arguments, "--dynamic"),
      .dump_graph = arguments_text(arguments, "--dump-graph"),
      .dump_folder = arguments_text(arguments, "--dump-folder"),
      .compile_mode = strcmp(mode, "none") == 0 ? NULL : mode,
  };
  if (!dtype_by_name(dtype, &options->dtype)) {
    return error_set(error, ERROR_ARGUMENT, "--dtype", "\"%s\" is no dtype", dtype);
  }
  return engine_options_cap(arguments_text(arguments, "--cpu-mask"), &options->tier, error) &&
         engine_options_threads(arguments, &options->threads, error);
}
