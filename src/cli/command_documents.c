// SPDX-License-Identifier: Apache-2.0
#include "cli/command_documents.h"
#include "cli/arguments.h"
#include "cli/document_completion.h"
#include "cli/document_man.h"
#include "cli/document_markdown.h"
#include "cli/output.h"
#include <string.h>

static const struct {
  const char *kind;
  void (*write)(const Program *program, Text *out);
} documents[] = {
    {"man", document_man},   {"markdown", document_markdown}, {"exit-codes", document_exit_codes},
    {"bash", document_bash}, {"zsh", document_zsh},           {"fish", document_fish},
};

static bool run(const Arguments *arguments, Error *error) {
  const char *kind = arguments_rest_count(arguments) == 1 ? arguments_rest(arguments, 0) : "";
  for (size_t i = 0; i < COUNT_OF(documents); i++) {
    if (strcmp(documents[i].kind, kind) != 0) continue;
    Text text = {0};
    documents[i].write(arguments_program(arguments), &text);
    output_write(text.data, text.size);
    text_free(&text);
    return true;
  }
  return error_set(error, ERROR_ARGUMENT, "documents",
                   "\"%s\" given, expected man, markdown, exit-codes, bash, zsh or fish", kind);
}

const Command command_documents = {
    .name = "documents",
    .summary = "write a document made from the option tables",
    .description = "Writes the man page (man), docs/cli.md (markdown), docs/exit-codes.md "
                   "(exit-codes) or a shell completion (bash, zsh, fish) to standard output.",
    .arguments = "KIND",
    .run = run,
    .hidden = true,
};
