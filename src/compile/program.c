// SPDX-License-Identifier: Apache-2.0
#include "compile/program.h"
#include "compile/schedule.h"
#include "graph/steps.h"

enum { PAGE = 4096, LINE = 64 };

// Nodes [first, last) of one task, or one node that forks by itself.
typedef struct {
  const Program *program;
  int first, last;
  bool fork;
} Stretch;

struct Program {
  ProgramOptions options;
  Graph *graph;
  Schedule schedule;
  Steps *steps; // [threads] of a replay, else one
  int threads;
  ARRAY_OF(Stretch) stretches;
  Region memory;                   // results, then each thread's own block, then scratch
  int64_t own_bytes, common_bytes; // of one thread's own block, of the common one
  int64_t own_scratch, scratch;    // bytes
  OperatorContext context;         // of operators that fork
};

static int64_t whole(int64_t bytes, int64_t of) {
  return (bytes + of - 1) / of * of;
}

static int64_t node_scratch(const Program *program, const GraphNode *node, int threads) {
  Tensor inputs[OPERATOR_MAX_INPUTS];
  if (!node->operator->scratch_bytes) return 0;
  for (int i = 0; i < node->input_count; i++) inputs[i] = node->inputs[i].view;
  return node->operator->scratch_bytes(program->options.kernels, inputs, node->input_count,
                                       node->attributes, threads);
}

static void find_scratch(Program *program) {
  for (size_t i = 0; i < program->graph->nodes.count; i++) {
    const GraphNode *node = &program->graph->nodes.items[i];
    RunBy by = program->schedule.by[i];
    if (by == RUN_BY_FORK) continue;
    int64_t *most = by == RUN_BY_PARTS ? &program->scratch : &program->own_scratch;
    int64_t bytes = node_scratch(program, node, by == RUN_BY_PARTS ? program->threads : 1);
    if (bytes > *most) *most = bytes;
  }
  program->scratch = whole(program->scratch, LINE);
  program->own_scratch = whole(program->own_scratch, LINE);
}

static char *own_block(const Program *program, int thread) {
  return (char *)program->memory.data + program->common_bytes + thread * program->own_bytes;
}

static char *scratch_block(const Program *program) {
  return own_block(program, program->threads);
}

// A thread's own scratch lies behind its own results.
static char *own_scratch(const Program *program, int thread) {
  return own_block(program, thread + 1) - program->own_scratch;
}

static bool take_memory(Program *program, Error *error) {
  const Schedule *schedule = &program->schedule;
  program->common_bytes = whole(schedule->plan.bytes, PAGE);
  program->own_bytes = whole(schedule->own_plan.bytes + program->own_scratch, PAGE);
  int64_t bytes = program->common_bytes + program->threads * program->own_bytes + program->scratch;
  return region_map(&program->memory, (size_t)bytes, error);
}

static void make_steps(Program *program) {
  const Schedule *schedule = &program->schedule;
  program->steps = memory_allocate((size_t)program->threads * sizeof *program->steps);
  StepMemory common = {&schedule->plan, program->memory.data};
  for (int i = 0; i < program->threads; i++) {
    StepMemory own = {&schedule->own_plan, own_block(program, i)};
    steps_make(program->graph, &common, &own, &program->steps[i]);
  }
}

static void make_stretches(Program *program) {
  int count = (int)program->graph->nodes.count;
  for (int i = 0; i < count;) {
    Stretch stretch = {program, i, i + 1, program->schedule.by[i] == RUN_BY_FORK};
    while (!stretch.fork && stretch.last < count &&
           program->schedule.by[stretch.last] != RUN_BY_FORK)
      stretch.last++;
    ARRAY_APPEND(&program->stretches, stretch);
    i = stretch.last;
  }
}

Program *program_open(Graph *graph, const ProgramOptions *options, Error *error) {
  Program *program = memory_allocate(sizeof *program);
  *program = (Program){.options = *options, .graph = graph, .threads = 1};
  if (options->replay) program->threads = team_size(options->team);
  program->context = (OperatorContext){options->kernels, options->team, arena_open(0)};
  schedule_make(graph, &program->schedule);
  find_scratch(program);
  if (!take_memory(program, error)) {
    program_close(program);
    return NULL;
  }
  make_steps(program);
  make_stretches(program);
  return program;
}

void program_close(Program *program) {
  if (!program) return;
  for (int i = 0; program->steps && i < program->threads; i++) steps_free(&program->steps[i]);
  memory_free(program->steps);
  ARRAY_FREE(&program->stretches);
  schedule_free(&program->schedule);
  region_unmap(&program->memory);
  arena_close(program->context.scratch);
  graph_close(program->graph);
  memory_free(program);
}

ProgramFacts program_facts(const Program *program) {
  const Schedule *schedule = &program->schedule;
  ProgramFacts facts = {
      .steps = (int)program->graph->nodes.count,
      .stretches = (int)program->stretches.count,
      .planned_bytes = program->common_bytes + program->threads * program->own_bytes,
      .unshared_bytes = schedule->plan.unshared + program->threads * schedule->own_plan.unshared,
      .scratch_bytes = program->scratch};
  for (int i = 0; i < facts.steps; i++) facts.barriers += schedule->barrier[i];
  return facts;
}

static void run_part(const Program *program, int index, int thread, int threads) {
  Step *step = &program->steps[thread].steps[index];
  RunBy by = program->schedule.by[index];
  if (by == RUN_BY_FIRST && thread > 0) return;
  bool alone = by != RUN_BY_PARTS;
  OperatorPart part = {.kernels = program->options.kernels,
                       .team = program->options.team,
                       .scratch = alone ? own_scratch(program, thread) : scratch_block(program),
                       .thread = alone ? 0 : thread,
                       .threads = alone ? 1 : threads};
  step->operator->part(&part, step->inputs, step->input_count, step->attributes, &step->output);
}

static void run_stretch(void *context, int thread, int threads) {
  const Stretch *stretch = context;
  const Program *program = stretch->program;
  for (int i = stretch->first; i < stretch->last; i++) {
    if (program->schedule.barrier[i] && i > stretch->first) team_barrier(program->options.team);
    run_part(program, i, thread, threads);
  }
}

// As an operator runs when nothing is replayed, with the memory that was planned.
static void run_alone(Program *program, int index) {
  Step *step = &program->steps[0].steps[index];
  ArenaMark mark = arena_mark(program->context.scratch);
  operator_run(step->operator, & program->context, step->inputs, step->input_count,
               step->attributes, &step->output);
  arena_restore(program->context.scratch, mark);
}

void program_run(Program *program) {
  if (!program->options.replay) {
    for (int i = 0; i < program->steps[0].count; i++) run_alone(program, i);
    return;
  }
  for (size_t i = 0; i < program->stretches.count; i++) {
    Stretch *stretch = &program->stretches.items[i];
    if (stretch->fork)
      run_alone(program, stretch->first);
    else
      team_run(program->options.team, run_stretch, stretch);
  }
}

int program_output_count(const Program *program) {
  return program->steps[0].output_count;
}

const Tensor *program_output(const Program *program, int index) {
  return &program->steps[0].outputs[index];
}
