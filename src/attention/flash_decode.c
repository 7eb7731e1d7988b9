// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_decode.h"
#include "attention/head_rows.h"
#include "attention/key_chunk.h"
#include <stdatomic.h>

enum {
  CHUNK_FLOATS = 64 * 1024, // of keys, at most
  LEAST_FLOATS = 16 * 1024, // sooner than that, fewer units
  MOST_CHUNK = 1024,
  ENOUGH_UNITS = 16,     // for a team to share evenly
  SMALL_CACHE = 2 * 1024 // elements that one thread reads sooner than a team has gathered
};

_Static_assert((int)MOST_CHUNK <= SCORE_TILE_COLUMNS, "scores of a chunk are one tile");

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t chunk_of(const AttentionProblem *problem, const ScoreStage *stage) {
  if (stage->key_block) return smaller(stage->key_block, MOST_CHUNK);
  int64_t chunk = MOST_CHUNK, pairs = problem->batch * problem->kv_heads, dim = problem->head_dim;
  while (chunk > 1 && chunk * dim > CHUNK_FLOATS) chunk /= 2;
  while (chunk * dim > LEAST_FLOATS && pairs * problem->keys < ENOUGH_UNITS * chunk) chunk /= 2;
  return chunk;
}

static int64_t group_of(const AttentionProblem *problem) {
  return problem->heads / problem->kv_heads;
}

// One thread's scratch: [group] runs, [group][D] scaled queries, what a chunk needs.
typedef struct {
  KeyRuns *runs;
  float *queries;
  KeyChunkWork work;
} Scratch;

static int64_t own_bytes(const AttentionProblem *problem) {
  int64_t group = group_of(problem);
  return round_up(group * (int64_t)sizeof(KeyRuns) +
                      group * problem->head_dim * (int64_t)sizeof(float),
                  MATRIX_ALIGNMENT);
}

static int64_t thread_bytes(const AttentionProblem *problem, const ScoreStage *stage) {
  return own_bytes(problem) + key_chunk_bytes(problem, stage->scratch_bytes, group_of(problem),
                                              chunk_of(problem, stage));
}

static int64_t pairs_of(const AttentionProblem *problem) {
  return problem->batch * problem->kv_heads;
}

static int64_t summary_rows(const AttentionProblem *problem, const ScoreStage *stage) {
  int64_t chunk = chunk_of(problem, stage);
  return problem->batch * problem->heads * ((problem->keys + chunk - 1) / chunk);
}

static int64_t shared_bytes(const AttentionProblem *problem, const ScoreStage *stage) {
  int64_t floats = summary_rows(problem, stage) * (problem->head_dim + 2);
  return round_up(pairs_of(problem) * (int64_t)sizeof(int64_t) + floats * (int64_t)sizeof(float),
                  MATRIX_ALIGNMENT);
}

int64_t flash_decode_bytes(const AttentionProblem *problem, const ScoreStage *stage, int threads) {
  return shared_bytes(problem, stage) + threads * thread_bytes(problem, stage);
}

void flash_decode_start(FlashDecode *decode, const AttentionProblem *problem,
                        const ScoreStage *stage, const Kernels *kernels, Team *team, void *memory) {
  *decode = (FlashDecode){.problem = problem,
                          .stage = stage,
                          .kernels = kernels,
                          .team = team,
                          .group = group_of(problem),
                          .chunk = chunk_of(problem, stage),
                          .done = memory,
                          .scratch = (char *)memory + shared_bytes(problem, stage)};
  decode->chunks = (problem->keys + decode->chunk - 1) / decode->chunk;
  decode->thread_bytes = thread_bytes(problem, stage);
  decode->values = (float *)(decode->done + pairs_of(problem));
  decode->largest = decode->values + summary_rows(problem, stage) * problem->head_dim;
  decode->sum = decode->largest + summary_rows(problem, stage);
}

