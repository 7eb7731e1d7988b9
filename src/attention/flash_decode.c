// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_decode.h"
#include "attention/key_runs.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
  CHUNK_FLOATS = 64 * 1024, // of keys, at most
  LEAST_CHUNK = 128,
  MOST_CHUNK = 1024,
  ENOUGH_UNITS = 16,      // for a team to share evenly
  SMALL_CACHE = 16 * 1024 // elements that one thread reads sooner than a team has gathered
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// One thread's scratch.
typedef struct {
  KeyRuns *runs;                   // [group]
  float *queries, *scores, *added; // [group][D] scaled, [group][chunk], [group][D]
  float *factor, *hidden;          // [group], [chunk]
  void *stage;
} Scratch;

static int64_t chunk_of(const AttentionProblem *problem) {
  int64_t chunk = MOST_CHUNK, pairs = problem->batch * problem->kv_heads;
  while (chunk > LEAST_CHUNK && chunk * problem->head_dim > CHUNK_FLOATS) chunk /= 2;
  while (chunk > LEAST_CHUNK && pairs * problem->keys < ENOUGH_UNITS * chunk) chunk /= 2;
  return chunk;
}

static int64_t thread_bytes(const AttentionProblem *problem, int64_t stage_scratch) {
  int64_t group = problem->heads / problem->kv_heads, chunk = chunk_of(problem);
  int64_t floats = group * (2 * problem->head_dim + chunk + 1) + chunk;
  return round_up(group * (int64_t)sizeof(KeyRuns) + floats * (int64_t)sizeof(float),
                  MATRIX_ALIGNMENT) +
         round_up(stage_scratch, MATRIX_ALIGNMENT);
}

static int64_t pairs_of(const AttentionProblem *problem) {
  return problem->batch * problem->kv_heads;
}

static int64_t summary_rows(const AttentionProblem *problem) {
  int64_t chunk = chunk_of(problem);
  return problem->batch * problem->heads * ((problem->keys + chunk - 1) / chunk);
}

static int64_t shared_bytes(const AttentionProblem *problem) {
  int64_t floats = summary_rows(problem) * (problem->head_dim + 2);
  return round_up(pairs_of(problem) * (int64_t)sizeof(int64_t) + floats * (int64_t)sizeof(float),
                  MATRIX_ALIGNMENT);
}

int64_t flash_decode_bytes(const AttentionProblem *problem, int64_t stage_scratch, int threads) {
  return shared_bytes(problem) + threads * thread_bytes(problem, stage_scratch);
}

static Scratch scratch_of(const FlashDecode *decode, int thread) {
  int64_t group = decode->group, dim = decode->problem->head_dim;
  Scratch scratch = {.runs = (KeyRuns *)(decode->scratch + thread * decode->thread_bytes)};
  scratch.queries = (float *)(scratch.runs + group);
  scratch.scores = scratch.queries + group * dim;
  scratch.added = scratch.scores + group * decode->chunk;
  scratch.factor = scratch.added + group * dim;
  scratch.hidden = scratch.factor + group;
  int64_t stage = round_up(decode->stage->scratch_bytes, MATRIX_ALIGNMENT);
  scratch.stage = (char *)scratch.runs + decode->thread_bytes - stage;
  return scratch;
}

void flash_decode_start(FlashDecode *decode, const AttentionProblem *problem,
                        const ScoreStage *stage, const Kernels *kernels, Team *team, void *memory) {
  *decode = (FlashDecode){.problem = problem,
                          .stage = stage,
                          .kernels = kernels,
                          .team = team,
                          .group = problem->heads / problem->kv_heads,
                          .chunk = chunk_of(problem),
                          .done = memory,
                          .scratch = (char *)memory + shared_bytes(problem)};
  decode->chunks = (problem->keys + decode->chunk - 1) / decode->chunk;
  decode->thread_bytes = thread_bytes(problem, stage->scratch_bytes);
  decode->values = (float *)(decode->done + pairs_of(problem));
  decode->largest = decode->values + summary_rows(problem) * problem->head_dim;
  decode->sum = decode->largest + summary_rows(problem);
}

typedef struct {
  const FlashDecode *decode;
  const AttentionOperands *operands;
  const AttentionResult *result;
  _Atomic int64_t next; // chunk that no thread has taken
} Job;

// One chunk of one key head. Its summary of row `r` of the group is row `summary + r`.
typedef struct {
  const Job *job;
  int64_t batch, kv_head, first, last, summary;
} Unit;

