// SPDX-License-Identifier: Apache-2.0
#include "compile/score_compiler.h"
#include "base/clock.h"
#include "base/memory.h"
#include "compile/score_text.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

typedef struct {
  ScoreCompiler interface; // first: what callers have is this
  Compiler *compiler;
} Workshop;

// One shared object.
typedef enum { FORWARD, BACKWARD, PROGRAMS } Program;

struct ScoreJob {
  Workshop *workshop;
  ScoreCodeRequest request;
  _Atomic int state; // ScoreCodeState; the rest is read when it is no longer BUILDING
  bool threaded;     // the thread is to be joined
  pthread_t thread;
  int count;
  Code *codes[PROGRAMS];
  ScoreCode code;
  const void **arrays;
  ScoreInteger *columns;
  ScoreCodeFacts facts;
  Error error;
};

// The mask stands beside what else the forward pass needs.
static bool write_functions(const BoundMod *mod, Program program, Text *text, Error *error) {
  if (program == BACKWARD) return score_text_append(mod, SCORE_TEXT_BACKWARD, text, error);
  return score_text_append(mod, SCORE_TEXT_FORWARD, text, error) &&
         (!score_text_wanted(mod, SCORE_TEXT_MASK) ||
          score_text_append(mod, SCORE_TEXT_MASK, text, error));
}

// What the text is written of.
static const BoundMod *written_of(const ScoreJob *job) {
  return job->request.open ? job->request.open : job->request.mod;
}

static bool write_program(ScoreJob *job, Program program, Text *text, Error *error) {
  Text functions = {0};
  bool done = write_functions(written_of(job), program, &functions, error);
  if (done) score_text_whole(job->request.tier, functions.data, text);
  text_free(&functions);
  return done;
}

static bool write_texts(ScoreJob *job, Text *texts, Error *error) {
  int64_t begin = clock_now();
  bool backward = job->request.backward && score_text_wanted(job->request.mod, SCORE_TEXT_BACKWARD);
  job->count = backward ? PROGRAMS : 1;
  for (int i = 0; i < job->count; i++) {
    if (!write_program(job, (Program)i, &texts[i], error)) return false;
    job->facts.text_bytes += (int64_t)texts[i].size;
  }
  job->facts.text_ns = clock_now() - begin;
  return true;
}

// The text is unrolled and of vectors already: what -O2 does beyond this costs more time than it
// saves. (Expensive optimizations make multiply-adds, gcse keeps constants in registers.)
static const char *const light_flags[] = {"-O1", "-fexpensive-optimizations", "-fgcse", NULL};

static bool build(ScoreJob *job, const Text *texts, Error *error) {
  static const char *const passes[PROGRAMS] = {"forward", "backward"};
  char labels[PROGRAMS][CODE_CACHE_LABEL];
  CodeRequest requests[PROGRAMS];
  CodeFacts facts[PROGRAMS];
  for (int i = 0; i < job->count; i++) {
    snprintf(labels[i], sizeof labels[i], "flex %.40s %s %s", job->request.mod->name, passes[i],
             cpu_tier_name(job->request.tier));
    requests[i] = (CodeRequest){labels[i], texts[i].data, light_flags};
  }
  int64_t begin = clock_now();
  bool done =
      compiler_make(job->workshop->compiler, requests, job->count, job->codes, facts, error);
  job->facts.make_ns = clock_now() - begin;
  job->facts.cached = done;
  for (int i = 0; i < job->count && done; i++) {
    job->facts.cached &= facts[i].cached;
    job->facts.load_ns += facts[i].load_ns;
  }
  return done;
}

static bool find(const ScoreJob *job, Program program, ScorePass pass, ScoreFunction **function,
                 Error *error) {
  *(void **)function = code_symbol(job->codes[program], score_text_symbol(pass), error);
  return *function != NULL;
}

static bool find_all(ScoreJob *job, Error *error) {
  ScoreCode *code = &job->code;
  bool masks = score_text_wanted(written_of(job), SCORE_TEXT_MASK);
  code->sloped = written_of(job)->derivative.count > 0;
  return find(job, FORWARD, SCORE_TEXT_FORWARD, &code->forward, error) &&
         (!masks || find(job, FORWARD, SCORE_TEXT_MASK, &code->mask, error)) &&
         (job->count == 1 || find(job, BACKWARD, SCORE_TEXT_BACKWARD, &code->backward, error));
}

static void fill_given(ScoreJob *job) {
  const BoundMod *mod = job->request.mod;
  job->arrays = memory_allocate(((size_t)mod->array_count + 1) * sizeof *job->arrays);
  job->columns = memory_allocate(((size_t)mod->array_count + 1) * sizeof *job->columns);
  for (int i = 0; i < mod->array_count; i++) {
    const Tensor *values = &mod->arrays[i].values;
    job->arrays[i] = values->data;
    job->columns[i] = values->rank == 2 ? values->shape[1] : 1;
  }
  job->code.given = (ScoreGiven){.arrays = job->arrays,
                                 .columns = job->columns,
                                 .query_offset = mod->shape.query_offset,
                                 .batch = mod->shape.batch,
                                 .queries = mod->shape.queries,
                                 .keys = mod->shape.keys};
}

static void *make(void *argument) {
  ScoreJob *job = argument;
  Text texts[PROGRAMS] = {0};
  bool done = write_texts(job, texts, &job->error) && build(job, texts, &job->error) &&
              find_all(job, &job->error);
  for (int i = 0; i < PROGRAMS; i++) text_free(&texts[i]);
  atomic_store(&job->state, done ? SCORE_CODE_READY : SCORE_CODE_FAILED);
  return NULL;
}

// Without a thread it is made at once.
static ScoreJob *job_start(ScoreCompiler *compiler, const ScoreCodeRequest *request, bool later) {
  ScoreJob *job = memory_allocate(sizeof *job);
  job->workshop = (Workshop *)compiler;
  job->request = *request;
  fill_given(job);
  job->threaded = later && pthread_create(&job->thread, NULL, make, job) == 0;
  if (!job->threaded) make(job);
  return job;
}

static void join(ScoreJob *job) {
  if (job->threaded) pthread_join(job->thread, NULL);
  job->threaded = false;
}

static ScoreCodeState job_state(ScoreJob *job, bool wait) {
  if (wait) join(job);
  return (ScoreCodeState)atomic_load(&job->state);
}

static const ScoreCode *job_code(const ScoreJob *job) {
  return &job->code;
}

static const Error *job_failure(const ScoreJob *job) {
  return &job->error;
}

static ScoreCodeFacts job_facts(const ScoreJob *job) {
  return job->facts;
}

static void job_end(ScoreJob *job) {
  if (!job) return;
  join(job);
  for (int i = 0; i < PROGRAMS; i++) code_unload(job->codes[i]);
  memory_free(job->arrays);
  memory_free(job->columns);
  memory_free(job);
}

ScoreCompiler *score_compiler_open(Compiler *compiler) {
  Workshop *workshop = memory_allocate(sizeof *workshop);
  workshop->interface =
      (ScoreCompiler){job_start, job_state, job_code, job_failure, job_facts, job_end};
  workshop->compiler = compiler;
  return &workshop->interface;
}

void score_compiler_close(ScoreCompiler *compiler) {
  memory_free(compiler);
}
