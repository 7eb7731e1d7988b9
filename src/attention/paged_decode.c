// SPDX-License-Identifier: Apache-2.0
#include "attention/head_rows.h"
#include "attention/key_chunk.h"
#include "attention/paged_pass.h"
#include "kernels/matmul.h"
#include <math.h>
#include <stdatomic.h>

enum {
  RUN_KEYS = 512,         // scores of a run are held together
  SMALL_CACHE = 16 * 1024 // elements that one thread reads sooner than a team has gathered
};

typedef struct {
  const PagedPass *pass;
  char *scratch; // [threads][thread_bytes]
  int64_t thread_bytes;
  _Atomic int64_t next; // key head of a segment that no thread has taken
} Job;

// Of one thread, for the query heads of one key head.
typedef struct {
  const PagedPass *pass;
  int64_t group;
  float *queries, *values, *added; // [group][D]
  float *scores;                   // [group][RUN_KEYS]
  float *largest, *sum, *factor;   // [group]
} Unit;

static int64_t group_of(const PagedPass *pass) {
  return pass->spec.heads / pass->spec.kv_heads;
}

static int64_t thread_bytes(const PagedPass *pass) {
  int64_t bytes =
      group_of(pass) * (3 * pass->spec.head_dim + RUN_KEYS + 3) * (int64_t)sizeof(float);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

static Unit unit_at(const Job *job, int thread) {
  int64_t group = group_of(job->pass), floats = group * job->pass->spec.head_dim;
  float *memory = (float *)(job->scratch + thread * job->thread_bytes);
  Unit unit = {.pass = job->pass, .group = group, .queries = memory};
  unit.values = unit.queries + floats;
  unit.added = unit.values + floats;
  unit.scores = unit.added + floats;
  unit.largest = unit.scores + group * RUN_KEYS;
  unit.sum = unit.largest + group;
  unit.factor = unit.sum + group;
  return unit;
}

static void load(const Unit *unit, int64_t row, int64_t kv_head) {
  const PagedPass *pass = unit->pass;
  const Kernels *kernels = pass->context->kernels;
  int64_t dim = pass->spec.head_dim;
  for (int64_t r = 0; r < unit->group; r++) {
    const float *query = head_row(&pass->queries, row, kv_head * unit->group + r, 0);
    kernels->scale(dim, query, (float)pass->spec.scale, unit->queries + r * dim);
    unit->largest[r] = -INFINITY;
    unit->sum[r] = 0.0f;
  }
}

// Few rows meet B as it lies, some at a time: the run stays in the cache between.
static void multiply(const Kernels *kernels, Matmul matmul, int64_t rows) {
  for (int64_t r = 0; r < rows; r += kernels->direct_rows) {
    matmul.rows = rows - r < kernels->direct_rows ? rows - r : kernels->direct_rows;
    kernels->matmul_direct(&matmul, 0, matmul.columns);
    matmul.a += matmul.rows * matmul.a_row;
    matmul.c += matmul.rows * matmul.c_row;
  }
}

static Matmul product(const Tensor *b, int64_t kv_head, int64_t slot) {
  return (Matmul){.batches = 1,
                  .heads = 1,
                  .group = 1,
                  .dtype = b->dtype,
                  .b = head_row(b, 0, kv_head, slot),
                  .b_row = b->stride[2]};
}

static void multiply_keys(const Unit *unit, int64_t kv_head, int64_t slot, int64_t count) {
  Matmul scores = product(&unit->pass->keys, kv_head, slot);
  scores.transposed = true;
  scores.columns = count;
  scores.depth = scores.a_row = unit->pass->spec.head_dim;
  scores.a = unit->queries;
  scores.c = unit->scores;
  scores.c_row = RUN_KEYS;
  multiply(unit->pass->context->kernels, scores, unit->group);
}

static void multiply_values(const Unit *unit, int64_t kv_head, int64_t slot, int64_t count,
                            bool first) {
  const Kernels *kernels = unit->pass->context->kernels;
  int64_t dim = unit->pass->spec.head_dim;
  Matmul values = product(&unit->pass->values, kv_head, slot);
  values.columns = values.c_row = dim;
  values.depth = count;
  values.a = unit->scores;
  values.a_row = RUN_KEYS;
  values.c = first ? unit->values : unit->added;
  multiply(kernels, values, unit->group);
  if (!first) kernels->add(unit->group * dim, unit->added, unit->values, unit->values);
}

// One run of keys: scores, the online softmax, the weighted values.
static void attend(const Unit *unit, int64_t kv_head, int64_t slot, int64_t count, bool first) {
  const Kernels *kernels = unit->pass->context->kernels;
  int64_t dim = unit->pass->spec.head_dim;
  multiply_keys(unit, kv_head, slot, count);
  SoftmaxRows softmax = {.rows = unit->group,
                         .columns = count,
                         .stride = RUN_KEYS,
                         .scores = unit->scores,
                         .largest = unit->largest,
                         .sum = unit->sum,
                         .factor = unit->factor};
  bool grown = kernels->softmax_rows(&softmax);
  for (int64_t r = 0; r < unit->group && grown && !first; r++)
    kernels->scale(dim, unit->values + r * dim, unit->factor[r], unit->values + r * dim);
  multiply_values(unit, kv_head, slot, count, first);
}

static void finish(const Unit *unit, int64_t row, int64_t kv_head) {
  const PagedPass *pass = unit->pass;
  int64_t dim = pass->spec.head_dim, first = kv_head * unit->group;
  float *out = (float *)pass->output.data + row * pass->output.stride[0] + first * dim;
  for (int64_t r = 0; r < unit->group; r++) {
    KeySummary summary = {unit->values + r * dim, unit->largest + r, unit->sum + r};
    key_summary_finish(pass->context->kernels, dim, &summary, DTYPE_F32, out + r * dim, NULL);
  }
}

static void run_unit(const Unit *unit, int64_t index, int64_t kv_head) {
  const PagedPass *pass = unit->pass;
  const PagedSegment *segment = &pass->segments[index];
  int64_t begin, end, slot;
  if (segment->rows != 1) return;
  ops_visible(segment->past, pass->spec.window, paged_keys(segment), &begin, &end);
  load(unit, segment->first, kv_head);
  for (int64_t key = begin, count; key < end; key += count) {
    count = paged_run(pass, index, key, end - key < RUN_KEYS ? end - key : RUN_KEYS, &slot);
    attend(unit, kv_head, slot, count, key == begin);
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
