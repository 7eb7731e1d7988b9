// SPDX-License-Identifier: Apache-2.0
// A run of operators that work row by row, as one node: a row goes through all of them before the
// next, and what only they use never reaches memory. What a group is, is said here; how it runs is
// code that the compiler writes for it (compile/row_code.h).
//
//   token   a row [C] of tensors [T, C], and the heads [heads, D] of tensors [batch, heads, M, D]
//   at
//           the same sequence and query. Where all members see the same heads of such tensors, each
//           head of a query is a token by itself (by_head)
//   slot    memory that the group reads or writes, as one view: inputs of the node, and last its
//           output
#pragma once
#include "graph/graph.h"
#include "graph/row_operator.h"

enum { ROW_GROUP_MEMBERS = 32, ROW_GROUP_SLOTS = OPERATOR_MAX_INPUTS + 1 };

// Rows of a token: `heads` of `columns` elements. What lies in a slot, or a part of what an earlier
// member made.
typedef struct {
  int slot;       // -1: a member's
  int member;     // -1: a slot's
  int64_t offset; // elements into the member's token
  int64_t heads, columns;
} RowUse;

typedef struct {
  const Operator *op;
  const void *attributes;
  RowUse inputs[ROW_ROLES]; // by role; of vectors, tables, destinations and past the slot alone
  int input_count;
  RowUse output; // slot: where it may lie, -1: nowhere, it stays within the group
  bool leaves;   // it is in its slot when the token is done; what else lies there is nobody's
} RowMember;

typedef struct {
  RowRole role;
  Dtype dtype;
  int64_t columns; // the last dimension
} RowGroupSlot;

typedef struct {
  bool by_head, makes;  // makes: a result, which is the last slot
  int64_t batch, heads; // sequences; of by_head tokens, else 1
  int slot_count;
  RowGroupSlot slots[ROW_GROUP_SLOTS];
  int member_count;
  RowMember members[ROW_GROUP_MEMBERS];
  Tensor output; // as the node makes it
} RowGroup;

// Where a slot lies; strides in bytes. Of a table, `query` is from one position to the next.
typedef struct {
  char *data;
  int64_t batch, head, query;
} RowSlot;

typedef struct {
  RowSlot slots[ROW_GROUP_SLOTS];
  int64_t queries; // of a sequence
} RowCall;

// Tokens [first, last), in the order sequence, head (by_head), query.
typedef void RowCode(const RowCall *call, int64_t first, int64_t last);

typedef struct {
  const RowGroup *group;
  RowCode *code; // NULL until it is compiled; then the node may run
} RowGroupAttributes;

extern const Operator row_group_operator;         // makes a result
extern const Operator row_group_through_operator; // writes through its first input

bool row_group_is(const GraphNode *node);
// Whether they do the same to other memory: one code serves both.
bool row_group_alike(const RowGroup *a, const RowGroup *b);
