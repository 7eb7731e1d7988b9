// SPDX-License-Identifier: Apache-2.0
#include "compile/row_code.h"
#include "compile/row_writer.h"
#include "kernels/operators/operators.h"
#include <stdio.h>

enum { COPIES = 4, WRITTEN_OUT = 8 }; // accumulators; vectors up to which there is no loop

extern const char row_prelude_text[]; // of compile/row_prelude.h, made when it is built

static int lanes_of(CpuTier tier) {
  return tier >= CPU_TIER_AVX512 ? 16 : tier == CPU_TIER_REFERENCE ? 4 : 8;
}

void row_code_begin(Text *out, CpuTier tier) {
  text_append_format(out, "#define LANES %d\n%s", lanes_of(tier), row_prelude_text);
  text_append_format(out,
                     "typedef struct {\n"
                     "  char *data;\n"
                     "  long batch, head, query;\n"
                     "} row_slot;\n"
                     "typedef struct {\n"
                     "  row_slot slots[%d];\n"
                     "  long queries;\n"
                     "} row_call;\n",
                     ROW_GROUP_SLOTS);
}

static bool reduces(const RowWriter *writer, const RowLoop *loop) {
  for (int i = loop->first; i < loop->last; i++)
    if (writer->loops.steps[i].phase != ROW_MAP) return true;
  return false;
}

static void write_body(RowWriter *writer, const RowBody *body) {
  row_open(writer, "%s", "");
  row_body_write(writer, body);
  row_close(writer);
}

// Columns [begin, begin + count), constants both.
static void write_columns(RowWriter *writer, RowBody body, int64_t begin, int64_t count) {
  int64_t vectors = count / writer->lanes, done = 0;
  char at[ROW_NAME];
  body.at = at;
  if (vectors > WRITTEN_OUT) {
    done = vectors / COPIES * COPIES;
    row_open(writer, "for (long d = %lld; d < %lld; d += %d) ", (long long)begin,
             (long long)begin + (long long)done * writer->lanes, COPIES * writer->lanes);
    for (int copy = 0; copy < COPIES; copy++) {
      snprintf(at, sizeof at, "d + %d", copy * writer->lanes);
      body.copy = copy;
      write_body(writer, &body);
    }
    row_close(writer);
  }
  for (; done <= vectors; done++) {
    snprintf(at, sizeof at, "%lld", (long long)begin + (long long)done * writer->lanes);
    body.copy = (int)(done % COPIES);
    body.part = done == vectors ? (int)(count % writer->lanes) : 0;
    if (done < vectors || body.part) write_body(writer, &body);
  }
}

// The columns from begin to last, which are found when it runs; whole vectors as long as they fit.
static void write_range(RowWriter *writer, RowBody body, const RowNest *nest) {
  char at[ROW_NAME];
  int lanes = writer->lanes;
  body.at = at;
  row_line(writer, "d = begin%d;", nest->mask);
  row_open(writer, "for (; d + %d <= %lld && d + %d < last%d; d += %d) ", 2 * lanes,
           (long long)nest->columns, lanes, nest->mask, 2 * lanes);
  for (int copy = 0; copy < 2; copy++) {
    snprintf(at, sizeof at, "d + %d", copy * lanes);
    body.copy = copy;
    write_body(writer, &body);
  }
  row_close(writer);
  snprintf(at, sizeof at, "d");
  body.copy = 0;
  row_open(writer, "for (; d + %d <= %lld && d < last%d; d += %d) ", lanes,
           (long long)nest->columns, nest->mask, lanes);
  row_body_write(writer, &body);
  row_close(writer);
  body.part = (int)(nest->columns % lanes);
  if (!body.part) return;
  row_open(writer, "if (d < last%d) ", nest->mask);
  row_body_write(writer, &body);
  row_close(writer);
}

static void write_loop(RowWriter *writer, int nest_index, int loop_index) {
  const RowNest *nest = &writer->loops.nests[nest_index];
  const RowLoop *loop = &writer->loops.loops[loop_index];
  RowBody body = {.nest = nest_index, .loop = loop_index, .pairs = loop->half > 0};
  bool reduction = reduces(writer, loop);
  for (int i = loop->first; reduction && i < loop->last; i++)
    if (writer->loops.steps[i].phase != ROW_MAP)
      row_reduction_begin(writer, &writer->loops.steps[i], COPIES);
  if (nest->mask >= 0) {
    write_range(writer, body, nest);
  } else if (loop->half) {
    write_columns(writer, body, 0, loop->half);
    body.pairs = false;
    write_columns(writer, body, 2 * loop->half, nest->columns - 2 * loop->half);
  } else {
    write_columns(writer, body, 0, nest->columns);
  }
  for (int i = loop->first; reduction && i < loop->last; i++)
    if (writer->loops.steps[i].phase != ROW_MAP)
      row_reduction_end(writer, &writer->loops.steps[i], nest->columns, COPIES);
}

