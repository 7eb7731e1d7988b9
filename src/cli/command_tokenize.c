// SPDX-License-Identifier: Apache-2.0
#include "cli/command_tokenize.h"
#include "base/document.h"
#include "cli/engine_options.h"
#include "cli/model_argument.h"
#include "cli/output.h"
#include "cli/piece.h"
#include "cli/token_ids.h"
#include <stdio.h>
#include <stdlib.h>

static const Option rows[] = {
    {.flag = "--decode", .kind = OPTION_SWITCH, .help = "from ids to text"},
    {.flag = "--no-special-tokens",
     .kind = OPTION_SWITCH,
     .help = "add none to the ids; with --decode, leave them out of the text"},
    {.flag = "--jsonl",
     .kind = OPTION_SWITCH,
     .help = "one JSON string per line of standard input gives one JSON array of ids per line; "
             "with --decode the reverse"},
};
static const OptionTable options = OPTION_TABLE("Direction", rows);

// One tokenizer at work.
typedef struct {
  Tokenizer *tokenizer;
  TokenizerState *state;
  bool special; // add them, or keep them in decoded text
  TokenIds ids;
  Text text;
} Job;

static bool encode(Job *job, const char *text, size_t size, Error *error) {
  const TokenizerOptions how = {.add_special_tokens = job->special};
  job->ids.count = 0;
  return tokenizer_encode(job->tokenizer, job->state, text, size, &how, &job->ids, error);
}

static bool decode(Job *job, Error *error) {
  text_clear(&job->text);
  return tokenizer_decode(job->tokenizer, job->state, job->ids.items, job->ids.count, !job->special,
                          &job->text, error);
}

static void print_array(const TokenIds *ids) {
  Text line = {0};
  for (size_t i = 0; i < ids->count; i++) {
    text_append_format(&line, i ? ", %d" : "%d", ids->items[i]);
  }
  output_format("[%s]\n", line.size ? line.data : "");
  text_free(&line);
}

static bool encode_line(Job *job, const json_t *document, const char *where, Error *error) {
  Field field = field_root(document, where);
  const char *text;
  if (!field_text(&field, &text, error)) return false;
  if (!encode(job, text, json_string_length(document), error)) return error_within(error, where);
  print_array(&job->ids);
  return true;
}

static bool decode_line(Job *job, const json_t *document, const char *where, Error *error) {
  job->ids.count = 0;
  if (!token_ids_of_document(document, where, &job->ids, error)) return false;
  if (!decode(job, error)) return error_within(error, where);
  json_t *text = json_stringn(text_span(&job->text).data, job->text.size);
  char *line = json_dumps(text, JSON_ENCODE_ANY);
  output_format("%s\n", line);
  free(line);
  json_decref(text);
  return true;
}

// Each line is answered at once, so that a script can talk to it.
static bool work_lines(Job *job, bool decoding, Error *error) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t size;
  bool done = true;
  for (long number = 1; done && (size = getline(&line, &capacity, stdin)) >= 0; number++) {
    char where[64];
    snprintf(where, sizeof where, "standard input, line %ld", number);
    json_t *document = document_parse(line, (size_t)size, where, error);
    done = document && (decoding ? decode_line : encode_line)(job, document, where, error) &&
           output_flush(error);
    json_decref(document);
  }
  free(line);
  if (!done || !ferror(stdin)) return done;
  return error_set_errno(error, "standard input", "cannot read");
}

static bool read_input(const Arguments *arguments, Text *input, Error *error) {
  size_t count = arguments_rest_count(arguments);
  for (size_t i = 0; i < count; i++) {
    if (i) text_append_character(input, ' ');
    text_append_text(input, arguments_rest(arguments, i));
  }
  if (count > 0) return true;
  char block[65536];
  size_t size;
  while ((size = fread(block, 1, sizeof block, stdin)) > 0) {
    text_append(input, block, size);
    if (input->size > TOKENIZER_TEXT_LIMIT) {
      return error_set(error, ERROR_ARGUMENT, "standard input", "over %u bytes",
                       TOKENIZER_TEXT_LIMIT);
    }
  }
  return ferror(stdin) ? error_set_errno(error, "standard input", "cannot read") : true;
}

static void print_pieces(const Job *job) {
  output_format("%8s  %s\n", "id", "piece");
  for (size_t i = 0; i < job->ids.count; i++) {
    Text piece = {0};
    piece_append(job->tokenizer, job->ids.items[i], &piece);
    output_format("%8d  %s\n", job->ids.items[i], piece.data);
    text_free(&piece);
  }
}

static bool work_once(Job *job, const Arguments *arguments, bool decoding, Error *error) {
  Text input = {0};
  bool done = read_input(arguments, &input, error);
  Span text = text_span(&input);
  if (done && decoding) {
    done = token_ids_parse(text.data, "tokenize", &job->ids, error) && decode(job, error);
    text_append_character(&job->text, '\n');
    if (done) output_write(job->text.data, job->text.size);
  } else if (done) {
    done = encode(job, text.data, text.size, error);
    if (done) print_pieces(job);
  }
  text_free(&input);
  return done;
}

static bool run(const Arguments *arguments, Error *error) {
  bool lines = arguments_switch(arguments, "--jsonl");
  bool decoding = arguments_switch(arguments, "--decode");
  if (lines && arguments_rest_count(arguments) > 0) {
    return error_set(error, ERROR_ARGUMENT, "--jsonl",
                     "given with a text, expected lines on standard input");
  }
  ModelArgument model;
  if (!model_argument_resolve(arguments_text(arguments, "--model-id"), &model, error)) return false;
  Job job = {.tokenizer = model_argument_tokenizer(&model, error),
             .state = tokenizer_state_open(),
             .special = !arguments_switch(arguments, "--no-special-tokens")};
  bool done = job.tokenizer && (lines ? work_lines(&job, decoding, error)
                                      : work_once(&job, arguments, decoding, error));
  tokenizer_state_close(job.state);
  tokenizer_close(job.tokenizer);
  ARRAY_FREE(&job.ids);
  text_free(&job.text);
  model_argument_free(&model);
  return done;
}

const Command command_tokenize = {
    .name = "tokenize",
    .summary = "turn text into token ids, and back",
    .description =
        "Encodes the text given, or standard input as it is, and prints ids and pieces; with "
        "--decode takes ids and prints the text. Decoding cleans up no spaces, and special tokens "
        "stay in the text unless --no-special-tokens is given. A folder that holds nothing but "
        "tokenizer.json is enough.",
    .arguments = "[TEXT...]",
    .examples = "attometer tokenize --model-id ./SmolLM2-135M 'The sea is'\n"
                "attometer tokenize --model-id ./SmolLM2-135M --decode 504 4321 314\n"
                "attometer tokenize --model-id ./SmolLM2-135M --jsonl <texts.jsonl >ids.jsonl",
    .tables = {&model_options, &options},
    .run = run,
};
