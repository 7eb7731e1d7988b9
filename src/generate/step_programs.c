// SPDX-License-Identifier: Apache-2.0
#include "generate/step_programs.h"
#include "base/clock.h"
#include "graph/passes/passes.h"
#include "graph/trace.h"

// What a program was compiled for, and holds it to: its guard.
typedef struct {
  int64_t batch, length, visible, wanted;
  const void *ids, *past, *cache;
  bool choose;
} Guard;

typedef struct {
  Guard guard;
  Executable *program;
} StepProgram;

struct StepPrograms {
  const Kernels *kernels;
  Team *team;
  StepOptions options;
  ARRAY_OF(StepProgram) programs;
  StepFacts facts;
};

StepPrograms *step_programs_open(const Kernels *kernels, Team *team, const StepOptions *options) {
  StepPrograms *programs = memory_allocate(sizeof *programs);
  *programs = (StepPrograms){.kernels = kernels, .team = team, .options = *options};
  return programs;
}

void step_programs_close(StepPrograms *programs) {
  if (!programs) return;
  for (size_t i = 0; i < programs->programs.count; i++)
    executable_close(programs->programs.items[i].program);
  ARRAY_FREE(&programs->programs);
  memory_free(programs);
}

StepFacts step_programs_facts(const StepPrograms *programs) {
  return programs->facts;
}

static Guard guard_of(const DecoderPass *pass, bool choose) {
  return (Guard){pass->batch,
                 pass->length,
                 pass->visible,
                 pass->wanted,
                 pass->ids.data,
                 pass->positions.past.data,
                 pass->cache[0].keys.data,
                 choose};
}

static bool holds(const Guard *a, const Guard *b) {
  return a->batch == b->batch && a->length == b->length && a->visible == b->visible &&
         a->wanted == b->wanted && a->ids == b->ids && a->past == b->past && a->cache == b->cache &&
         a->choose == b->choose;
}

// Prefill and decoding are kinds of their own, and so are logits and choices.
static bool same_kind(const Guard *a, const Guard *b) {
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

static void improve(StepPrograms *programs, Graph *graph) {
  int64_t begin = clock_now();
  for (int i = 0; i < pass_count(); i++) pass_at(i)->run(graph);
  programs->facts.passes_ns += clock_now() - begin;
}

static Executable *bind(StepPrograms *programs, Graph *graph, Error *error) {
  int64_t begin = clock_now();
  ExecutableOptions options = {programs->kernels, programs->team, programs->options.replay};
  Executable *program = executable_open(graph, &options, error);
  programs->facts.bind_ns += clock_now() - begin;
  return program;
}

static void count_program(StepPrograms *programs, const Guard *guard, const Executable *program) {
  for (size_t i = 0; i < programs->programs.count; i++)
    if (same_kind(&programs->programs.items[i].guard, guard)) {
      programs->facts.recompiles++;
      break;
    }
  int64_t bytes = executable_facts(program).planned_bytes;
  if (bytes > programs->facts.planned_bytes) programs->facts.planned_bytes = bytes;
  programs->facts.programs++;
}

static Executable *make(StepPrograms *programs, const Decoder *decoder, const DecoderPass *pass,
                        const Guard *guard, Error *error) {
  Graph *graph = record(programs, decoder, pass, guard->choose, error);
  if (!graph) return NULL;
  improve(programs, graph);
  StepProgram made = {*guard, bind(programs, graph, error)};
  if (!made.program) return NULL;
  count_program(programs, guard, made.program);
  ARRAY_APPEND(&programs->programs, made);
  return made.program;
}

static Executable *find(const StepPrograms *programs, const Guard *guard) {
  for (size_t i = 0; i < programs->programs.count; i++)
    if (holds(&programs->programs.items[i].guard, guard))
      return programs->programs.items[i].program;
  return NULL;
}

const Tensor *step_programs_run(StepPrograms *programs, const Decoder *decoder,
                                const DecoderPass *pass, bool choose, Error *error) {
  Guard guard = guard_of(pass, choose);
  Executable *program = find(programs, &guard);
  if (!program) program = make(programs, decoder, pass, &guard, error);
  if (!program) return NULL;
  executable_run(program);
  return executable_output(program, 0);
}
