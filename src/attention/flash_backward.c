// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_backward.h"
#include "attention/head_rows.h"
#include <stdatomic.h>
#include <string.h>

enum { TASKS = 16 }; // at least, where there are as many blocks

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t blocks_of(int64_t count, int64_t block) {
  return (count + block - 1) / block;
}

static int64_t outer_blocks(const AttentionProblem *problem, const PairShape *shape,
                            FlashOrder order) {
  if (order == FLASH_OVER_KEYS) return blocks_of(problem->keys, shape->keys);
  return problem->heads / problem->kv_heads * blocks_of(problem->queries, shape->queries);
}

static int64_t splits_of(const AttentionProblem *problem, const PairShape *shape,
                         FlashOrder order) {
  int64_t pairs = problem->batch * problem->kv_heads;
  return smaller(blocks_of(TASKS, pairs), outer_blocks(problem, shape, order));
}

// Blocks of keys that a thread holds at a time.
static int64_t held_blocks(const AttentionProblem *problem, const PairShape *shape,
                           FlashOrder order) {
  return order == FLASH_OVER_KEYS ? 1 : blocks_of(problem->keys, shape->keys);
}

// Two blocks of rows hold q and dout; a third one dq, or two more of keys dk and dv.
static int64_t rows_bytes(const PairShape *shape, FlashOrder order) {
  return pair_rows_bytes(shape, order == FLASH_OVER_KEYS ? 2 * shape->queries + 2 * shape->keys
                                                         : 3 * shape->queries);
}

static int64_t thread_bytes(const AttentionProblem *problem, const PairShape *shape,
                            const ScoreStage *stage, FlashOrder order, const Kernels *kernels) {
  return pair_work_bytes(shape, kernels, stage) + rows_bytes(shape, order) +
         held_blocks(problem, shape, order) * key_block_bytes(shape);
}

static int64_t delta_floats(const AttentionProblem *problem) {
  int64_t rows = problem->batch * problem->heads * problem->queries;
  return blocks_of(rows, MATRIX_PANEL) * MATRIX_PANEL;
}

// Rows of sums in one split.
static int64_t sum_rows(const AttentionProblem *problem, FlashOrder order) {
  return order == FLASH_OVER_KEYS ? problem->batch * problem->heads * problem->queries
                                  : 2 * problem->batch * problem->kv_heads * problem->keys;
}

int64_t flash_backward_bytes(const AttentionProblem *problem, const ScoreStage *stage,
                             FlashOrder order, const Kernels *kernels, int threads) {
  PairShape shape = pair_shape(problem, stage);
  int64_t sums = splits_of(problem, &shape, order) * sum_rows(problem, order);
  return delta_floats(problem) * (int64_t)sizeof(float) + pair_rows_bytes(&shape, sums) +
         threads * thread_bytes(problem, &shape, stage, order, kernels);
}

void flash_backward_start(FlashBackward *backward, const AttentionProblem *problem,
                          const ScoreStage *stage, FlashOrder order, const Kernels *kernels,
                          Team *team, void *memory) {
  PairShape shape = pair_shape(problem, stage);
  *backward = (FlashBackward){.problem = problem,
                              .stage = stage,
                              .kernels = kernels,
                              .team = team,
                              .order = order,
                              .shape = shape,
                              .splits = splits_of(problem, &shape, order),
                              .thread_bytes = thread_bytes(problem, &shape, stage, order, kernels),
                              .delta = memory};
  backward->sums = backward->delta + delta_floats(problem);
  backward->scratch =
      (char *)backward->sums + pair_rows_bytes(&shape, backward->splits * sum_rows(problem, order));
}

typedef struct {
  const FlashBackward *backward;
  const AttentionOperands *operands;
  const AttentionResult *result;
  const Tensor *dout;
  const AttentionGradients *gradients;
  _Atomic int64_t next; // task that no thread has taken
} Job;

// Where one thread works.
typedef struct {
  const Job *job;
  PairWork pair;
  QueryBlock queries;
  KeyBlock keys;  // over keys: the block
  float *dk, *dv; // over keys: its sums
  char *held;     // over queries: all blocks of the head
} Bench;

