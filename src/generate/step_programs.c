// SPDX-License-Identifier: Apache-2.0
#include "generate/step_programs.h"
#include "base/clock.h"
#include "compile/score_compiler.h"
#include "graph/trace.h"
#include <stdio.h>
#include <string.h>

enum {
  ANY = -1,        // a length that a dynamic program follows
  MORE_LENGTHS = 2 // besides the longest that it is recorded at
};

// What a program was compiled for, and holds it to: its guard.
typedef struct {
  int64_t batch, length, visible, wanted;
  const void *ids, *past, *cache;
  bool choose;
  bool paged; // a batch of variable length: whose its rows are is read when it runs
} Guard;

typedef struct {
  Guard guard;
  CompiledGraph *program;
} StepProgram;

typedef struct {
  const char *name;
  bool replay, tune;
} Mode;

static const Mode modes[] = {{"default", false, false},
                             {"reduce-overhead", true, false},
                             {"max-autotune-no-cudagraphs", false, true},
                             {"max-autotune", true, true}};

struct StepPrograms {
  const Kernels *kernels;
  Team *team;
  StepOptions options;
  const Mode *mode;
  Compiler *compiler;
  ScoreCompiler *scores;
  StepTuner *tuner; // NULL: the mode does not tune
  ARRAY_OF(StepProgram) programs;
  StepFacts facts;
};

StepOptions step_options(const char *mode) {
  return (StepOptions){.mode = mode, .interrupt = -1};
}

static const Mode *find_mode(const char *name) {
  for (size_t i = 0; i < COUNT_OF(modes); i++)
    if (strcmp(modes[i].name, name) == 0) return &modes[i];
  return NULL;
}

bool step_mode_known(const char *mode) {
  return find_mode(mode) != NULL;
}

static Compiler *open_compiler(const Kernels *kernels, const StepOptions *options, Error *error) {
  CompilerOptions compiler = {.tier = kernels->tier,
                              .cache_folder = options->cache_folder,
                              .refresh_cache = options->refresh_cache,
                              .interrupt = options->interrupt};
  return compiler_open(&compiler, error);
}

static StepTuner *open_tuner(const StepPrograms *programs) {
  StepTunerOptions tuner = {.kernels = programs->kernels,
                            .team = programs->team,
                            .cache = compiler_cache(programs->compiler),
                            .refresh = programs->options.refresh_cache,
                            .replay = programs->mode->replay};
  return step_tuner_open(&tuner);
}

StepPrograms *step_programs_open(const Kernels *kernels, Team *team, const StepOptions *options,
                                 Error *error) {
  const Mode *mode = find_mode(options->mode);
  if (!mode) {
    error_set(error, ERROR_UNSUPPORTED, NULL, "compile mode %s: not in this build", options->mode);
    return NULL;
  }
  int64_t begin = clock_now();
  Compiler *compiler = open_compiler(kernels, options, error);
  if (!compiler) return NULL;
  StepPrograms *programs = memory_allocate(sizeof *programs);
  *programs = (StepPrograms){.kernels = kernels,
                             .team = team,
                             .options = *options,
                             .mode = mode,
                             .compiler = compiler,
                             .scores = score_compiler_open(compiler),
                             .facts = {.find_ns = clock_now() - begin}};
  if (mode->tune) programs->tuner = open_tuner(programs);
  return programs;
}

void step_programs_close(StepPrograms *programs) {
  if (!programs) return;
  for (size_t i = 0; i < programs->programs.count; i++)
    compiled_graph_close(programs->programs.items[i].program);
  ARRAY_FREE(&programs->programs);
  score_compiler_close(programs->scores);
  step_tuner_close(programs->tuner);
  compiler_close(programs->compiler);
  memory_free(programs);
}

StepFacts step_programs_facts(const StepPrograms *programs) {
  StepFacts facts = programs->facts;
  if (programs->tuner) facts.tuning = step_tuner_facts(programs->tuner);
  return facts;
}

