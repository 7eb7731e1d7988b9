// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/split_rule.h"
#include "tokenizer/splitter.h"
#include <string.h>

#define SHORT "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define BREAKS "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QWEN35                                                                                     \
  SHORT "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| "                                          \
        "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" BREAKS
#define UPPER "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define TEKKEN                                                                                     \
  UPPER "*" LOWER "+|" UPPER "+" LOWER "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" BREAKS
#define O200K                                                                                      \
  UPPER "*" LOWER "+" SHORT "?|" UPPER "+" LOWER "*" SHORT                                         \
        "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" BREAKS
#define DEEPSEEK                                                                                   \
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"             \
  "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" BREAKS
#define ENTRY_SPLITS 4

typedef struct {
  const char *names; // separated by spaces
  const char *splits[ENTRY_SPLITS];
  bool digits;  // each digit on its own, first
  bool compose; // NFC, which GGUF does not record
  SplitRule rule;
} Entry;

static const Entry entries[] = {
    {"llama-bpe llama3 llama-v3 falcon3 pixtral lfm2", {SPLITTER_LLAMA3}, .rule = {true, true}},
    {"chatglm-bpe glm4 smaug-bpe dbrx", {SPLITTER_LLAMA3}, .rule = {false, false}},
    {"qwen2 deepseek-r1-qwen stablelm2 hunyuan", {SPLITTER_QWEN2}, .compose = true},
    {"qwen35", {QWEN35}, .compose = true},
    {"gpt-2 olmo mpt phi-2 modern-bert roberta-bpe", {SPLITTER_GPT2}, .digits = false},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b",
     {SPLITTER_GPT2},
     .digits = true},
    {"tekken", {TEKKEN}, .rule = {true, true}},
    {"gpt-4o llama4 kanana2", {O200K}, .digits = false},
    {"deepseek-v3",
     {"\\p{N}{1,3}", "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+", DEEPSEEK},
     .digits = false},
    {"default",
     {"[\\p{P}\\$\\+<=>\\^~\\|]+", SPLITTER_GPT2, "\\p{N}+", "[0-9][0-9][0-9]"},
     .digits = false},
};

static bool lists(const char *names, Span name) {
  while (*names) {
    size_t size = strcspn(names, " ");
    if (span_equal((Span){names, size}, name)) return true;
    names += size + (names[size] == ' ');
  }
  return false;
}

static bool apply(const Entry *entry, Normalizer *normalizer, PreTokenizer *pre_tokenizer,
                  Error *error) {
  if (entry->compose) normalizer_append_nfc(normalizer);
  if (entry->digits) pre_tokenizer_append_digits(pre_tokenizer);
  for (size_t i = 0; i < ENTRY_SPLITS && entry->splits[i]; i++)
    if (!pre_tokenizer_append_split(pre_tokenizer, entry->splits[i], error)) return false;
  pre_tokenizer_append_byte_level(pre_tokenizer, false);
  return true;
}

bool split_rule_apply(Span name, Normalizer *normalizer, PreTokenizer *pre_tokenizer,
                      SplitRule *rule, Error *error) {
  Text known = {0};
  for (size_t i = 0; i < COUNT_OF(entries); i++) {
    if (lists(entries[i].names, name)) {
      text_free(&known);
      *rule = entries[i].rule;
      return apply(&entries[i], normalizer, pre_tokenizer, error);
    }
    text_append_format(&known, "%s%s", i ? " " : "", entries[i].names);
  }
  error_set(error, ERROR_UNSUPPORTED, "tokenizer.ggml.pre",
            "\"%.*s\" is not supported; supported: %s", (int)(name.size < 40 ? name.size : 40),
            name.data, known.data);
  text_free(&known);
  return false;
}
