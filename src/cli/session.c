// SPDX-License-Identifier: Apache-2.0
// Order matters here: flags, the model's name, the tokenizer, the prompt, and only then threads and
// weights.
#include "cli/session.h"
#include "bench/generation/backend_name.h"
#include "cli/output.h"
#include "cli/token_ids.h"
#include <string.h>

static const Option prompt_rows[] = {
    {.flag = "--prompt",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .help = "the text to go on from, encoded as it stands with the special tokens that the "
             "tokenizer itself adds"},
    {.flag = "--ids",
     .kind = OPTION_TEXT,
     .placeholder = "\"1 2 3\"",
     .help = "the token ids to go on from, in place of a text"},
};
const OptionTable prompt_options = OPTION_TABLE("Prompt", prompt_rows);

static bool check_engine(const EngineOptions *engine, Error *error) {
  return !engine->dynamic || engine->compile_mode ||
         error_set(error, ERROR_ARGUMENT, "--dynamic",
                   "given without a --compile-mode, expected a mode to compile in");
}

// For ids alone a tokenizer is a comfort: one that cannot be used is done without, and told once
// the model turns out to be fine.
static bool open_tokenizer(Session *session, bool needed, Error *error) {
  if (!needed && !model_argument_has_tokenizer(&session->argument)) return true;
  session->tokenizer = model_argument_tokenizer(&session->argument, error);
  if (session->tokenizer) return true;
  if (needed) return error_within(error, "--prompt");
  session->no_text = *error;
  return true;
}

static bool encode_prompt(Session *session, const char *prompt, Error *error) {
  TokenizerState *state = tokenizer_state_open();
  bool done = tokenizer_encode(session->tokenizer, state, prompt, strlen(prompt), NULL,
                               &session->prompt, error);
  tokenizer_state_close(state);
  return done;
}

static bool read_prompt(Session *session, const Arguments *arguments, bool want_text,
                        Error *error) {
  const char *prompt = arguments_text(arguments, "--prompt");
  const char *ids = arguments_text(arguments, "--ids");
  if (!prompt == !ids) {
    return error_set(error, ERROR_ARGUMENT, "--prompt", "%s, expected either --prompt or --ids",
                     prompt ? "given together with --ids" : "missing");
  }
  session->prompt_flag = prompt ? "--prompt" : "--ids";
  if (ids && !token_ids_parse(ids, "--ids", &session->prompt, error)) return false;
  if ((prompt || want_text) && !open_tokenizer(session, prompt != NULL, error)) return false;
  if (prompt && !encode_prompt(session, prompt, error)) return false;
  if (session->prompt.count > 0) return true;
  return error_set(error, ERROR_ARGUMENT, session->prompt_flag, "no tokens, expected at least one");
}

static bool resolve_model(Session *session, const char *given, Error *error) {
  if (!model_argument_resolve(given, &session->argument, error)) return false;
  if (session->argument.kind != MODEL_TOKENIZER_FILE) return true;
  return error_set(error, ERROR_ARGUMENT, "--model-id",
                   "\"%s\" is a tokenizer, expected a model: the folder that holds config.json",
                   given);
}

bool session_open(Session *session, const Arguments *arguments, bool want_text, Error *error) {
  *session = (Session){0};
  bool done = engine_options_parse(arguments, &session->engine, error) &&
              check_engine(&session->engine, error) &&
              resolve_model(session, arguments_text(arguments, "--model-id"), error) &&
              read_prompt(session, arguments, want_text, error);
  if (!done) session_close(session);
  return done;
}

// Ids come from the command line or from a tokenizer that knows more tokens than the model.
static bool check_prompt(const Session *session, Error *error) {
  int64_t vocabulary = model_config(session->model)->vocabulary;
  for (size_t i = 0; i < session->prompt.count; i++) {
    if (session->prompt.items[i] < vocabulary) continue;
    return error_set(error, ERROR_ARGUMENT, session->prompt_flag,
                     "has id %d, expected less than %lld, the size of the vocabulary",
                     session->prompt.items[i], (long long)vocabulary);
  }
  return true;
}

static bool open_generator(Session *session, int64_t new_tokens, Error *error) {
  const char *backend = session->engine.sdpa_backend, *mode = session->engine.compile_mode;
  StepOptions compile = step_options(mode);
  compile.dynamic = session->engine.dynamic;
  GraphDumpWhich which;
  if (!graph_dump_by_name(session->engine.dump_graph, &which)) return false; // the table's choices
  session->dump = graph_dump(which, session->engine.dump_folder, "");
  if (which != GRAPH_DUMP_NONE) compile.dump = &session->dump;
  const GeneratorOptions options = {
      .attention = session->engine.attention,
      .sdpa_backend = backend ? backend_name(backend) : NULL,
      .cache_dtype = session->engine.dtype,
      .kernelize = session->engine.kernelize,
      .compile = mode ? &compile : NULL,
      .max_batch = 1,
      .max_tokens = (int64_t)session->prompt.count + new_tokens,
  };
  session->generator =
      generator_open(session->model, session->team, session->engine.tier, &options, error);
  return session->generator != NULL;
}

static void tell_warnings(const Session *session) {
  char line[sizeof session->no_text];
  if (session->no_text.code != ERROR_NONE)
    output_warning("no text, ids only: %s", error_text(&session->no_text, line, sizeof line));
  for (int i = 0; i < model_warning_count(session->model); i++)
    output_warning("%s", model_warning(session->model, i));
}

bool session_load(Session *session, int64_t new_tokens, Error *error) {
  const EngineOptions *engine = &session->engine;
  const ModelOptions options = {
      .path = session->argument.path, .dtype = engine->dtype, .rounding = engine->dtype};
  session->team = team_open(engine->threads, engine->pin, error);
  if (!session->team) return false;
  session->model = model_open(&options, session->team, engine->tier, error);
  if (!session->model) return false;
  tell_warnings(session);
  return check_prompt(session, error) && open_generator(session, new_tokens, error);
}

void session_close(Session *session) {
  char line[sizeof session->dump.problem];
  if (session->dump.problem.code != ERROR_NONE)
    output_warning("--dump-graph: %s", error_text(&session->dump.problem, line, sizeof line));
  generator_close(session->generator);
  model_close(session->model);
  team_close(session->team);
  tokenizer_close(session->tokenizer);
  model_argument_free(&session->argument);
  ARRAY_FREE(&session->prompt);
  *session = (Session){0};
}
