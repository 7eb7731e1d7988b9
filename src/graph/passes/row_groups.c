// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/row_groups.h"

enum { MOST_LOCAL_BYTES = 96 << 10 }; // of what a token leaves between members, on a stack

// A value that the group touches.
typedef struct {
  int value;
  int member;    // that made or overwrote it last
  GraphUse home; // all of it as it was made, or the one view through which it is overwritten
  bool made, destination;
} Touched;

// A group while it grows: nodes [first, first + group.member_count).
typedef struct {
  Graph *graph;
  int first;
  RowGroup group;
  GraphUse uses[ROW_GROUP_SLOTS];
  Touched touched[ROW_GROUP_SLOTS * 2];
  int touched_count;
  int value[ROW_GROUP_MEMBERS]; // that each member makes or overwrites
  int64_t tokens, queries;      // 0: not known yet
  int64_t local_bytes;
} Forming;

static Touched *find_touched(Forming *forming, int value) {
  for (int i = 0; i < forming->touched_count; i++)
    if (forming->touched[i].value == value) return &forming->touched[i];
  return NULL;
}

static int add_slot(Forming *forming, const GraphUse *use, RowRole role) {
  RowGroup *group = &forming->group;
  const Tensor *view = &use->view;
  forming->uses[group->slot_count] = *use;
  group->slots[group->slot_count] = (RowGroupSlot){role, view->dtype, view->shape[view->rank - 1]};
  return group->slot_count++;
}

// The slot of a view, new or as before; -1: no room.
static int slot_for(Forming *forming, const GraphUse *use, RowRole role) {
  RowGroup *group = &forming->group;
  for (int i = 0; i < group->slot_count; i++)
    if (group->slots[i].role == role && graph_same_use(&forming->uses[i], use)) return i;
  if (group->slot_count == ROW_GROUP_SLOTS - 1) return -1;
  return add_slot(forming, use, role);
}

// All views of the value through which the group has read or written it are this one.
static bool seen_alike(const Forming *forming, const GraphUse *use) {
  for (int i = 0; i < forming->group.slot_count; i++)
    if (forming->uses[i].value == use->value && !graph_same_use(&forming->uses[i], use))
      return false;
  return true;
}

static bool seen(const Forming *forming, int value) {
  for (int i = 0; i < forming->group.slot_count; i++)
    if (forming->uses[i].value == value) return true;
  return false;
}

// Whether the rows of a view are tokens of the group, whose numbers it may be the first to tell.
static bool tokens_fit(Forming *forming, const Tensor *x) {
  if (x->dtype != DTYPE_F32 || x->stride[x->rank - 1] != 1 || (x->rank != 2 && x->rank != 4))
    return false;
  int64_t tokens = x->rank == 4 ? x->shape[0] * x->shape[2] : x->shape[0];
  if (tokens < 1 || (forming->tokens && tokens != forming->tokens)) return false;
  if (x->rank == 4 && forming->queries && x->shape[2] != forming->queries) return false;
  forming->tokens = tokens;
  if (x->rank == 4) forming->queries = x->shape[2];
  return true;
}

static RowUse whole_rows(const Tensor *x) {
  return (RowUse){.heads = x->rank == 4 ? x->shape[1] : 1, .columns = x->shape[x->rank - 1]};
}

// Where the rows of a view lie in the token that a member made; false: across tokens.
static bool locate(const GraphUse *home, const GraphUse *use, RowUse *rows) {
  const Tensor *all = &home->view, *some = &use->view;
  *rows = whole_rows(some);
  if (graph_same_use(home, use)) return true;
  if (all->rank != 2 || home->offset != 0) return false;
  int64_t width = all->shape[1], offset = use->offset / (int64_t)sizeof(float);
  if (some->rank == 2 && some->stride[0] == all->stride[0]) {
    rows->offset = offset;
    return offset + some->shape[1] <= width;
  }
  if (some->rank != 4 || some->stride[2] != all->stride[0] ||
      some->stride[0] != some->shape[2] * all->stride[0] || some->stride[1] != some->shape[3])
    return false;
  rows->offset = offset;
  return offset + some->shape[1] * some->shape[3] <= width;
}

