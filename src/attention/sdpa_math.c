// SPDX-License-Identifier: Apache-2.0
// One operator that holds scores: a block of query rows of one head at a time, each row whole, so
// that keys which no row of the block sees are never multiplied. One query per sequence (decoding)
// takes all heads at once, so that the heads of a group read their keys and values once.
//
// q [batch, heads, M, D], k, v [batch, kv_heads, N, D], past [batch] → [batch * M, heads * D].
#include "attention/sdpa_math.h"
#include "kernels/matmul.h"
#include "kernels/operators/rows.h"
#include <string.h>

enum {
  BLOCK_ROWS = 96,
  FLOATS_PER_LINE = 16,
  SMALL_CACHE = 4 * 1024 // elements that one thread reads sooner than a team has gathered
};

typedef struct {
  int64_t window;
  double scale;
} MathAttributes;

typedef struct {
  const Kernels *kernels;
  Team *team;
  const Tensor *q, *k, *v, *output;
  const int64_t *past;
  const MathAttributes *attributes;
  int64_t batch, heads, rows, keys, head_dim, group;
  float *scores;         // decoding: [batch, heads, N]; else per thread [BLOCK_ROWS, N]
  int64_t score_floats;  // of one thread
  char *scratch;         // of the products
  int64_t scratch_bytes; // of one thread
} Job;

// The rows of one head that are done together, and the keys that any of them sees.
typedef struct {
  int64_t sequence, head, row, rows, first, last;
} Block;

static bool math_infer(const Tensor *inputs, int count, const void *attributes, Tensor *output,
                       Error *error) {
  (void)attributes;
  const Tensor *q = &inputs[0], *k = &inputs[1];
  if (!rows_check_count(count, 4, 4, error) ||
      !rows_check_shape(q, "queries", 4, (int64_t[]){-1, -1, -1, -1}, error) ||
      !rows_check_float(q, "queries", error) ||
      !rows_check_shape(k, "keys", 4, (int64_t[]){q->shape[0], -1, -1, q->shape[3]}, error) ||
      !rows_check_shape(&inputs[2], "values", 4, k->shape, error) ||
      !rows_check_shape(&inputs[3], "past", 1, q->shape, error))
    return false;
  int64_t shape[2] = {q->shape[0] * q->shape[2], q->shape[1] * q->shape[3]};
  *output = tensor_dense(DTYPE_F32, 2, shape, NULL);
  return true;
}

static const void *element(const Tensor *x, int64_t offset) {
  return (const char *)x->data + offset * dtype_facts(x->dtype)->block_bytes;
}

// Products against k (scores) or v (output); the caller says where and how many.
static Matmul product(const Job *job, const Tensor *b, bool transposed) {
  return (Matmul){.transposed = transposed,
                  .batches = 1,
                  .heads = 1,
                  .group = 1,
                  .columns = job->head_dim,
                  .depth = job->head_dim,
                  .dtype = b->dtype,
                  .b_row = b->stride[2],
                  .b_head = b->stride[1],
                  .b_batch = b->stride[0]};
}

static void block_scores(const Job *job, const Block *block, float *scores, void *scratch) {
  Matmul matmul = product(job, job->k, true);
  int64_t kv_head = block->head / job->group;
  matmul.rows = block->rows;
  matmul.columns = block->last - block->first;
  matmul.a = (const float *)job->q->data + block->sequence * job->q->stride[0] +
             block->head * job->q->stride[1] + block->row * job->q->stride[2];
  matmul.a_row = job->q->stride[2];
  matmul.b = element(job->k, block->sequence * job->k->stride[0] + kv_head * job->k->stride[1] +
                                 block->first * job->k->stride[2]);
  matmul.c = scores;
  matmul.c_row = matmul.columns;
  matmul.scratch = scratch;
  matmul_run_part(job->kernels, &matmul, 0, 1);
}

static void block_values(const Job *job, const Block *block, const float *scores, void *scratch) {
  Matmul matmul = product(job, job->v, false);
  int64_t kv_head = block->head / job->group;
  matmul.rows = block->rows;
  matmul.depth = block->last - block->first;
  matmul.a = scores;
  matmul.a_row = matmul.depth;
  matmul.b = element(job->v, block->sequence * job->v->stride[0] + kv_head * job->v->stride[1] +
                                 block->first * job->v->stride[2]);
  matmul.c =
      rows_at(job->output, block->sequence * job->rows + block->row) + block->head * job->head_dim;
  matmul.c_row = job->output->stride[0];
  matmul.scratch = scratch;
  matmul_run_part(job->kernels, &matmul, 0, 1);
}

