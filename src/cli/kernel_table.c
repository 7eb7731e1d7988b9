// SPDX-License-Identifier: Apache-2.0
#include "cli/kernel_table.h"
#include "cli/output.h"
#include <math.h>
#include <stdio.h>

enum { CELL = 16 };

void kernel_table_heading(const WorkshopOperator *op) {
  bool product = op->site <= SITE_OUTPUT;
  output_format("\n%s: %s; residual at most %.0e%s\n", op->name, op->summary, op->bound,
                product ? " √K" : "");
  output_format("%5s %6s %5s %-8s %-11s %7s %6s %10s %8s %s\n", "M", "N", "K", "dtype", "tier",
                "GFLOP/s", "GB/s", "share", "residual", "verdict");
}

// Three digits or so; "-" for what is not counted.
static const char *rate(double value, char cell[CELL]) {
  int decimals = value >= 100.0 ? 0 : value >= 10.0 ? 1 : 2;
  if (value > 0.0)
    snprintf(cell, CELL, "%.*f", decimals, value);
  else
    snprintf(cell, CELL, "-");
  return cell;
}

static const char *share(const WorkshopResult *result, char cell[CELL]) {
  if (!result->correct) return rate(0.0, cell);
  snprintf(cell, CELL, "%.0f %% %s", 100.0 * result->share, result->share_of);
  return cell;
}

void kernel_table_line(const WorkshopResult *result) {
  const WorkshopShape *shape = &result->shape;
  char depth[CELL] = "", flops[CELL], bytes[CELL], part[CELL];
  if (shape->k) snprintf(depth, CELL, "%lld", (long long)shape->k);
  output_format("%5lld %6lld %5s %-8s %-11s %7s %6s %10s %8.1e %s\n", (long long)shape->m,
                (long long)shape->n, depth, dtype_name(result->dtype), result->by,
                rate(result->gflop_per_s, flops), rate(result->gb_per_s, bytes),
                share(result, part), result->residual, result->correct ? "right" : "WRONG");
}

static json_t *number(double value, bool known) {
  return known && isfinite(value) ? json_real(value) : json_null();
}

json_t *kernel_table_document(const WorkshopResult *result) {
  const WorkshopShape *shape = &result->shape;
  json_t *out = json_pack("{sssssssIsIsI}", "operator", result->op->name, "tier", result->by,
                          "dtype", dtype_name(result->dtype), "m", (json_int_t)shape->m, "n",
                          (json_int_t)shape->n, "k", (json_int_t)shape->k);
  bool timed = result->correct;
  json_object_set_new(out, "correct", json_boolean(result->correct));
  json_object_set_new(out, "residual", number(result->residual, true));
  json_object_set_new(out, "bound", json_real(result->bound));
  json_object_set_new(out, "samples", json_integer(result->samples));
  json_object_set_new(out, "seconds", number(result->seconds, timed));
  json_object_set_new(out, "gflop_per_s", number(result->gflop_per_s, timed));
  json_object_set_new(out, "gb_per_s", number(result->gb_per_s, timed));
  json_object_set_new(out, "share", number(result->share, timed));
  json_object_set_new(out, "fma_ceiling_gflop_per_s", number(result->fma_gflop_per_s, timed));
  json_object_set_new(out, "dot_ceiling_gflop_per_s",
                      number(result->dot_gflop_per_s, timed && result->dot_gflop_per_s > 0.0));
  json_object_set_new(out, "read_ceiling_gb_per_s", number(result->read_gb_per_s, timed));
  json_object_set_new(out, "share_of", timed ? json_string(result->share_of) : json_null());
  return out;
}