bool step_programs_attention(StepPrograms *programs, const Attention *attention,
                             AttentionLimits limits, void **prepared, Error *error) {
  int64_t begin = clock_now();
  limits.compiler = programs->scores;
  bool done = attention_open(attention, &limits, prepared, error);
  programs->facts.attention_ns += clock_now() - begin;
  return done;
}

// Passes over several tokens are dynamic where lengths enough differ to tell how things depend on
// them; `wanted` follows the length where it is the length.
static bool is_dynamic(const StepPrograms *programs, const DecoderPass *pass) {
  return programs->options.dynamic && pass->length > 1 && pass->visible >= MORE_LENGTHS + 2 &&
         (pass->wanted == pass->length || pass->wanted <= pass->visible - MORE_LENGTHS);
}

static Guard guard_of(const StepPrograms *programs, const DecoderPass *pass, bool choose) {
  bool dynamic = is_dynamic(programs, pass);
  return (Guard){pass->batch,
                 dynamic ? ANY : pass->length,
                 pass->visible,
                 dynamic && pass->wanted == pass->length ? ANY : pass->wanted,
                 pass->ids.data,
                 pass->positions.past.data,
                 pass->cache[0].keys.data,
                 choose,
                 pass->places != NULL};
}

static bool holds(const Guard *a, const Guard *b) {
  return a->batch == b->batch && a->length == b->length && a->visible == b->visible &&
         a->wanted == b->wanted && a->ids == b->ids && a->past == b->past && a->cache == b->cache &&
         a->choose == b->choose && a->paged == b->paged;
}

// Prefill and decoding are kinds of their own, and so are logits and choices, and each of the sizes
// that passes over pages are padded to.
static bool same_kind(const Guard *a, const Guard *b) {
  if (a->paged) return holds(a, b);
  return (a->length == 1) == (b->length == 1) && a->choose == b->choose;
}

static Graph *record(StepPrograms *programs, const Decoder *decoder, const DecoderPass *pass,
                     bool choose, Error *error) {
  int64_t begin = clock_now();
  Ops *ops = trace_open(error);
  if (!ops) return NULL;
  Tensor made = (choose ? decoder_choose : decoder_forward)(decoder, ops, pass);
  trace_output(ops, &made);
  Graph *graph = trace_take(ops, error);
  trace_close(ops);
  programs->facts.trace_ns += clock_now() - begin;
  return graph;
}

// The pass as it would be over `length` tokens. Its ids are memory for the longest.
static DecoderPass at_length(const DecoderPass *pass, const Guard *guard, int64_t length) {
  DecoderPass other = *pass;
  other.length = length;
  other.ids.shape[0] = pass->batch * length;
  if (guard->wanted == ANY) other.wanted = length;
  return other;
}

// The longest pass there can be, the shortest, and one between.
static bool record_lengths(StepPrograms *programs, const Decoder *decoder, const DecoderPass *pass,
                           const Guard *guard, Graph **longest, CompiledGraphOptions *options,
                           Error *error) {
  int64_t most = pass->visible, least = guard->wanted > 2 ? guard->wanted : 2;
  int64_t lengths[1 + MORE_LENGTHS] = {most, least + (most - least) / 2, least};
  Graph *graphs[1 + MORE_LENGTHS] = {NULL};
  bool done = true;
  for (int i = 0; done && i < 1 + MORE_LENGTHS; i++) {
    DecoderPass other = at_length(pass, guard, lengths[i]);
    graphs[i] = record(programs, decoder, &other, guard->choose, error);
    done = graphs[i] != NULL;
  }
  for (int i = 0; !done && i < 1 + MORE_LENGTHS; i++) graph_close(graphs[i]);
  if (!done) return false;
  *longest = graphs[0];
  memcpy(options->shorter, graphs + 1, sizeof options->shorter);
  memcpy(options->lengths, lengths, sizeof options->lengths);
  return true;
}

static Graph *record_all(StepPrograms *programs, const Decoder *decoder, const DecoderPass *pass,
                         const Guard *guard, CompiledGraphOptions *options, Error *error) {
  if (guard->length != ANY) return record(programs, decoder, pass, guard->choose, error);
  Graph *longest;
  bool done = record_lengths(programs, decoder, pass, guard, &longest, options, error);
  return done ? longest : NULL;
}

