// SPDX-License-Identifier: Apache-2.0
#include "compile/executable.h"
#include "base/clock.h"
#include "compile/pace.h"
#include "compile/schedule.h"

enum { PAGE = 4096, LINE = 64 };

// Nodes [first, last) of one task, or one node that forks by itself.
typedef struct {
  const Executable *executable;
  int first, last;
  bool fork;
} Stretch;

struct Executable {
  ExecutableOptions options;
  Graph *graph;
  Schedule schedule;
  Steps *steps; // [threads] of a replay, else one
  int threads;
  ARRAY_OF(Stretch) stretches;
  LengthTable lengths;                 // recorded 0: there is one length
  int64_t length;                      // that the steps are at
  Pace pace;                           // of a replay by several threads
  Region memory;                       // results, then each thread's own block
  int64_t own_bytes, common_bytes;     // of one thread's own block, of the common one
  Region scratch;                      // of operators by parts, then each thread's own
  int64_t own_scratch, common_scratch; // bytes
  OperatorContext context;             // of operators that fork
};

static int64_t whole(int64_t bytes, int64_t of) {
  return (bytes + of - 1) / of * of;
}

static int64_t step_scratch(const Executable *executable, const Step *step, int threads) {
  if (!step->op->scratch_bytes) return 0;
  int64_t bytes = step->op->scratch_bytes(executable->options.kernels, step->inputs,
                                          step->input_count, step->attributes, threads);
  return whole(bytes, LINE);
}

static void find_scratch(Executable *executable) {
  for (int i = 0; i < executable->steps[0].count; i++) {
    RunBy by = executable->schedule.by[i];
    if (by == RUN_BY_FORK) continue;
    bool parts = by == RUN_BY_PARTS;
    int64_t *most = parts ? &executable->common_scratch : &executable->own_scratch;
    int64_t bytes =
        step_scratch(executable, &executable->steps[0].steps[i], parts ? executable->threads : 1);
    if (bytes > *most) *most = bytes;
  }
}

// What the steps need at their length; another may need more. Without memory for it, what was
// there stays.
static bool take_scratch(Executable *executable, Error *error) {
  int64_t common = executable->common_scratch, own = executable->own_scratch;
  Region larger;
  find_scratch(executable);
  size_t bytes =
      (size_t)(executable->common_scratch + executable->threads * executable->own_scratch);
  if (bytes <= executable->scratch.size) return true;
  if (!region_map(&larger, bytes, error)) {
    executable->common_scratch = common;
    executable->own_scratch = own;
    return false;
  }
  region_unmap(&executable->scratch);
  executable->scratch = larger;
  return true;
}

static char *own_block(const Executable *executable, int thread) {
  return (char *)executable->memory.data + executable->common_bytes +
         thread * executable->own_bytes;
}

static char *own_scratch(const Executable *executable, int thread) {
  return (char *)executable->scratch.data + executable->common_scratch +
         thread * executable->own_scratch;
}

static bool take_memory(Executable *executable, Error *error) {
  const Schedule *schedule = &executable->schedule;
  executable->common_bytes = whole(schedule->plan.bytes, PAGE);
  executable->own_bytes = whole(schedule->own_plan.bytes, PAGE);
  int64_t bytes = executable->common_bytes + executable->threads * executable->own_bytes;
  return region_map(&executable->memory, (size_t)bytes, error);
}

static void make_steps(Executable *executable) {
  const Schedule *schedule = &executable->schedule;
  executable->steps = memory_allocate((size_t)executable->threads * sizeof *executable->steps);
  StepMemory common = {&schedule->plan, executable->memory.data};
  for (int i = 0; i < executable->threads; i++) {
    StepMemory own = {&schedule->own_plan, own_block(executable, i)};
    steps_make(executable->graph, &common, &own, &executable->steps[i]);
  }
}

static void make_stretches(Executable *executable) {
  int count = (int)executable->graph->nodes.count;
  for (int i = 0; i < count;) {
    Stretch stretch = {executable, i, i + 1, executable->schedule.by[i] == RUN_BY_FORK};
    while (!stretch.fork && stretch.last < count &&
           executable->schedule.by[stretch.last] != RUN_BY_FORK)
      stretch.last++;
    ARRAY_APPEND(&executable->stretches, stretch);
    i = stretch.last;
  }
}

Executable *executable_open(Graph *graph, const ExecutableOptions *options, Error *error) {
  Executable *executable = memory_allocate(sizeof *executable);
  *executable = (Executable){.options = *options, .graph = graph, .threads = 1};
  if (options->lengths) executable->lengths = *options->lengths;
  executable->length = executable->lengths.recorded;
  if (options->replay) executable->threads = team_size(options->team);
  executable->context = (OperatorContext){options->kernels, options->team, arena_open(0)};
  schedule_make(graph, &executable->schedule);
  bool taken = take_memory(executable, error);
  if (taken) make_steps(executable);
  if (taken && take_scratch(executable, error)) {
    make_stretches(executable);
    size_t stretches = executable->stretches.count;
    executable->pace = pace_start(stretches == 1 && !executable->stretches.items[0].fork);
    return executable;
  }
  executable_close(executable);
  return NULL;
}