static const char *element(const Tensor *x, int64_t batch, int64_t head, int64_t row) {
  int64_t at = batch * x->stride[0] + head * x->stride[1] + row * x->stride[2];
  return (const char *)x->data + at * dtype_facts(x->dtype)->block_bytes;
}

static void load_queries(const Unit *unit, const Scratch *scratch) {
  const FlashDecode *decode = unit->job->decode;
  int64_t dim = decode->problem->head_dim;
  const Tensor *q = &unit->job->operands->q;
  for (int64_t r = 0; r < decode->group; r++) {
    float *row = scratch->queries + r * dim;
    decode->kernels->widen(q->dtype, dim,
                           element(q, unit->batch, unit->kv_head * decode->group + r, 0), row);
    decode->kernels->scale(dim, row, (float)decode->problem->scale, row);
  }
}

static Matmul product(const Unit *unit, const Tensor *b, int64_t key, int64_t rows) {
  return (Matmul){.batches = 1,
                  .heads = 1,
                  .group = 1,
                  .rows = rows,
                  .dtype = b->dtype,
                  .b = element(b, unit->batch, unit->kv_head, key),
                  .b_row = b->stride[2]};
}

// As many rows at a time as the kernel takes; the chunk stays in the cache between.
static void multiply(const Kernels *kernels, Matmul matmul) {
  int64_t rows = matmul.rows;
  for (int64_t r = 0; r < rows; r += kernels->direct_rows) {
    matmul.rows = smaller(kernels->direct_rows, rows - r);
    kernels->matmul_direct(&matmul, 0, matmul.columns);
    matmul.a += matmul.rows * matmul.a_row;
    matmul.c += matmul.rows * matmul.c_row;
  }
}

// Rows [begin, begin + count) of the group, whose keys in this unit are the same.
typedef struct {
  int64_t begin, count;
  bool started; // values hold something
} Rows;

static void multiply_keys(const Unit *unit, const Scratch *scratch, const Rows *rows,
                          const KeyStretch *stretch) {
  const FlashDecode *decode = unit->job->decode;
  Matmul scores = product(unit, &unit->job->operands->k, stretch->first, rows->count);
  scores.transposed = true;
  scores.columns = stretch->last - stretch->first;
  scores.depth = scores.a_row = decode->problem->head_dim;
  scores.a = scratch->queries + rows->begin * scores.a_row;
  scores.c = scratch->scores;
  scores.c_row = decode->chunk;
  multiply(decode->kernels, scores);
}

static ScoreTile score_tile(const Unit *unit, int64_t row, int64_t first, int64_t last) {
  const FlashDecode *decode = unit->job->decode;
  return (ScoreTile){.batch = unit->batch,
                     .head = unit->kv_head * decode->group + row,
                     .key = first,
                     .rows = 1,
                     .columns = last - first,
                     .stride = decode->chunk};
}

static void mask_parts(const Unit *unit, const Scratch *scratch, int64_t row,
                       const KeyStretch *stretch, float *scores) {
  const ScoreStage *stage = unit->job->decode->stage;
  for (int i = 0; i < stretch->parts; i++) {
    ScoreTile tile = score_tile(unit, row, stretch->partial[i].first, stretch->partial[i].last);
    stage->mask(stage, &tile, scores + (tile.key - stretch->first), scratch->stage);
  }
}

static void apply_stage(const Unit *unit, const Scratch *scratch, const Rows *rows,
                        const KeyStretch *stretch) {
  const ScoreStage *stage = unit->job->decode->stage;
  for (int64_t r = 0; r < rows->count; r++) {
    float *scores = scratch->scores + r * unit->job->decode->chunk;
    ScoreTile tile = score_tile(unit, rows->begin + r, stretch->first, stretch->last);
    if (stage->modify) stage->modify(stage, &tile, scores, scratch->stage);
    mask_parts(unit, scratch, rows->begin + r, stretch, scores);
  }
}

static float *values_of(const Unit *unit, int64_t row) {
  const FlashDecode *decode = unit->job->decode;
  return decode->values + (unit->summary + row) * decode->problem->head_dim;
}

