// SPDX-License-Identifier: Apache-2.0
#include "attention/chunked_forward.h"
#include "attention/head_rows.h"
#include <stdatomic.h>

enum { CHUNK_KEYS = 512 };
_Static_assert((int)CHUNK_KEYS <= SCORE_TILE_COLUMNS, "scores of a chunk are one tile");

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t rows_of(const AttentionProblem *problem) {
  return smaller(CHUNKED_ROWS, problem->queries);
}

static int64_t keys_of(const AttentionProblem *problem) {
  return smaller(CHUNK_KEYS, problem->keys);
}

// One thread's scratch: scaled queries, the summary of all keys so far and that of a chunk.
typedef struct {
  float *queries;
  KeySummary total, part;
  KeyChunkWork work;
} Scratch;

static int64_t own_bytes(const AttentionProblem *problem) {
  int64_t floats = rows_of(problem) * (3 * problem->head_dim + 4);
  return round_up(floats * (int64_t)sizeof(float), MATRIX_ALIGNMENT);
}

static int64_t thread_bytes(const AttentionProblem *problem, int64_t stage_scratch) {
  return own_bytes(problem) +
         key_chunk_bytes(problem, stage_scratch, rows_of(problem), keys_of(problem));
}

int64_t chunked_forward_bytes(const AttentionProblem *problem, int64_t stage_scratch, int threads) {
  return threads * thread_bytes(problem, stage_scratch);
}

void chunked_forward_start(ChunkedForward *forward, const AttentionProblem *problem,
                           const ScoreStage *stage, const Kernels *kernels, Team *team,
                           void *memory) {
  *forward = (ChunkedForward){.problem = problem,
                              .stage = stage,
                              .kernels = kernels,
                              .team = team,
                              .rows = rows_of(problem),
                              .chunk = keys_of(problem),
                              .thread_bytes = thread_bytes(problem, stage->scratch_bytes),
                              .scratch = memory};
}

typedef struct {
  const ChunkedForward *forward;
  const AttentionOperands *operands;
  const AttentionResult *result;
  _Atomic int64_t next; // chunk of queries that no thread has taken
} Job;

static KeySummary summary_at(const ChunkedForward *forward, float *memory) {
  float *largest = memory + forward->rows * forward->problem->head_dim;
  return (KeySummary){memory, largest, largest + forward->rows};
}

static Scratch scratch_of(const Job *job, int thread) {
  const ChunkedForward *forward = job->forward;
  float *memory = (float *)(forward->scratch + thread * forward->thread_bytes);
  int64_t floats = forward->rows * forward->problem->head_dim;
  Scratch scratch = {.queries = memory,
                     .total = summary_at(forward, memory + floats),
                     .part = summary_at(forward, memory + 2 * floats + 2 * forward->rows),
                     .work = {.problem = forward->problem,
                              .stage = forward->stage,
                              .kernels = forward->kernels,
                              .operands = job->operands,
                              .most_rows = forward->rows,
                              .chunk = forward->chunk}};
  key_chunk_place(&scratch.work, (char *)memory + own_bytes(forward->problem));
  return scratch;
}

static void attend(const ChunkedForward *forward, const Scratch *scratch, const ChunkRows *rows) {
  const AttentionProblem *problem = forward->problem;
  KeyRuns runs;
  key_runs_start(&runs, forward->stage, rows->batch, rows->head, rows->query, rows->rows);
  for (int64_t key = 0; key < problem->keys; key += forward->chunk) {
    const KeySummary *summary = key == 0 ? &scratch->total : &scratch->part;
    key_summary_start(rows->rows, problem->head_dim, summary);
    key_chunk_attend(&scratch->work, rows, &runs, key + forward->chunk, summary);
    if (key > 0)
      key_summary_merge(forward->kernels, rows->rows, problem->head_dim, &scratch->total,
                        &scratch->part);
  }
}

static void finish(const Job *job, const Scratch *scratch, const ChunkRows *rows) {
  const AttentionProblem *problem = job->forward->problem;
  const Tensor *out = &job->result->out;
  int64_t first = (rows->batch * problem->heads + rows->head) * problem->queries + rows->query;
  for (int64_t r = 0; r < rows->rows; r++) {
    KeySummary row = key_summary_at(&scratch->total, problem->head_dim, r);
    key_summary_finish(job->forward->kernels, problem->head_dim, &row, out->dtype,
                       head_row(out, rows->batch, rows->head, rows->query + r),
                       job->result->lse ? job->result->lse + first + r : NULL);
  }
}

static void run_rows(const Job *job, const Scratch *scratch, ChunkRows rows) {
  const ChunkedForward *forward = job->forward;
  int64_t dim = forward->problem->head_dim;
  head_rows_load(forward->kernels, &job->operands->q, rows.batch, rows.head, rows.query, rows.rows,
                 scratch->queries, dim);
  forward->kernels->scale(rows.rows * dim, scratch->queries, (float)forward->problem->scale,
                          scratch->queries);
  rows.queries = scratch->queries;
  attend(forward, scratch, &rows);
  finish(job, scratch, &rows);
}

// Later queries of a head, which mostly have more keys, come first.
static void chunked_task(void *context, int thread, int threads) {
  Job *job = context;
  const AttentionProblem *problem = job->forward->problem;
  Scratch scratch = scratch_of(job, thread);
  int64_t blocks = (problem->queries + CHUNKED_ROWS - 1) / CHUNKED_ROWS, index;
  (void)threads;
  while ((index = atomic_fetch_add(&job->next, 1)) < problem->batch * problem->heads * blocks) {
    int64_t query = (blocks - 1 - index % blocks) * CHUNKED_ROWS;
    run_rows(job, &scratch,
             (ChunkRows){.batch = index / blocks / problem->heads,
                         .head = index / blocks % problem->heads,
                         .query = query,
                         .rows = smaller(CHUNKED_ROWS, problem->queries - query)});
  }
}

void chunked_forward_run(const ChunkedForward *forward, const AttentionOperands *operands,
                         const AttentionResult *result) {
  Job job = {.forward = forward, .operands = operands, .result = result};
  team_run(forward->team, chunked_task, &job);
}
