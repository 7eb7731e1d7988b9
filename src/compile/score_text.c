// SPDX-License-Identifier: Apache-2.0
#include "compile/score_text.h"
#include "base/memory.h"
#include "mods/prelude_cut.h"
#include "mods/tile_text.h"
#include <stdio.h>

extern const char score_call_text[]; // of attention/score_call.h, made when it is built

enum { LIGHT = 6, MIDDLING = 24 }; // weights of an expression

typedef enum { SCORE, SLOPE, MASK, PARTS } Part;
static const char *const prefixes[PARTS] = {"s", "d", "m"};

typedef struct {
  const BoundMod *mod;
  ScorePass pass;
  ModTileText *parts[PARTS];      // NULL: none
  const char **arrays, **columns; // names, by index; columns NULL: their number is written
  char *names;                    // of them
  Text *out;
  Error *error;
} Writer;

enum { ARRAY_NAME = 32 };

const char *score_text_symbol(ScorePass pass) {
  static const char *const symbols[] = {"forward", "mask", "backward"};
  return symbols[pass];
}

bool score_text_wanted(const BoundMod *mod, ScorePass pass) {
  if (pass == SCORE_TEXT_MASK) return mod->mask.count > 0 && mod->score.count > 0;
  if (pass == SCORE_TEXT_BACKWARD) return mod->score.count > 0;
  return mod->score.count > 0 || mod->mask.count > 0;
}

static int lanes_of(CpuTier tier) {
  if (tier >= CPU_TIER_AVX512) return 16;
  return tier == CPU_TIER_AVX2 ? 8 : 4;
}

void score_text_whole(CpuTier tier, const char *functions, Text *text) {
  Text vectors = {0}, used = {0};
  prelude_cut(mod_language_vectors.prelude, functions, &vectors);
  text_append_text(&used, text_span(&vectors).data);
  text_append_text(&used, functions);
  text_append_format(text, "#define MOD_LANES %d\n", lanes_of(tier));
  text_append_text(text, score_call_text);
  prelude_cut(mod_language_c.prelude, used.data, text);
  text_append_text(text, used.data);
  text_free(&vectors);
  text_free(&used);
}

static void line(const Writer *w, const char *text) {
  text_append_text(w->out, text);
  text_append_character(w->out, '\n');
}

static bool part_lines(const Writer *w, Part part, ModTilePart what, bool some,
                       const char *indent) {
  return !w->parts[part] ||
         mod_tile_text_append(w->parts[part], what, some, indent, w->out, w->error);
}

static bool all_lines(const Writer *w, ModTilePart what, bool some, const char *indent) {
  return part_lines(w, SCORE, what, some, indent) && part_lines(w, SLOPE, what, some, indent) &&
         part_lines(w, MASK, what, some, indent);
}

static int arrays_of(const Writer *w, Part part) {
  return w->parts[part] ? mod_tile_text_arrays(w->parts[part]) : 0;
}

static const char *element_type(Dtype dtype) {
  switch (dtype) {
  case DTYPE_BOOL: return "unsigned char";
  case DTYPE_I32: return "int";
  case DTYPE_I64: return "long long";
  default: return "float";
  }
}

static void declare_arrays(const Writer *w) {
  for (int i = 0; i < w->mod->array_count; i++) {
    const char *type = element_type(w->mod->arrays[i].values.dtype);
    text_append_format(w->out, "  const %s *const a%d = (const %s *)given->arrays[%d];\n", type, i,
                       type, i);
  }
  int number = 0;
  for (int part = 0; part < PARTS; part++)
    for (int i = 0; i < arrays_of(w, part); i++)
      text_append_format(
          w->out, "  float *const %sc%d = (float *)call->scratch + %d * SCORE_TILE_COLUMNS;\n",
          prefixes[part], i, number++);
}

static void begin_function(const Writer *w) {
  text_append_format(
      w->out, "\n__attribute__((visibility(\"default\"))) void %s(const ScoreCall *call) {\n",
      score_text_symbol(w->pass));
  line(w, "  const ScoreTile *const tile = &call->tile;\n"
          "  const ScoreGiven *const given = call->given;\n"
          "  const long long b = tile->batch, h = tile->head;\n"
          "  const long long B = given->batch, M = given->queries, N = given->keys;");
  declare_arrays(w);
}

// The keys of a vector that begins at column c; lanes beyond `end` stand for the last before it.
static void keys_line(const Writer *w, const char *indent, const char *end) {
  text_append_format(w->out,
                     "%sconst long long first = tile->key + c, n = %s - c;\n"
                     "%sconst ModInts k = mod_int_minimums(mod_count_from((int)first), "
                     "mod_same_int((int)(tile->key + %s - 1)));\n",
                     indent, end, indent, end);
}

