// SPDX-License-Identifier: Apache-2.0
#include "cli/report_output.h"
#include "base/python_json.h"
#include "cli/output.h"
#include "report/ab.h"
#include "report/printers.h"
#include "report/summary.h"
#include "report/warnings.h"
#include <stdio.h>
#include <string.h>

// What is said of one file.
typedef struct {
  Text body, sentences, warnings;
} Words;

static bool generation_words(const json_t *document, const char *path, const char *format,
                             Words *words, Error *error) {
  Report report;
  if (!report_make(document, path, &report, error)) return false;
  report_printer(format)(&report, &words->body);
  summary_sentences(&report, &words->sentences);
  warnings_list(&report, &words->warnings);
  report_free(&report);
  return true;
}

static bool attention_words(const json_t *document, const char *path, const ReportForm *form,
                            Words *words, Error *error) {
  AttentionResults results;
  if (!attention_results_make(document, path, &results, error)) return false;
  attention_printer(form->format)(&results, &form->attention, &words->body);
  attention_summary_append(&results, &words->sentences);
  attention_warnings_append(&results, &words->warnings);
  attention_results_free(&results);
  return true;
}

static bool ab_words(const json_t *document, const char *format, Words *words, Error *error) {
  if (strcmp(format, "table") == 0) {
    ab_results_table(document, &words->body);
    return true;
  }
  if (strcmp(format, "json") != 0)
    return error_set(error, ERROR_UNSUPPORTED, "--output-format",
                     "%s of a comparison of two scenarios, expected table or json", format);
  python_json_append(&words->body, document, PYTHON_JSON_INDENT);
  text_append_character(&words->body, '\n');
  return true;
}

static bool words_of(const json_t *document, const char *path, const ReportForm *form, Words *words,
                     Error *error) {
  if (attention_results_are(document)) return attention_words(document, path, form, words, error);
  if (ab_results_are(document)) return ab_words(document, form->format, words, error);
  return generation_words(document, path, form->format, words, error);
}

// Lines for people: behind the table on standard output, else apart on standard error.
static void tell_people(bool table, const Text *text) {
  if (text->size == 0) return;
  if (table)
    output_format("\n%s", text->data);
  else
    fputs(text->data, stderr);
}

bool report_output(const json_t *document, const char *path, const ReportForm *form, Error *error) {
  Words words = {0};
  bool table = strcmp(form->format, "table") == 0;
  bool done = words_of(document, path, form, &words, error);
  if (done) {
    output_write(text_span(&words.body).data, words.body.size);
    if (table) tell_people(table, &words.sentences);
    if (form->warnings) tell_people(table, &words.warnings);
    if (table) output_format("\nresults: %s\n", path);
  }
  text_free(&words.body);
  text_free(&words.sentences);
  text_free(&words.warnings);
  return done && output_flush(error);
}
