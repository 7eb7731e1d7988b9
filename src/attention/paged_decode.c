// SPDX-License-Identifier: Apache-2.0
#include "attention/head_rows.h"
#include "attention/key_summary.h"
#include "attention/paged_pass.h"
#include "kernels/matmul.h"
#include <math.h>
#include <stdatomic.h>

enum { SMALL_CACHE = 16 * 1024 }; // elements that one thread reads sooner than a team has gathered

typedef struct {
  const PagedPass *pass;
  char *scratch; // [threads][thread_bytes]
  int64_t thread_bytes;
  _Atomic int64_t next; // key head of a segment that no thread has taken
} Job;

// Of one thread, for the query heads of one key head.
typedef struct {
  const PagedPass *pass;
  int64_t group, block;   // query heads; keys
  void *product;          // of a Matmul
  float *queries;         // [group][D], scaled
  float *scores;          // [group][block]
  float *factor;          // [group]
  KeySummary total, part; // of the group: of all keys, of a block of them
} Unit;

static int64_t group_of(const PagedPass *pass) {
  return pass->spec.heads / pass->spec.kv_heads;
}

static int64_t block_of(const PagedPass *pass) {
  return key_block_keys(0, pass->spec.head_dim);
}

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t thread_bytes(const PagedPass *pass) {
  int64_t floats = group_of(pass) * (3 * pass->spec.head_dim + block_of(pass) + 5);
  return round_up(matmul_scratch_bytes(1), MATRIX_ALIGNMENT) +
         round_up(floats * (int64_t)sizeof(float), MATRIX_ALIGNMENT);
}

static float *take_summary(float *memory, int64_t group, int64_t dim, KeySummary *summary) {
  *summary = (KeySummary){memory, memory + group * dim, memory + group * (dim + 1)};
  return memory + group * (dim + 2);
}

static Unit unit_at(const Job *job, int thread) {
  const PagedPass *pass = job->pass;
  int64_t group = group_of(pass), dim = pass->spec.head_dim;
  char *memory = job->scratch + thread * job->thread_bytes;
  Unit unit = {.pass = pass, .group = group, .block = block_of(pass), .product = memory};
  unit.queries = (float *)(memory + round_up(matmul_scratch_bytes(1), MATRIX_ALIGNMENT));
  unit.scores = unit.queries + group * dim;
  unit.factor = unit.scores + group * unit.block;
  take_summary(take_summary(unit.factor + group, group, dim, &unit.total), group, dim, &unit.part);
  return unit;
}

static void load(const Unit *unit, int64_t row, int64_t kv_head) {
  const PagedPass *pass = unit->pass;
  int64_t dim = pass->spec.head_dim;
  for (int64_t r = 0; r < unit->group; r++) {
    const float *query = head_row(&pass->queries, row, kv_head * unit->group + r, 0);
    pass->context->kernels->scale(dim, query, (float)pass->spec.scale, unit->queries + r * dim);
  }
}

// Keys [begin, end) of a segment's key head, in one block of keys.
typedef struct {
  int64_t segment, kv_head, begin, end;
} Stretch;

static float *scores_of(const Unit *unit, const Stretch *stretch, int64_t key) {
  return unit->scores + key - stretch->begin;
}

static Matmul product(const Unit *unit, const Tensor *b, const Stretch *stretch, int64_t slot) {
  return (Matmul){.batches = 1,
                  .heads = 1,
                  .group = 1,
                  .rows = unit->group,
                  .dtype = b->dtype,
                  .b = head_row(b, 0, stretch->kv_head, slot),
                  .b_row = b->stride[2],
                  .scratch = unit->product};
}

static void multiply_keys(const Unit *unit, const Stretch *stretch) {
  const PagedPass *pass = unit->pass;
  for (int64_t key = stretch->begin, slot; key < stretch->end;) {
    int64_t count = paged_run(pass, stretch->segment, key, stretch->end - key, &slot);
    Matmul scores = product(unit, &pass->keys, stretch, slot);
    scores.transposed = true;
    scores.columns = count;
    scores.depth = scores.a_row = pass->spec.head_dim;
    scores.a = unit->queries;
    scores.c = scores_of(unit, stretch, key);
    scores.c_row = unit->block;
    matmul_run_part(pass->context->kernels, &scores, 0, 1);
    key += count;
  }
}

