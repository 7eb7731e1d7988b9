// SPDX-License-Identifier: Apache-2.0
// A result file, of models or of attention, printed in one of the formats of --output-format.
#pragma once
#include "base/document.h"
#include "report/attention/printers.h"

typedef struct {
  const char *format;
  bool warnings;                   // say what the numbers cannot be trusted for
  AttentionPrintOptions attention; // of a sweep of attention
} ReportForm;

// Prints the document; `path` is the file it is from. The table is followed by sentences and the
// path; beside other formats, warnings go to standard error.
CHECKED bool report_output(const json_t *document, const char *path, const ReportForm *form,
                           Error *error);