typedef struct {
  const FlashDecode *decode;
  const AttentionOperands *operands;
  const AttentionResult *result;
  _Atomic int64_t next; // chunk that no thread has taken
} Job;

static Scratch scratch_of(const Job *job, int thread) {
  const FlashDecode *decode = job->decode;
  char *memory = decode->scratch + thread * decode->thread_bytes;
  Scratch scratch = {.runs = (KeyRuns *)memory,
                     .work = {.problem = decode->problem,
                              .stage = decode->stage,
                              .kernels = decode->kernels,
                              .operands = job->operands,
                              .most_rows = decode->group,
                              .chunk = decode->chunk}};
  scratch.queries = (float *)(scratch.runs + decode->group);
  key_chunk_place(&scratch.work, memory + own_bytes(decode->problem));
  return scratch;
}

// Keys [first, last) of one key head. Its summary of row r of the group is row `summary` + r.
typedef struct {
  const Job *job;
  int64_t batch, kv_head, first, last, summary;
} Unit;

static KeySummary summary_at(const FlashDecode *decode, int64_t row) {
  return (KeySummary){decode->values + row * decode->problem->head_dim, decode->largest + row,
                      decode->sum + row};
}

static void load_queries(const Unit *unit, const Scratch *scratch) {
  const FlashDecode *decode = unit->job->decode;
  const Tensor *q = &unit->job->operands->q;
  int64_t dim = decode->problem->head_dim, first = unit->kv_head * decode->group;
  for (int64_t r = 0; r < decode->group; r++) {
    float *row = scratch->queries + r * dim;
    decode->kernels->widen(q->dtype, dim, head_row(q, unit->batch, first + r, 0), row);
    decode->kernels->scale(dim, row, (float)decode->problem->scale, row);
  }
}

// Of `count` heads of the group; keys before the unit's are passed by.
static void start_runs(const Unit *unit, const Scratch *scratch, int64_t count) {
  const FlashDecode *decode = unit->job->decode;
  KeyStretch passed;
  for (int64_t r = 0; r < count; r++) {
    KeyRuns *runs = &scratch->runs[r];
    key_runs_start(runs, decode->stage, unit->batch, unit->kv_head * decode->group + r, 0, 1);
    while (key_runs_next(runs, unit->first, &passed)) continue;
  }
}

static bool runs_equal(KeyRuns first, KeyRuns other, int64_t last) {
  KeyStretch a, b;
  bool more = true;
  while (more) {
    more = key_runs_next(&first, last, &a);
    if (key_runs_next(&other, last, &b) != more) return false;
    if (more && !key_stretch_equal(&a, &b)) return false;
  }
  return true;
}

// Whether all heads of the group see the same of the unit's keys. Starts the runs, of all heads
// where they may differ.
static bool heads_agree(const Unit *unit, const Scratch *scratch) {
  const FlashDecode *decode = unit->job->decode;
  bool alike = decode->stage->heads_alike;
  start_runs(unit, scratch, alike ? 1 : decode->group);
  for (int64_t r = 1; r < decode->group && !alike; r++)
    if (!runs_equal(scratch->runs[0], scratch->runs[r], unit->last)) return false;
  return true;
}

// Rows [begin, begin + count) of the group, which see the same keys.
static void attend(const Unit *unit, const Scratch *scratch, int64_t begin, int64_t count) {
  const FlashDecode *decode = unit->job->decode;
  ChunkRows rows = {.batch = unit->batch,
                    .head = unit->kv_head * decode->group + begin,
                    .rows = count,
                    .heads = true,
                    .queries = scratch->queries + begin * decode->problem->head_dim};
  KeySummary summary = summary_at(decode, unit->summary + begin);
  key_chunk_attend(&scratch->work, &rows, &scratch->runs[begin], unit->last, &summary);
}

