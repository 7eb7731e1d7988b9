// SPDX-License-Identifier: Apache-2.0
// A graph for people: as text, a line a node, and as Graphviz.
#pragma once
#include "base/text.h"
#include "graph/graph.h"

//   3  rms_norm      r7 = e0 [1, 576], e1 [576]
//
// e: memory of the caller, r: a result; what a node writes through stands before "=" too. Members
// of row groups stand below their group. Outputs are in the last line.
void graph_text_append(const Graph *graph, Text *text);
// A digraph: operators are boxes, results the arrows between them; memory of the caller that nodes
// write (caches) are ellipses, other such memory (weights) is left out.
void graph_dot_append(const Graph *graph, const char *name, Text *text);