static void softmax(const Unit *unit, const Scratch *scratch, const Rows *rows,
                    const KeyStretch *stretch) {
  const FlashDecode *decode = unit->job->decode;
  int64_t dim = decode->problem->head_dim;
  SoftmaxRows softmax_rows = {.rows = rows->count,
                              .columns = stretch->last - stretch->first,
                              .stride = decode->chunk,
                              .scores = scratch->scores,
                              .largest = decode->largest + unit->summary + rows->begin,
                              .sum = decode->sum + unit->summary + rows->begin,
                              .factor = scratch->factor};
  bool grown = decode->kernels->softmax_rows(&softmax_rows);
  for (int64_t r = 0; r < rows->count && grown && rows->started; r++) {
    float *values = values_of(unit, rows->begin + r);
    decode->kernels->scale(dim, values, scratch->factor[r], values);
  }
}

static void multiply_values(const Unit *unit, const Scratch *scratch, const Rows *rows,
                            const KeyStretch *stretch) {
  const FlashDecode *decode = unit->job->decode;
  int64_t dim = decode->problem->head_dim;
  float *sums = values_of(unit, rows->begin);
  Matmul values = product(unit, &unit->job->operands->v, stretch->first, rows->count);
  values.columns = values.c_row = dim;
  values.depth = stretch->last - stretch->first;
  values.a = scratch->scores;
  values.a_row = decode->chunk;
  values.c = rows->started ? scratch->added : sums;
  multiply(decode->kernels, values);
  if (rows->started) decode->kernels->add(rows->count * dim, scratch->added, sums, sums);
}

// As multiply_values for one row, but that what is hidden is not multiplied by 0: it may be
// infinite.
static void add_visible(const Unit *unit, const Scratch *scratch, const Rows *rows, int64_t row,
                        const KeyStretch *stretch) {
  const FlashDecode *decode = unit->job->decode;
  const Tensor *v = &unit->job->operands->v;
  int64_t dim = decode->problem->head_dim, keys = stretch->last - stretch->first;
  float *sums = values_of(unit, rows->begin + row);
  if (!rows->started) memset(sums, 0, (size_t)dim * sizeof *sums);
  memset(scratch->hidden, 0, (size_t)keys * sizeof *scratch->hidden);
  mask_parts(unit, scratch, rows->begin + row, stretch, scratch->hidden);
  for (int64_t j = 0; j < keys; j++) {
    if (scratch->hidden[j] != 0.0f) continue;
    const char *value = element(v, unit->batch, unit->kv_head, stretch->first + j);
    decode->kernels->widen(v->dtype, dim, value, scratch->added);
    decode->kernels->add_scaled(dim, scratch->added, scratch->scores[row * decode->chunk + j],
                                sums);
  }
}

static bool hides_infinite(const Unit *unit, const Scratch *scratch, const KeyStretch *stretch) {
  const FlashDecode *decode = unit->job->decode;
  const Tensor *v = &unit->job->operands->v;
  int64_t dim = decode->problem->head_dim;
  for (int i = 0; i < stretch->parts; i++)
    for (int64_t key = stretch->partial[i].first; key < stretch->partial[i].last; key++) {
      decode->kernels->widen(v->dtype, dim, element(v, unit->batch, unit->kv_head, key),
                             scratch->added);
      if (!decode->kernels->all_finite(dim, scratch->added)) return true;
    }
  return false;
}

static void attend(const Unit *unit, const Scratch *scratch, Rows rows) {
  KeyStretch stretch;
  KeyRuns *runs = &scratch->runs[rows.begin];
  while (key_runs_next(runs, unit->last, &stretch)) {
    multiply_keys(unit, scratch, &rows, &stretch);
    apply_stage(unit, scratch, &rows, &stretch);
    softmax(unit, scratch, &rows, &stretch);
    if (hides_infinite(unit, scratch, &stretch))
      for (int64_t r = 0; r < rows.count; r++) add_visible(unit, scratch, &rows, r, &stretch);
    else
      multiply_values(unit, scratch, &rows, &stretch);
    rows.started = true;
  }
}

// Keys before the unit's are passed by.
static void start_runs(const Unit *unit, const Scratch *scratch) {
  const FlashDecode *decode = unit->job->decode;
  KeyStretch passed;
  for (int64_t r = 0; r < decode->group; r++) {
    KeyRuns *runs = &scratch->runs[r];
    key_runs_start(runs, decode->stage, unit->batch, unit->kv_head * decode->group + r, 0, 1);
    while (key_runs_next(runs, unit->first, &passed)) continue;
  }
}