static bool use_values(Forming *forming, const GraphUse *use, RowUse *rows) {
  const Touched *touched = find_touched(forming, use->value);
  if (!tokens_fit(forming, &use->view)) return false;
  if (touched && touched->destination) return false;
  if (touched) {
    bool inside =
        touched->made ? locate(&touched->home, use, rows) : graph_same_use(&touched->home, use);
    if (!touched->made) *rows = whole_rows(&use->view);
    rows->slot = -1;
    rows->member = touched->member;
    return inside;
  }
  *rows = whole_rows(&use->view);
  rows->member = -1;
  rows->slot = slot_for(forming, use, ROW_VALUES);
  return rows->slot >= 0;
}

// A vector, a table, a destination, the past: the slot alone.
static bool use_other(Forming *forming, const GraphUse *use, RowRole role, RowUse *rows) {
  bool unknown = role == ROW_DESTINATION ? seen(forming, use->value) : false;
  if (find_touched(forming, use->value) || unknown) return false;
  *rows = (RowUse){.member = -1, .slot = slot_for(forming, use, role)};
  return rows->slot >= 0;
}

// The number of sequences has to be that of `past`.
static bool past_fits(Forming *forming, const GraphUse *past) {
  int64_t batch = past->view.shape[0];
  if (batch < 1 || forming->tokens % batch) return false;
  int64_t queries = forming->tokens / batch;
  if (forming->queries && forming->queries != queries) return false;
  forming->queries = queries;
  return true;
}

static void touch(Forming *forming, const GraphUse *home, int member, bool made, bool destination) {
  Touched *touched = find_touched(forming, home->value);
  if (touched) {
    touched->member = member;
    return;
  }
  forming->touched[forming->touched_count++] =
      (Touched){home->value, member, *home, made, destination};
}

// What the node writes: something new, its first input, or a destination.
static bool take_output(Forming *forming, const GraphNode *node, RowMember *member, int index) {
  int written = node->op->written;
  RowUse rows = whole_rows(&node->output.view);
  forming->value[index] = node->output.value;
  member->output = (RowUse){-1, index, 0, rows.heads, rows.columns};
  if (written < 0) {
    forming->local_bytes += rows.heads * rows.columns * (int64_t)sizeof(float);
    if (!tokens_fit(forming, &node->output.view)) return false;
    touch(forming, &node->output, index, true, false);
    return forming->local_bytes <= MOST_LOCAL_BYTES;
  }
  const GraphUse *use = &node->inputs[written];
  if (written > 0) { // a destination
    member->output = (RowUse){.slot = -1, .member = -1};
    touch(forming, use, index, false, true);
    return true;
  }
  const Touched *touched = find_touched(forming, use->value);
  if (touched ? !graph_same_use(&touched->home, use) : !seen_alike(forming, use)) return false;
  touch(forming, use, index, false, false);
  return true;
}

static bool take_inputs(Forming *forming, const RowOperator *row, const GraphNode *node,
                        RowMember *member) {
  for (int i = 0; i < node->input_count; i++) {
    bool fine = row->roles[i] == ROW_VALUES
                    ? use_values(forming, &node->inputs[i], &member->inputs[i])
                    : use_other(forming, &node->inputs[i], row->roles[i], &member->inputs[i]);
    if (!fine || (row->roles[i] == ROW_PAST && !past_fits(forming, &node->inputs[i]))) return false;
  }
  return true;
}

