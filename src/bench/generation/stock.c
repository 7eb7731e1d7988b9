// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/stock.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TRIES = 2 };

static void tell(const StockOptions *options, const char *what) {
  if (options->tell) options->tell(options->tell_context, what);
}

// Errors that every scenario of the run would meet again.
static bool is_fatal(const WorkerOutcome *outcome) {
  switch (outcome->status) {
  case WORKER_INTERRUPTED: return true;
  case WORKER_REFUSED:
    return outcome->error.code == ERROR_ARGUMENT || outcome->error.code == ERROR_NOT_FOUND ||
           outcome->error.code == ERROR_FORMAT || outcome->error.code == ERROR_UNSUPPORTED ||
           outcome->error.code == ERROR_IO;
  default: return false;
  }
}

// A process that somebody killed may succeed when it is run again, and all scenarios of its dtype
// wait for it; one that lacked memory or time does not.
static bool may_succeed_again(WorkerStatus status, const Error *error) {
  return status == WORKER_FAILED && error->code == ERROR_CHILD;
}

static bool fail(StockFailure *failure, const WorkerOutcome *outcome, const char *what) {
  *failure = (StockFailure){outcome->error, is_fatal(outcome)};
  if (!failure->fatal) error_within(&failure->error, what);
  return false;
}

static bool fail_here(StockFailure *failure, bool fatal) {
  failure->fatal = fatal;
  return false;
}

static int memory_file(const char *name, StockFailure *failure) {
  int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) {
    error_set_errno(&failure->error, name, "cannot make a memory file");
    failure->fatal = true;
  }
  return file;
}

static bool read_make(Stock *stock, StockFailure *failure) {
  Field root = field_root(stock->make, "answer of the process that made the weights");
  return feasibility_read(&root, &stock->feasibility, &failure->error) || fail_here(failure, false);
}

static bool make_weights(const StockOptions *options, Stock *stock, StockFailure *failure) {
  WorkerRequest request = {.task = TASK_MAKE,
                           .model = options->model,
                           .dtype = stock->dtype,
                           .rounding = stock->dtype,
                           .tier = options->tier,
                           .pin = options->pin,
                           .attention = "eager"};
  tell(options, "making the weights");
  WorkerOutcome outcome = {.status = WORKER_FAILED};
  for (int i = 0; i < TRIES; i++) {
    if (stock->weights >= 0) close(stock->weights);
    stock->weights = memory_file("attometer-weights", failure);
    if (stock->weights < 0) return false;
    outcome = worker_process_run(&options->command, request_json(&request), &stock->weights, 1,
                                 NULL, NULL);
    if (!may_succeed_again(outcome.status, &outcome.error)) break;
  }
  if (outcome.status != WORKER_DONE) return fail(failure, &outcome, "making the weights");
  stock->make = outcome.result;
  return read_make(stock, failure);
}

static StockCase *find_case(const Stock *stock, const Scenario *scenario) {
  for (size_t i = 0; i < stock->cases.count; i++) {
    StockCase *item = &stock->cases.items[i];
    if (item->depth == scenario->depth && item->length == scenario->sequence_length) return item;
  }
  return NULL;
}

const StockCase *stock_case(const Stock *stock, const Scenario *scenario) {
  return find_case(stock, scenario);
}

static bool wants(const Stock *stock, const MatrixCell *cell) {
  Dtype dtype;
  return dtype_by_name(cell->effective.dtype, &dtype) && dtype == stock->dtype;
}