static void multiply_values(const Unit *unit, const Stretch *stretch, float *sums) {
  const PagedPass *pass = unit->pass;
  for (int64_t key = stretch->begin, slot; key < stretch->end;) {
    int64_t count = paged_run(pass, stretch->segment, key, stretch->end - key, &slot);
    Matmul values = product(unit, &pass->values, stretch, slot);
    values.added = key > stretch->begin;
    values.columns = values.c_row = pass->spec.head_dim;
    values.depth = count;
    values.a = scores_of(unit, stretch, key);
    values.a_row = unit->block;
    values.c = sums;
    matmul_run_part(pass->context->kernels, &values, 0, 1);
    key += count;
  }
}

static void softmax(const Unit *unit, const Stretch *stretch, const KeySummary *summary) {
  for (int64_t r = 0; r < unit->group; r++) {
    summary->largest[r] = -INFINITY;
    summary->sum[r] = 0.0f;
  }
  unit->pass->context->kernels->softmax_rows(
      &(SoftmaxRows){.rows = unit->group,
                     .columns = stretch->end - stretch->begin,
                     .stride = unit->block,
                     .scores = unit->scores,
                     .largest = summary->largest,
                     .sum = summary->sum,
                     .factor = unit->factor});
}

static void finish(const Unit *unit, int64_t row, int64_t kv_head) {
  const PagedPass *pass = unit->pass;
  int64_t dim = pass->spec.head_dim, first = kv_head * unit->group;
  float *out = (float *)pass->output.data + row * pass->output.stride[0] + first * dim;
  for (int64_t r = 0; r < unit->group; r++) {
    const KeySummary *total = &unit->total;
    KeySummary summary = {total->values + r * dim, total->largest + r, total->sum + r};
    key_summary_finish(pass->context->kernels, dim, &summary, DTYPE_F32, out + r * dim, NULL);
  }
}

static void run_unit(const Unit *unit, int64_t index, int64_t kv_head) {
  const PagedPass *pass = unit->pass;
  const PagedSegment *segment = &pass->segments[index];
  int64_t begin, end, last;
  if (segment->rows != 1) return;
  ops_visible(segment->past, pass->spec.window, paged_keys(segment), &begin, &end);
  load(unit, segment->first, kv_head);
  for (int64_t key = begin; key < end; key = last) {
    const KeySummary *summary = key == begin ? &unit->total : &unit->part;
    last = round_up(key + 1, unit->block) < end ? round_up(key + 1, unit->block) : end;
    Stretch stretch = {index, kv_head, key, last};
    multiply_keys(unit, &stretch);
    softmax(unit, &stretch, summary);
    multiply_values(unit, &stretch, summary->values);
    if (key > begin)
      key_summary_merge(pass->context->kernels, unit->group, pass->spec.head_dim, &unit->total,
                        summary);
  }
  finish(unit, segment->first, kv_head);
}

static void decode_task(void *context, int thread, int threads) {
  Job *job = context;
  Unit unit = unit_at(job, thread);
  int64_t heads = job->pass->spec.kv_heads, index;
  (void)threads;
  while ((index = atomic_fetch_add(&job->next, 1)) < job->pass->count * heads)
    run_unit(&unit, index / heads, index % heads);
}

static int64_t elements_read(const PagedPass *pass) {
  int64_t keys = 0;
  for (int64_t i = 0; i < pass->count; i++)
    if (pass->segments[i].rows == 1) keys += paged_keys(&pass->segments[i]);
  return keys * pass->spec.kv_heads * pass->spec.head_dim;
}

void paged_decode_run(const PagedPass *pass) {
  int64_t elements = elements_read(pass), bytes = thread_bytes(pass);
  if (elements == 0) return;
  ArenaMark mark = arena_mark(pass->context->scratch);
  Job job = {.pass = pass, .thread_bytes = bytes};
  size_t all = (size_t)(bytes * team_size(pass->context->team));
  job.scratch = arena_take(pass->context->scratch, all);
  if (elements < SMALL_CACHE)
    decode_task(&job, 0, 1);
  else
    team_run(pass->context->team, decode_task, &job);
  arena_restore(pass->context->scratch, mark);
}
