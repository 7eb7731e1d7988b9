// SPDX-License-Identifier: Apache-2.0
#include "attention/head_rows.h"
#include "attention/key_summary.h"
#include "attention/paged_pass.h"
#include "attention/unit_queue.h"
#include "kernels/matmul.h"
#include <math.h>

enum { SMALL_CACHE = 16 * 1024 }; // elements that one thread reads sooner than a team has gathered

// A segment of one query: the keys that it sees, in blocks as key_summary.h has them.
typedef struct {
  int64_t segment, begin, end;
  int64_t blocks, unit; // blocks; the first of its units: of each key head, of each block
} Query;

// Each unit leaves a summary; who ends the last one of a key head merges them.
typedef struct {
  const PagedPass *pass;
  const Query *queries;
  UnitQueue units;
  KeySummary summaries;  // [units][group][D], [units][group]
  _Atomic int64_t *done; // [queries, key head]: units that have ended
  char *scratch;         // [threads][thread_bytes]
  int64_t thread_bytes;
} Job;

// Of one thread.
typedef struct {
  const PagedPass *pass;
  int64_t group, block; // query heads of a key head; keys of a block
  void *product;        // of a Matmul
  float *queries;       // [group][D], scaled
  float *scores;        // [group][block]
  float *factor;        // [group]
} Work;

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
  int64_t floats = group_of(pass) * (pass->spec.head_dim + block_of(pass) + 1);
  return round_up(matmul_scratch_bytes(1), MATRIX_ALIGNMENT) +
         round_up(floats * (int64_t)sizeof(float), MATRIX_ALIGNMENT);
}

static Work work_at(const Job *job, int thread) {
  const PagedPass *pass = job->pass;
  char *memory = job->scratch + thread * job->thread_bytes;
  Work work = {.pass = pass, .group = group_of(pass), .block = block_of(pass), .product = memory};
  work.queries = (float *)(memory + round_up(matmul_scratch_bytes(1), MATRIX_ALIGNMENT));
  work.scores = work.queries + work.group * pass->spec.head_dim;
  work.factor = work.scores + work.group * work.block;
  return work;
}

static KeySummary summary_of(const Job *job, int64_t unit) {
  return key_summary_at(&job->summaries, job->pass->spec.head_dim, unit * group_of(job->pass));
}

static void load(const Work *work, int64_t row, int64_t kv_head) {
  const PagedPass *pass = work->pass;
  int64_t dim = pass->spec.head_dim;
  for (int64_t r = 0; r < work->group; r++) {
    const float *query = head_row(&pass->queries, row, kv_head * work->group + r, 0);
    pass->context->kernels->scale(dim, query, (float)pass->spec.scale, work->queries + r * dim);
  }
}

// Keys [begin, end) of a segment's key head, in one block of keys.
typedef struct {
  int64_t segment, kv_head, begin, end;
} Stretch;

static float *scores_of(const Work *work, const Stretch *stretch, int64_t key) {
  return work->scores + key - stretch->begin;
}

static Matmul product(const Work *work, const Tensor *b, const Stretch *stretch, int64_t slot) {
  return (Matmul){.batches = 1,
                  .heads = 1,
                  .group = 1,
                  .rows = work->group,
                  .dtype = b->dtype,
                  .b = head_row(b, 0, stretch->kv_head, slot),
                  .b_row = b->stride[2],
                  .scratch = work->product};
}

// Where the first keys of a stretch lie, or their values.
static const void *first_of(const Work *work, const Tensor *x, const Stretch *stretch) {
  int64_t slot;
  paged_run(work->pass, stretch->segment, stretch->begin, 1, &slot);
  return head_row(x, 0, stretch->kv_head, slot);
}

static void multiply_keys(const Work *work, const Stretch *stretch) {
  const PagedPass *pass = work->pass;
  for (int64_t key = stretch->begin, slot; key < stretch->end;) {
    int64_t count = paged_run(pass, stretch->segment, key, stretch->end - key, &slot);
    Matmul scores = product(work, &pass->keys, stretch, slot);
    scores.transposed = true;
    scores.columns = count;
    scores.depth = scores.a_row = pass->spec.head_dim;
    scores.a = work->queries;
    scores.c = scores_of(work, stretch, key);
    scores.c_row = work->block;
    scores.next = first_of(work, &pass->values, stretch);
    matmul_run_part(pass->context->kernels, &scores, 0, 1);
    key += count;
  }
}

static void multiply_values(const Work *work, const Stretch *stretch, const Stretch *next,
                            float *sums) {
  const PagedPass *pass = work->pass;
  for (int64_t key = stretch->begin, slot; key < stretch->end;) {
    int64_t count = paged_run(pass, stretch->segment, key, stretch->end - key, &slot);
    Matmul values = product(work, &pass->values, stretch, slot);
    values.added = key > stretch->begin;
    values.columns = values.c_row = pass->spec.head_dim;
    values.depth = count;
    values.a = scores_of(work, stretch, key);
    values.a_row = work->block;
    values.c = sums;
    values.next = first_of(work, &pass->keys, next);
    matmul_run_part(pass->context->kernels, &values, 0, 1);
    key += count;
  }
}

static void softmax(const Work *work, const Stretch *stretch, const KeySummary *summary) {
  for (int64_t r = 0; r < work->group; r++) {
    summary->largest[r] = -INFINITY;
    summary->sum[r] = 0.0f;
  }
  work->pass->context->kernels->softmax_rows(
      &(SoftmaxRows){.rows = work->group,
                     .columns = stretch->end - stretch->begin,
                     .stride = work->block,
                     .scores = work->scores,
                     .largest = summary->largest,
                     .sum = summary->sum,
                     .factor = work->factor});
}