static void run_unit(const Unit *unit, const Scratch *scratch) {
  int64_t group = unit->job->decode->group;
  load_queries(unit, scratch);
  if (heads_agree(unit, scratch))
    attend(unit, scratch, 0, group);
  else
    for (int64_t r = 0; r < group; r++) attend(unit, scratch, r, 1);
}

static Unit unit_of(const Job *job, int64_t pair, int64_t chunk) {
  const FlashDecode *decode = job->decode;
  int64_t kv_heads = decode->problem->kv_heads, first = chunk * decode->chunk;
  return (Unit){.job = job,
                .batch = pair / kv_heads,
                .kv_head = pair % kv_heads,
                .first = first,
                .last = smaller(first + decode->chunk, decode->problem->keys),
                .summary = (pair * decode->chunks + chunk) * decode->group};
}

// The first chunk's summary becomes that of all.
static void finish(const Job *job, int64_t pair) {
  const FlashDecode *decode = job->decode;
  const AttentionProblem *problem = decode->problem;
  const Tensor *out = &job->result->out;
  int64_t batch = pair / problem->kv_heads, row = pair * decode->chunks * decode->group;
  KeySummary total = summary_at(decode, row);
  for (int64_t c = 1; c < decode->chunks; c++) {
    KeySummary other = summary_at(decode, row + c * decode->group);
    key_summary_merge(decode->kernels, decode->group, problem->head_dim, &total, &other);
  }
  for (int64_t r = 0; r < decode->group; r++) {
    int64_t head = pair % problem->kv_heads * decode->group + r;
    KeySummary summary = summary_at(decode, row + r);
    key_summary_finish(decode->kernels, problem->head_dim, &summary, out->dtype,
                       head_row(out, batch, head, 0),
                       job->result->lse ? job->result->lse + batch * problem->heads + head : NULL);
  }
}

static void decode_task(void *context, int thread, int threads) {
  Job *job = context;
  const FlashDecode *decode = job->decode;
  Scratch scratch = scratch_of(job, thread);
  int64_t index;
  (void)threads;
  while ((index = atomic_fetch_add(&job->next, 1)) < pairs_of(decode->problem) * decode->chunks) {
    int64_t pair = index / decode->chunks;
    Unit unit = unit_of(job, pair, index % decode->chunks);
    run_unit(&unit, &scratch);
    if (atomic_fetch_add(&decode->done[pair], 1) == decode->chunks - 1) finish(job, pair);
  }
}

bool flash_decode_small(const AttentionProblem *problem) {
  return pairs_of(problem) * problem->keys * problem->head_dim < SMALL_CACHE;
}

void flash_decode_run(FlashDecode *decode, const AttentionOperands *operands,
                      const AttentionResult *result) {
  Job job = {.decode = decode, .operands = operands, .result = result};
  const AttentionProblem *problem = decode->problem;
  for (int64_t pair = 0; pair < pairs_of(problem); pair++) decode->done[pair] = 0;
  if (flash_decode_small(problem))
    decode_task(&job, 0, 1);
  else
    team_run(decode->team, decode_task, &job);
}

// Neighbouring chunks of a key head, and the same of neighbouring key heads, go to threads in turn:
// wherever the keys end that are seen, threads have nearly the same number of those before.
void flash_decode_run_part(const FlashDecode *decode, const AttentionOperands *operands,
                           const AttentionResult *result, int thread, int threads) {
  Job job = {.decode = decode, .operands = operands, .result = result};
  Scratch scratch = scratch_of(&job, thread);
  int64_t pairs = pairs_of(decode->problem);
  for (int64_t pair = 0; pair < pairs; pair++) {
    int64_t chunk = (thread + threads - pair % threads) % threads;
    for (; chunk < decode->chunks; chunk += threads) {
      Unit unit = unit_of(&job, pair, chunk);
      run_unit(&unit, &scratch);
    }
  }
  if (threads > 1 && decode->chunks > 1) team_barrier(decode->team);
  for (int64_t pair = thread; pair < pairs; pair += threads) finish(&job, pair);
}