// The keys that the query in this row of its sequence sees.
static void visible(const Job *job, int64_t sequence, int64_t row, int64_t *first, int64_t *last) {
  ops_visible(job->past[sequence] + row, job->attributes->window, job->keys, first, last);
}

static void block_softmax(const Job *job, const Block *block, float *scores) {
  int64_t count = block->last - block->first;
  for (int64_t i = 0; i < block->rows; i++) {
    int64_t first, last;
    visible(job, block->sequence, block->row + i, &first, &last);
    float *row = scores + i * count;
    job->kernels->softmax(count, first - block->first, last - block->first,
                          (float)job->attributes->scale, row, row);
  }
}

static void block_clear(const Job *job, const Block *block) {
  for (int64_t i = 0; i < block->rows; i++)
    memset(rows_at(job->output, block->sequence * job->rows + block->row + i) +
               block->head * job->head_dim,
           0, (size_t)job->head_dim * sizeof(float));
}

static Block block_at(const Job *job, int64_t index) {
  int64_t blocks = (job->rows + BLOCK_ROWS - 1) / BLOCK_ROWS, unused;
  Block block = {.sequence = index / blocks / job->heads,
                 .head = index / blocks % job->heads,
                 .row = index % blocks * BLOCK_ROWS};
  block.rows = job->rows - block.row < BLOCK_ROWS ? job->rows - block.row : BLOCK_ROWS;
  visible(job, block.sequence, block.row, &block.first, &unused);
  visible(job, block.sequence, block.row + block.rows - 1, &unused, &block.last);
  if (block.first > block.last) block.first = block.last;
  return block;
}

static int64_t block_count(const Job *job) {
  return job->batch * job->heads * ((job->rows + BLOCK_ROWS - 1) / BLOCK_ROWS);
}

static int64_t block_cost(const Block *block) {
  return block->rows * (block->last - block->first + FLOATS_PER_LINE);
}

// Each thread takes consecutive blocks whose middle falls into its share of the whole cost.
static void prefill_task(void *context, int thread, int threads) {
  const Job *job = context;
  float *scores = job->scores + thread * job->score_floats;
  void *scratch = job->scratch + thread * job->scratch_bytes;
  int64_t total = 0, before = 0;
  for (int64_t i = 0; i < block_count(job); i++) {
    Block block = block_at(job, i);
    total += block_cost(&block);
  }
  for (int64_t i = 0; i < block_count(job); i++) {
    Block block = block_at(job, i);
    int64_t cost = block_cost(&block), middle = before + cost / 2;
    before += cost;
    if ((int64_t)((double)middle / (double)total * threads) != thread) continue;
    if (block.first == block.last) {
      block_clear(job, &block);
      continue;
    }
    block_scores(job, &block, scores, scratch);
    block_softmax(job, &block, scores);
    block_values(job, &block, scores, scratch);
  }
}

// The keys that the one query of any sequence sees.
static Block decode_keys(const Job *job) {
  Block keys = {.first = job->keys};
  for (int64_t sequence = 0; sequence < job->batch; sequence++) {
    int64_t first, last;
    visible(job, sequence, 0, &first, &last);
    if (first < last && first < keys.first) keys.first = first;
    if (last > keys.last) keys.last = last;
  }
  return keys;
}

static void decode_softmax(const Job *job, const Block *keys, int thread, int threads) {
  int64_t begin, end, count = keys->last - keys->first;
  team_share(job->batch * job->heads, 1, thread, threads, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    int64_t first, last;
    visible(job, i / job->heads, 0, &first, &last);
    if (first == last) first = last = keys->first;
    float *row = job->scores + i * count;
    job->kernels->softmax(count, first - keys->first, last - keys->first,
                          (float)job->attributes->scale, row, row);
  }
}

static Matmul decode_product(const Job *job, const Tensor *b, bool transposed, int64_t first) {
  Matmul matmul = product(job, b, transposed);
  matmul.batches = job->batch;
  matmul.heads = job->heads;
  matmul.group = job->group;
  matmul.rows = 1;
  matmul.b = element(b, first * b->stride[2]);
  matmul.scratch = job->scratch;
  return matmul;
}

