// SPDX-License-Identifier: Apache-2.0
#include "compile/row_writer.h"
#include "kernels/operators/operators.h"
#include <stdio.h>
#include <string.h>

enum { MOST_LOADED = 2 * ROW_GROUP_MEMBERS };

// A body while it is written, with the names that are there already.
typedef struct {
  RowWriter *writer;
  const RowBody *body;
  char loaded[MOST_LOADED][ROW_NAME];
  int loaded_count;
} Body;

static const char *halves(const Body *body) {
  return body->body->pairs ? "ab" : "a";
}

// The address of the columns at hand in a row.
static void address(const Body *body, char half, const char *row, char out[2 * ROW_NAME]) {
  long long further = half == 'b' ? body->writer->loops.loops[body->body->loop].half : 0;
  snprintf(out, 2 * ROW_NAME, "%s + %s + %lld", row, body->body->at, further);
}

static void load(const Body *body, char half, const char *name, const char *row) {
  char from[2 * ROW_NAME];
  address(body, half, row, from);
  if (body->body->part)
    row_line(body->writer, "row_vector %s%c = row_load_part(%s, %d);", name, half, from,
             body->body->part);
  else
    row_line(body->writer, "row_vector %s%c = row_load(%s);", name, half, from);
}

// Of all halves, unless it was loaded before.
static void load_once(Body *body, const char *name, const char *row) {
  for (int i = 0; i < body->loaded_count; i++)
    if (strcmp(body->loaded[i], name) == 0) return;
  snprintf(body->loaded[body->loaded_count++], ROW_NAME, "%s", name);
  for (const char *half = halves(body); *half; half++) load(body, *half, name, row);
}

// The name of a value of the columns at hand.
static void value_of(Body *body, const RowUse *use, char name[ROW_NAME]) {
  char row[ROW_NAME];
  if (use->slot >= 0) {
    snprintf(name, ROW_NAME, "s%d", use->slot);
    snprintf(row, sizeof row, "r%d", use->slot);
    load_once(body, name, row);
  } else if (row_is_reloaded(body->writer, use, body->body->loop)) {
    snprintf(name, ROW_NAME, "m%d_%lld", use->member, (long long)use->offset);
    snprintf(row, sizeof row, "q%d_%lld", use->member, (long long)use->offset);
    load_once(body, name, row);
  } else {
    snprintf(name, ROW_NAME, "v%d", use->member);
  }
}

static void store(const Body *body, const char *row, const char *value) {
  char to[2 * ROW_NAME];
  for (const char *half = halves(body); *half; half++) {
    address(body, *half, row, to);
    if (body->body->part)
      row_line(body->writer, "row_store_part(%s, %s%c, %d);", to, value, *half, body->body->part);
    else
      row_line(body->writer, "row_store(%s, %s%c);", to, value, *half);
  }
}

static void load_vector(Body *body, const RowMember *m, int input, char name[ROW_NAME]) {
  char row[ROW_NAME];
  snprintf(name, ROW_NAME, "l%d", m->inputs[input].slot);
  snprintf(row, sizeof row, "w%d", m->inputs[input].slot);
  load_once(body, name, row);
}

static void write_norm(Body *body, int member, const char *x) {
  const RowMember *m = row_member(body->writer, member);
  bool centred = m->op == &layer_norm_operator, shifted = m->input_count > 2;
  char weight[ROW_NAME], bias[ROW_NAME], shift[ROW_NAME] = "", more[2 * ROW_NAME] = "";
  load_vector(body, m, 1, weight);
  if (shifted) load_vector(body, m, 2, bias);
  for (const char *half = halves(body); *half; half++) {
    if (centred) snprintf(shift, sizeof shift, " - mean%d", member);
    if (shifted) snprintf(more, sizeof more, " + %s%c", bias, *half);
    row_line(body->writer, "row_vector v%d%c = %s%c * ((%s%c%s) * factor%d)%s;", member, *half,
             weight, *half, x, *half, shift, member, more);
  }
}

static void write_rope(Body *body, int member, const char *x) {
  char row[ROW_NAME], name[ROW_NAME];
  if (!body->body->pairs) { // beyond what is rotated
    row_line(body->writer, "row_vector v%da = %sa;", member, x);
    return;
  }
  for (int i = 1; i <= 2; i++) {
    snprintf(row, sizeof row, "t%d_%d", member, i);
    snprintf(name, sizeof name, "%s%d", i == 1 ? "cosine" : "sine", member);
    load(body, 'a', name, row);
  }
  row_line(body->writer, "row_vector v%da = %sa * cosine%da - %sb * sine%da;", member, x, member, x,
           member);
  row_line(body->writer, "row_vector v%db = %sb * cosine%da + %sa * sine%da;", member, x, member, x,
           member);
}

