// SPDX-License-Identifier: Apache-2.0
#include "compile/row_codes.h"
#include "base/array.h"
#include "base/clock.h"
#include "compile/row_code.h"
#include <stdio.h>
#include <string.h>

enum { NAME = 32 };

typedef struct {
  ARRAY_OF(const RowGroup *) groups; // one for each function
  int *function;                     // [nodes]: of a group, else -1
} Functions;

static const RowGroup *group_of(const GraphNode *node) {
  return ((const RowGroupAttributes *)node->attributes)->group;
}

static int function_for(Functions *functions, const RowGroup *group) {
  for (size_t i = 0; i < functions->groups.count; i++)
    if (row_group_alike(functions->groups.items[i], group)) return (int)i;
  ARRAY_APPEND(&functions->groups, group);
  return (int)functions->groups.count - 1;
}

static void find_functions(const Graph *graph, Functions *functions) {
  size_t nodes = graph->nodes.count;
  *functions = (Functions){.function = memory_allocate((nodes + 1) * sizeof(int))};
  for (size_t i = 0; i < nodes; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    functions->function[i] = row_group_is(node) ? function_for(functions, group_of(node)) : -1;
  }
}

static void function_name(int index, char name[NAME]) {
  snprintf(name, NAME, "row_group_%d", index);
}

static void write_source(const Functions *functions, CpuTier tier, Text *source) {
  char name[NAME];
  row_code_begin(source, tier);
  for (size_t i = 0; i < functions->groups.count; i++) {
    function_name((int)i, name);
    text_append_format(source, "\n__attribute__((visibility(\"default\"))) void %s", name);
    row_code_append(source, functions->groups.items[i], tier);
  }
}

// All symbols are found before any node is changed.
static bool give_code(Graph *graph, const Functions *functions, const Code *code, Error *error) {
  void **symbols = memory_allocate((functions->groups.count + 1) * sizeof *symbols);
  char name[NAME];
  bool found = true;
  for (size_t i = 0; found && i < functions->groups.count; i++) {
    function_name((int)i, name);
    symbols[i] = code_symbol(code, name, error);
    found = symbols[i] != NULL;
  }
  for (size_t i = 0; found && i < graph->nodes.count; i++) {
    if (functions->function[i] < 0) continue;
    GraphNode *node = &graph->nodes.items[i];
    RowGroupAttributes attributes = {group_of(node), NULL};
    memcpy(&attributes.code, &symbols[functions->function[i]], sizeof attributes.code);
    node->attributes = graph_keep(graph, &attributes, sizeof attributes);
  }
  memory_free(symbols);
  return found;
}

static void free_functions(Functions *functions) {
  ARRAY_FREE(&functions->groups);
  memory_free(functions->function);
}

bool row_codes_make(Graph *graph, Compiler *compiler, CpuTier tier, const char *label, Code **code,
                    RowCodesFacts *facts, Error *error) {
  int64_t begin = clock_now();
  Functions functions;
  Text source = {0};
  bool done = true;
  *code = NULL;
  find_functions(graph, &functions);
  if (functions.groups.count) write_source(&functions, tier, &source);
  *facts = (RowCodesFacts){.functions = (int)functions.groups.count,
                           .source_bytes = (int64_t)source.size};
  for (size_t i = 0; i < graph->nodes.count; i++) facts->groups += functions.function[i] >= 0;
  facts->emit_ns = clock_now() - begin;
  if (facts->functions) {
    CodeRequest request = {.label = label, .source = text_span(&source).data};
    done = compiler_make(compiler, &request, 1, code, &facts->code, error) &&
           give_code(graph, &functions, *code, error);
    if (!done) {
      code_unload(*code);
      *code = NULL;
    }
  }
  text_free(&source);
  free_functions(&functions);
  return done;
}
