// SPDX-License-Identifier: Apache-2.0
#include "compile/compiled_graph.h"
#include "base/clock.h"
#include "graph/passes/passes.h"
#include "graph/passes/row_groups.h"

struct CompiledGraph {
  Executable *executable;
  Code *code; // of its groups; NULL: none
  CompiledGraphFacts facts;
};

static void tell(const CompiledGraphOptions *options, const char *label, const char *step,
                 const Graph *graph) {
  if (options->listener) options->listener(options->listener_context, label, step, graph);
}

static void pass_all(Graph *graph, const CompiledGraphOptions *options) {
  for (int i = 0; i < pass_count(); i++) pass_at(i)->run(graph);
  if (options->compiler) row_groups_form(graph);
}

static void improve(CompiledGraph *compiled, Graph *graph, const char *label,
                    const CompiledGraphOptions *options) {
  int64_t told = 0;
  tell(options, label, COMPILED_GRAPH_FIRST_STEP, graph);
  int64_t begin = clock_now();
  for (int i = 0; i < pass_count(); i++) {
    pass_at(i)->run(graph);
    int64_t before = clock_now();
    tell(options, label, pass_at(i)->name, graph);
    told += clock_now() - before;
  }
  if (options->compiler) row_groups_form(graph);
  for (int i = 0; options->shorter[0] && i < 2; i++) pass_all(options->shorter[i], options);
  compiled->facts.passes_ns = clock_now() - begin - told;
  tell(options, label, COMPILED_GRAPH_LAST_STEP, graph);
}

static bool make_code(CompiledGraph *compiled, Graph *graph, const char *label,
                      const CompiledGraphOptions *options, Error *error) {
  return !options->compiler ||
         row_codes_make(graph, options->compiler, options->kernels->tier, label, &compiled->code,
                        &compiled->facts.codes, error);
}

static bool bind(CompiledGraph *compiled, Graph *graph, LengthTable *lengths,
                 const CompiledGraphOptions *options, Error *error) {
  int64_t begin = clock_now();
  ExecutableOptions executable = {options->kernels, options->team, options->replay, lengths};
  compiled->executable = executable_open(graph, &executable, error);
  compiled->facts.bind_ns += clock_now() - begin;
  if (!compiled->executable) return false;
  compiled->facts.executable = executable_facts(compiled->executable);
  return true;
}

// Takes the graph over.
static bool make_executable(CompiledGraph *compiled, Graph *graph, const char *label,
                            const CompiledGraphOptions *options, Error *error) {
  int64_t begin = clock_now();
  LengthTable lengths = {0};
  const GraphAtLength graphs[] = {{graph, options->lengths[0]},
                                  {options->shorter[0], options->lengths[1]},
                                  {options->shorter[1], options->lengths[2]}};
  bool done = !options->shorter[0] || length_table_make(graphs, &lengths, error);
  compiled->facts.bind_ns = clock_now() - begin;
  if (done && make_code(compiled, graph, label, options, error))
    return bind(compiled, graph, options->shorter[0] ? &lengths : NULL, options, error);
  length_table_free(&lengths);
  graph_close(graph);
  return false;
}

CompiledGraph *compiled_graph_open(Graph *graph, const char *label,
                                   const CompiledGraphOptions *options, Error *error) {
  CompiledGraph *compiled = memory_allocate(sizeof *compiled);
  improve(compiled, graph, label, options);
  bool done = make_executable(compiled, graph, label, options, error);
  for (int i = 0; i < 2; i++) graph_close(options->shorter[i]);
  if (done) return compiled;
  compiled_graph_close(compiled);
  return NULL;
}

void compiled_graph_close(CompiledGraph *compiled) {
  if (!compiled) return;
  executable_close(compiled->executable);
  code_unload(compiled->code);
  memory_free(compiled);
}

const CompiledGraphFacts *compiled_graph_facts(const CompiledGraph *compiled) {
  return &compiled->facts;
}

Executable *compiled_graph_executable(CompiledGraph *compiled) {
  return compiled->executable;
}