// One case for each depth and prompt length of a scenario that can be run, with as many reference
// tokens as the longest of its scenarios compares.
static void collect_cases(Stock *stock, const MatrixCell *cells, const bool *wanted, size_t count) {
  for (size_t i = 0; i < count; i++) {
    Error ignored;
    if (!wanted[i] || !wants(stock, &cells[i])) continue;
    const Scenario *scenario = &cells[i].effective;
    if (!feasibility_check(&stock->feasibility, scenario, &ignored)) continue;
    int64_t tokens = scenario->num_tokens_to_generate;
    StockCase fresh = {.depth = scenario->depth, .length = scenario->sequence_length};
    if (!find_case(stock, scenario)) ARRAY_APPEND(&stock->cases, fresh);
    StockCase *item = find_case(stock, scenario);
    if (tokens > item->new_tokens) item->new_tokens = tokens;
  }
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// How far the reference goes: 8 forced steps and up to 64 tokens, as far as the model has
// positions. False: it is too much for this machine.
static bool plan_case(const Stock *stock, StockCase *item, int64_t *offset) {
  int64_t limit = stock->feasibility.position_limit;
  int64_t room = limit ? limit - item->depth - item->length : INT32_MAX;
  int64_t tokens = least(item->new_tokens, CORRECTNESS_TOKENS), bytes;
  item->steps = least(CORRECTNESS_STEPS, room);
  item->new_tokens = least(tokens > item->steps ? tokens : item->steps, room);
  item->offset = *offset;
  if (!feasibility_check_reference(&stock->feasibility, stock->dtype, item->depth, item->length,
                                   item->new_tokens, &item->error))
    return false;
  if (__builtin_mul_overflow((item->steps + 1) * (int64_t)sizeof(float),
                             stock->feasibility.facts.vocabulary, &bytes) ||
      __builtin_add_overflow(*offset, bytes, offset))
    return error_set(&item->error, ERROR_MEMORY, "reference", "the logits are too large");
  return true;
}

static bool plan_cases(const StockOptions *options, Stock *stock, StockFailure *failure) {
  int64_t size = 0;
  for (size_t i = 0; i < stock->cases.count; i++) {
    StockCase *item = &stock->cases.items[i];
    if (!plan_case(stock, item, &size)) continue;
    if (!options->prompt(options->prompt_context, stock->feasibility.facts.vocabulary,
                         item->depth + item->length, &item->prompt, &failure->error))
      return fail_here(failure, true);
  }
  stock->reference = memory_file("attometer-reference", failure);
  if (stock->reference < 0) return false;
  if (ftruncate(stock->reference, size) == 0) return true;
  error_set_errno(&failure->error, "reference", "cannot size its memory file");
  return fail_here(failure, false);
}

// Reads the greedy ids of the cases that were asked for.
static bool take_expected(StockCase *const *cases, int64_t count, const json_t *result,
                          Error *error) {
  Arena *arena = arena_open(0);
  Field root = field_root(result, "answer of the reference's process"),
        rows = field_get(&root, "ids");
  bool done = true;
  for (int64_t i = 0; done && i < count; i++) {
    Field row = field_at(&rows, (size_t)i);
    const int32_t *ids = NULL;
    int64_t length = 0;
    done = ids_read(&row, arena, &ids, &length, error);
    for (int64_t j = 0; done && j < length; j++) ARRAY_APPEND(&cases[i]->expected, ids[j]);
  }
  arena_close(arena);
  return done;
}

// One process computes the reference of all these cases.
static WorkerStatus run_reference(const StockOptions *options, const Stock *stock,
                                  StockCase *const *cases, int64_t count, Error *error) {
  RequestCase *asked = memory_allocate((size_t)count * sizeof *asked);
  for (int64_t i = 0; i < count; i++)
    asked[i] = (RequestCase){.context = cases[i]->prompt.items,
                             .depth = cases[i]->depth,
                             .prompt = cases[i]->prompt.items + cases[i]->depth,
                             .prompt_length = cases[i]->length,
                             .new_tokens = cases[i]->new_tokens,
                             .steps = cases[i]->steps,
                             .offset = cases[i]->offset};
  WorkerRequest request = {.task = TASK_REFERENCE,
                           .model = options->model,
                           .dtype = DTYPE_F32,
                           .rounding = stock->dtype,
                           .tier = options->tier,
                           .pin = options->pin,
                           .attention = "eager",
                           .cases = asked,
                           .case_count = count};
  int descriptors[] = {stock->weights, stock->reference};
  tell(options, "computing the float32 reference");
  WorkerOutcome outcome =
      worker_process_run(&options->command, request_json(&request), descriptors, 2, NULL, NULL);
  *error = outcome.error;
  if (outcome.status == WORKER_DONE && !take_expected(cases, count, outcome.result, error))
    outcome.status = WORKER_FAILED;
  json_decref(outcome.result);
  memory_free(asked);
  return outcome.status;
}

// All at once, so that the float32 weights are made once; where that fails, each alone, so that
// one length which is too much for the machine fails its own scenarios only. A single one is tried
// again where that may help.
static bool make_reference(const StockOptions *options, Stock *stock, StockFailure *failure) {
  if (!plan_cases(options, stock, failure)) return false;
  StockCase **cases = memory_allocate(stock->cases.count * sizeof *cases);
  int64_t count = 0;
  for (size_t i = 0; i < stock->cases.count; i++)
    if (stock->cases.items[i].error.code == ERROR_NONE) cases[count++] = &stock->cases.items[i];
  WorkerStatus status =
      count ? run_reference(options, stock, cases, count, &failure->error) : WORKER_DONE;
  bool again = count > 1 || may_succeed_again(status, &failure->error);
  if (!again && status != WORKER_DONE) cases[0]->error = failure->error;
  for (int64_t i = 0; again && status != WORKER_DONE && status != WORKER_INTERRUPTED && i < count;
       i++) {
    ARRAY_FREE(&cases[i]->expected);
    WorkerStatus alone = run_reference(options, stock, &cases[i], 1, &failure->error);
    if (alone != WORKER_DONE) cases[i]->error = failure->error;
    if (alone == WORKER_INTERRUPTED) status = alone;
  }
  memory_free(cases);
  return status != WORKER_INTERRUPTED || fail_here(failure, true);
}

Stock *stock_open(const StockOptions *options, Dtype dtype, const MatrixCell *cells,
                  const bool *wanted, size_t count, StockFailure *failure) {
  Stock *stock = memory_allocate(sizeof *stock);
  *stock = (Stock){.dtype = dtype, .weights = -1, .reference = -1};
  *failure = (StockFailure){0};
  if (make_weights(options, stock, failure)) {
    collect_cases(stock, cells, wanted, count);
    if (make_reference(options, stock, failure)) return stock;
  }
  stock_close(stock);
  return NULL;
}

void stock_close(Stock *stock) {
  if (!stock) return;
  for (size_t i = 0; i < stock->cases.count; i++) {
    ARRAY_FREE(&stock->cases.items[i].prompt);
    ARRAY_FREE(&stock->cases.items[i].expected);
  }
  ARRAY_FREE(&stock->cases);
  json_decref(stock->make);
  if (stock->weights >= 0) close(stock->weights);
  if (stock->reference >= 0) close(stock->reference);
  memory_free(stock);
}
