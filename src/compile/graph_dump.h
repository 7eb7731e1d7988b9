// SPDX-License-Identifier: Apache-2.0
// Graphs written to files as they are compiled: for each graph and step a text and a Graphviz file,
//
//   FOLDER/PREFIXdecode-batch-1-choices-00-traced.txt, .dot      and so on, pass by pass
#pragma once
#include "compile/compiled_graph.h"

typedef enum {
  GRAPH_DUMP_NONE,
  GRAPH_DUMP_BEFORE,
  GRAPH_DUMP_AFTER,
  GRAPH_DUMP_ALL
} GraphDumpWhich;

typedef struct {
  GraphDumpWhich which;
  const char *folder, *prefix; // the caller's
  int step, files;             // of the graph at hand; written so far
  Error problem;               // the first; a file that cannot be written costs no run
} GraphDump;

GraphDump graph_dump(GraphDumpWhich which, const char *folder, const char *prefix);
// "before", "after", "all"; NULL is none.
CHECKED bool graph_dump_by_name(const char *name, GraphDumpWhich *which);
const char *graph_dump_name(GraphDumpWhich which); // NULL: none
// A listener of compiled graphs; `context` is the GraphDump.
void graph_dump_listen(void *context, const char *label, const char *step, const Graph *graph);