static void attend(const Work *work, const Stretch *stretch, const Stretch *next,
                   const KeySummary *summary) {
  int64_t row = work->pass->segments[stretch->segment].first;
  load(work, row, stretch->kv_head);
  multiply_keys(work, stretch);
  softmax(work, stretch, summary);
  multiply_values(work, stretch, next, summary->values);
}

// The first block's summary becomes that of all.
static void finish(const Job *job, const Query *query, int64_t kv_head) {
  const PagedPass *pass = job->pass;
  const Kernels *kernels = pass->context->kernels;
  int64_t dim = pass->spec.head_dim, group = group_of(pass),
          row = pass->segments[query->segment].first;
  int64_t unit = query->unit + kv_head * query->blocks;
  float *out = (float *)pass->output.data + row * pass->output.stride[0] + kv_head * group * dim;
  KeySummary total = summary_of(job, unit);
  for (int64_t i = 1; i < query->blocks; i++) {
    KeySummary other = summary_of(job, unit + i);
    key_summary_merge(kernels, group, dim, &total, &other);
  }
  for (int64_t r = 0; r < group; r++) {
    KeySummary summary = key_summary_at(&total, dim, r);
    key_summary_finish(kernels, dim, &summary, DTYPE_F32, out + r * dim, NULL);
  }
}

// Where a unit is: of which query, which of its keys. Units are met in order: `*query` moves on.
static Stretch stretch_of(const Job *job, int64_t unit, const Query **query) {
  int64_t size = block_of(job->pass), heads = job->pass->spec.kv_heads;
  while (unit >= (*query)->unit + (*query)->blocks * heads) ++*query;
  const Query *q = *query;
  int64_t index = unit - q->unit, block = q->begin / size + index % q->blocks;
  return (Stretch){.segment = q->segment,
                   .kv_head = index / q->blocks,
                   .begin = block * size > q->begin ? block * size : q->begin,
                   .end = (block + 1) * size < q->end ? (block + 1) * size : q->end};
}

static void run_unit(const Job *job, const Work *work, int64_t unit, const Query **query) {
  Stretch stretch = stretch_of(job, unit, query), next = stretch;
  const Query *own = *query, *following = own;
  if (unit + 1 < job->units.count) next = stretch_of(job, unit + 1, &following);
  KeySummary summary = summary_of(job, unit);
  attend(work, &stretch, &next, &summary);
  _Atomic int64_t *done =
      &job->done[(own - job->queries) * job->pass->spec.kv_heads + stretch.kv_head];
  if (atomic_fetch_add(done, 1) == own->blocks - 1) finish(job, own, stretch.kv_head);
}

static void decode_task(void *context, int thread, int threads) {
  Job *job = context;
  Work work = work_at(job, thread);
  const Query *query = job->queries;
  int64_t first, last;
  while (unit_queue_take(&job->units, threads, &first, &last))
    for (int64_t unit = first; unit < last; unit++) run_unit(job, &work, unit, &query);
}

static int64_t elements_read(const PagedPass *pass) {
  int64_t keys = 0;
  for (int64_t i = 0; i < pass->count; i++)
    if (pass->segments[i].rows == 1) keys += paged_keys(&pass->segments[i]);
  return keys * pass->spec.kv_heads * pass->spec.head_dim;
}

// Returns how many; *units: of all.
static int64_t find_queries(const PagedPass *pass, Query *queries, int64_t *units) {
  int64_t count = 0, size = block_of(pass);
  *units = 0;
  for (int64_t i = 0; i < pass->count; i++) {
    const PagedSegment *segment = &pass->segments[i];
    Query *query = &queries[count];
    if (segment->rows != 1) continue;
    *query = (Query){.segment = i, .unit = *units};
    ops_visible(segment->past, pass->spec.window, paged_keys(segment), &query->begin, &query->end);
    query->blocks = (query->end - 1) / size - query->begin / size + 1;
    *units += query->blocks * pass->spec.kv_heads;
    count++;
  }
  return count;
}

static float *take_floats(const PagedPass *pass, int64_t count) {
  return arena_take(pass->context->scratch, (size_t)count * sizeof(float));
}

static void place(Job *job, int64_t queries) {
  const PagedPass *pass = job->pass;
  int64_t rows = job->units.count * group_of(pass), pairs = queries * pass->spec.kv_heads;
  job->summaries.values = take_floats(pass, rows * pass->spec.head_dim);
  job->summaries.largest = take_floats(pass, rows);
  job->summaries.sum = take_floats(pass, rows);
  job->done = arena_take(pass->context->scratch, (size_t)pairs * sizeof *job->done);
  for (int64_t i = 0; i < pairs; i++) job->done[i] = 0;
  job->thread_bytes = thread_bytes(pass);
  job->scratch = arena_take(pass->context->scratch,
                            (size_t)(job->thread_bytes * team_size(pass->context->team)));
}

void paged_decode_run(const PagedPass *pass) {
  int64_t elements = elements_read(pass);
  if (elements == 0) return;
  ArenaMark mark = arena_mark(pass->context->scratch);
  Query *queries = arena_take(pass->context->scratch, (size_t)pass->count * sizeof *queries);
  Job job = {.pass = pass, .queries = queries};
  int64_t count = find_queries(pass, queries, &job.units.count);
  place(&job, count);
  if (elements < SMALL_CACHE)
    decode_task(&job, 0, 1);
  else
    team_run(pass->context->team, decode_task, &job);
  arena_restore(pass->context->scratch, mark);
}
