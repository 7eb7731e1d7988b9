// SPDX-License-Identifier: Apache-2.0
#include "graph/row_group.h"
#include "kernels/operators/rows.h"
#include <string.h>

enum { SMALL_WORK = 16384 }; // elements times members: sooner done than a team has gathered

bool row_group_is(const GraphNode *node) {
  return node->op == &row_group_operator || node->op == &row_group_through_operator;
}

static bool same_rows(const RowUse *a, const RowUse *b) {
  return a->slot == b->slot && a->member == b->member && a->offset == b->offset &&
         a->heads == b->heads && a->columns == b->columns;
}

static bool same_member(const RowMember *a, const RowMember *b) {
  if (a->op != b->op || a->input_count != b->input_count || a->leaves != b->leaves ||
      !same_rows(&a->output, &b->output))
    return false;
  for (int i = 0; i < a->input_count; i++)
    if (!same_rows(&a->inputs[i], &b->inputs[i])) return false;
  size_t size = a->op->attributes_size;
  return size == 0 || memcmp(a->attributes, b->attributes, size) == 0;
}

bool row_group_alike(const RowGroup *a, const RowGroup *b) {
  if (a->by_head != b->by_head || a->heads != b->heads || a->slot_count != b->slot_count ||
      a->member_count != b->member_count)
    return false;
  for (int i = 0; i < a->slot_count; i++)
    if (a->slots[i].role != b->slots[i].role || a->slots[i].dtype != b->slots[i].dtype ||
        a->slots[i].columns != b->slots[i].columns)
      return false;
  for (int i = 0; i < a->member_count; i++)
    if (!same_member(&a->members[i], &b->members[i])) return false;
  return true;
}

static const RowGroup *group_of(const void *attributes) {
  return ((const RowGroupAttributes *)attributes)->group;
}

static bool makes_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                        Error *error) {
  (void)inputs;
  const RowGroup *group = group_of(attributes);
  *output = tensor_dense(group->output.dtype, group->output.rank, group->output.shape, NULL);
  return rows_check_count(count, group->slot_count - 1, group->slot_count - 1, error);
}

static bool through_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                          Error *error) {
  (void)inputs, (void)output;
  const RowGroup *group = group_of(attributes);
  return rows_check_count(count, group->slot_count, group->slot_count, error);
}

// A group that makes a result has its output in the last slot, behind the inputs.
static const Tensor *tensor_of(const RowGroup *group, const Tensor *inputs, const Tensor *output,
                               int slot) {
  return group->makes && slot == group->slot_count - 1 ? output : &inputs[slot];
}

// Rows of any slot: all have as many tokens.
static const Tensor *any_values(const RowGroup *group, const Tensor *inputs, const Tensor *output) {
  int slot = 0;
  while (group->slots[slot].role != ROW_VALUES) slot++;
  return tensor_of(group, inputs, output, slot);
}

static int64_t queries_of(const RowGroup *group, const Tensor *values) {
  return values->rank == 4 ? values->shape[2] : values->shape[0] / group->batch;
}

static RowSlot slot_of(const Tensor *x, RowRole role, int64_t queries) {
  int64_t bytes = dtype_facts(x->dtype)->block_bytes;
  RowSlot slot = {.data = x->data};
  if (x->rank == 4) {
    slot.batch = x->stride[0] * bytes;
    slot.head = x->stride[1] * bytes;
    slot.query = x->stride[2] * bytes;
  } else if (role == ROW_VALUES || role == ROW_TABLE) {
    slot.query = x->stride[0] * bytes;
    slot.batch = slot.query * queries;
  }
  return slot;
}

static void group_part(const OperatorPart *part, const Tensor *inputs, int count,
                       const void *attributes, Tensor *output) {
  (void)count;
  const RowGroup *group = group_of(attributes);
  int64_t first, last;
  RowCall call = {.queries = queries_of(group, any_values(group, inputs, output))};
  team_share(group->batch * group->heads * call.queries, 1, part->thread, part->threads, &first,
             &last);
  if (first >= last) return;
  for (int i = 0; i < group->slot_count; i++)
    call.slots[i] =
        slot_of(tensor_of(group, inputs, output, i), group->slots[i].role, call.queries);
  ((const RowGroupAttributes *)attributes)->code(&call, first, last);
}

static bool group_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  const RowGroup *group = group_of(attributes);
  int64_t elements = 0;
  for (int i = 0; i < group->slot_count; i++)
    if (group->slots[i].role == ROW_VALUES)
      elements += tensor_elements(tensor_of(group, inputs, output, i));
  int64_t queries = queries_of(group, any_values(group, inputs, output));
  return group->batch * group->heads * queries == 1 || elements * group->member_count < SMALL_WORK;
}

const Operator row_group_operator = {.name = "row_group",
                                     .attributes_size = sizeof(RowGroupAttributes),
                                     .written = -1,
                                     .infer = makes_infer,
                                     .part = group_part,
                                     .small = group_small};
const Operator row_group_through_operator = {.name = "row_group_through",
                                             .attributes_size = sizeof(RowGroupAttributes),
                                             .written = 0,
                                             .infer = through_infer,
                                             .part = group_part,
                                             .small = group_small};
