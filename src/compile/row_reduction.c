// SPDX-License-Identifier: Apache-2.0
#include "compile/row_writer.h"
#include "kernels/operators/operators.h"
#include <stdio.h>

static const char *accumulator(RowPhase phase) {
  switch (phase) {
  case ROW_SUM: return "sum";
  case ROW_SQUARES: return "squares";
  case ROW_LARGEST: return "most";
  default: return "total";
  }
}

void row_reduction_begin(RowWriter *writer, const RowStep *step, int copies) {
  for (int i = 0; i < copies; i++)
    row_line(writer, "row_vector %s%d_%d = row_set(%s);", accumulator(step->phase), step->member, i,
             step->phase == ROW_LARGEST ? "-__builtin_inff()" : "0");
}

// x of the lanes that count, the others what changes nothing.
static void counted(const RowBody *body, const char *x, char half, const char *neutral,
                    char out[2 * ROW_NAME]) {
  if (body->part)
    snprintf(out, 2 * ROW_NAME, "row_select(row_between(0, 0, %d), %s%c, row_set(%s))", body->part,
             x, half, neutral);
  else
    snprintf(out, 2 * ROW_NAME, "%s%c", x, half);
}

static void add_squares(RowWriter *writer, int member, const RowBody *body, const char *x,
                        char half) {
  char value[2 * ROW_NAME], shifted[ROW_NAME], name[ROW_NAME];
  bool centred = row_member(writer, member)->op == &layer_norm_operator;
  if (centred) {
    snprintf(name, sizeof name, "c%d", member);
    row_line(writer, "row_vector %s%c = %s%c - mean%d;", name, half, x, half, member);
  }
  counted(body, centred ? name : x, half, "0", value);
  snprintf(shifted, sizeof shifted, "u%d%c", member, half);
  row_line(writer, "row_vector %s = %s;", shifted, value);
  row_line(writer, "squares%d_%d += %s * %s;", member, body->copy, shifted, shifted);
}

// The exponentials are kept where the result will be.
static void add_exponentials(RowWriter *writer, int member, const RowBody *body, const char *x) {
  char row[ROW_NAME], value[2 * ROW_NAME], name[ROW_NAME];
  row_kept_name(writer, member, row);
  snprintf(name, sizeof name, "e%d", member);
  row_line(writer, "row_vector %sa = row_exponential(%sa - largest%d);", name, x, member);
  if (body->part)
    row_line(writer, "row_store_part(%s + %s, %sa, %d);", row, body->at, name, body->part);
  else
    row_line(writer, "row_store(%s + %s, %sa);", row, body->at, name);
  counted(body, name, 'a', "0", value);
  row_line(writer, "total%d_%d += %s;", member, body->copy, value);
}

void row_reduction_step(RowWriter *writer, const RowStep *step, const RowBody *body,
                        const char *x) {
  char value[2 * ROW_NAME];
  for (const char *half = body->pairs ? "ab" : "a"; *half; half++) {
    if (step->phase == ROW_SQUARES) {
      add_squares(writer, step->member, body, x, *half);
    } else if (step->phase == ROW_SUM) {
      counted(body, x, *half, "0", value);
      row_line(writer, "sum%d_%d += %s;", step->member, body->copy, value);
    } else if (step->phase == ROW_LARGEST) {
      counted(body, x, *half, "-__builtin_inff()", value);
      row_line(writer, "most%d_%d = row_most(most%d_%d, %s);", step->member, body->copy,
               step->member, body->copy, value);
    } else {
      add_exponentials(writer, step->member, body, x);
    }
  }
}

// The accumulators as one.
static void join(RowWriter *writer, const RowStep *step, int copies) {
  const char *name = accumulator(step->phase);
  for (int i = 1; i < copies; i++)
    if (step->phase == ROW_LARGEST)
      row_line(writer, "most%d_0 = row_most(most%d_0, most%d_%d);", step->member, step->member,
               step->member, i);
    else
      row_line(writer, "%s%d_0 += %s%d_%d;", name, step->member, name, step->member, i);
}

static double epsilon_of(const RowMember *member) {
  return (double)(float)((const NormAttributes *)member->attributes)->epsilon;
}

void row_reduction_end(RowWriter *writer, const RowStep *step, int64_t columns, int copies) {
  int member = step->member;
  join(writer, step, copies);
  switch (step->phase) {
  case ROW_SUM:
    row_line(writer, "const float mean%d = row_sum(sum%d_0) / %lld.0f;", member, member,
             (long long)columns);
    break;
  case ROW_SQUARES:
    row_line(writer,
             "const float factor%d = 1 / __builtin_sqrtf(row_sum(squares%d_0) / %lld.0f + %af);",
             member, member, (long long)columns, epsilon_of(row_member(writer, member)));
    break;
  case ROW_LARGEST: // where nothing is left every exponential is to be 0
    row_line(writer, "float largest%d = row_largest(most%d_0);", member, member);
    row_line(writer, "largest%d = largest%d == -__builtin_inff() ? 0 : largest%d;", member, member,
             member);
    break;
  default:
    row_line(writer, "const float all%d = row_sum(total%d_0);", member, member);
    row_line(writer, "const float factor%d = all%d == 0 ? 0 : 1 / all%d;", member, member, member);
  }
}