void executable_close(Executable *executable) {
  if (!executable) return;
  for (int i = 0; executable->steps && i < executable->threads; i++)
    steps_free(&executable->steps[i]);
  memory_free(executable->steps);
  ARRAY_FREE(&executable->stretches);
  length_table_free(&executable->lengths);
  schedule_free(&executable->schedule);
  region_unmap(&executable->memory);
  region_unmap(&executable->scratch);
  arena_close(executable->context.scratch);
  graph_close(executable->graph);
  memory_free(executable);
}

bool executable_set_length(Executable *executable, int64_t length, Error *error) {
  if (length == executable->length) return true;
  for (int i = 0; i < executable->threads; i++)
    steps_set_length(&executable->steps[i], &executable->lengths, executable->length, length);
  executable->length = length;
  pace_forget(&executable->pace);
  return take_scratch(executable, error);
}

ExecutableFacts executable_facts(const Executable *executable) {
  const Schedule *schedule = &executable->schedule;
  ExecutableFacts facts = {
      .steps = (int)executable->graph->nodes.count,
      .stretches = (int)executable->stretches.count,
      .planned_bytes = executable->common_bytes + executable->threads * executable->own_bytes,
      .unshared_bytes = schedule->plan.unshared + executable->threads * schedule->own_plan.unshared,
      .scratch_bytes = (int64_t)executable->scratch.size};
  for (int i = 0; i < facts.steps; i++) facts.barriers += schedule->barrier[i];
  return facts;
}

static void run_part(const Executable *executable, int index, int thread, int threads) {
  Step *step = &executable->steps[thread].steps[index];
  RunBy by = executable->schedule.by[index];
  if (by == RUN_BY_FIRST && thread > 0) return;
  bool alone = by != RUN_BY_PARTS;
  OperatorPart part = {.kernels = executable->options.kernels,
                       .team = executable->options.team,
                       .scratch =
                           alone ? own_scratch(executable, thread) : executable->scratch.data,
                       .thread = alone ? 0 : thread,
                       .threads = alone ? 1 : threads};
  step->op->part(&part, step->inputs, step->input_count, step->attributes, &step->output);
}

static void run_stretch(void *context, int thread, int threads) {
  const Stretch *stretch = context;
  const Executable *executable = stretch->executable;
  for (int i = stretch->first; i < stretch->last; i++) {
    if (executable->schedule.barrier[i] && i > stretch->first && threads > 1)
      team_barrier(executable->options.team);
    run_part(executable, i, thread, threads);
  }
}

// As an operator runs when nothing is replayed, with the memory that was planned.
static void run_alone(Executable *executable, int index) {
  Step *step = &executable->steps[0].steps[index];
  ArenaMark mark = arena_mark(executable->context.scratch);
  operator_run(step->op, &executable->context, step->inputs, step->input_count, step->attributes,
               &step->output);
  arena_restore(executable->context.scratch, mark);
}

static void run_steps(Executable *executable) {
  for (int i = 0; i < executable->steps[0].count; i++) run_alone(executable, i);
}

static void replay_by_team(Executable *executable) {
  for (size_t i = 0; i < executable->stretches.count; i++) {
    Stretch *stretch = &executable->stretches.items[i];
    if (stretch->fork)
      run_alone(executable, stretch->first);
    else
      team_run(executable->options.team, run_stretch, stretch);
  }
}

static void replay_alone(Executable *executable) {
  run_stretch(&executable->stretches.items[0], 0, 1);
}

static void (*const ways[PACE_WAYS])(Executable *executable) = {
    [PACE_STEPS] = run_steps, [PACE_TEAM] = replay_by_team, [PACE_ALONE] = replay_alone};

void executable_run(Executable *executable) {
  if (executable->threads == 1) {
    (executable->options.replay ? replay_by_team : run_steps)(executable);
    return;
  }
  int64_t begin = clock_now();
  ways[executable->pace.way](executable);
  pace_took(&executable->pace, clock_now() - begin);
}

int executable_output_count(const Executable *executable) {
  return executable->steps[0].output_count;
}

const Tensor *executable_output(const Executable *executable, int index) {
  return &executable->steps[0].outputs[index];
}

const Steps *executable_steps(const Executable *executable) {
  return &executable->steps[0];
}

void executable_set_attributes(Executable *executable, int index, const void *attributes) {
  for (int i = 0; i < executable->threads; i++)
    executable->steps[i].steps[index].attributes = attributes;
}

bool executable_make_room(Executable *executable, Error *error) {
  return take_scratch(executable, error);
}

const void *executable_keep(Executable *executable, const void *bytes, size_t size) {
  return graph_keep(executable->graph, bytes, size);
}

void executable_run_step(Executable *executable, int index) {
  bool fork = executable->schedule.by[index] == RUN_BY_FORK;
  Stretch stretch = {executable, index, index + 1, fork};
  if (fork || !executable->options.replay)
    run_alone(executable, index);
  else
    team_run(executable->options.team, run_stretch, &stretch);
}