// false: the node does not belong to the group, which is then as it was before.
static bool take_node(Forming *forming, int index) {
  const GraphNode *node = &forming->graph->nodes.items[index];
  const RowOperator *row = row_operator_find(node->op, node->attributes);
  RowGroup *group = &forming->group;
  if (!row || group->member_count == ROW_GROUP_MEMBERS) return false;
  Forming before = *forming;
  RowMember *member = &group->members[group->member_count];
  *member =
      (RowMember){.op = node->op, .attributes = node->attributes, .input_count = node->input_count};
  if (take_inputs(forming, row, node, member) &&
      take_output(forming, node, member, group->member_count)) {
    group->member_count++;
    return true;
  }
  *forming = before;
  return false;
}

// Whether anybody outside the group [first, last) uses the value.
static bool used_outside(const Graph *graph, int value, int first, int last) {
  for (int i = 0; i < (int)graph->nodes.count; i++)
    if ((i < first || i >= last) && graph_reads(&graph->nodes.items[i], value)) return true;
  for (size_t i = 0; i < graph->outputs.count; i++)
    if (graph->outputs.items[i].value == value) return true;
  return false;
}

// The slot that the last version of a value is stored to; of a new one it is made here.
static int stored_slot(Forming *forming, const Touched *touched) {
  RowGroup *group = &forming->group;
  if (!touched->made) return slot_for(forming, &touched->home, ROW_VALUES);
  if (!used_outside(forming->graph, touched->value, forming->first,
                    forming->first + group->member_count))
    return -1;
  return add_slot(forming, &touched->home, ROW_VALUES);
}

static void swap_slots(Forming *forming, int a, int b) {
  RowGroup *group = &forming->group;
  GraphUse use = forming->uses[a];
  RowGroupSlot slot = group->slots[a];
  forming->uses[a] = forming->uses[b];
  group->slots[a] = group->slots[b];
  forming->uses[b] = use;
  group->slots[b] = slot;
  for (int i = 0; i < group->member_count; i++) {
    RowMember *member = &group->members[i];
    for (int j = 0; j <= member->input_count; j++) {
      RowUse *rows = j < member->input_count ? &member->inputs[j] : &member->output;
      if (rows->slot == a)
        rows->slot = b;
      else if (rows->slot == b)
        rows->slot = a;
    }
  }
}

// What leaves the group, by slot: written; and of those what the group makes.
typedef struct {
  uint32_t written, made;
} Leaving;

static void set_slot(Forming *forming, const Touched *touched, int slot) {
  for (int i = 0; i < forming->group.member_count; i++)
    if (forming->value[i] == touched->value) forming->group.members[i].output.slot = slot;
  forming->group.members[touched->member].leaves = true;
}

static bool find_leaving(Forming *forming, Leaving *leaving) {
  *leaving = (Leaving){0, 0};
  for (int i = 0; i < forming->touched_count; i++) {
    const Touched *touched = &forming->touched[i];
    if (touched->destination) {
      leaving->written |= 1u << slot_for(forming, &touched->home, ROW_DESTINATION);
      continue;
    }
    if (forming->group.slot_count == ROW_GROUP_SLOTS) return false;
    int slot = stored_slot(forming, touched);
    if (slot < 0) continue;
    set_slot(forming, touched, slot);
    leaving->written |= 1u << slot;
    if (touched->made) leaving->made |= 1u << slot;
  }
  return leaving->written != 0;
}

static bool by_head(const Forming *forming, int64_t *heads) {
  const RowGroup *group = &forming->group;
  *heads = 0;
  for (int i = 0; i < group->slot_count; i++) {
    const Tensor *x = &forming->uses[i].view;
    if (group->slots[i].role != ROW_VALUES) continue;
    if (x->rank != 4 || (*heads && x->shape[1] != *heads)) return false;
    *heads = x->shape[1];
  }
  for (int i = 0; i < forming->touched_count; i++)
    if (forming->touched[i].made && (forming->touched[i].home.view.rank != 4 ||
                                     forming->touched[i].home.view.shape[1] != *heads))
      return false;
  return *heads > 0;
}

