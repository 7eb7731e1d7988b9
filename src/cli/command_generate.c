// SPDX-License-Identifier: Apache-2.0
// Tokens are printed by the generator's listener, one flush each: a reader sees them as they come,
// and a closed pipe stops the generation with the next token.
#include "cli/command_generate.h"
#include "cli/output.h"
#include "cli/session.h"
#include "tokenizer/decode_stream.h"

enum { CONTEXT_IDS = 8 };

static const Option rows[] = {
    {.flag = "--max-new-tokens",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .least = 1,
     .most = 1 << 20,
     .standard = "64",
     .help = "stop after this many new tokens"},
    {.flag = "--ignore-eos", .kind = OPTION_SWITCH, .help = "do not stop at the model's stop ids"},
    {.flag = "--print-ids",
     .kind = OPTION_SWITCH,
     .help = "print the new ids alone, separated by spaces"},
    {.flag = "--temperature",
     .kind = OPTION_REAL,
     .placeholder = "T",
     .least = 0,
     .most = 1000,
     .standard_help = "1 when sampling",
     .help = "sample after dividing the logits by T; 0 is greedy"},
    {.flag = "--top-k",
     .kind = OPTION_INTEGER,
     .placeholder = "K",
     .least = 1,
     .most = 1 << 24,
     .standard_help = "off",
     .help = "sample among the K likeliest tokens"},
    {.flag = "--top-p",
     .kind = OPTION_REAL,
     .placeholder = "P",
     .least = 0,
     .most = 1,
     .standard_help = "off",
     .help = "sample among the likeliest tokens whose probabilities reach P together"},
    {.flag = "--seed",
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = INFINITY,
     .standard = "0",
     .help = "seed of the sampling"},
};
static const OptionTable options = OPTION_TABLE("Generation", rows);

static Sampling sampling_of(const Arguments *arguments) {
  Sampling sampling = sampling_greedy();
  bool heat = arguments_given(arguments, "--temperature");
  bool top_k = arguments_given(arguments, "--top-k"), top_p = arguments_given(arguments, "--top-p");
  double temperature = heat ? arguments_real(arguments, "--temperature") : 1;
  if (!(heat || top_k || top_p) || temperature == 0) return sampling;
  sampling.sample = true;
  sampling.temperature = temperature;
  if (top_k) sampling.top_k = arguments_integer(arguments, "--top-k");
  if (top_p) sampling.top_p = arguments_real(arguments, "--top-p");
  sampling.seed = (uint64_t)arguments_integer(arguments, "--seed");
  return sampling;
}

// Where the tokens go as they come.
typedef struct {
  const Tokenizer *tokenizer; // NULL: print ids, not text
  TokenizerState *state;
  DecodeStream stream;
  int64_t count;
  Text text;
  Error error; // the first; code ERROR_NONE: none
} Printer;

static bool print(Printer *printer) {
  output_write(text_span(&printer->text).data, printer->text.size);
  text_clear(&printer->text);
  return output_flush(&printer->error);
}

static bool print_token(void *context, int64_t sequence, int32_t id) {
  (void)sequence;
  Printer *printer = context;
  if (!printer->tokenizer) {
    text_append_format(&printer->text, printer->count ? " %d" : "%d", id);
  } else if (!decode_stream_step(&printer->stream, printer->tokenizer, printer->state, id,
                                 &printer->text, &printer->error)) {
    return false;
  }
  printer->count++;
  return print(printer);
}

static bool print_end(Printer *printer) {
  if (printer->tokenizer &&
      !decode_stream_finish(&printer->stream, printer->tokenizer, printer->state, &printer->text,
                            &printer->error)) {
    return false;
  }
  text_append_character(&printer->text, '\n');
  return print(printer);
}

// Decoders look at what stands before: the end of the prompt goes first, and its text nowhere.
static bool printer_open(Printer *printer, const Session *session, bool ids, Error *error) {
  *printer = (Printer){.tokenizer = ids ? NULL : session->tokenizer,
                       .state = tokenizer_state_open(),
                       .stream = {.skip_special_tokens = true}};
  const TokenIds *prompt = &session->prompt;
  size_t first = prompt->count > CONTEXT_IDS ? prompt->count - CONTEXT_IDS : 0;
  for (size_t i = first; printer->tokenizer && i < prompt->count; i++) {
    if (!decode_stream_step(&printer->stream, printer->tokenizer, printer->state, prompt->items[i],
                            &printer->text, error)) {
      return false;
    }
  }
  text_clear(&printer->text);
  return true;
}

static void printer_close(Printer *printer) {
  decode_stream_close(&printer->stream);
  tokenizer_state_close(printer->state);
  text_free(&printer->text);
}

static bool generate(Session *session, const Arguments *arguments, Printer *printer, Error *error) {
  const ModelConfig *config = model_config(session->model);
  bool stops = !arguments_switch(arguments, "--ignore-eos");
  int64_t new_tokens = arguments_integer(arguments, "--max-new-tokens"), count = 0;
  const GenerationRequest request = {
      .batch = 1,
      .prompt_length = (int64_t)session->prompt.count,
      .new_tokens = new_tokens,
      .prompts = session->prompt.items,
      .sampling = sampling_of(arguments),
      .stop_ids = config->stop_ids,
      .stop_count = stops ? config->stop_count : 0,
      .listener = print_token,
      .listener_context = printer,
  };
  GenerationResult result = {.ids = memory_allocate((size_t)new_tokens * sizeof(int32_t)),
                             .counts = &count};
  bool done = generation_run(session->generator, &request, &result, error);
  memory_free(result.ids);
  if (!done) return false;
  if (printer->error.code == ERROR_NONE && print_end(printer)) return true;
  *error = printer->error;
  return false;
}

static bool run(const Arguments *arguments, Error *error) {
  Session session;
  bool print_ids = arguments_switch(arguments, "--print-ids");
  if (!session_open(&session, arguments, !print_ids, error)) return false;
  bool done = session_load(&session, arguments_integer(arguments, "--max-new-tokens"), error);
  if (done) {
    Printer printer;
    done = printer_open(&printer, &session, print_ids, error) &&
           generate(&session, arguments, &printer, error);
    printer_close(&printer);
  }
  session_close(&session);
  return done;
}

const Command command_generate = {
    .name = "generate",
    .summary = "write text with a model",
    .description =
        "Goes on from a prompt and prints the text as it comes. The prompt is encoded as it "
        "stands, without a chat template. The likeliest token is taken each time unless "
        "--temperature, --top-k or --top-p asks for sampling. The stop ids are those of "
        "generation_config.json or config.json; nothing else is read from there. A model without a "
        "tokenizer takes --ids and prints ids.",
    .examples = "attometer generate --model-id ./SmolLM2-135M-Instruct --prompt 'The sea is'\n"
                "attometer generate --model-id preset:tiny --ids '1 2 3' --print-ids",
    .tables = {&model_options, &prompt_options, &options, &engine_options},
    .run = run,
};
