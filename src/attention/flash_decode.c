// SPDX-License-Identifier: Apache-2.0
#include "attention/flash_decode.h"
#include "attention/decode_unit.h"
#include "attention/head_rows.h"
#include "attention/unit_queue.h"

enum {
  UNITS_OF_THREAD = 4,   // at least, where units are whole sequences' chunks
  SMALL_CACHE = 2 * 1024 // elements that one thread reads sooner than a team has gathered
};

static int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

static int64_t chunk_of(const AttentionProblem *problem, const ScoreStage *stage) {
  return key_block_keys(stage->key_block, problem->head_dim);
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
  return shared_bytes(problem, stage) +
         threads * decode_unit_bytes(problem, stage, chunk_of(problem, stage));
}

void flash_decode_start(FlashDecode *decode, const AttentionProblem *problem,
                        const ScoreStage *stage, const Kernels *kernels, Team *team, void *memory) {
  *decode = (FlashDecode){.problem = problem,
                          .stage = stage,
                          .kernels = kernels,
                          .team = team,
                          .group = problem->heads / problem->kv_heads,
                          .chunk = chunk_of(problem, stage),
                          .done = memory,
                          .scratch = (char *)memory + shared_bytes(problem, stage)};
  decode->chunks = (problem->keys + decode->chunk - 1) / decode->chunk;
  decode->thread_bytes = decode_unit_bytes(problem, stage, decode->chunk);
  decode->values = (float *)(decode->done + pairs_of(problem));
  decode->largest = decode->values + summary_rows(problem, stage) * problem->head_dim;
  decode->sum = decode->largest + summary_rows(problem, stage);
}

// Units of a run are counted chunk by chunk, in each (batch, first key head).
typedef struct {
  const FlashDecode *decode;
  const AttentionOperands *operands;
  const AttentionResult *result;
  int64_t kv_heads; // key heads of a unit
  UnitQueue units;
} Job;

// All key heads where they lie side by side and there are enough units for all threads.
static int64_t unit_heads(const FlashDecode *decode, const AttentionOperands *operands,
                          int threads) {
  bool enough = decode->problem->batch * decode->chunks >= UNITS_OF_THREAD * threads;
  return enough && decode_heads_beside(operands) ? decode->problem->kv_heads : 1;
}

static void job_start(Job *job, const FlashDecode *decode, const AttentionOperands *operands,
                      const AttentionResult *result, int threads) {
  *job = (Job){.decode = decode,
               .operands = operands,
               .result = result,
               .kv_heads = unit_heads(decode, operands, threads)};
  job->units.count = pairs_of(decode->problem) / job->kv_heads * decode->chunks;
}

static DecodeUnit unit_of(const Job *job, int64_t pair, int64_t chunk) {
  int64_t kv_heads = job->decode->problem->kv_heads;
  return (DecodeUnit){.decode = job->decode,
                      .operands = job->operands,
                      .batch = pair / kv_heads,
                      .kv_head = pair % kv_heads,
                      .kv_heads = job->kv_heads,
                      .chunk = chunk};
}

static void *scratch_of(const FlashDecode *decode, int thread) {
  return decode->scratch + thread * decode->thread_bytes;
}

// The first chunk's summary becomes that of all.
static void finish(const Job *job, int64_t pair) {
  const FlashDecode *decode = job->decode;
  const AttentionProblem *problem = decode->problem;
  const Tensor *out = &job->result->out;
  int64_t batch = pair / problem->kv_heads, kv_head = pair % problem->kv_heads;
  KeySummary total = decode_summary(decode, batch, kv_head, 0);
  for (int64_t c = 1; c < decode->chunks; c++) {
    KeySummary other = decode_summary(decode, batch, kv_head, c);
    key_summary_merge(decode->kernels, decode->group, problem->head_dim, &total, &other);
  }
  for (int64_t r = 0; r < decode->group; r++) {
    int64_t head = kv_head * decode->group + r;
    KeySummary summary = key_summary_at(&total, problem->head_dim, r);
    key_summary_finish(decode->kernels, problem->head_dim, &summary, out->dtype,
                       head_row(out, batch, head, 0),
                       job->result->lse ? job->result->lse + batch * problem->heads + head : NULL);
  }
}

static void decode_task(void *context, int thread, int threads) {
  Job *job = context;
  const FlashDecode *decode = job->decode;
  int64_t first, last;
  while (unit_queue_take(&job->units, threads, &first, &last))
    for (int64_t index = first; index < last; index++) {
      int64_t pair = index / decode->chunks * job->kv_heads;
      DecodeUnit unit = unit_of(job, pair, index % decode->chunks);
      decode_unit_run(&unit, scratch_of(decode, thread));
      for (int64_t p = pair; p < pair + job->kv_heads; p++)
        if (atomic_fetch_add(&decode->done[p], 1) == decode->chunks - 1) finish(job, p);
    }
}

bool flash_decode_small(const AttentionProblem *problem) {
  return pairs_of(problem) * problem->keys * problem->head_dim < SMALL_CACHE;
}

void flash_decode_run(FlashDecode *decode, const AttentionOperands *operands,
                      const AttentionResult *result) {
  const AttentionProblem *problem = decode->problem;
  bool small = flash_decode_small(problem);
  Job job;
  job_start(&job, decode, operands, result, small ? 1 : team_size(decode->team));
  for (int64_t pair = 0; pair < pairs_of(problem); pair++) decode->done[pair] = 0;
  if (small)
    decode_task(&job, 0, 1);
  else
    team_run(decode->team, decode_task, &job);
}

// Neighbouring chunks of a key head, and the same of neighbouring key heads, go to threads in turn:
// wherever the keys end that are seen, threads have nearly the same number of those before.
void flash_decode_run_part(const FlashDecode *decode, const AttentionOperands *operands,
                           const AttentionResult *result, int thread, int threads) {
  int64_t pairs = pairs_of(decode->problem);
  Job job;
  job_start(&job, decode, operands, result, threads);
  for (int64_t pair = 0; pair < pairs; pair += job.kv_heads) {
    int64_t chunk = (thread + threads - pair / job.kv_heads % threads) % threads;
    for (; chunk < decode->chunks; chunk += threads) {
      DecodeUnit unit = unit_of(&job, pair, chunk);
      decode_unit_run(&unit, scratch_of(decode, thread));
    }
  }
  if (threads > 1 && (decode->chunks > 1 || job.kv_heads > 1)) team_barrier(decode->team);
  for (int64_t pair = thread; pair < pairs; pair += threads) finish(&job, pair);
}
