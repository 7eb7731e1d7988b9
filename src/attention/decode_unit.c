// SPDX-License-Identifier: Apache-2.0
#include "attention/decode_unit.h"
#include "attention/head_rows.h"

enum {
  STEP_BYTES = 256 * 1024, // of keys side by side between turns: with their values, in a near cache
  STEP_KEYS = 16           // at least, and a multiple of it: whole vectors of scores
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// One thread's scratch: [heads] runs, [heads][D] scaled queries, [kv_heads] whether all heads of
// the group see the same keys, what a chunk needs.
typedef struct {
  KeyRuns *runs;
  float *queries;
  bool *alike;
  KeyChunkWork work;
} Scratch;

static int64_t own_bytes(const AttentionProblem *problem) {
  int64_t row = (int64_t)sizeof(KeyRuns) + problem->head_dim * (int64_t)sizeof(float);
  return round_up(problem->heads * row + problem->kv_heads, MATRIX_ALIGNMENT);
}

int64_t decode_unit_bytes(const AttentionProblem *problem, const ScoreStage *stage, int64_t chunk) {
  return own_bytes(problem) +
         key_chunk_bytes(problem, stage->scratch_bytes, problem->heads / problem->kv_heads, chunk);
}

static Scratch scratch_at(const DecodeUnit *unit, char *memory) {
  const FlashDecode *decode = unit->decode;
  const AttentionProblem *problem = decode->problem;
  Scratch scratch = {.runs = (KeyRuns *)memory,
                     .work = {.problem = problem,
                              .stage = decode->stage,
                              .kernels = decode->kernels,
                              .operands = unit->operands,
                              .most_rows = decode->group,
                              .chunk = decode->chunk}};
  scratch.queries = (float *)(scratch.runs + problem->heads);
  scratch.alike = (bool *)(scratch.queries + problem->heads * problem->head_dim);
  key_chunk_place(&scratch.work, memory + own_bytes(problem));
  return scratch;
}

KeySummary decode_summary(const FlashDecode *decode, int64_t batch, int64_t kv_head,
                          int64_t chunk) {
  int64_t pair = batch * decode->problem->kv_heads + kv_head;
  int64_t row = (pair * decode->chunks + chunk) * decode->group;
  return (KeySummary){decode->values + row * decode->problem->head_dim, decode->largest + row,
                      decode->sum + row};
}

static int64_t first_key(const DecodeUnit *unit) {
  return unit->chunk * unit->decode->chunk;
}

static int64_t last_key(const DecodeUnit *unit) {
  return smaller(first_key(unit) + unit->decode->chunk, unit->decode->problem->keys);
}

static void load_query(const DecodeUnit *unit, const Scratch *scratch, int64_t head) {
  const FlashDecode *decode = unit->decode;
  const Tensor *q = &unit->operands->q;
  int64_t dim = decode->problem->head_dim;
  float *row = scratch->queries + head * dim;
  decode->kernels->widen(q->dtype, dim, head_row(q, unit->batch, head, 0), row);
  decode->kernels->scale(dim, row, (float)decode->problem->scale, row);
}

// Keys before the unit's are passed by.
static void start_runs(const DecodeUnit *unit, const Scratch *scratch, int64_t head) {
  KeyRuns *runs = &scratch->runs[head];
  KeyStretch passed;
  key_runs_start(runs, unit->decode->stage, unit->batch, head, 0, 1);
  while (key_runs_next(runs, first_key(unit), &passed)) continue;
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

// Starts the runs of the group's heads, of the first alone where all see the same of the unit's
// keys whatever these are. Returns whether all do.
static bool start_group(const DecodeUnit *unit, const Scratch *scratch, int64_t kv_head) {
  int64_t group = unit->decode->group, head = kv_head * group;
  start_runs(unit, scratch, head);
  if (unit->decode->stage->heads_alike) return true;
  bool alike = true;
  for (int64_t r = 1; r < group; r++) {
    start_runs(unit, scratch, head + r);
    alike &= runs_equal(scratch->runs[head], scratch->runs[head + r], last_key(unit));
  }
  return alike;
}

static void start(const DecodeUnit *unit, const Scratch *scratch) {
  const FlashDecode *decode = unit->decode;
  for (int64_t k = unit->kv_head; k < unit->kv_head + unit->kv_heads; k++) {
    KeySummary summary = decode_summary(decode, unit->batch, k, unit->chunk);
    key_summary_start(decode->group, decode->problem->head_dim, &summary);
    for (int64_t r = 0; r < decode->group; r++) load_query(unit, scratch, k * decode->group + r);
    scratch->alike[k] = start_group(unit, scratch, k);
  }
}

// Rows [begin, begin + count) of a key head's group, which see the same keys, up to key `last`.
static void attend(const DecodeUnit *unit, const Scratch *scratch, int64_t kv_head, int64_t begin,
                   int64_t count, int64_t last) {
  const FlashDecode *decode = unit->decode;
  int64_t head = kv_head * decode->group + begin, dim = decode->problem->head_dim;
  ChunkRows rows = {.batch = unit->batch,
                    .head = head,
                    .rows = count,
                    .heads = true,
                    .queries = scratch->queries + head * dim};
  KeySummary all = decode_summary(decode, unit->batch, kv_head, unit->chunk);
  KeySummary summary = key_summary_at(&all, dim, begin);
  key_chunk_attend(&scratch->work, &rows, &scratch->runs[head], last, &summary);
}

static void attend_group(const DecodeUnit *unit, const Scratch *scratch, int64_t kv_head,
                         int64_t last) {
  int64_t group = unit->decode->group;
  if (scratch->alike[kv_head]) {
    attend(unit, scratch, kv_head, 0, group, last);
    return;
  }
  for (int64_t r = 0; r < group; r++) attend(unit, scratch, kv_head, r, 1, last);
}

// Keys between turns: the same for a unit of one head, since rounding depends on it.
static int64_t step_of(const DecodeUnit *unit) {
  const Tensor *k = &unit->operands->k;
  if (!decode_heads_beside(unit->operands)) return unit->decode->chunk;
  int64_t step = STEP_BYTES / (k->stride[2] * dtype_facts(k->dtype)->block_bytes);
  return step < STEP_KEYS ? STEP_KEYS : step - step % STEP_KEYS;
}

void decode_unit_run(const DecodeUnit *unit, void *memory) {
  Scratch scratch = scratch_at(unit, memory);
  int64_t last = last_key(unit), step = step_of(unit);
  start(unit, &scratch);
  for (int64_t key = first_key(unit); key < last; key += step)
    for (int64_t k = unit->kv_head; k < unit->kv_head + unit->kv_heads; k++)
      attend_group(unit, &scratch, k, smaller(key + step, last));
}

bool decode_heads_beside(const AttentionOperands *operands) {
  const Tensor *k = &operands->k;
  return k->stride[1] < k->stride[2];
}
