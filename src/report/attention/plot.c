// SPDX-License-Identifier: Apache-2.0
#include "report/attention/plot.h"
#include "report/attention/mask_image.h"
#include "report/attention/series.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  WIDTH = 1240,
  MARGIN = 28,
  HEAD = 112,       // title, machine, legend
  PAIR_WIDTH = 584, // two charts side by side
  PAIR_GAP = 16,
  PAIR_HEIGHT = 222, // with its heading
  PAIR_HEADING = 22,
  MASK_SIZE = 150,
  MASKS_IN_ROW = 7,
  MASK_STEP = (WIDTH - 2 * MARGIN) / MASKS_IN_ROW,
  MASK_HEIGHT = MASK_SIZE + MASK_IMAGE_HEAD + MASK_IMAGE_FOOT + 12,
  MASK_HEADING = 44,
};
static const double least_decades_of_length = 0.3, least_decades = 0.7;

static const char page_style[] =
    ".paper{fill:#fff}\n.title{font-size:20px;font-weight:600}\n.machine{fill:#5b6470}\n"
    ".heading{font-size:12.5px;font-weight:600}\n.legend{font-size:12px}\n"
    "@media (prefers-color-scheme:dark){.paper{fill:#15181c}.machine{fill:#9aa3ad}}\n";

// One pair of charts: the group of a row, in one pass.
typedef struct {
  size_t first;
  int pass;
} Pair;

typedef struct {
  const AttentionResults *results;
  const json_t *masks;
  ARRAY_OF(Pair) pairs;
} Plot;

static bool begins_group(const AttentionResults *results, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (series_same_group(&results->rows.items[i], &results->rows.items[index])) return false;
  return true;
}

static bool has_points(const AttentionResults *results, size_t first, int pass) {
  SeriesGroup group = series_make(results, first, pass, SERIES_TIME);
  bool any = group.lines.count > 0;
  series_free(&group);
  return any;
}

// With a backward pass anywhere, forward stands left and backward right.
static void find_pairs(Plot *plot) {
  const AttentionResults *results = plot->results;
  bool backward = attention_results_have(results, 1);
  for (size_t i = 0; i < results->rows.count; i++) {
    bool any = begins_group(results, i) &&
               (has_points(results, i, 0) || (backward && has_points(results, i, 1)));
    for (int pass = 0; any && pass < (backward ? ATTENTION_PASSES : 1); pass++)
      ARRAY_APPEND(&plot->pairs, ((Pair){i, pass}));
  }
}

static char *time_label(double seconds, char *buffer, size_t size) {
  if (seconds < 0.9e-3)
    snprintf(buffer, size, "%.4g us", seconds * 1e6);
  else if (seconds < 0.9)
    snprintf(buffer, size, "%.4g ms", seconds * 1e3);
  else
    snprintf(buffer, size, "%.4g s", seconds);
  return buffer;
}

static char *rate_label(double value, char *buffer, size_t size) {
  snprintf(buffer, size, "%.4g", value);
  return buffer;
}

static void draw_chart(Text *svg, const Plot *plot, const Pair *pair, SeriesKind kind, double x,
                       double y) {
  SeriesGroup group = series_make(plot->results, pair->first, pair->pass, kind);
  size_t stops = group.lengths.count;
  if (group.lines.count && stops) {
    char name[48];
    Chart chart = {.x = x, .y = y, .width = PAIR_WIDTH / 2.0, .height = PAIR_HEIGHT - PAIR_HEADING};
    chart.title = kind == SERIES_TIME ? "time" : "TFLOP/s";
    chart.label = kind == SERIES_TIME ? time_label : rate_label;
    chart.ceiling = kind == SERIES_TIME
                        ? NAN
                        : attention_results_ceiling(plot->results, "fma_gflop_per_s") / 1e3;
    snprintf(name, sizeof name, "FMA peak %.3g", chart.ceiling);
    chart.ceiling_name = name;
    double named = chart.ceiling * 1.3; // room for its name
    double top = named > group.largest ? named : group.largest;
    chart.vertical = axis_logarithmic(group.least, top, least_decades);
    chart.horizontal = axis_logarithmic(group.lengths.items[0], group.lengths.items[stops - 1],
                                        least_decades_of_length);
    chart.stops = group.lengths.items;
    chart.stop_count = stops;
    chart_draw(svg, &chart, group.lines.items, group.lines.count);
  }
  series_free(&group);
}

// "causal, 16 query heads of 64, bfloat16, batch 2: forward"
static void draw_pair(Text *svg, const Plot *plot, const Pair *pair, double x, double y) {
  char family[160];
  const AttentionRow *row = &plot->results->rows.items[pair->first];
  attention_row_family(row, family, sizeof family);
  if (series_cache(row) > 0)
    svg_words(svg, "heading", (SvgPoint){x, y + 12}, "%s, cache of %" PRId64 " MiB: %s", family,
              series_cache(row), attention_pass_names[pair->pass]);
  else
    svg_words(svg, "heading", (SvgPoint){x, y + 12}, "%s, batch %" PRId64 ": %s", family,
              series_batch(row), attention_pass_names[pair->pass]);
  draw_chart(svg, plot, pair, SERIES_TIME, x, y + PAIR_HEADING);
  draw_chart(svg, plot, pair, SERIES_FLOPS, x + PAIR_WIDTH / 2.0, y + PAIR_HEADING);
}