static void name_pass(const Guard *guard, char name[96]) {
  char length[48];
  snprintf(length, sizeof length, "prefill %lld", (long long)guard->length);
  if (guard->length == ANY) snprintf(length, sizeof length, "prefill");
  if (guard->paged && guard->batch != guard->wanted) {
    snprintf(name, 96, "mixed, rows %lld, %s %lld", (long long)guard->batch,
             guard->choose ? "choices" : "logits", (long long)guard->wanted);
    return;
  }
  snprintf(name, 96, "%s, batch %lld, %s", guard->length == 1 ? "decode" : length,
           (long long)guard->batch, guard->choose ? "choices" : "logits");
}

static void count_program(StepPrograms *programs, const Guard *guard,
                          const CompiledGraph *program) {
  const CompiledGraphFacts *made = compiled_graph_facts(program);
  StepFacts *facts = &programs->facts;
  for (size_t i = 0; i < programs->programs.count; i++)
    if (same_kind(&programs->programs.items[i].guard, guard)) {
      facts->recompiles++;
      break;
    }
  facts->programs++;
  facts->passes_ns += made->passes_ns;
  facts->emit_ns += made->codes.emit_ns;
  facts->build_ns += made->codes.code.build_ns;
  facts->load_ns += made->codes.code.load_ns;
  facts->bind_ns += made->bind_ns;
  facts->built += made->codes.functions > 0 && !made->codes.code.cached;
  facts->cached += made->codes.functions > 0 && made->codes.code.cached;
  facts->nodes += made->executable.steps;
  facts->groups += made->codes.groups;
  facts->functions += made->codes.functions;
  if (made->executable.barriers > facts->barriers) facts->barriers = made->executable.barriers;
  if (made->executable.planned_bytes > facts->planned_bytes)
    facts->planned_bytes = made->executable.planned_bytes;
}

static CompiledGraph *make(StepPrograms *programs, const Decoder *decoder, const DecoderPass *pass,
                           const Guard *guard, Error *error) {
  char label[96];
  CompiledGraphOptions options = {.kernels = programs->kernels,
                                  .team = programs->team,
                                  .replay = programs->mode->replay,
                                  .compiler = programs->compiler,
                                  .listener = programs->options.dump ? graph_dump_listen : NULL,
                                  .listener_context = programs->options.dump};
  Graph *graph = record_all(programs, decoder, pass, guard, &options, error);
  if (!graph) return NULL;
  name_pass(guard, label);
  StepProgram made = {*guard, compiled_graph_open(graph, label, &options, error)};
  if (!made.program) return NULL;
  count_program(programs, guard, made.program);
  ARRAY_APPEND(&programs->programs, made);
  return made.program;
}

static CompiledGraph *find(const StepPrograms *programs, const Guard *guard) {
  for (size_t i = 0; i < programs->programs.count; i++)
    if (holds(&programs->programs.items[i].guard, guard))
      return programs->programs.items[i].program;
  return NULL;
}

// Steps are timed on the values that a run leaves. A pass gives the same result when it is run
// again: it writes the same keys and values to the same places of the cache.
static void run_and_tune(StepPrograms *programs, Executable *executable) {
  executable_run(executable);
  step_tuner_run(programs->tuner, executable);
}

const Tensor *step_programs_run(StepPrograms *programs, const Decoder *decoder,
                                const DecoderPass *pass, bool choose, Error *error) {
  Guard guard = guard_of(programs, pass, choose);
  CompiledGraph *program = find(programs, &guard);
  bool tune = !program && programs->tuner;
  if (!program) program = make(programs, decoder, pass, &guard, error);
  if (!program) return NULL;
  Executable *executable = compiled_graph_executable(program);
  if (guard.length == ANY && !executable_set_length(executable, pass->length, error)) return NULL;
  if (tune) run_and_tune(programs, executable);
  executable_run(executable);
  return executable_output(executable, 0);
}