static void write_cache(const Body *body, int member, const char *x) {
  const RowMember *m = row_member(body->writer, member);
  Dtype dtype = body->writer->group->slots[m->inputs[1].slot].dtype;
  const char *function = dtype == DTYPE_BF16 ? "row_to_bf16" : "row_to_f16";
  char row[ROW_NAME], to[2 * ROW_NAME];
  snprintf(row, sizeof row, "d%d", member);
  if (dtype == DTYPE_F32) {
    store(body, row, x);
    return;
  }
  for (const char *half = halves(body); *half; half++) {
    address(body, *half, row, to);
    if (body->body->part)
      row_line(body->writer, "row_store_halves_part(%s, %s(%s%c), %d);", to, function, x, *half,
               body->body->part);
    else
      row_line(body->writer, "row_store_halves(%s, %s(%s%c));", to, function, x, *half);
  }
}

static void write_positions(Body *body, int member, const char *x) {
  char row[ROW_NAME], name[ROW_NAME];
  snprintf(row, sizeof row, "t%d_1", member);
  snprintf(name, sizeof name, "added%d", member);
  load_once(body, name, row);
  for (const char *half = halves(body); *half; half++)
    row_line(body->writer, "row_vector v%d%c = %s%c + %s%c;", member, *half, x, *half, name, *half);
}

static void write_mask(const Body *body, int member, const char *x) {
  row_line(body->writer,
           "row_vector v%da = row_select(row_between(%s, first%d, last%d), %sa, "
           "row_set(-__builtin_inff()));",
           member, body->body->at, member, member, x);
}

static void write_softmax(const Body *body, int member) {
  char row[ROW_NAME], name[ROW_NAME];
  row_kept_name(body->writer, member, row);
  snprintf(name, sizeof name, "e%d", member);
  load(body, 'a', name, row);
  row_line(body->writer, "row_vector v%da = %sa * factor%d;", member, name, member);
}

static const char *activation_function(const RowMember *member) {
  switch ((Activation)((const ActivationAttributes *)member->attributes)->activation) {
  case ACTIVATION_SILU: return "row_silu";
  case ACTIVATION_GELU: return "row_gelu";
  case ACTIVATION_GELU_TANH: return "row_gelu_tanh";
  case ACTIVATION_QUICK_GELU: return "row_quick_gelu";
  case ACTIVATION_RELU: return "row_relu";
  default: return "";
  }
}

static void write_pointwise(Body *body, int member, const char *x) {
  const RowMember *m = row_member(body->writer, member);
  char other[ROW_NAME] = "", rest[2 * ROW_NAME];
  if (m->input_count > 1) value_of(body, &m->inputs[1], other);
  for (const char *half = halves(body); *half; half++) {
    if (m->op == &scale_operator)
      snprintf(rest, sizeof rest, " * %af",
               (double)(float)((const ScaleAttributes *)m->attributes)->factor);
    else if (m->op == &activation_operator)
      snprintf(rest, sizeof rest, ")");
    else
      snprintf(rest, sizeof rest, " %c %s%c", m->op == &add_operator ? '+' : '*', other, *half);
    row_line(body->writer, "row_vector v%d%c = %s%s%s%c%s;", member, *half,
             m->op == &activation_operator ? activation_function(m) : "",
             m->op == &activation_operator ? "(" : "", x, *half, rest);
  }
}

static void write_map(Body *body, int member, const char *x) {
  const Operator *op = row_member(body->writer, member)->op;
  if (op == &rms_norm_operator || op == &layer_norm_operator)
    write_norm(body, member, x);
  else if (op == &rope_operator)
    write_rope(body, member, x);
  else if (op == &cache_write_operator)
    write_cache(body, member, x);
  else if (op == &add_positions_operator)
    write_positions(body, member, x);
  else if (op == &mask_operator)
    write_mask(body, member, x);
  else
    write_pointwise(body, member, x);
}

static void keep(const Body *body, int member) {
  const RowMember *m = row_member(body->writer, member);
  char row[ROW_NAME], name[ROW_NAME];
  if (m->op == &cache_write_operator || !(m->leaves || body->writer->loops.kept[member])) return;
  row_kept_name(body->writer, member, row);
  snprintf(name, sizeof name, "v%d", member);
  store(body, row, name);
}

void row_body_write(RowWriter *writer, const RowBody *row) {
  Body body = {.writer = writer, .body = row};
  const RowLoop *loop = &writer->loops.loops[row->loop];
  for (int i = loop->first; i < loop->last; i++) {
    const RowStep *step = &writer->loops.steps[i];
    const RowMember *m = row_member(writer, step->member);
    char x[ROW_NAME];
    if (step->phase == ROW_MAP && m->op == &softmax_operator)
      write_softmax(&body, step->member);
    else
      value_of(&body, &m->inputs[0], x);
    if (step->phase != ROW_MAP)
      row_reduction_step(writer, step, row, x);
    else if (m->op != &softmax_operator)
      write_map(&body, step->member, x);
    if (step->phase == ROW_MAP) keep(&body, step->member);
  }
}
