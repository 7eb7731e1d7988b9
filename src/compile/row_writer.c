// SPDX-License-Identifier: Apache-2.0
#include "compile/row_writer.h"
#include "kernels/operators/operators.h"
#include <stdarg.h>
#include <stdio.h>

static void start_line(RowWriter *writer) {
  for (int i = 0; i < writer->indent; i++) text_append_text(writer->out, "  ");
}

void row_line(RowWriter *writer, const char *format, ...) {
  va_list arguments;
  start_line(writer);
  va_start(arguments, format);
  text_append_arguments(writer->out, format, arguments);
  va_end(arguments);
  text_append_text(writer->out, "\n");
}

void row_open(RowWriter *writer, const char *format, ...) {
  va_list arguments;
  start_line(writer);
  va_start(arguments, format);
  text_append_arguments(writer->out, format, arguments);
  va_end(arguments);
  text_append_text(writer->out, "{\n");
  writer->indent++;
}

void row_close(RowWriter *writer) {
  writer->indent--;
  row_line(writer, "}");
}

const RowMember *row_member(const RowWriter *writer, int member) {
  return &writer->group->members[member];
}

void row_kept_name(const RowWriter *writer, int member, char name[ROW_NAME]) {
  int slot = row_member(writer, member)->output.slot;
  snprintf(name, ROW_NAME, slot >= 0 ? "r%d" : "k%d", slot >= 0 ? slot : member);
}

// A softmax leaves its exponentials there before it divides them.
bool row_is_local(const RowWriter *writer, int member) {
  const RowMember *m = row_member(writer, member);
  return m->output.slot < 0 && (writer->loops.kept[member] || m->op == &softmax_operator);
}

bool row_is_reloaded(const RowWriter *writer, const RowUse *use, int loop) {
  return use->member >= 0 && writer->loops.loop_of[use->member] != loop;
}
