// SPDX-License-Identifier: Apache-2.0
#include "compile/row_loops.h"
#include "kernels/operators/operators.h"

static int phases_of(const Operator *op, RowPhase phases[ROW_PHASES]) {
  int count = 0;
  if (op == &layer_norm_operator) phases[count++] = ROW_SUM;
  if (op == &layer_norm_operator || op == &rms_norm_operator) phases[count++] = ROW_SQUARES;
  if (op == &softmax_operator) phases[count++] = ROW_LARGEST;
  if (op == &softmax_operator) phases[count++] = ROW_EXPONENTIAL;
  phases[count++] = ROW_MAP;
  return count;
}

typedef struct {
  const RowGroup *group;
  RowLoops *loops;
} Making;

static RowNest *last_nest(const Making *making) {
  return &making->loops->nests[making->loops->nest_count - 1];
}

static RowLoop *last_loop(const Making *making) {
  return &making->loops->loops[making->loops->loop_count - 1];
}

static void begin_nest(const Making *making, const RowUse *rows) {
  RowLoops *loops = making->loops;
  loops->nests[loops->nest_count++] = (RowNest){.heads = rows->heads,
                                                .columns = rows->columns,
                                                .first = loops->loop_count,
                                                .last = loops->loop_count,
                                                .mask = -1};
}

static void begin_loop(const Making *making) {
  RowLoops *loops = making->loops;
  loops->loops[loops->loop_count++] = (RowLoop){loops->step_count, loops->step_count, 0};
  last_nest(making)->last = loops->loop_count;
}

// A mask limits the columns of its nest where nothing but scale, mask, softmax of the same rows is
// there: these write all that they leave out.
static bool nest_takes(const Making *making, int member) {
  const RowNest *nest = last_nest(making);
  const RowMember *m = &making->group->members[member];
  return nest->mask < 0 || (m->op == &softmax_operator && m->inputs[0].member == nest->mask);
}

// Whether the softmax of what this mask leaves comes next, and only scales of it came before.
static bool mask_may_limit(const Making *making, int member) {
  const RowGroup *group = making->group;
  const RowNest *nest = last_nest(making);
  if (member + 1 >= group->member_count) return false;
  const RowMember *next = &group->members[member + 1];
  if (next->op != &softmax_operator || next->inputs[0].member != member) return false;
  int reader = member;
  for (int loop = nest->last - 1; loop >= nest->first; loop--)
    for (int step = making->loops->loops[loop].last - 1; step >= making->loops->loops[loop].first;
         step--) {
      int before = making->loops->steps[step].member;
      if (group->members[before].op != &scale_operator ||
          group->members[reader].inputs[0].member != before)
        return false;
      reader = before;
    }
  return true;
}

static const RowUse *rows_of(const RowMember *member) {
  return &member->inputs[0];
}

static void open_nest(const Making *making, int member) {
  const RowUse *rows = rows_of(&making->group->members[member]);
  const RowLoops *loops = making->loops;
  if (loops->nest_count && last_nest(making)->heads == rows->heads &&
      last_nest(making)->columns == rows->columns && nest_takes(making, member))
    return;
  begin_nest(making, rows);
  begin_loop(making);
}

static bool has_step(const Making *making, const Operator *op) {
  const RowLoop *loop = last_loop(making);
  for (int i = loop->first; i < loop->last; i++)
    if (making->group->members[making->loops->steps[i].member].op == op) return true;
  return false;
}

// Masks and softmaxes look at single columns in order; a rotation pairs them.
static int64_t half_of(const Making *making, int member) {
  const RowMember *m = &making->group->members[member];
  if (m->op != &rope_operator) return 0;
  return making->group->slots[m->inputs[1].slot].columns;
}

static void fit_loop(const Making *making, int member) {
  const Operator *op = making->group->members[member].op;
  RowLoop *loop = last_loop(making);
  int64_t half = half_of(making, member);
  bool ordered = op == &mask_operator || op == &softmax_operator;
  if (half &&
      (loop->half ? loop->half != half
                  : has_step(making, &mask_operator) || has_step(making, &softmax_operator)))
    begin_loop(making);
  if (ordered && loop->half) begin_loop(making);
  if (half) last_loop(making)->half = half;
}

static void add_step(const Making *making, int member, RowPhase phase) {
  RowLoops *loops = making->loops;
  loops->steps[loops->step_count++] = (RowStep){member, phase};
  last_loop(making)->last = loops->step_count;
}

static void add_member(const Making *making, int member) {
  RowPhase phases[ROW_PHASES];
  RowLoops *loops = making->loops;
  const Operator *op = making->group->members[member].op;
  int count = phases_of(op, phases);
  open_nest(making, member);
  fit_loop(making, member);
  if (op == &mask_operator && mask_may_limit(making, member)) last_nest(making)->mask = member;
  for (int i = 0; i < count; i++) {
    if (i > 0) begin_loop(making);
    add_step(making, member, phases[i]);
  }
  loops->loop_of[member] = loops->loop_count - 1;
  loops->nest_of[member] = loops->nest_count - 1;
}

// The first phase of a member reads its rows in the loop of that phase.
static void find_kept(const Making *making) {
  RowLoops *loops = making->loops;
  for (int loop = 0; loop < loops->loop_count; loop++)
    for (int i = loops->loops[loop].first; i < loops->loops[loop].last; i++) {
      const RowMember *member = &making->group->members[loops->steps[i].member];
      for (int j = 0; j < member->input_count; j++) {
        int made = member->inputs[j].member;
        if (made >= 0 && loops->loop_of[made] != loop) loops->kept[made] = true;
      }
    }
}

void row_loops_make(const RowGroup *group, RowLoops *loops) {
  Making making = {group, loops};
  *loops = (RowLoops){0};
  for (int i = 0; i < group->member_count; i++) add_member(&making, i);
  find_kept(&making);
}
