// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_forward.h"
#include <stdatomic.h>

enum {
  UNIT_ROWS = 96,
  LARGE_UNIT_ROWS = 128,
  ROUND_BYTES = 16 << 20 // of packed heads, if more than one
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// A large block of the stage is cut into even units; small ones are taken together.
static FlashUnits units_of(const ScoreStage *stage) {
  FlashUnits units = {.outer_rows = stage->block_rows};
  int64_t rows = stage->unit_rows ? stage->unit_rows : UNIT_ROWS;
  int64_t most = stage->unit_rows ? stage->unit_rows : LARGE_UNIT_ROWS;
  if (units.outer_rows <= rows / 2) units.outer_rows *= rows / units.outer_rows;
  units.parts = (units.outer_rows + most - 1) / most;
  units.rows = (units.outer_rows + units.parts - 1) / units.parts;
  units.per_head = (stage->queries + units.outer_rows - 1) / units.outer_rows * units.parts;
  return units;
}

// One thread's scratch.
typedef struct {
  FlashWorkspace workspace;
  FlashStrip strips[FLASH_MOST_UNIT_ROWS];
  KeyRuns runs[FLASH_MOST_UNIT_ROWS];
  float largest[FLASH_MOST_UNIT_ROWS], sum[FLASH_MOST_UNIT_ROWS];
  float *queries, *values; // [FLASH_MOST_UNIT_ROWS][head_dim], [..][value_dim]
} Scratch;

static PackedShape shape_of(const AttentionProblem *problem, const ScoreStage *stage) {
  return packed_shape(problem->keys, problem->head_dim, stage->key_block);
}

static int64_t thread_bytes(int64_t stage_scratch, const PackedShape *shape) {
  int64_t floats =
      FLASH_MOST_UNIT_ROWS * (round_up(shape->head_dim, MATRIX_PANEL) + shape->value_dim);
  return round_up((int64_t)sizeof(Scratch), MATRIX_ALIGNMENT) + floats * (int64_t)sizeof(float) +
         flash_workspace_bytes(stage_scratch, shape);
}

static int64_t heads_of_round(const AttentionProblem *problem, const PackedShape *shape) {
  int64_t round = ROUND_BYTES / packed_head_bytes(shape);
  if (round < 1) round = 1;
  return smaller(round, problem->batch * problem->kv_heads);
}

int64_t flash_forward_bytes(const AttentionProblem *problem, const ScoreStage *stage, int threads) {
  PackedShape shape = shape_of(problem, stage);
  return heads_of_round(problem, &shape) * packed_head_bytes(&shape) +
         threads * thread_bytes(stage->scratch_bytes, &shape);
}

static Scratch *scratch_of(const FlashForward *forward, int thread) {
  return (Scratch *)(forward->scratch + thread * forward->thread_bytes);
}

static void start_scratch(const FlashForward *forward, int thread) {
  Scratch *scratch = scratch_of(forward, thread);
  const PackedShape *shape = &forward->shape;
  char *after = (char *)scratch + round_up((int64_t)sizeof *scratch, MATRIX_ALIGNMENT);
  scratch->queries = (float *)after;
  scratch->values =
      scratch->queries + FLASH_MOST_UNIT_ROWS * round_up(shape->head_dim, MATRIX_PANEL);
  scratch->workspace =
      flash_workspace_at(forward->kernels, forward->stage, shape,
                         scratch->values + FLASH_MOST_UNIT_ROWS * shape->value_dim);
}

void flash_forward_start(FlashForward *forward, const AttentionProblem *problem,
                         const ScoreStage *stage, const Kernels *kernels, Team *team,
                         void *memory) {
  *forward = (FlashForward){.problem = problem,
                            .stage = stage,
                            .kernels = kernels,
                            .team = team,
                            .shape = shape_of(problem, stage),
                            .units = units_of(stage),
                            .heads = memory};
  forward->round = heads_of_round(problem, &forward->shape);
  forward->thread_bytes = thread_bytes(stage->scratch_bytes, &forward->shape);
  forward->scratch = forward->heads + forward->round * packed_head_bytes(&forward->shape);
  for (int i = 0; i < team_size(team); i++) start_scratch(forward, i);
}

typedef struct {
  const FlashForward *forward;
  const AttentionOperands *operands;
  const AttentionResult *result;
  int64_t first, count; // key heads of this round
  _Atomic int64_t next; // unit that no thread has taken
} Round;

// The rest of a tensor at (batch, head): [rows, D].
static Tensor head_of(const Tensor *x, int64_t batch, int64_t head) {
  int64_t offset = batch * x->stride[0] + head * x->stride[1];
  return (Tensor){.dtype = x->dtype,
                  .rank = 2,
                  .shape = {x->shape[2], x->shape[3]},
                  .stride = {x->stride[2], x->stride[3]},
                  .data = (char *)x->data + offset * dtype_facts(x->dtype)->block_bytes};
}

static PackedHead packed_at(const Round *round, int64_t i) {
  const PackedShape *shape = &round->forward->shape;
  return packed_head_at(shape, round->forward->heads + i * packed_head_bytes(shape));
}

static void pack_task(void *context, int thread, int threads) {
  Round *round = context;
  const PackedShape *shape = &round->forward->shape;
  int64_t kv_heads = round->forward->problem->kv_heads;
  int64_t blocks = (shape->keys + shape->block - 1) / shape->block, unit;
  (void)thread, (void)threads;
  while ((unit = atomic_fetch_add(&round->next, 1)) < round->count * blocks) {
    int64_t pair = round->first + unit / blocks, begin = unit % blocks * shape->block;
    Tensor k = head_of(&round->operands->k, pair / kv_heads, pair % kv_heads);
    Tensor v = head_of(&round->operands->v, pair / kv_heads, pair % kv_heads);
    PackedHead head = packed_at(round, unit / blocks);
    packed_head_fill(shape, &head, round->forward->kernels, &k, &v, begin,
                     smaller(begin + shape->block, shape->keys));
  }
}

// Rows [query, last) of one head.
typedef struct {
  int64_t batch, head, query, last;
  PackedHead packed;
} Unit;

// Those of a key head follow one another; the last block of queries, which mostly has the most
// keys, comes first, so that threads end together.
static Unit unit_at(const Round *round, int64_t index) {
  const FlashForward *forward = round->forward;
  const AttentionProblem *problem = forward->problem;
  const FlashUnits *units = &forward->units;
  int64_t group = problem->heads / problem->kv_heads, per_pair = units->per_head * group;
  int64_t pair = round->first + index / per_pair;
  int64_t block = units->per_head - 1 - index % per_pair / group;
  int64_t outer = block / units->parts * units->outer_rows;
  Unit unit = {.batch = pair / problem->kv_heads,
               .head = pair % problem->kv_heads * group + index % group,
               .query = outer + block % units->parts * units->rows,
               .packed = packed_at(round, index / per_pair)};
  unit.last =
      smaller(unit.query + units->rows, smaller(outer + units->outer_rows, problem->queries));
  return unit;
}

static void load_queries(const FlashForward *forward, const Tensor *q, const Unit *unit,
                         float *queries) {
  int64_t dim = forward->problem->head_dim, bytes = dtype_facts(q->dtype)->block_bytes;
  for (int64_t i = unit->query; i < unit->last; i++) {
    float *row = queries + (i - unit->query) * dim;
    forward->kernels->widen(q->dtype, dim, (const char *)q->data + i * q->stride[0] * bytes, row);
    forward->kernels->scale(dim, row, (float)forward->problem->scale, row);
  }
}

// Even strips up to the end of the unit or of the stage's block.
static int rows_of_strip(const FlashForward *forward, int64_t query, int64_t last) {
  int64_t block = forward->stage->block_rows, most = forward->kernels->tile_rows;
  int64_t rows = smaller((query / block + 1) * block, last) - query;
  int64_t strips = (rows + most - 1) / most;
  return (int)((rows + strips - 1) / strips);
}

static int make_strips(const FlashForward *forward, const Unit *unit, Scratch *scratch) {
  int count = 0;
  for (int64_t query = unit->query; query < unit->last; count++) {
    int64_t row = query - unit->query;
    FlashStrip *strip = &scratch->strips[count];
    *strip = (FlashStrip){.batch = unit->batch,
                          .head = unit->head,
                          .query = query,
                          .rows = rows_of_strip(forward, query, unit->last),
                          .queries = scratch->queries + row * forward->shape.head_dim,
                          .total = {scratch->values + row * forward->shape.value_dim,
                                    scratch->largest + row, scratch->sum + row}};
    key_runs_start(&scratch->runs[count], forward->stage, unit->batch, unit->head, query,
                   strip->rows);
    query += strip->rows;
  }
  return count;
}

static void attend(const FlashForward *forward, const Unit *unit, Scratch *scratch, int strips) {
  const PackedShape *shape = &forward->shape;
  KeyStretch stretch;
  for (int64_t end = shape->block; end < shape->keys + shape->block; end += shape->block)
    for (int i = 0; i < strips; i++)
      while (key_runs_next(&scratch->runs[i], end, &stretch))
        flash_strip_attend(&scratch->strips[i], &scratch->workspace, &unit->packed, &stretch);
}

static void finish(const Round *round, const Unit *unit, Scratch *scratch, int strips) {
  const AttentionProblem *problem = round->forward->problem;
  Tensor out = head_of(&round->result->out, unit->batch, unit->head);
  int64_t bytes = dtype_facts(out.dtype)->block_bytes;
  for (int i = 0; i < strips; i++) {
    FlashStrip *strip = &scratch->strips[i];
    int64_t row = (unit->batch * problem->heads + unit->head) * problem->queries + strip->query;
    flash_strip_finish(strip, &scratch->workspace, out.dtype,
                       (char *)out.data + strip->query * out.stride[0] * bytes, out.stride[0],
                       round->result->lse ? round->result->lse + row : NULL);
  }
}

static void attend_task(void *context, int thread, int threads) {
  Round *round = context;
  const FlashForward *forward = round->forward;
  Scratch *scratch = scratch_of(forward, thread);
  int64_t group = forward->problem->heads / forward->problem->kv_heads;
  int64_t units = round->count * forward->units.per_head * group, index;
  (void)threads;
  while ((index = atomic_fetch_add(&round->next, 1)) < units) {
    Unit unit = unit_at(round, index);
    Tensor q = head_of(&round->operands->q, unit.batch, unit.head);
    load_queries(forward, &q, &unit, scratch->queries);
    int strips = make_strips(forward, &unit, scratch);
    attend(forward, &unit, scratch, strips);
    finish(round, &unit, scratch, strips);
  }
}

void flash_forward_run(const FlashForward *forward, const AttentionOperands *operands,
                       const AttentionResult *result) {
  int64_t pairs = forward->problem->batch * forward->problem->kv_heads;
  Round round = {.forward = forward, .operands = operands, .result = result};
  for (; round.first < pairs; round.first += round.count) {
    round.count = smaller(forward->round, pairs - round.first);
    round.next = 0;
    team_run(forward->team, pack_task, &round);
    round.next = 0;
    team_run(forward->team, attend_task, &round);
  }
}