// What a nest has declared so far.
typedef struct {
  uint32_t slots;
  RowUse kept[2 * ROW_GROUP_MEMBERS];
  int kept_count;
} Declared;

static void declare_row(RowWriter *writer, int slot, Declared *declared) {
  if (slot < 0 || declared->slots >> slot & 1) return;
  declared->slots |= 1u << slot;
  row_line(writer, "float *r%d = (float *)(p%d + h * call->slots[%d].head);", slot, slot, slot);
}

static bool is_declared(const Declared *declared, const RowUse *use) {
  for (int i = 0; i < declared->kept_count; i++)
    if (declared->kept[i].member == use->member && declared->kept[i].offset == use->offset)
      return true;
  return false;
}

// Where an earlier loop left what a step of this nest reads.
static void declare_kept(RowWriter *writer, int nest, const RowUse *use, Declared *declared) {
  const RowUse *made = &row_member(writer, use->member)->output;
  bool same = made->heads == use->heads && made->columns == use->columns;
  char row[ROW_NAME];
  if (is_declared(declared, use)) return;
  declared->kept[declared->kept_count++] = *use;
  if (same) declare_row(writer, made->slot, declared);
  row_kept_name(writer, use->member, row);
  row_line(writer, "const float *q%d_%lld =", use->member, (long long)use->offset);
  if (writer->loops.nest_of[use->member] == nest || (same && made->slot >= 0))
    row_line(writer, "    %s;", row);
  else if (made->slot >= 0)
    row_line(writer, "    (const float *)p%d + %lld + h * %lld;", made->slot,
             (long long)use->offset, (long long)use->columns);
  else
    row_line(writer, "    kept%d + %lld + h * %lld;", use->member, (long long)use->offset,
             (long long)use->columns);
}

static void declare_destination(RowWriter *writer, int member) {
  const RowMember *m = row_member(writer, member);
  int slot = m->inputs[1].slot;
  const char *type = writer->group->slots[slot].dtype == DTYPE_F32 ? "float" : "unsigned short";
  row_line(writer, "%s *d%d = (%s *)(call->slots[%d].data + b * call->slots[%d].batch", type,
           member, type, slot, slot);
  row_line(writer, "    + %s * call->slots[%d].head + position%d * call->slots[%d].query);",
           writer->group->by_head ? "head" : "h", slot, m->inputs[2].slot, slot);
}

static void declare_made(RowWriter *writer, int member, Declared *declared) {
  const RowMember *m = row_member(writer, member);
  declare_row(writer, m->output.slot, declared);
  if (row_is_local(writer, member))
    row_line(writer, "float *k%d = kept%d + h * %lld;", member, member,
             (long long)m->output.columns);
  if (m->op == &cache_write_operator) declare_destination(writer, member);
}

static void declare_read(RowWriter *writer, int nest, int loop, int member, Declared *declared) {
  const RowMember *m = row_member(writer, member);
  for (int i = 0; i < m->input_count; i++) {
    const RowUse *use = &m->inputs[i];
    if (use->columns == 0) continue; // no rows
    declare_row(writer, use->slot, declared);
    if (row_is_reloaded(writer, use, loop)) declare_kept(writer, nest, use, declared);
  }
}

// What a mask leaves of the columns.
static void declare_range(RowWriter *writer, int member) {
  const RowMember *m = row_member(writer, member);
  int64_t window = ((const MaskAttributes *)m->attributes)->window;
  long long columns = (long long)m->inputs[0].columns;
  int past = m->inputs[1].slot;
  row_line(writer, "long last%d = position%d + 1 < %lld ? position%d + 1 : %lld;", member, past,
           columns, past, columns);
  row_line(writer, "last%d = last%d < 0 ? 0 : last%d;", member, member, member);
  row_line(writer, "long first%d = position%d - %lld;", member, past,
           window > 0 ? (long long)(window - 1) : 0x7fffffffll);
  row_line(writer, "first%d = first%d < 0 ? 0 : first%d;", member, member, member);
  row_line(writer, "first%d = first%d > last%d ? last%d : first%d;", member, member, member, member,
           member);
}

// The whole vectors that hold it; what lies outside is 0.
static void declare_vectors(RowWriter *writer, const RowNest *nest) {
  int mask = nest->mask, lanes = writer->lanes;
  row_line(writer, "const long begin%d = first%d / %d * %d;", mask, mask, lanes, lanes);
  row_line(writer, "long d, end%d = (last%d + %d) / %d * %d;", mask, mask, lanes - 1, lanes, lanes);
  row_line(writer, "end%d = end%d < %lld ? end%d : %lld;", mask, mask, (long long)nest->columns,
           mask, (long long)nest->columns);
  row_line(writer, "end%d = end%d < begin%d ? begin%d : end%d;", mask, mask, mask, mask, mask);
}