static void draw_machine(Text *svg, const AttentionResults *results) {
  const json_t *machine = json_object_get(json_object_get(results->sweep, "trust"), "machine");
  const char *processor = json_string_value(json_object_get(machine, "processor"));
  const char *time = json_string_value(json_object_get(results->sweep, "timestamp"));
  double threads = attention_results_ceiling(results, "threads");
  svg_words(svg, "machine", (SvgPoint){MARGIN, 64}, "%s, %.0f thread%s, %s%s%s",
            processor ? processor : "this machine", threads, threads == 1 ? "" : "s",
            results->rows.count ? results->rows.items[0].dtype : "", time ? ", " : "",
            time ? time : "");
}

static bool has_cold(const AttentionResults *results) {
  return json_is_true(attention_results_config(results, "cold"));
}

static void draw_key(Text *svg, const char *class_name, int marker, const char *name, double *x) {
  char classes[64];
  snprintf(classes, sizeof classes, "series %s", class_name);
  svg_group_begin(svg, classes, NULL);
  svg_polyline(svg, "", (SvgPoint[]){{*x, 90}, {*x + 26, 90}}, 2);
  chart_marker(svg, marker, (SvgPoint){*x + 13, 90}, 3.6);
  svg_group_end(svg);
  svg_words(svg, "legend", (SvgPoint){*x + 33, 94}, "%s", name);
  *x += 52 + 7.0 * (double)strlen(name);
}

static void draw_legend(Text *svg, const AttentionResults *results) {
  double x = MARGIN;
  for (size_t i = 0; i < results->backends.count; i++) {
    const char *name = results->backends.items[i];
    bool any = false;
    for (size_t j = 0; j < results->rows.count && !any; j++) {
      const AttentionRun *run = attention_row_run(&results->rows.items[j], name);
      any = run && run->status == ROW_MEASURED;
    }
    if (any) draw_key(svg, series_class(name), series_colour(name), name, &x);
  }
  svg_words(svg, "machine", (SvgPoint){x + 8, 94}, "bars: 95 %% interval of the median%s",
            has_cold(results) ? "; dotted, hollow: caches flushed" : "");
}

static void draw_masks(Text *svg, const Plot *plot, double y) {
  const json_t *mask;
  size_t index, drawn = 0;
  svg_words(svg, "heading", (SvgPoint){MARGIN, y + 16}, "What each mask leaves");
  double x = MARGIN + 190;
  static const char *const keys[][2] = {
      {"full", "all seen"}, {"partial", "some seen"}, {"empty", "none seen"}};
  for (size_t i = 0; i < COUNT_OF(keys); i++, x += 90) {
    svg_rectangle(svg, keys[i][0], x, y + 6, 12, 12);
    svg_words(svg, "note", (SvgPoint){x + 18, y + 16}, "%s", keys[i][1]);
  }
  json_array_foreach(plot->masks, index, mask) {
    size_t line = drawn / MASKS_IN_ROW, place = drawn % MASKS_IN_ROW;
    SvgPoint at = {MARGIN + (double)place * MASK_STEP,
                   y + MASK_HEADING + (double)line * MASK_HEIGHT};
    drawn += mask_image_draw(svg, mask, at, MASK_SIZE);
  }
}

static double lines_of(size_t count, size_t in_line) {
  size_t lines = (count + in_line - 1) / in_line;
  return (double)lines;
}

static void draw_page(Text *svg, const Plot *plot, double masks_at) {
  svg_rectangle(svg, "paper", 0, 0, WIDTH, 1e5);
  svg_words(svg, "title", (SvgPoint){MARGIN, 42}, "Attention: time and throughput against length");
  draw_machine(svg, plot->results);
  draw_legend(svg, plot->results);
  for (size_t i = 0; i < plot->pairs.count; i++) {
    size_t line = i / 2, place = i % 2;
    draw_pair(svg, plot, &plot->pairs.items[i], MARGIN + (double)place * (PAIR_WIDTH + PAIR_GAP),
              HEAD + (double)line * PAIR_HEIGHT);
  }
  if (json_array_size(plot->masks)) draw_masks(svg, plot, masks_at);
}

void attention_plot(const AttentionResults *results, Text *svg) {
  Plot plot = {.results = results, .masks = json_object_get(results->sweep, "masks")};
  find_pairs(&plot);
  size_t masks = json_array_size(plot.masks);
  double masks_at = HEAD + lines_of(plot.pairs.count, 2) * PAIR_HEIGHT + 8;
  double below = masks ? MASK_HEADING + lines_of(masks, MASKS_IN_ROW) * MASK_HEIGHT : 0;
  Text style = {0};
  text_append_format(&style, "%s%s%s%s", page_style, chart_style, series_style, mask_image_style);
  svg_begin(svg, WIDTH, masks_at + below + MARGIN, "Attention: time and throughput against length",
            style.data);
  draw_page(svg, &plot, masks_at);
  svg_end(svg);
  text_free(&style);
  ARRAY_FREE(&plot.pairs);
}
