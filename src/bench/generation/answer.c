// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/answer.h"
#include "base/memory.h"
#include <string.h>

static bool check_count(const Field *field, int64_t expected, Error *error) {
  if (!field_array(field, error)) return false;
  int64_t found = (int64_t)field_count(field);
  return found == expected ||
         error_set(error, ERROR_MISMATCH, field->path, "has %lld elements, expected %lld",
                   (long long)found, (long long)expected);
}

static bool read_integers(const Field *field, int64_t count, int64_t *out, Error *error) {
  if (!check_count(field, count, error)) return false;
  for (int64_t i = 0; i < count; i++) {
    const json_t *item = json_array_get(field->value, (size_t)i);
    if (!json_is_integer(item))
      return error_set(error, ERROR_MISMATCH, field->path, "element %lld is no integer",
                       (long long)i);
    out[i] = json_integer_value(item);
  }
  return true;
}

static bool read_times(const Field *root, Answer *answer, Error *error) {
  Field iterations = field_get(root, "times_ns");
  if (!check_count(&iterations, answer->iterations, error)) return false;
  int64_t *out = answer->times;
  for (int64_t i = 0; i < answer->iterations; i++) {
    Field sequences = field_at(&iterations, (size_t)i);
    if (!check_count(&sequences, answer->batch, error)) return false;
    for (int64_t j = 0; j < answer->batch; j++, out += answer->new_tokens) {
      Field tokens = field_at(&sequences, (size_t)j);
      if (!read_integers(&tokens, answer->new_tokens, out, error)) return false;
    }
  }
  return true;
}

static bool read_ids(const Field *root, Answer *answer, Error *error) {
  Field iterations = field_get(root, "ids");
  if (!check_count(&iterations, answer->iterations, error)) return false;
  int64_t *row = memory_allocate((size_t)answer->new_tokens * sizeof *row);
  bool done = true;
  for (int64_t i = 0; done && i < answer->iterations; i++) {
    Field ids = field_at(&iterations, (size_t)i);
    done = read_integers(&ids, answer->new_tokens, row, error);
    for (int64_t j = 0; done && j < answer->new_tokens; j++)
      answer->ids[i * answer->new_tokens + j] = (int32_t)row[j];
  }
  memory_free(row);
  return done;
}

static bool read_ceilings(const Field *root, Answer *answer, Error *error) {
  Field ceilings = field_get(root, "ceilings");
  Field read = field_get(&ceilings, "read_gb_per_s"), fma = field_get(&ceilings, "fma_gflop_per_s"),
        dot = field_get(&ceilings, "dot_gflop_per_s");
  return field_number(&read, &answer->ceilings.read_gb_per_s, error) &&
         field_number(&fma, &answer->ceilings.fma_gflop_per_s, error) &&
         field_number(&dot, &answer->ceilings.dot_gflop_per_s, error);
}

static bool read_verdict(const Field *root, Answer *answer, Error *error) {
  Field correctness = field_get(root, "correctness"), verdict = field_get(&correctness, "verdict");
  const char *text = "";
  if (!field_text(&verdict, &text, error)) return false;
  answer->valid = strcmp(text, "valid") == 0;
  return true;
}

static bool check_times(const Answer *answer, Error *error) {
  for (int64_t i = 0; i < answer->iterations; i++) {
    TokenTimes times = answer_times(answer, i);
    if (!token_times_check(&times, error)) return false;
  }
  return true;
}

TokenTimes answer_times(const Answer *answer, int64_t iteration) {
  return (TokenTimes){
      .batch = answer->batch,
      .prompt_length = answer->prompt_length,
      .new_tokens = answer->new_tokens,
      .times = answer->times + iteration * answer->batch * answer->new_tokens,
      .end = answer->ends[iteration],
      .staggered = answer->staggered,
  };
}

// Before anything is allocated by the scenario's numbers, the outer counts must fit the answer.
static bool check_size(const Field *root, const Scenario *scenario, int64_t most, int64_t *count,
                       Error *error) {
  Field times = field_get(root, "times_ns"), first = field_at(&times, 0),
        tokens = field_at(&first, 0);
  *count = (int64_t)field_count(&times);
  bool more = *count > scenario->measurement_iterations && *count <= most;
  return (more || check_count(&times, scenario->measurement_iterations, error)) &&
         check_count(&first, scenario->batch_size, error) &&
         check_count(&tokens, scenario->num_tokens_to_generate, error);
}

bool answer_read(const json_t *result, const Scenario *scenario, int64_t most, Answer *answer,
                 Error *error) {
  Field root = field_root(result, "answer of the scenario's process");
  *answer = (Answer){.batch = scenario->batch_size,
                     .staggered = scenario->continuous_batching,
                     .prompt_length = scenario->sequence_length,
                     .new_tokens = scenario->num_tokens_to_generate};
  if (!check_size(&root, scenario, most, &answer->iterations, error)) return false;
  size_t rows = (size_t)(answer->iterations * answer->batch);
  answer->times = memory_allocate(rows * (size_t)answer->new_tokens * sizeof(int64_t));
  answer->ends = memory_allocate((size_t)answer->iterations * sizeof(int64_t));
  answer->ids =
      memory_allocate((size_t)(answer->iterations * answer->new_tokens) * sizeof(int32_t));
  Field ends = field_get(&root, "ends_ns"), work = field_get(&root, "work");
  bool done = read_times(&root, answer, error) &&
              read_integers(&ends, answer->iterations, answer->ends, error) &&
              read_ids(&root, answer, error) && work_read(&work, &answer->work, error) &&
              read_ceilings(&root, answer, error) && read_verdict(&root, answer, error) &&
              check_times(answer, error);
  if (!done) answer_free(answer);
  return done;
}

void answer_free(Answer *answer) {
  memory_free(answer->times);
  memory_free(answer->ends);
  memory_free(answer->ids);
  *answer = (Answer){0};
}
