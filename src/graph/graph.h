// SPDX-License-Identifier: Apache-2.0
// A step of a model as operators over values: what a trace records, passes change, and the compiler
// turns into a program.
//
//   value   inputs and constants have an address of their own (weights, caches, ids: the same
//   memory
//           in every run); a result has none until the memory plan gives it one
//   use     how a node sees a value: shape, strides, and where in it the view begins
//   node    an operator with its attributes; it makes a result, or writes through one of its
//   inputs.
//           Further results are inputs that it writes through and that nobody wrote before
//
// Nodes are in an order that is right to run. Those that write through an input (a cache, scores in
// place) keep their place among the nodes that touch the same value: graph_order says which.
#pragma once
#include "base/array.h"
#include "kernels/ops.h"

typedef enum {
  VALUE_EXTERNAL, // memory that the caller owns: read, or written through (a cache)
  VALUE_RESULT    // made by a node, dead after its last use
} ValueKind;

typedef struct {
  ValueKind kind;
  void *address; // of an external value
  int64_t bytes; // of a result; of an external one the end of what uses see of it
  int node;      // of a result: the node that makes it; -1: removed
} GraphValue;

typedef struct {
  int value;
  int64_t offset; // bytes
  Tensor view;    // its data is NULL
} GraphUse;

typedef struct {
  const Operator *op;
  GraphUse *inputs; // [input_count], in the graph's arena
  int input_count;
  uint32_t also_written;  // bit i: it writes through input i; the operator's own among them
  const void *attributes; // operator->attributes_size bytes in the graph's arena
  GraphUse output;        // of an operator that writes through: the input it writes
} GraphNode;

typedef struct {
  Arena *arena;
  ARRAY_OF(GraphValue) values;
  ARRAY_OF(GraphNode) nodes;
  ARRAY_OF(GraphUse) outputs; // what the caller reads after a run
} Graph;

Graph *graph_open(void);
void graph_close(Graph *graph); // NULL is fine

// The value of that memory, made when it is not there.
int graph_external(Graph *graph, void *address, int64_t bytes);
// A new result of `bytes`, to be made by the next node.
int graph_result(Graph *graph, int64_t bytes);
// Appends a node; inputs and attributes are copied.
void graph_append(Graph *graph, const GraphNode *node);

// Whether the node writes the value (makes it, or writes through).
bool graph_writes(const GraphNode *node, int value);
bool graph_reads(const GraphNode *node, int value);
// The first node from `from` on, before `to`, that writes the value; -1: none.
int graph_written_between(const Graph *graph, int value, int from, int to);
bool graph_same_use(const GraphUse *a, const GraphUse *b);
// How many nodes and outputs use the value.
int graph_use_count(const Graph *graph, int value);
// Of a result that its maker alone writes: the one node that uses it, seeing all of it as it was
// made; -1: several do, or an output, or only a part is seen, or somebody writes through it.
int graph_only_user(const Graph *graph, int value);
// The node that makes the value, when it is of that operator; -1: another, or the caller's memory.
int graph_made_by(const Graph *graph, int value, const Operator *op);
// A copy for a node, kept as long as the graph: of attributes, of inputs.
void *graph_keep(Graph *graph, const void *bytes, size_t size);
// Checks what every pass promises: uses name values that exist and that an earlier node made, views
// lie inside them, every operator accepts its inputs and gives the shape that is recorded.
CHECKED bool graph_check(const Graph *graph, Error *error);
// Removes the nodes whose flag is set, keeping the order; values stay.
void graph_remove_nodes(Graph *graph, const bool *removed);