static Bench bench_at(const Job *job, int thread) {
  const FlashBackward *backward = job->backward;
  const PairShape *shape = &backward->shape;
  char *memory = backward->scratch + thread * backward->thread_bytes;
  Bench bench = {
      .job = job,
      .pair = pair_work_at(shape, backward->problem, backward->kernels, backward->stage, memory)};
  memory += pair_work_bytes(shape, backward->kernels, backward->stage);
  bench.queries.q = (float *)memory;
  bench.queries.dout = bench.queries.q + shape->queries * shape->line;
  bench.queries.dq = bench.dk = bench.queries.dout + shape->queries * shape->line;
  bench.dv = bench.dk + shape->keys * shape->line;
  bench.held = memory + rows_bytes(shape, backward->order);
  bench.keys = key_block_at(shape, bench.held);
  return bench;
}

// One split of a key head with the query heads of its group.
typedef struct {
  int64_t batch, kv_head, split;
  int64_t first_head, last_head;
} Part;

static Part part_at(const FlashBackward *backward, int64_t index) {
  const AttentionProblem *problem = backward->problem;
  int64_t pair = index / backward->splits, group = problem->heads / problem->kv_heads;
  Part part = {.batch = pair / problem->kv_heads,
               .kv_head = pair % problem->kv_heads,
               .split = index % backward->splits};
  part.first_head = part.kv_head * group;
  part.last_head = part.first_head + group;
  return part;
}

// Sums of `rows` rows of each of `heads` heads: those of row 0 of (split, batch, head).
static float *sums_at(const FlashBackward *backward, int64_t split, int64_t batch, int64_t head,
                      int64_t heads, int64_t rows) {
  int64_t line = (split * backward->problem->batch + batch) * heads + head;
  return backward->sums + line * rows * backward->shape.line;
}

static size_t row_bytes(const FlashBackward *backward, int64_t rows) {
  return (size_t)pair_rows_bytes(&backward->shape, rows);
}

// A block of queries without its numbers, for pair_meet.
static void place_queries(Bench *bench, const Part *part, int64_t head, int64_t block) {
  const AttentionProblem *problem = bench->job->backward->problem;
  int64_t size = bench->pair.shape.queries;
  QueryBlock *queries = &bench->queries;
  queries->batch = part->batch;
  queries->head = head;
  queries->first = block * size;
  queries->count = smaller(size, problem->queries - queries->first);
  int64_t row = (part->batch * problem->heads + head) * problem->queries + queries->first;
  queries->lse = bench->job->result->lse + row;
  queries->delta = bench->job->backward->delta + row;
}

static void load_queries(const Bench *bench) {
  query_block_load(&bench->queries, &bench->pair.shape, bench->pair.kernels,
                   &bench->job->operands->q, bench->job->dout);
}

static void load_keys(const Bench *bench, const Part *part, int64_t index, KeyBlock *block) {
  int64_t size = bench->pair.shape.keys, first = index * size;
  key_block_load(block, &bench->pair.shape, bench->pair.kernels, bench->job->operands, part->batch,
                 part->kv_head, first, smaller(size, bench->job->backward->problem->keys - first));
}

// Blocks of queries [first, last) of a head against the block of keys that is loaded.
static void pass_blocks(Bench *bench, const Part *part, int64_t head, int64_t first, int64_t last) {
  const FlashBackward *backward = bench->job->backward;
  const AttentionProblem *problem = backward->problem;
  float *dq = sums_at(backward, part->split, part->batch, head, problem->heads, problem->queries);
  for (int64_t block = first; block < last; block++) {
    place_queries(bench, part, head, block);
    if (!pair_meet(&bench->pair, &bench->queries, &bench->keys)) continue;
    load_queries(bench);
    bench->queries.dq = dq + bench->queries.first * backward->shape.line;
    pair_run(&bench->pair, &bench->queries, &bench->keys);
  }
}

// All queries of the head that may see any of these keys.
static void pass_queries(Bench *bench, const Part *part, int64_t head) {
  const FlashBackward *backward = bench->job->backward;
  const ScoreStage *stage = backward->stage;
  const KeyBlock *keys = &bench->keys;
  int64_t size = backward->shape.queries, cursor = 0, done = 0;
  if (!stage || !stage->runs_of_keys) {
    pass_blocks(bench, part, head, 0, blocks_of(backward->problem->queries, size));
    return;
  }
  ScoreRun run;
  while (
      stage->runs_of_keys(stage, part->batch, head, keys->first, keys->count, &cursor, 1, &run)) {
    int64_t first = run.first / size, last = blocks_of(run.last, size);
    pass_blocks(bench, part, head, first > done ? first : done, last);
    done = last;
  }
}

