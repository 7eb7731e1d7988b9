// SPDX-License-Identifier: Apache-2.0
// Probabilities are a softmax in double over the last position; ties rank by the smaller id, as
// greedy generation chooses.
#include "cli/command_logits.h"
#include "base/document.h"
#include "base/memory.h"
#include "cli/output.h"
#include "cli/piece.h"
#include "cli/session.h"
#include "formats/npy.h"
#include <stdlib.h>
#include <string.h>

static const Option rows[] = {
    {.flag = "--top",
     .letter = 'k',
     .kind = OPTION_INTEGER,
     .placeholder = "K",
     .least = 0,
     .most = 1 << 24,
     .standard = "10",
     .help = "how many of the likeliest next tokens to print"},
    {.flag = "--npy",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "write the logits of every position: float32 [positions, vocabulary]"},
    {.flag = "--output-format",
     .kind = OPTION_CHOICE,
     .choices = "table|json",
     .standard = "table",
     .help = "how to print"},
};
static const OptionTable options = OPTION_TABLE("Logits", rows);

// The likeliest tokens of one position.
typedef struct {
  const float *logits; // [vocabulary]
  int64_t vocabulary, count;
  int32_t *ids; // [vocabulary], the likeliest first
  double most, sum;
} Ranking;

static int compare_logits(const void *a, const void *b, void *context) {
  const float *logits = context;
  int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
  if (logits[left] != logits[right]) return logits[left] > logits[right] ? -1 : 1;
  return left < right ? -1 : left > right;
}

static Ranking rank(const float *logits, int64_t vocabulary, int64_t count) {
  Ranking ranking = {.logits = logits, .vocabulary = vocabulary};
  ranking.count = count < vocabulary ? count : vocabulary;
  ranking.ids = memory_allocate((size_t)vocabulary * sizeof *ranking.ids);
  for (int64_t i = 0; i < vocabulary; i++) ranking.ids[i] = (int32_t)i;
  qsort_r(ranking.ids, (size_t)vocabulary, sizeof *ranking.ids, compare_logits, (void *)logits);
  ranking.most = logits[ranking.ids[0]];
  for (int64_t i = 0; i < vocabulary; i++) ranking.sum += exp(logits[i] - ranking.most);
  return ranking;
}

static double probability(const Ranking *ranking, int32_t id) {
  return exp(ranking->logits[id] - ranking->most) / ranking->sum;
}

static void print_table(const Session *session, const Ranking *ranking) {
  output_format("%8s  %11s  %10s  %s\n", "id", "probability", "logit", "piece");
  for (int64_t i = 0; i < ranking->count; i++) {
    int32_t id = ranking->ids[i];
    Text piece = {0};
    piece_append(session->tokenizer, id, &piece);
    output_format("%8d  %11.6f  %10.4f  %s\n", id, probability(ranking, id),
                  (double)ranking->logits[id], piece.data);
    text_free(&piece);
  }
}

static json_t *token_document(const Session *session, const Ranking *ranking, int32_t id) {
  json_t *row = json_pack("{sisfsf}", "id", id, "probability", probability(ranking, id), "logit",
                          (double)ranking->logits[id]);
  Text piece = {0};
  if (session->tokenizer) piece_append(session->tokenizer, id, &piece);
  json_object_set_new(row, "piece", piece.size ? json_string(piece.data) : json_null());
  text_free(&piece);
  return row;
}

static void print_json(const Session *session, const Ranking *ranking) {
  json_t *list = json_array();
  for (int64_t i = 0; i < ranking->count; i++) {
    json_array_append_new(list, token_document(session, ranking, ranking->ids[i]));
  }
  char *text = json_dumps(list, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
  output_format("%s\n", text);
  free(text);
  json_decref(list);
}

static void print_likeliest(const Session *session, const Arguments *arguments,
                            const float *logits) {
  Ranking ranking =
      rank(logits, model_config(session->model)->vocabulary, arguments_integer(arguments, "--top"));
  if (strcmp(arguments_text(arguments, "--output-format"), "json") == 0) {
    print_json(session, &ranking);
  } else if (ranking.count > 0) {
    print_table(session, &ranking);
  }
  memory_free(ranking.ids);
}

static bool check_finite(const float *logits, int64_t vocabulary, Error *error) {
  for (int64_t i = 0; i < vocabulary; i++) {
    if (!isfinite(logits[i])) {
      return error_set(error, ERROR_MISMATCH, "logits", "that of token %lld is not finite",
                       (long long)i);
    }
  }
  return true;
}

static bool work(Session *session, const Arguments *arguments, Error *error) {
  const char *file = arguments_text(arguments, "--npy");
  int64_t length = (int64_t)session->prompt.count, positions = file ? length : 1;
  int64_t vocabulary = model_config(session->model)->vocabulary;
  Region region;
  if (!region_map(&region, (size_t)(positions * vocabulary) * sizeof(float), error)) return false;
  float *logits = region.data;
  bool done = generation_logits(session->generator, session->prompt.items, length, positions, 0,
                                logits, error);
  if (done && file) {
    done = npy_write(file, 2, (const int64_t[]){positions, vocabulary}, logits, error);
  }
  const float *last = logits + (positions - 1) * vocabulary;
  done = done && check_finite(last, vocabulary, error);
  if (done) print_likeliest(session, arguments, last);
  region_unmap(&region);
  return done;
}

static bool run(const Arguments *arguments, Error *error) {
  Session session;
  if (!session_open(&session, arguments, arguments_integer(arguments, "--top") > 0, error)) {
    return false;
  }
  bool done = session_load(&session, 0, error) && work(&session, arguments, error);
  session_close(&session);
  return done;
}

const Command command_logits = {
    .name = "logits",
    .summary = "tell what a model thinks comes next",
    .description = "Prints the likeliest next tokens after a prompt, with their ids, probabilities "
                   "and logits. With --npy the logits of every position are written as a NumPy "
                   "file, float32 [positions, vocabulary], for scripts that compare them.",
    .examples = "attometer logits --model-id ./SmolLM2-135M --prompt 'The sea is' --top 5\n"
                "attometer logits --model-id preset:tiny --ids '1 2 3' --dtype float32 --npy l.npy",
    .tables = {&model_options, &prompt_options, &options, &engine_options},
    .run = run,
};
