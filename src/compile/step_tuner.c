// SPDX-License-Identifier: Apache-2.0
#include "compile/step_tuner.h"
#include "base/clock.h"
#include "compile/step_choices.h"
#include "compile/tuner.h"
#include <stdio.h>
#include <string.h>

enum { SIDES = 2 };
static const int64_t question_ns = 1000000000; // that one question may take, about
static const int64_t program_ns = 5000000000;  // all questions of one executable
static const int64_t lock_ns = 10000000000;    // for another process to answer

// Steps that are alike.
typedef struct {
  const StepChoices *choices;
  StepCase at; // of the first
  Text what;
  char key[SHA256_HEX_SIZE]; // "": it could not be made
  ARRAY_OF(int) steps;
  ARRAY_OF(const void *) before; // their attributes
  int next;                      // whose turn it is
} Question;

typedef ARRAY_OF(Question) Questions;

typedef struct {
  char key[SHA256_HEX_SIZE], name[TUNING_NAME];
} Answer;

struct StepTuner {
  StepTunerOptions options;
  ARRAY_OF(Answer) answers;
  WeightCopies *copies;
  StepTunerFacts facts;
};

// One choice for all steps of a question.
typedef struct {
  Executable *executable;
  Question *question;
  char *attributes; // [steps], of attributes_size each
} Trial;

StepTuner *step_tuner_open(const StepTunerOptions *options) {
  StepTuner *tuner = memory_allocate(sizeof *tuner);
  *tuner = (StepTuner){.options = *options, .copies = weight_copies_open(OPENBLAS_FILE)};
  return tuner;
}

void step_tuner_close(StepTuner *tuner) {
  if (!tuner) return;
  ARRAY_FREE(&tuner->answers);
  weight_copies_close(tuner->copies);
  memory_free(tuner);
}

StepTunerFacts step_tuner_facts(const StepTuner *tuner) {
  return tuner->facts;
}

static Question *find_question(Questions *questions, const char *what) {
  for (size_t i = 0; i < questions->count; i++)
    if (strcmp(questions->items[i].what.data, what) == 0) return &questions->items[i];
  return NULL;
}

static void take_step(const StepTuner *tuner, const Steps *steps, int index, Questions *questions) {
  Text what = {0};
  StepCase at = {&steps->steps[index], tuner->options.kernels, team_size(tuner->options.team),
                 tuner->copies};
  const StepChoices *choices = step_choices_of(&at);
  if (!choices) return;
  choices->describe(&at, &what);
  Question *question = find_question(questions, what.data);
  if (!question) {
    ARRAY_APPEND(questions, ((Question){.choices = choices, .at = at, .what = what}));
    question = &questions->items[questions->count - 1];
  } else {
    text_free(&what);
  }
  ARRAY_APPEND(&question->steps, index);
  ARRAY_APPEND(&question->before, steps->steps[index].attributes);
}

// How many steps are alike decides what the caches hold of them.
static void name_question(const StepTuner *tuner, Question *question) {
  Text text = {0};
  Error ignored;
  text_append_format(&question->what, ", %zu alike", question->steps.count);
  text_append_format(&text, "step, %s, %d threads, %s\n%s",
                     cpu_tier_name(tuner->options.kernels->tier), question->at.threads,
                     tuner->options.replay ? "replayed" : "one by one", question->what.data);
  if (!tuning_store_key(text.data, question->key, &ignored)) question->key[0] = '\0';
  text_free(&text);
}

static void free_questions(Questions *questions) {
  for (size_t i = 0; i < questions->count; i++) {
    text_free(&questions->items[i].what);
    ARRAY_FREE(&questions->items[i].steps);
    ARRAY_FREE(&questions->items[i].before);
  }
  ARRAY_FREE(questions);
}

static size_t attributes_size(const Question *question) {
  return question->at.step->op->attributes_size;
}

// NULL: the name is no choice.
static char *make_attributes(const Executable *executable, const Question *question,
                             const char *name) {
  size_t size = attributes_size(question);
  char *attributes = memory_allocate(question->steps.count * size);
  for (size_t i = 0; i < question->steps.count; i++) {
    StepCase at = question->at;
    at.step = &executable_steps(executable)->steps[question->steps.items[i]];
    memcpy(attributes + i * size, question->before.items[i], size);
    if (question->choices->set(&at, name, attributes + i * size)) continue;
    memory_free(attributes);
    return NULL;
  }
  return attributes;
}

static void restore(Executable *executable, const Question *question) {
  for (size_t i = 0; i < question->steps.count; i++)
    executable_set_attributes(executable, question->steps.items[i], question->before.items[i]);
}

// The scratch that these need. Without memory for it the steps stay as they were.
static bool make_room(Executable *executable, const Question *question, const char *attributes) {
  Error ignored;
  size_t size = attributes_size(question);
  for (size_t i = 0; i < question->steps.count; i++)
    executable_set_attributes(executable, question->steps.items[i], attributes + i * size);
  if (executable_make_room(executable, &ignored)) return true;
  restore(executable, question);
  return false;
}

static void release(Trial *trial) {
  if (trial) memory_free(trial->attributes);
  memory_free(trial);
}

// NULL: there is no such choice, or no memory for it.
static Trial *prepare(Executable *executable, Question *question, const char *name) {
  char *attributes = make_attributes(executable, question, name);
  if (!attributes) return NULL;
  Trial *trial = memory_allocate(sizeof *trial);
  *trial = (Trial){executable, question, attributes};
  bool room = make_room(executable, question, attributes);
  restore(executable, question);
  if (room) return trial;
  release(trial);
  return NULL;
}