static void store_keys(const Bench *bench, const Part *part) {
  const KeyBlock *keys = &bench->keys;
  const AttentionGradients *gradients = bench->job->gradients;
  const PairWork *pair = &bench->pair;
  head_rows_store(pair->kernels, &gradients->dk, part->batch, part->kv_head, keys->first,
                  keys->count, pair->scale, keys->dk, pair->shape.line);
  head_rows_store(pair->kernels, &gradients->dv, part->batch, part->kv_head, keys->first,
                  keys->count, 1.0f, keys->dv, pair->shape.line);
}

static void run_over_keys(Bench *bench, const Part *part) {
  const FlashBackward *backward = bench->job->backward;
  const AttentionProblem *problem = backward->problem;
  int64_t blocks = blocks_of(problem->keys, backward->shape.keys);
  float *dq = sums_at(backward, part->split, part->batch, part->first_head, problem->heads,
                      problem->queries);
  memset(dq, 0, row_bytes(backward, (part->last_head - part->first_head) * problem->queries));
  bench->keys.dk = bench->dk;
  bench->keys.dv = bench->dv;
  for (int64_t block = part->split; block < blocks; block += backward->splits) {
    load_keys(bench, part, block, &bench->keys);
    memset(bench->dk, 0, row_bytes(backward, backward->shape.keys));
    memset(bench->dv, 0, row_bytes(backward, backward->shape.keys));
    for (int64_t head = part->first_head; head < part->last_head; head++)
      pass_queries(bench, part, head);
    store_keys(bench, part);
  }
}

static float *dv_sums(const FlashBackward *backward) {
  int64_t rows = backward->splits * sum_rows(backward->problem, backward->order) / 2;
  return backward->sums + rows * backward->shape.line;
}

// The held block of that number, with its place in the sums.
static KeyBlock held_block(const Bench *bench, const Part *part, int64_t index) {
  const FlashBackward *backward = bench->job->backward;
  const AttentionProblem *problem = backward->problem;
  const PairShape *shape = &backward->shape;
  KeyBlock block = key_block_at(shape, bench->held + index * key_block_bytes(shape));
  block.first = index * shape->keys;
  block.count = smaller(shape->keys, problem->keys - block.first);
  block.dk =
      sums_at(backward, part->split, part->batch, part->kv_head, problem->kv_heads, problem->keys) +
      block.first * shape->line;
  block.dv = block.dk + (dv_sums(backward) - backward->sums);
  return block;
}

static void hold_keys(const Bench *bench, const Part *part) {
  const FlashBackward *backward = bench->job->backward;
  for (int64_t i = 0; i < blocks_of(backward->problem->keys, backward->shape.keys); i++) {
    KeyBlock block = held_block(bench, part, i);
    load_keys(bench, part, i, &block);
    memset(block.dk, 0, row_bytes(backward, block.count));
    memset(block.dv, 0, row_bytes(backward, block.count));
  }
}

// The queries that are placed against all keys of the head.
static void pass_keys(Bench *bench, const Part *part) {
  const FlashBackward *backward = bench->job->backward;
  memset(bench->queries.dq, 0, row_bytes(backward, bench->queries.count));
  load_queries(bench);
  for (int64_t i = 0; i < blocks_of(backward->problem->keys, backward->shape.keys); i++) {
    KeyBlock block = held_block(bench, part, i);
    if (pair_meet(&bench->pair, &bench->queries, &block))
      pair_run(&bench->pair, &bench->queries, &block);
  }
}

