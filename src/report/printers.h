// SPDX-License-Identifier: Apache-2.0
// The forms of a report. Each appends to *text; none knows a metric by name.
#pragma once
#include "report/report.h"

// --output-format value, printer
#define REPORT_FORMATS(X)                                                                          \
  X("table", print_table)                                                                          \
  X("markdown", print_markdown)                                                                    \
  X("csv", print_csv)                                                                              \
  X("json", print_json)                                                                            \
  X("jsonl", print_jsonl)

// For a terminal: at most REPORT_COLUMNS wide; the last columns are left out where they do not fit.
enum { REPORT_COLUMNS = 80 };
void print_table(const Report *report, Text *text);
// The table with every column, one with every statistic, one with every single number.
void print_markdown(const Report *report, Text *text);
// One line a scenario: its fields, every statistic and single number, unscaled (RFC 4180).
void print_csv(const Report *report, Text *text);
// The result file's document as it is.
void print_json(const Report *report, Text *text);
// One line a scenario: {"benchmark_config_hash", "config", "measurements", "metadata",
// "attometer"}.
void print_jsonl(const Report *report, Text *text);

typedef void ReportPrinter(const Report *report, Text *text);
ReportPrinter *report_printer(const char *format); // NULL: no such format