// The rows of the head at hand that a nest writes and reads, and what masks leave of them.
static void declare_rows(RowWriter *writer, int nest_index) {
  const RowNest *nest = &writer->loops.nests[nest_index];
  const RowLoop *loops = writer->loops.loops;
  const RowStep *steps = writer->loops.steps;
  Declared declared = {0};
  for (int i = loops[nest->first].first; i < loops[nest->last - 1].last; i++)
    if (steps[i].phase == ROW_MAP) declare_made(writer, steps[i].member, &declared);
  for (int loop = nest->first; loop < nest->last; loop++)
    for (int i = loops[loop].first; i < loops[loop].last; i++)
      declare_read(writer, nest_index, loop, steps[i].member, &declared);
  for (int i = loops[nest->first].first; i < loops[nest->last - 1].last; i++)
    if (row_member(writer, steps[i].member)->op == &mask_operator)
      declare_range(writer, steps[i].member);
}

// What a limited nest left out.
static void write_zeros(RowWriter *writer, const RowNest *nest) {
  char row[ROW_NAME];
  int softmax = writer->loops.steps[writer->loops.loops[nest->last - 1].last - 1].member;
  row_kept_name(writer, softmax, row);
  row_line(writer, "__builtin_memset(%s, 0, begin%d * 4);", row, nest->mask);
  row_line(writer, "__builtin_memset(%s + end%d, 0, (%lld - end%d) * 4);", row, nest->mask,
           (long long)nest->columns, nest->mask);
}

static void write_nest(RowWriter *writer, int index) {
  const RowNest *nest = &writer->loops.nests[index];
  row_open(writer, "for (long h = 0; h < %lld; h++) ", (long long)nest->heads);
  declare_rows(writer, index);
  if (nest->mask >= 0) declare_vectors(writer, nest);
  for (int loop = nest->first; loop < nest->last; loop++) write_loop(writer, index, loop);
  if (nest->mask >= 0) write_zeros(writer, nest);
  row_close(writer);
}

// Of a token: b, m (and head), where its slots lie, its positions.
static void declare_token(RowWriter *writer) {
  const RowGroup *group = writer->group;
  row_line(writer, "const long m = t %% call->queries;");
  if (group->by_head)
    row_line(writer, "const long head = t / call->queries %% %lld, b = t / call->queries / %lld;",
             (long long)group->heads, (long long)group->heads);
  else
    row_line(writer, "const long b = t / call->queries;");
  for (int i = 0; i < group->slot_count; i++) {
    if (group->slots[i].role == ROW_VALUES)
      row_line(writer,
               "char *p%d = call->slots[%d].data + b * call->slots[%d].batch + m * "
               "call->slots[%d].query;",
               i, i, i, i);
    if (group->slots[i].role == ROW_VALUES && group->by_head)
      row_line(writer, "p%d += head * call->slots[%d].head;", i, i);
    if (group->slots[i].role == ROW_PAST)
      row_line(writer, "const long position%d = ((const long *)call->slots[%d].data)[b] + m;", i,
               i);
  }
}

static bool is_table(const RowGroup *group, const RowUse *use) {
  return use->slot >= 0 && group->slots[use->slot].role == ROW_TABLE;
}

static void declare_tables(RowWriter *writer, int member) {
  const RowMember *m = row_member(writer, member);
  int past = m->input_count - 1; // the last input of those that have a table
  for (int i = 1; i < m->input_count; i++)
    if (is_table(writer->group, &m->inputs[i]))
      row_line(writer,
               "const float *t%d_%d = (const float *)(call->slots[%d].data + position%d * "
               "call->slots[%d].query);",
               member, i, m->inputs[i].slot, m->inputs[past].slot, m->inputs[i].slot);
}

static void declare_constants(RowWriter *writer) {
  const RowGroup *group = writer->group;
  for (int i = 0; i < group->slot_count; i++)
    if (group->slots[i].role == ROW_VECTOR)
      row_line(writer, "const float *w%d = (const float *)call->slots[%d].data;", i, i);
  for (int i = 0; i < group->member_count; i++)
    if (row_is_local(writer, i))
      row_line(writer, "float kept%d[%lld] __attribute__((aligned(64)));", i,
               (long long)group->members[i].output.heads * group->members[i].output.columns);
}

void row_code_append(Text *out, const RowGroup *group, CpuTier tier) {
  RowWriter writer = {.group = group, .out = out, .lanes = lanes_of(tier)};
  row_loops_make(group, &writer.loops);
  row_open(&writer, "(const row_call *call, long first, long last) ");
  declare_constants(&writer);
  row_open(&writer, "for (long t = first; t < last; t++) ");
  declare_token(&writer);
  for (int i = 0; i < group->member_count; i++) declare_tables(&writer, i);
  for (int i = 0; i < writer.loops.nest_count; i++) write_nest(&writer, i);
  row_close(&writer);
  row_close(&writer);
}
