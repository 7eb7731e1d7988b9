// SPDX-License-Identifier: Apache-2.0
#include "compile/row_codes.h"
#include "base/array.h"
#include "base/clock.h"
#include "compile/row_code.h"
#include <stdio.h>
#include <string.h>

enum { NAME = 32 };

typedef struct {
  ARRAY_OF(Text) functions;
  int *function; // [nodes]: of a group, else -1
} Written;

static int find_function(Written *written, Text *text) {
  for (size_t i = 0; i < written->functions.count; i++)
    if (span_equal(text_span(&written->functions.items[i]), text_span(text))) {
      text_free(text);
      return (int)i;
    }
  ARRAY_APPEND(&written->functions, *text);
  return (int)written->functions.count - 1;
}

static const RowGroup *group_of(const GraphNode *node) {
  return ((const RowGroupAttributes *)node->attributes)->group;
}

static void write_functions(const Graph *graph, CpuTier tier, Written *written) {
  *written =
      (Written){.function = memory_allocate((graph->nodes.count + 1) * sizeof *written->function)};
  for (size_t i = 0; i < graph->nodes.count; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    Text text = {0};
    written->function[i] = -1;
    if (!row_group_is(node)) continue;
    row_code_append(&text, group_of(node), tier);
    written->function[i] = find_function(written, &text);
  }
}

static void function_name(int index, char name[NAME]) {
  snprintf(name, NAME, "row_group_%d", index);
}

static void join(const Written *written, CpuTier tier, Text *source) {
  char name[NAME];
  row_code_begin(source, tier);
  for (size_t i = 0; i < written->functions.count; i++) {
    function_name((int)i, name);
    text_append_format(source, "\n__attribute__((visibility(\"default\"))) void %s%s", name,
                       text_span(&written->functions.items[i]).data);
  }
}

// All symbols are found before any node is changed.
static bool give_code(Graph *graph, const Written *written, const Code *code, Error *error) {
  void **symbols = memory_allocate((written->functions.count + 1) * sizeof *symbols);
  char name[NAME];
  bool found = true;
  for (size_t i = 0; found && i < written->functions.count; i++) {
    function_name((int)i, name);
    symbols[i] = code_symbol(code, name, error);
    found = symbols[i] != NULL;
  }
  for (size_t i = 0; found && i < graph->nodes.count; i++) {
    if (written->function[i] < 0) continue;
    GraphNode *node = &graph->nodes.items[i];
    RowGroupAttributes attributes = {group_of(node), NULL};
    memcpy(&attributes.code, &symbols[written->function[i]], sizeof attributes.code);
    node->attributes = graph_attributes(graph, &attributes, sizeof attributes);
  }
  memory_free(symbols);
  return found;
}

static void free_written(Written *written) {
  for (size_t i = 0; i < written->functions.count; i++) text_free(&written->functions.items[i]);
  ARRAY_FREE(&written->functions);
  memory_free(written->function);
}

bool row_codes_make(Graph *graph, Compiler *compiler, CpuTier tier, const char *label, Code **code,
                    RowCodesFacts *facts, Error *error) {
  int64_t begin = clock_now();
  Written written;
  Text source = {0};
  bool done = true;
  *code = NULL;
  write_functions(graph, tier, &written);
  join(&written, tier, &source);
  *facts = (RowCodesFacts){.functions = (int)written.functions.count,
                           .source_bytes = (int64_t)source.size};
  for (size_t i = 0; i < graph->nodes.count; i++) facts->groups += written.function[i] >= 0;
  facts->emit_ns = clock_now() - begin;
  if (facts->functions) {
    CodeRequest request = {label, text_span(&source).data};
    done = compiler_make(compiler, &request, 1, code, &facts->code, error) &&
           give_code(graph, &written, *code, error);
    if (!done) {
      code_unload(*code);
      *code = NULL;
    }
  }
  text_free(&source);
  free_written(&written);
  return done;
}