// Of a mask: the columns where it is looked at.
static bool kept_columns(const Writer *w, Part part) {
  if (!arrays_of(w, part)) return true;
  line(w, part == MASK
              ? "  if (call->part_count) {\n"
                "    const long long from = call->parts[0].first - tile->key - MOD_LANES;\n"
                "    const long long end = call->parts[call->part_count - 1].last - tile->key;\n"
                "    for (long long c = from < 0 ? 0 : from; c < end; c += MOD_LANES) {"
              : "  {\n    const long long end = tile->columns;\n"
                "    for (long long c = 0; c < end; c += MOD_LANES) {");
  keys_line(w, "      ", "end");
  bool done = part_lines(w, part, MOD_TILE_COLUMNS, true, "      ");
  line(w, "    }\n  }");
  return done;
}

static bool append_value(const Writer *w, Part part, const char *before, const char *after) {
  text_append_text(w->out, before);
  bool done = mod_tile_text_value(w->parts[part], w->out, w->error);
  text_append_text(w->out, after);
  text_append_character(w->out, '\n');
  return done;
}

// Of a vector x of scores: what they become, v, and in the backward pass the slopes.
static bool value_lines(const Writer *w, bool some, const char *indent) {
  Text before = {0};
  text_append_format(&before, "%sModFloats v = ", indent);
  bool done = part_lines(w, SCORE, MOD_TILE_ELEMENT, some, indent) &&
              part_lines(w, SLOPE, MOD_TILE_ELEMENT, some, indent);
  if (done && w->parts[SCORE])
    done = append_value(w, SCORE, before.data, ";");
  else
    text_append_format(w->out, "%sx;\n", before.data);
  text_clear(&before);
  text_append_format(
      &before, some ? "%smod_store_some_floats(slopes + c, " : "%smod_store_floats(slopes + c, ",
      indent);
  if (done && w->parts[SLOPE]) done = append_value(w, SLOPE, before.data, some ? ", n);" : ");");
  text_free(&before);
  return done;
}

static bool mask_lines(const Writer *w, const char *indent) {
  Text before = {0};
  text_append_format(&before, "%sv = mod_choose_floats(", indent);
  bool done = part_lines(w, MASK, MOD_TILE_ELEMENT, true, indent) &&
              append_value(w, MASK, before.data, ", v, hidden);");
  text_free(&before);
  return done;
}

static const char *loaded(const Writer *w) {
  return w->pass == SCORE_TEXT_BACKWARD ? " * mod_same_float(call->scale)" : "";
}

// A whole vector that no mask hides; number: of those in a step.
static bool whole_vector(const Writer *w, int number) {
  bool forward = w->pass == SCORE_TEXT_FORWARD;
  text_append_format(w->out,
                     "        {\n"
                     "          const long long c = at + %d * MOD_LANES, first = tile->key + c;\n"
                     "          const ModInts k = mod_count_from((int)first);\n"
                     "          const ModFloats x = mod_load_floats(scores + c)%s;\n",
                     number, loaded(w));
  bool done = value_lines(w, false, "          ");
  if (w->parts[SCORE]) line(w, "          mod_store_floats(scores + c, v);");
  if (forward)
    text_append_format(w->out, "          most%d = mod_larger(v, most%d);\n", number, number);
  line(w, "        }");
  return done;
}

// How many vectors a step takes: what is short would wait for itself.
static int unrolled(const Writer *w) {
  int weight = 0;
  for (int part = SCORE; part <= SLOPE; part++)
    if (w->parts[part]) weight += mod_tile_text_weight(w->parts[part]);
  return weight <= LIGHT ? 4 : weight <= MIDDLING ? 2 : 1;
}

static bool whole_loop(const Writer *w) {
  int count = unrolled(w);
  bool done = true;
  text_append_format(w->out, "      for (; at + %d * MOD_LANES <= whole; at += %d * MOD_LANES) {\n",
                     count, count);
  for (int i = 0; i < count && done; i++) done = whole_vector(w, i);
  line(w, "      }");
  return done;
}

// Vectors that may be masked or shorter.
static bool careful_loop(const Writer *w) {
  line(w, "      for (; at < end; at += MOD_LANES) {\n        const long long c = at;");
  keys_line(w, "        ", "end");
  text_append_format(w->out, "        const ModFloats x = mod_load_some_floats(scores + c, n)%s;\n",
                     loaded(w));
  bool done = value_lines(w, true, "        ");
  if (w->parts[MASK]) {
    line(w, "        if (part < call->part_count && c + MOD_LANES > whole) {");
    done = done && mask_lines(w, "          ");
    line(w, "        }");
  }
  line(w, "        mod_store_some_floats(scores + c, v, n);");
  if (w->pass == SCORE_TEXT_FORWARD)
    line(w, "        if (n < MOD_LANES) v = mod_choose_floats(mod_count_from(0) < "
            "mod_same_int((int)n), v, hidden);\n"
            "        most0 = mod_larger(v, most0);");
  line(w, "      }\n      at = end;");
  return done;
}

static void begin_rows(const Writer *w) {
  line(w, "  for (long long r = 0; r < tile->rows; r++) {\n"
          "    const long long q = tile->query + given->query_offset + r;\n"
          "    float *const scores = call->scores + r * tile->stride;");
  if (w->parts[SLOPE]) line(w, "    float *const slopes = call->slopes + r * tile->stride;");
}