static void decode_scores(const Job *job, const Block *keys, int thread, int threads) {
  Matmul scores = decode_product(job, job->k, true, keys->first);
  scores.columns = keys->last - keys->first;
  scores.a = job->q->data;
  scores.a_row = job->q->stride[2];
  scores.a_head = job->q->stride[1];
  scores.a_batch = job->q->stride[0];
  scores.c = job->scores;
  scores.c_row = scores.c_head = scores.columns;
  scores.c_batch = job->heads * scores.columns;
  matmul_run_part(job->kernels, &scores, thread, threads);
}

static void decode_values(const Job *job, const Block *keys, int thread, int threads) {
  Matmul values = decode_product(job, job->v, false, keys->first);
  values.depth = keys->last - keys->first;
  values.a = job->scores;
  values.a_row = values.a_head = values.depth;
  values.a_batch = job->heads * values.depth;
  values.c = job->output->data;
  values.c_row = values.c_batch = job->output->stride[0];
  values.c_head = job->head_dim;
  matmul_run_part(job->kernels, &values, thread, threads);
}

static void decode_task(void *context, int thread, int threads) {
  const Job *job = context;
  Block keys = decode_keys(job);
  if (keys.first >= keys.last) {
    size_t bytes = (size_t)tensor_elements(job->output) * sizeof(float);
    if (thread == 0) memset(job->output->data, 0, bytes);
    return;
  }
  decode_scores(job, &keys, thread, threads);
  if (threads > 1) team_barrier(job->team);
  decode_softmax(job, &keys, thread, threads);
  if (threads > 1) team_barrier(job->team);
  decode_values(job, &keys, thread, threads);
}

static Job job_of(const Tensor *inputs, const void *attributes, const Tensor *output) {
  const Tensor *q = &inputs[0], *k = &inputs[1];
  Job job = {.q = q,
             .k = k,
             .v = &inputs[2],
             .output = output,
             .past = rows_past(&inputs[3]),
             .attributes = attributes,
             .batch = q->shape[0],
             .heads = q->shape[1],
             .rows = q->shape[2],
             .keys = k->shape[2],
             .head_dim = q->shape[3],
             .group = q->shape[1] / k->shape[1]};
  job.score_floats =
      (BLOCK_ROWS * job.keys + FLOATS_PER_LINE - 1) / FLOATS_PER_LINE * FLOATS_PER_LINE;
  job.scratch_bytes = matmul_scratch_bytes(1);
  return job;
}

// The scores come first, in whole lines.
static int64_t score_bytes(const Job *job, int threads) {
  if (job->rows > 1) return threads * job->score_floats * (int64_t)sizeof(float);
  int64_t floats = job->batch * job->heads * job->keys;
  return (floats + FLOATS_PER_LINE - 1) / FLOATS_PER_LINE * FLOATS_PER_LINE *
         (int64_t)sizeof(float);
}

static int64_t math_scratch(const Kernels *kernels, const Tensor *inputs, int count,
                            const void *attributes, int threads) {
  (void)kernels, (void)count;
  Job job = job_of(inputs, attributes, NULL);
  int64_t products = job.rows == 1 ? matmul_scratch_bytes(threads) : threads * job.scratch_bytes;
  return score_bytes(&job, threads) + products;
}

static void math_part(const OperatorPart *part, const Tensor *inputs, int count,
                      const void *attributes, Tensor *output) {
  (void)count;
  Job job = job_of(inputs, attributes, output);
  job.kernels = part->kernels;
  job.team = part->team;
  job.scores = part->scratch;
  job.scratch = (char *)part->scratch + score_bytes(&job, part->threads);
  (job.rows == 1 ? decode_task : prefill_task)(&job, part->thread, part->threads);
}

static bool math_small(const Tensor *inputs, const void *attributes, const Tensor *output) {
  (void)attributes, (void)output;
  const Tensor *k = &inputs[1];
  return inputs[0].shape[2] == 1 && 2 * tensor_elements(k) < SMALL_CACHE;
}

static const Operator math_operator = {.name = "attention_math",
                                       .attributes_size = sizeof(MathAttributes),
                                       .written = -1,
                                       .infer = math_infer,
                                       .part = math_part,
                                       .scratch_bytes = math_scratch,
                                       .small = math_small};

Tensor attention_sdpa_math(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  Tensor tensors[] = {inputs->queries, inputs->keys, inputs->values, inputs->past};
  MathAttributes attributes = {spec->window, spec->scale};
  return ops_apply(ops, &math_operator, tensors, 4, &attributes);
}
