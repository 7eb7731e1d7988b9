// SPDX-License-Identifier: Apache-2.0
#include "graph/trace.h"
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

// Room for the results of any step; only addresses are spent.
#define RESERVED ((int64_t)1 << 40)
enum { RESULT_ALIGNMENT = 4096 };

typedef struct {
  Ops ops; // first: an Ops * of this form is a Trace *
  Graph *graph;
  char *reserved;
  int64_t used;
  ARRAY_OF(int64_t) begins; // of the results, in the reserved mapping, ascending
  ARRAY_OF(int) values;     // which value each is
} Trace;

static int64_t view_elements(const Tensor *x) {
  int64_t last = 0;
  for (int i = 0; i < x->rank; i++) {
    if (x->shape[i] == 0) return 0;
    last += (x->shape[i] - 1) * x->stride[i];
  }
  return last + 1;
}

static int64_t view_bytes(const Tensor *x) {
  int64_t bytes = 0;
  return dtype_bytes(x->dtype, view_elements(x), &bytes) ? bytes : 0;
}

// The last result that begins at or before the offset.
static size_t result_at(const Trace *trace, int64_t offset) {
  size_t low = 0, high = trace->begins.count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (trace->begins.items[middle] <= offset)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static GraphUse use_of(Trace *trace, const Tensor *tensor) {
  GraphUse use = {.view = *tensor};
  intptr_t offset = (char *)tensor->data - trace->reserved;
  use.view.data = NULL;
  if (offset >= 0 && offset < trace->used) {
    size_t result = result_at(trace, offset);
    use.value = trace->values.items[result];
    use.offset = offset - trace->begins.items[result];
  } else {
    use.value = graph_external(trace->graph, tensor->data, view_bytes(tensor));
  }
  return use;
}

// A new result, which gets addresses of its own.
static bool place(Trace *trace, Tensor *output) {
  int64_t bytes, end;
  if (!dtype_bytes(output->dtype, tensor_elements(output), &bytes) ||
      __builtin_add_overflow(trace->used, bytes + RESULT_ALIGNMENT, &end) || end > RESERVED)
    return error_set(&trace->ops.error, ERROR_MEMORY, NULL, "an activation is too large");
  *output = tensor_dense(output->dtype, output->rank, output->shape, trace->reserved + trace->used);
  ARRAY_APPEND(&trace->begins, trace->used);
  ARRAY_APPEND(&trace->values, graph_result(trace->graph, bytes));
  trace->used = end / RESULT_ALIGNMENT * RESULT_ALIGNMENT;
  return true;
}

static void trace_apply(Ops *ops, const Operator *op, const Tensor *inputs, int count,
                        const void *attributes, bool kept, Tensor *output) {
  Trace *trace = (Trace *)ops;
  GraphUse uses[OPERATOR_MAX_INPUTS];
  GraphNode node = {.op = op, .inputs = uses, .input_count = count, .attributes = attributes};
  (void)kept;
  for (int i = 0; i < count; i++) uses[i] = use_of(trace, &inputs[i]);
  if (op->written < 0 && !place(trace, output)) return;
  node.output = use_of(trace, output);
  graph_append(trace->graph, &node);
}

// How long a result lives is found from its uses.
static void trace_scope(Ops *ops) {
  (void)ops;
}

static const OpsForm trace_form = {"trace", trace_apply, trace_scope, trace_scope};

Ops *trace_open(Error *error) {
  void *reserved =
      mmap(NULL, (size_t)RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) {
    error_set_errno(error, "trace", "cannot reserve addresses");
    return NULL;
  }
  Trace *trace = memory_allocate(sizeof *trace);
  trace->ops.form = &trace_form;
  trace->reserved = reserved;
  trace->graph = graph_open();
  return &trace->ops;
}

void trace_close(Ops *ops) {
  if (!ops) return;
  Trace *trace = (Trace *)ops;
  munmap(trace->reserved, (size_t)RESERVED);
  graph_close(trace->graph);
  ARRAY_FREE(&trace->begins);
  ARRAY_FREE(&trace->values);
  memory_free(trace);
}

void trace_output(Ops *ops, const Tensor *tensor) {
  if (ops_failed(ops)) return;
  Trace *trace = (Trace *)ops;
  GraphUse use = use_of(trace, tensor);
  ARRAY_APPEND(&trace->graph->outputs, use);
}

Graph *trace_take(Ops *ops, Error *error) {
  Trace *trace = (Trace *)ops;
  bool fine = ops_finish(ops, error);
  Graph *graph = trace->graph;
  trace->graph = graph_open();
  trace->used = 0;
  trace->begins.count = trace->values.count = 0;
  if (fine && graph_check(graph, error)) return graph;
  graph_close(graph);
  return NULL;
}