static void set_tokens(Forming *forming) {
  RowGroup *group = &forming->group;
  int64_t heads;
  if (!forming->queries) forming->queries = forming->tokens; // rows alone: one sequence
  group->batch = forming->tokens / forming->queries;
  group->by_head = by_head(forming, &heads);
  group->heads = group->by_head ? heads : 1;
  for (int i = 0; group->by_head && i < group->member_count; i++) {
    RowMember *member = &group->members[i];
    member->output.heads = 1;
    for (int j = 0; j < member->input_count; j++) member->inputs[j].heads = 1;
  }
}

// The group as a node. What it makes comes last, or else what it writes through comes first.
static GraphNode node_of(Forming *forming, Leaving leaving) {
  RowGroup *group = &forming->group;
  group->makes = leaving.made != 0;
  int chosen = __builtin_ctz(leaving.made ? leaving.made : leaving.written);
  int place = group->makes ? group->slot_count - 1 : 0;
  bool place_written = leaving.written >> place & 1;
  swap_slots(forming, chosen, place);
  leaving.written &= ~(1u << chosen | 1u << place);
  if (chosen != place && place_written) leaving.written |= 1u << chosen;
  group->output = forming->uses[place].view;
  RowGroupAttributes attributes = {graph_keep(forming->graph, group, sizeof *group), NULL};
  GraphNode node = {.op = group->makes ? &row_group_operator : &row_group_through_operator,
                    .also_written = leaving.written,
                    .input_count = group->slot_count - group->makes,
                    .attributes = graph_keep(forming->graph, &attributes, sizeof attributes),
                    .output = forming->uses[place]};
  node.inputs =
      graph_keep(forming->graph, forming->uses, (size_t)node.input_count * sizeof *node.inputs);
  return node;
}

// The group takes the place of its last node; the results of the others are made there too.
static void replace(Forming *forming, const GraphNode *node, bool *removed) {
  Graph *graph = forming->graph;
  int last = forming->first + forming->group.member_count - 1;
  for (int i = forming->first; i < last; i++) {
    GraphValue *value = &graph->values.items[graph->nodes.items[i].output.value];
    removed[i] = true;
    if (value->kind == VALUE_RESULT && value->node == i) value->node = last;
  }
  graph->nodes.items[last] = *node;
}

// Results that stay within the group are values of no node.
static void forget_local(Forming *forming) {
  for (int i = 0; i < forming->touched_count; i++) {
    const Touched *touched = &forming->touched[i];
    if (touched->made && !forming->group.members[touched->member].leaves)
      forming->graph->values.items[touched->value].node = -1;
  }
}

static bool is_row_operator(const Graph *graph, int index) {
  if (index >= (int)graph->nodes.count) return false;
  const GraphNode *node = &graph->nodes.items[index];
  return row_operator_find(node->op, node->attributes) != NULL;
}

static bool form(Graph *graph, int first, bool *removed, int *after) {
  *after = first + 1;
  if (!is_row_operator(graph, first) || !is_row_operator(graph, first + 1)) return false;
  Forming *forming = memory_allocate(sizeof *forming);
  *forming = (Forming){.graph = graph, .first = first};
  int next = first;
  Leaving leaving;
  while (next < (int)graph->nodes.count && take_node(forming, next)) next++;
  bool formed = forming->group.member_count > 1 && find_leaving(forming, &leaving);
  if (formed) {
    set_tokens(forming);
    forget_local(forming);
    GraphNode node = node_of(forming, leaving);
    replace(forming, &node, removed);
  }
  *after = next > first ? next : first + 1;
  memory_free(forming);
  return formed;
}

int row_groups_form(Graph *graph) {
  bool *removed = memory_allocate(graph->nodes.count + 1);
  int count = 0, after;
  for (int i = 0; i < (int)graph->nodes.count; i = after) count += form(graph, i, removed, &after);
  graph_remove_nodes(graph, removed);
  memory_free(removed);
  return count;
}