static void run_over_queries(Bench *bench, const Part *part) {
  const FlashBackward *backward = bench->job->backward;
  int64_t blocks = blocks_of(backward->problem->queries, backward->shape.queries);
  int64_t all = blocks * (part->last_head - part->first_head);
  hold_keys(bench, part);
  for (int64_t i = part->split; i < all; i += backward->splits) {
    place_queries(bench, part, part->first_head + i / blocks, i % blocks);
    pass_keys(bench, part);
    head_rows_store(backward->kernels, &bench->job->gradients->dq, part->batch, bench->queries.head,
                    bench->queries.first, bench->queries.count, bench->pair.scale,
                    bench->queries.dq, backward->shape.line);
  }
}

static void run_parts(void *context, int thread, int threads) {
  Job *job = context;
  const FlashBackward *backward = job->backward;
  int64_t count = backward->problem->batch * backward->problem->kv_heads * backward->splits, index;
  Bench bench = bench_at(job, thread);
  (void)threads;
  while ((index = atomic_fetch_add(&job->next, 1)) < count) {
    Part part = part_at(backward, index);
    (backward->order == FLASH_OVER_KEYS ? run_over_keys : run_over_queries)(&bench, &part);
  }
}

// Rows [begin, end) of all heads of a tensor, as (batch, head, row) one after another: `visit` for
// what lies in one head.
typedef void Visit(const Job *job, const Tensor *x, const float *sums, int64_t batch, int64_t head,
                   int64_t first, int64_t count);

static void visit_heads(const Job *job, const Tensor *x, const float *sums, int64_t begin,
                        int64_t end, Visit *visit) {
  int64_t rows = x->shape[2], heads = x->shape[1];
  for (int64_t at = begin, count; at < end; at += count) {
    count = smaller(end - at, rows - at % rows);
    visit(job, x, sums, at / rows / heads, at / rows % heads, at % rows, count);
  }
}

static void find_delta(const Job *job, const Tensor *out, const float *sums, int64_t batch,
                       int64_t head, int64_t first, int64_t count) {
  float *delta = job->backward->delta + (batch * out->shape[1] + head) * out->shape[2] + first;
  (void)sums;
  head_rows_dot(job->backward->kernels, out, job->dout, batch, head, first, count, delta);
}

static void run_delta(void *context, int thread, int threads) {
  const Job *job = context;
  const Tensor *out = &job->result->out;
  int64_t begin, end;
  team_share(out->shape[0] * out->shape[1] * out->shape[2], MATRIX_PANEL, thread, threads, &begin,
             &end);
  visit_heads(job, out, NULL, begin, end, find_delta);
}

// The sums of all splits, in order, added into those of the first.
static void add_splits(const Job *job, const Tensor *x, const float *sums, int64_t batch,
                       int64_t head, int64_t first, int64_t count) {
  const FlashBackward *backward = job->backward;
  int64_t line = backward->shape.line, heads = x->shape[0] * x->shape[1] * x->shape[2];
  int64_t at = ((batch * x->shape[1] + head) * x->shape[2] + first) * line;
  float *total = (float *)sums + at;
  for (int64_t split = 1; split < backward->splits; split++)
    backward->kernels->add(count * line, total, sums + split * heads * line + at, total);
  float scale = x == &job->gradients->dv ? 1.0f : (float)backward->problem->scale;
  head_rows_store(backward->kernels, x, batch, head, first, count, scale, total, line);
}

static void finish(const Job *job, const Tensor *x, const float *sums, int thread, int threads) {
  int64_t begin, end;
  team_share(x->shape[0] * x->shape[1] * x->shape[2], 1, thread, threads, &begin, &end);
  visit_heads(job, x, sums, begin, end, add_splits);
}

static void run_finish(void *context, int thread, int threads) {
  const Job *job = context;
  const FlashBackward *backward = job->backward;
  if (backward->order == FLASH_OVER_KEYS) {
    finish(job, &job->gradients->dq, backward->sums, thread, threads);
    return;
  }
  finish(job, &job->gradients->dk, backward->sums, thread, threads);
  finish(job, &job->gradients->dv, dv_sums(backward), thread, threads);
}

void flash_backward_run(const FlashBackward *backward, const AttentionOperands *operands,
                        const AttentionResult *result, const Tensor *dout,
                        const AttentionGradients *gradients) {
  Job job = {backward, operands, result, dout, gradients, 0};
  team_run(backward->team, run_delta, &job);
  team_run(backward->team, run_parts, &job);
  team_run(backward->team, run_finish, &job);
}
