// SPDX-License-Identifier: Apache-2.0
#include "compile/graph_dump.h"
#include "base/file.h"
#include "graph/graph_text.h"
#include <ctype.h>
#include <string.h>

static const char *const names[] = {NULL, "before", "after", "all"};

GraphDump graph_dump(GraphDumpWhich which, const char *folder, const char *prefix) {
  return (GraphDump){.which = which, .folder = folder, .prefix = prefix};
}

bool graph_dump_by_name(const char *name, GraphDumpWhich *which) {
  *which = GRAPH_DUMP_NONE;
  for (size_t i = 1; name && i < COUNT_OF(names); i++)
    if (strcmp(names[i], name) == 0) *which = (GraphDumpWhich)i;
  return !name || *which != GRAPH_DUMP_NONE;
}

const char *graph_dump_name(GraphDumpWhich which) {
  return names[which];
}

static bool is_wanted(const GraphDump *dump, const char *step) {
  switch (dump->which) {
  case GRAPH_DUMP_BEFORE: return strcmp(step, COMPILED_GRAPH_FIRST_STEP) == 0;
  case GRAPH_DUMP_AFTER: return strcmp(step, COMPILED_GRAPH_LAST_STEP) == 0;
  default: return dump->which == GRAPH_DUMP_ALL;
  }
}

// What is no letter and no digit becomes a dash, several of them one.
static void append_plain(Text *name, const char *words) {
  for (; *words; words++) {
    bool plain = isalnum((unsigned char)*words);
    if (plain || (name->size && name->data[name->size - 1] != '-'))
      text_append_character(name, plain ? *words : '-');
  }
}

static void write_file(GraphDump *dump, const Text *name, const char *ending, const Text *content) {
  Text file = {0};
  Error error;
  text_append_format(&file, "%s.%s", name->data, ending);
  char *path = path_join(dump->folder, file.data);
  bool done = file_write_atomically(path, content->data, content->size, &error);
  if (done) dump->files++;
  if (!done && dump->problem.code == ERROR_NONE) dump->problem = error;
  memory_free(path);
  text_free(&file);
}

void graph_dump_listen(void *context, const char *label, const char *step, const Graph *graph) {
  GraphDump *dump = context;
  Text name = {0}, content = {0};
  dump->step = strcmp(step, COMPILED_GRAPH_FIRST_STEP) == 0 ? 0 : dump->step + 1;
  if (!is_wanted(dump, step)) return;
  Error error;
  if (!folder_make(dump->folder, &error) && dump->problem.code == ERROR_NONE) dump->problem = error;
  text_append_text(&name, dump->prefix);
  append_plain(&name, label);
  text_append_format(&name, "-%02d-%s", dump->step, step);
  graph_text_append(graph, &content);
  write_file(dump, &name, "txt", &content);
  text_clear(&content);
  graph_dot_append(graph, name.data, &content);
  write_file(dump, &name, "dot", &content);
  text_free(&content);
  text_free(&name);
}
