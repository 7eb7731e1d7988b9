// SPDX-License-Identifier: Apache-2.0
#include "cli/document_man.h"
#include "cli/help.h"
#include <ctype.h>
#include <string.h>

// Text as roff takes it: no escapes, no hyphens that break, no line that looks like a request.
static void append(Text *out, const char *text) {
  bool line_begins = true;
  for (; *text; text++) {
    if (line_begins && (*text == '.' || *text == '\'')) text_append_text(out, "\\&");
    line_begins = *text == '\n';
    if (*text == '\\') {
      text_append_text(out, "\\e");
    } else if (*text == '-') {
      text_append_text(out, "\\-");
    } else {
      text_append_character(out, *text);
    }
  }
}

static void append_paragraphs(Text *out, const char *text) {
  const char *gap;
  while ((gap = strstr(text, "\n\n"))) {
    Text paragraph = {0};
    text_append(&paragraph, text, (size_t)(gap - text));
    append(out, paragraph.data);
    text_append_text(out, "\n.PP\n");
    text_free(&paragraph);
    text = gap + 2;
  }
  append(out, text);
  text_append_character(out, '\n');
}

static void append_option(const Option *option, Text *out) {
  Text usage = {0}, sentence = {0};
  option_usage(option, &usage);
  help_sentence(option, &sentence);
  text_append_text(out, ".TP\n.B ");
  append(out, usage.data);
  text_append_character(out, '\n');
  append(out, sentence.data);
  text_append_character(out, '\n');
  text_free(&usage);
  text_free(&sentence);
}

static void append_tables(const Command *command, Text *out) {
  for (size_t i = 0; command->tables[i]; i++) {
    const OptionTable *table = command->tables[i];
    text_append_format(out, ".PP\n.I %s\n", table->title);
    for (size_t j = 0; j < table->count; j++) {
      if (!table->options[j].hidden) append_option(&table->options[j], out);
    }
  }
}

static void append_command(const Program *program, const Command *command, Text *out) {
  Text usage = {0};
  help_usage(program, command, &usage);
  text_append_text(out, ".SS ");
  append(out, command->name);
  text_append_text(out, "\n.B ");
  append(out, usage.data);
  text_append_text(out, "\n.PP\n");
  append_paragraphs(out, command->description);
  append_tables(command, out);
  if (command->examples) {
    text_append_text(out, ".PP\nExamples:\n.PP\n.nf\n.RS\n");
    append(out, command->examples);
    text_append_text(out, "\n.RE\n.fi\n");
  }
  text_free(&usage);
}

static void append_exit_codes(Text *out) {
  text_append_text(out, ".SH EXIT STATUS\n");
  for (int code = ERROR_NONE; code <= ERROR_INTERRUPTED; code++) {
    text_append_format(out, ".TP\n.B %d\n", error_exit_code((ErrorCode)code));
    append(out, error_code_text((ErrorCode)code));
    text_append_character(out, '\n');
  }
}

void document_man(const Program *program, Text *out) {
  Text name = {0};
  for (const char *at = program->name; *at; at++) {
    text_append_character(&name, (char)toupper((unsigned char)*at));
  }
  text_append_format(out, ".TH %s 1 \"\" \"%s %s\"\n.SH NAME\n%s \\- ", name.data, program->name,
                     program->version, program->name);
  append(out, program->summary);
  text_append_format(out, "\n.SH SYNOPSIS\n.B %s\n.I COMMAND\n[options]\n.SH DESCRIPTION\n",
                     program->name);
  append_paragraphs(out, program->description);
  text_append_text(out, ".SH COMMANDS\n");
  for (size_t i = 0; program->commands[i]; i++) {
    if (!program->commands[i]->hidden) append_command(program, program->commands[i], out);
  }
  append_exit_codes(out);
  text_free(&name);
}