// Every call takes the next of the steps, whichever trial's it is.
static void run(void *context) {
  const Trial *trial = context;
  Question *question = trial->question;
  int turn = question->next, step = question->steps.items[turn];
  question->next = (turn + 1) % (int)question->steps.count;
  executable_set_attributes(trial->executable, step,
                            trial->attributes + (size_t)turn * attributes_size(question));
  executable_run_step(trial->executable, step);
}

// The candidates one after the other, each from the best of those before it.
static void search(Executable *executable, Question *question, Tuner *tuner) {
  char name[TUNING_NAME];
  const TuningRecord *record = tuner->record;
  for (int i = 0; question->choices->candidate(&question->at,
                                               record->candidates[record->winner].name, i, name);
       i++) {
    if (name[0] == '\0' || !tuner_wants(tuner, name)) continue;
    Trial *former = tuner->best, *trial = prepare(executable, question, name);
    if (!trial) continue;
    release(tuner_try(tuner, name, trial) ? former : trial);
    restore(executable, question);
  }
}

// Times the candidates. false: not even the standard could be prepared.
static bool measure(Executable *executable, Question *question, int64_t limit_ns,
                    TuningRecord *record) {
  char name[TUNING_NAME];
  int64_t begin = clock_now();
  Tuner plan = {.run = run,
                .now = clock_now,
                .trial_ns = limit_ns / (SIDES * TUNING_MOST_CANDIDATES),
                .deadline = begin + limit_ns};
  question->choices->standard(&question->at, name);
  Trial *standard = prepare(executable, question, name);
  Trial *same = prepare(executable, question, name);
  bool done = standard && same;
  *record = (TuningRecord){0};
  if (done) {
    Tuner tuner = tuner_begin(&plan, record, name, standard, same);
    restore(executable, question);
    search(executable, question, &tuner);
    standard = tuner.best;
  }
  record->tuning_ns = clock_now() - begin;
  snprintf(record->label, sizeof record->label, "%.150s", question->what.data);
  tuning_record_stamp(record);
  release(same);
  release(standard);
  return done;
}

// Gives the steps what won; where that is what they have, nothing.
static bool apply(StepTuner *tuner, Executable *executable, const Question *question,
                  const char *name) {
  char standard[TUNING_NAME];
  question->choices->standard(&question->at, standard);
  if (strcmp(name, standard) == 0) return true;
  char *attributes = make_attributes(executable, question, name);
  if (!attributes) return false;
  size_t size = question->steps.count * attributes_size(question);
  const char *kept = executable_keep(executable, attributes, size);
  memory_free(attributes);
  if (make_room(executable, question, kept)) {
    tuner->facts.changed++;
    weight_copies_retain(tuner->copies);
  }
  return true;
}

static const Answer *known(const StepTuner *tuner, const char *key) {
  for (size_t i = 0; i < tuner->answers.count; i++)
    if (strcmp(tuner->answers.items[i].key, key) == 0) return &tuner->answers.items[i];
  return NULL;
}

static void remember(StepTuner *tuner, const Question *question, const TuningRecord *record) {
  Answer answer;
  memcpy(answer.key, question->key, sizeof answer.key);
  memcpy(answer.name, record->candidates[record->winner].name, sizeof answer.name);
  if (answer.key[0]) ARRAY_APPEND(&tuner->answers, answer);
}

// From the cache, where that has an answer that makes sense.
static bool find(StepTuner *tuner, Executable *executable, const Question *question) {
  TuningRecord record;
  if (!tuner->options.cache || !question->key[0] || tuner->options.refresh ||
      !tuning_store_find(tuner->options.cache, question->key, &record) ||
      !apply(tuner, executable, question, record.candidates[record.winner].name))
    return false;
  tuner->facts.cached++;
  remember(tuner, question, &record);
  return true;
}

static void time_and_keep(StepTuner *tuner, Executable *executable, Question *question,
                          int64_t limit_ns) {
  TuningRecord record;
  if (!measure(executable, question, limit_ns, &record)) return;
  tuner->facts.candidates += record.count;
  (void)apply(tuner, executable, question, record.candidates[record.winner].name);
  remember(tuner, question, &record);
  if (tuner->options.cache && question->key[0])
    (void)tuning_store_put(tuner->options.cache, question->key, &record); // or it is timed again
}

static void answer(StepTuner *tuner, Executable *executable, Question *question, int64_t limit_ns) {
  const Answer *former = known(tuner, question->key);
  if (former) {
    (void)apply(tuner, executable, question, former->name);
    return;
  }
  tuner->facts.questions++;
  if (find(tuner, executable, question)) return;
  int lock = tuner->options.cache && question->key[0]
                 ? code_cache_lock(tuner->options.cache, question->key, lock_ns)
                 : -1;
  if (!find(tuner, executable, question)) // while this one waited
    time_and_keep(tuner, executable, question, limit_ns);
  code_cache_unlock(lock);
}

void step_tuner_run(StepTuner *tuner, Executable *executable) {
  const Steps *steps = executable_steps(executable);
  Questions questions = {0};
  int64_t begin = clock_now();
  for (int i = 0; i < steps->count; i++) take_step(tuner, steps, i, &questions);
  int64_t each = questions.count ? program_ns / (int64_t)questions.count : 0;
  for (size_t i = 0; i < questions.count; i++) {
    name_question(tuner, &questions.items[i]);
    answer(tuner, executable, &questions.items[i], each < question_ns ? each : question_ns);
    weight_copies_trim(tuner->copies);
  }
  tuner->facts.copied_bytes = weight_copies_bytes(tuner->copies);
  free_questions(&questions);
  tuner->facts.tuning_ns += clock_now() - begin;
}
