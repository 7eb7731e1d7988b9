// SPDX-License-Identifier: Apache-2.0
#include "cli/command_report.h"
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/report_output.h"
#include "cli/results_options.h"
#include "report/attention/plot.h"

enum { RESULTS_LIMIT = 1 << 30 };

static const Option rows[] = {
    OUTPUT_FORMAT_ROW,
    {.flag = "--plot",
     .kind = OPTION_TEXT,
     .placeholder = "FILE",
     .help = "also write a picture (SVG) of a sweep of attention"},
    {.flag = "--show-speedups",
     .kind = OPTION_SWITCH,
     .help = "of attention: the speedup of flex over each other back end"},
    {.flag = "--no-throughput",
     .kind = OPTION_SWITCH,
     .help = "of attention: no TFLOP/s and TB/s in tables"},
};
static const OptionTable options = OPTION_TABLE("Report", rows);

static bool plot(const json_t *document, const char *path, const char *file, Error *error) {
  AttentionResults results;
  if (!attention_results_are(document))
    return error_set(error, ERROR_UNSUPPORTED, "--plot",
                     "%s is no sweep of attention, which alone has a picture", path);
  if (!attention_results_make(document, path, &results, error)) return false;
  Text svg = {0};
  attention_plot(&results, &svg);
  bool done = file_write_atomically(file, svg.data, svg.size, error);
  text_free(&svg);
  attention_results_free(&results);
  return done;
}

static bool run(const Arguments *arguments, Error *error) {
  if (arguments_rest_count(arguments) != 1)
    return error_set(error, ERROR_ARGUMENT, "report", "%zu files given, expected one",
                     arguments_rest_count(arguments));
  const char *path = arguments_rest(arguments, 0), *file = arguments_text(arguments, "--plot");
  const ReportForm form = {
      .format = arguments_text(arguments, "--output-format"),
      .warnings = true,
      .attention = {.throughput = !arguments_switch(arguments, "--no-throughput"),
                    .speedups = arguments_switch(arguments, "--show-speedups")}};
  json_t *document = document_read(path, RESULTS_LIMIT, error);
  if (!document) return false;
  bool done =
      (!file || plot(document, path, file, error)) && report_output(document, path, &form, error);
  json_decref(document);
  return done;
}

const Command command_report = {
    .name = "report",
    .summary = "print a result file",
    .description = "Prints what `attometer run` or `attometer attention` wrote, whole or cut, in "
                   "any of its forms, without measuring anything.",
    .arguments = "FILE",
    .examples = "attometer report benchmark_results/attention/attention_benchmark_*.json "
                "--show-speedups\n"
                "attometer report results.json --output-format csv",
    .tables = {&options},
    .run = run,
};
