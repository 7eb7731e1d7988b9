// SPDX-License-Identifier: Apache-2.0
// The forms of a report of a sweep of attention; the names of the formats are those of
// report/printers.h. Each appends to *text.
#pragma once
#include "report/attention/results.h"

typedef struct {
  bool throughput; // TFLOP/s and TB/s
  bool speedups;   // of flex over each back end
} AttentionPrintOptions;

typedef void AttentionPrinter(const AttentionResults *results, const AttentionPrintOptions *options,
                              Text *text);
AttentionPrinter *attention_printer(const char *format); // NULL: no such format

// At most REPORT_COLUMNS wide: a table for each pattern, heads and dimension, then what was
// skipped, then the speedups.
AttentionPrinter attention_print_table;
AttentionPrinter attention_print_markdown;
// The peer's columns: attn_type, dtype, "shape(B,Hq,M,Hkv,N,D)", then for each back end and last
// flex_attn X_fwd_time (microseconds), X_fwd_TFlops, X_fwd_mem_bw (TB/s) and the same of the
// backward pass; with speedups X_fwd_speedup, X_bwd_speedup. nan where there is no number.
AttentionPrinter attention_print_csv;
AttentionPrinter attention_print_json; // the document as it is
// One line a cell: {"benchmark_config_hash": …} and the cell.
AttentionPrinter attention_print_jsonl;

// Appended by table and Markdown alike: "[SKIP] fav3: needs …", once for each reason.
void attention_skips_append(const AttentionResults *results, Text *text);
// The tables of speedups of flex over each other back end: average, largest, smallest.
void attention_speedups_append(const AttentionResults *results, bool markdown, Text *text);
// What to know about numbers that cannot be trusted as they are, and what to do about it.
void attention_warnings_append(const AttentionResults *results, Text *text);
// Which back end is fastest, in sentences.
void attention_summary_append(const AttentionResults *results, Text *text);
