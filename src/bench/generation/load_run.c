// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/load_run.h"
#include "base/clock.h"
#include <time.h>

enum { SPIN_NS = 200 * 1000 }; // before the next arrival; sleeping can take longer than it says

struct Load {
  Batch *batch;
  const Arrivals *arrivals;
  const LoadRequest *requests;
  const int64_t *times;
  int64_t count, submitted;
  int64_t start; // on the clock
  LoadResult *results;
};

static int64_t since(const Load *load) {
  return clock_now() - load->start;
}

static bool hear_token(void *context, int32_t id) {
  LoadResult *result = context;
  result->ids[result->made] = id;
  result->times[result->made++] = since(result->load);
  return true;
}

static void hear_start(void *context) {
  LoadResult *result = context;
  result->started = since(result->load);
}

static void submit(Load *load, int64_t arrival);

// Where so many are to run at once, the next one arrives when one ends.
static void hear_end(void *context, BatchEnd end, int64_t preemptions) {
  LoadResult *result = context;
  Load *load = result->load;
  (void)end;
  result->end = since(load);
  result->preemptions = preemptions;
  if (load->arrivals->kind == ARRIVALS_CONCURRENCY) submit(load, result->end);
}

static const BatchListener listener = {hear_token, hear_end, hear_start};

// The next request, and those behind it as long as they are refused where one has to be running.
static void submit(Load *load, int64_t arrival) {
  bool refused = true;
  while (refused && load->submitted < load->count) {
    int64_t i = load->submitted++;
    const LoadRequest *request = &load->requests[i];
    LoadResult *result = &load->results[i];
    BatchRequest made = {.prompt = request->ids,
                         .prompt_length = request->length,
                         .max_new_tokens = request->max_new_tokens,
                         .sampling = sampling_greedy(),
                         .draw = i,
                         .listener = &listener,
                         .context = result};
    result->made = 0;
    result->arrival = arrival;
    refused = !batch_submit(load->batch, &made, &result->refusal);
    result->refused = refused;
    if (load->arrivals->kind != ARRIVALS_CONCURRENCY) return;
  }
}

static void submit_due(Load *load) {
  int64_t now = since(load);
  while (load->arrivals->kind != ARRIVALS_CONCURRENCY && load->submitted < load->count &&
         load->times[load->submitted] <= now)
    submit(load, load->times[load->submitted]);
}

// Until the next arrival: sleeps most of it.
static void wait_for_next(const Load *load) {
  int64_t left = load->times[load->submitted] - since(load) - SPIN_NS;
  if (left > 0) {
    struct timespec pause = {.tv_sec = (time_t)(left / 1000000000), .tv_nsec = left % 1000000000};
    nanosleep(&pause, NULL);
  }
  while (since(load) < load->times[load->submitted]) continue;
}

static bool idle(const Load *load) {
  return batch_waiting(load->batch) + batch_running(load->batch) == 0;
}

static bool take_step(Load *load, LoadFacts *facts, Error *error) {
  int64_t begin = clock_now();
  if (!batch_step(load->batch, error)) return false;
  double took = (double)(clock_now() - begin);
  BatchStep step = batch_last_step(load->batch);
  facts->busy_ns += (int64_t)took;
  facts->running_ns += took * (double)step.running;
  facts->blocks_ns += took * (double)step.blocks;
  return true;
}

static bool run(Load *load, LoadFacts *facts, Error *error) {
  load->start = clock_now();
  for (int64_t i = 0; load->arrivals->kind == ARRIVALS_CONCURRENCY && i < load->arrivals->number;
       i++)
    submit(load, 0);
  submit_due(load);
  while (load->submitted < load->count || !idle(load)) {
    if (idle(load))
      wait_for_next(load);
    else if (!take_step(load, facts, error))
      return false;
    submit_due(load);
  }
  facts->end = since(load);
  return true;
}

bool load_run(Batch *batch, const Arrivals *arrivals, const LoadRequest *requests,
              const int64_t *times, int64_t count, LoadResult *results, LoadFacts *facts,
              Error *error) {
  Load load = {.batch = batch,
               .arrivals = arrivals,
               .requests = requests,
               .times = times,
               .count = count,
               .results = results};
  for (int64_t i = 0; i < count; i++) results[i].load = &load;
  *facts = (LoadFacts){0};
  batch_facts_clear(batch);
  bool done = run(&load, facts, error);
  facts->batch = batch_facts(batch);
  return done;
}