static void largest_begin(const Writer *w) {
  line(w, "    ModFloats most0 = mod_same_float(call->largest[r]);");
  for (int i = 1; i < unrolled(w); i++)
    text_append_format(w->out, "    ModFloats most%d = most0;\n", i);
}

static void largest_end(const Writer *w) {
  for (int i = 1; i < unrolled(w); i++)
    text_append_format(w->out, "    most0 = mod_larger(most%d, most0);\n", i);
  line(w, "    call->found[r] = mod_largest(most0);");
}

// Whole vectors up to a part of the mask, then careful ones to its end; and so on.
static bool row_loops(const Writer *w) {
  bool forward = w->pass == SCORE_TEXT_FORWARD;
  begin_rows(w);
  if (!all_lines(w, MOD_TILE_ROW, false, "    ")) return false;
  if (forward) largest_begin(w);
  line(w,
       "    long long at = 0;\n"
       "    for (long long part = 0; part <= call->part_count; part++) {\n"
       "      const int last = part == call->part_count;\n"
       "      const long long whole = last ? tile->columns : call->parts[part].first - tile->key;\n"
       "      const long long end = last ? tile->columns : call->parts[part].last - tile->key;");
  if (!whole_loop(w) || !careful_loop(w)) return false;
  line(w, "    }");
  if (forward) largest_end(w);
  line(w, "  }\n}");
  return true;
}

static ModNames names_of(const Writer *w, Part part) {
  return (ModNames){.variable = {[MOD_SCORE] = "x",
                                 [MOD_BATCH] = "b",
                                 [MOD_HEAD] = "h",
                                 [MOD_QUERY] = "q",
                                 [MOD_KEY] = "k",
                                 [MOD_SIZE_B] = "B",
                                 [MOD_SIZE_M] = "M",
                                 [MOD_SIZE_N] = "N"},
                    .array = w->arrays,
                    .columns = w->columns,
                    .prefix = prefixes[part],
                    .first_key = "first",
                    .count = "n",
                    .column = "c"};
}

// One by one: little text for what is seldom called.
static bool write_mask(const Writer *w) {
  char shown[64];
  ModNames names = names_of(w, MASK);
  names.indent = "      ";
  begin_function(w);
  begin_rows(w);
  line(w, "    for (long long c = 0; c < tile->columns; c++) {\n"
          "      const long long k = tile->key + c;");
  if (!mod_emit(w->out, &mod_language_c, w->mod, &w->mod->mask, &names, shown, sizeof shown,
                w->error))
    return false;
  text_append_format(w->out, "      if (!%s) scores[c] = -__builtin_inff();\n    }\n  }\n}\n",
                     shown);
  return true;
}

static bool write_vectors(const Writer *w) {
  begin_function(w);
  line(w, "  const ModFloats hidden = mod_same_float(-__builtin_inff());");
  return all_lines(w, MOD_TILE_ONCE, false, "  ") && kept_columns(w, SCORE) &&
         kept_columns(w, SLOPE) && kept_columns(w, MASK) && row_loops(w);
}

static void name_arrays(Writer *w) {
  int count = w->mod->array_count;
  size_t bytes = ((size_t)count + 1) * sizeof *w->arrays;
  w->arrays = memory_allocate(bytes);
  w->columns = w->mod->shape.open ? memory_allocate(bytes) : NULL;
  w->names = memory_allocate(((size_t)count + 1) * 2 * ARRAY_NAME);
  for (int i = 0; i < count; i++) {
    char *name = w->names + 2 * i * ARRAY_NAME, *extent = name + ARRAY_NAME;
    snprintf(name, ARRAY_NAME, "a%d", i);
    snprintf(extent, ARRAY_NAME, "given->columns[%d]", i);
    w->arrays[i] = name;
    if (w->columns) w->columns[i] = extent;
  }
}

static void free_names(Writer *w) {
  memory_free(w->arrays);
  memory_free(w->columns);
  memory_free(w->names);
}

static bool open_part(Writer *w, Part part, const ModTree *tree) {
  ModNames names = names_of(w, part);
  if (tree->count == 0) return true;
  w->parts[part] = mod_tile_text_open(w->mod, tree, &names, w->error);
  return w->parts[part] != NULL;
}

static bool open_parts(Writer *w) {
  bool backward = w->pass == SCORE_TEXT_BACKWARD;
  return open_part(w, SCORE, &w->mod->score) &&
         (!backward || open_part(w, SLOPE, &w->mod->derivative)) &&
         open_part(w, MASK, &w->mod->mask);
}

_Static_assert(PARTS *MOD_TILE_MOST_ARRAYS *SCORE_TILE_COLUMNS * 4 <= SCORE_CODE_SCRATCH,
               "the arrays of columns have room");

bool score_text_append(const BoundMod *mod, ScorePass pass, Text *text, Error *error) {
  Writer w = {.mod = mod, .pass = pass, .out = text, .error = error};
  name_arrays(&w);
  bool done = pass == SCORE_TEXT_MASK ? write_mask(&w) : open_parts(&w) && write_vectors(&w);
  for (int part = 0; part < PARTS; part++) mod_tile_text_close(w.parts[part]);
  free_names(&w);
  return done;
}