// Whether all heads of the group see the same of the unit's keys.
static bool runs_agree(const Unit *unit, const Scratch *scratch) {
  for (int64_t r = 1; r < unit->job->decode->group; r++) {
    KeyRuns first = scratch->runs[0], other = scratch->runs[r];
    KeyStretch a, b;
    bool more = true;
    while (more) {
      more = key_runs_next(&first, unit->last, &a);
      if (key_runs_next(&other, unit->last, &b) != more) return false;
      if (more && !key_stretch_equal(&a, &b)) return false;
    }
  }
  return true;
}

static void run_unit(const Unit *unit, const Scratch *scratch) {
  const FlashDecode *decode = unit->job->decode;
  for (int64_t r = 0; r < decode->group; r++) {
    decode->largest[unit->summary + r] = -INFINITY;
    decode->sum[unit->summary + r] = 0.0f;
  }
  start_runs(unit, scratch);
  load_queries(unit, scratch);
  if (runs_agree(unit, scratch)) {
    attend(unit, scratch, (Rows){.count = decode->group});
    return;
  }
  for (int64_t r = 0; r < decode->group; r++) attend(unit, scratch, (Rows){.begin = r, .count = 1});
}

// Of one query head, whose summaries are every `group` rows from `summary` on; returns the sum
// under the largest of all, which it sets. A summary of nothing has no values.
static float merge(const FlashDecode *decode, int64_t summary, float *values, float *largest) {
  int64_t dim = decode->problem->head_dim;
  float sum = 0.0f;
  *largest = -INFINITY;
  for (int64_t c = 0, s = summary; c < decode->chunks; c++, s += decode->group)
    if (decode->largest[s] > *largest) *largest = decode->largest[s];
  memset(values, 0, (size_t)dim * sizeof *values);
  for (int64_t c = 0, s = summary; c < decode->chunks; c++, s += decode->group) {
    if (decode->sum[s] == 0.0f) continue;
    float weight = decode->largest[s] == *largest ? 1.0f : expf(decode->largest[s] - *largest);
    decode->kernels->add_scaled(dim, decode->values + s * dim, weight, values);
    sum += decode->sum[s] * weight;
  }
  return sum;
}

static void finish(const Job *job, int64_t pair, float *values) {
  const FlashDecode *decode = job->decode;
  const AttentionProblem *problem = decode->problem;
  const Tensor *out = &job->result->out;
  for (int64_t r = 0; r < decode->group; r++) {
    int64_t batch = pair / problem->kv_heads;
    int64_t head = pair % problem->kv_heads * decode->group + r;
    float largest, sum = merge(decode, pair * decode->chunks * decode->group + r, values, &largest);
    if (sum != 0.0f) decode->kernels->scale(problem->head_dim, values, 1.0f / sum, values);
    decode->kernels->narrow(out->dtype, problem->head_dim, values,
                            (char *)element(out, batch, head, 0));
    if (job->result->lse) job->result->lse[batch * problem->heads + head] = largest + logf(sum);
  }
}

static void decode_task(void *context, int thread, int threads) {
  Job *job = context;
  const FlashDecode *decode = job->decode;
  Scratch scratch = scratch_of(decode, thread);
  int64_t index, kv_heads = decode->problem->kv_heads;
  (void)threads;
  while ((index = atomic_fetch_add(&job->next, 1)) < pairs_of(decode->problem) * decode->chunks) {
    int64_t pair = index / decode->chunks, first = index % decode->chunks * decode->chunk;
    Unit unit = {.job = job,
                 .batch = pair / kv_heads,
                 .kv_head = pair % kv_heads,
                 .first = first,
                 .last = smaller(first + decode->chunk, decode->problem->keys),
                 .summary = index * decode->group};
    run_unit(&unit, &scratch);
    if (atomic_fetch_add(&decode->done[pair], 1) == decode->chunks - 1)
      finish(job, pair, scratch.added);
  }
}

void flash_decode_run(FlashDecode *decode, const AttentionOperands *operands,
                      const AttentionResult *result) {
  Job job = {.decode = decode, .operands = operands, .result = result};
  const AttentionProblem *problem = decode->problem;
  for (int64_t pair = 0; pair < pairs_of(problem); pair++) decode->done[pair] = 0;
  if (pairs_of(problem) * problem->keys * problem->head_dim < SMALL_CACHE)
    decode_task(&job, 0, 1);
  else
    team_run(decode->team, decode_task, &job);
}
