// SPDX-License-Identifier: Apache-2.0
#include "mods/emitter.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const ModLanguage *language_of(const Emitter *e) {
  return e->writing_vectors && e->vectors ? e->vectors : e->numbers;
}

static ModTextType text_type(ModType type, ModLaneType lane) {
  if (type == MOD_BOOL) return MOD_TEXT_BOOL;
  return lane == MOD_LANE_FLOAT  ? MOD_TEXT_FLOAT
         : lane == MOD_LANE_LONG ? MOD_TEXT_LONG
                                 : MOD_TEXT_INT;
}

ModTextType emitter_type(const Emitter *e, int index) {
  return text_type(e->tree->nodes[index].type, e->lanes.natural[index]);
}

bool emitter_expand(Text *out, const char *pattern, const char *const *operand) {
  if (!pattern) return false;
  for (; *pattern; pattern++) {
    bool place = pattern[0] == '$' && pattern[1] >= '0' && pattern[1] <= '2';
    if (!place) {
      text_append_character(out, *pattern);
      continue;
    }
    text_append_text(out, operand[*++pattern - '0']);
  }
  return true;
}

static bool float_literal(const Emitter *e, Text *out, double real) {
  char digits[64];
  const ModLanguage *language = language_of(e);
  const char *special = isnan(real) ? language->nan
                        : real > 0  ? language->infinity
                                    : language->negative_infinity;
  if (!isfinite((float)real)) return emitter_expand(out, special, (const char *const[]){""});
  snprintf(digits, sizeof digits, "%a", (double)(float)real);
  return emitter_expand(out, language->literal[MOD_TEXT_FLOAT], (const char *const[]){digits});
}

// The least long cannot be written as a negated one.
static bool integer_literal(const Emitter *e, Text *out, int64_t value, ModTextType type) {
  char digits[64];
  if (type == MOD_TEXT_FLOAT) return float_literal(e, out, (double)value);
  if (value == INT64_MIN)
    snprintf(digits, sizeof digits, "-0x7fffffffffffffffll - 1");
  else
    snprintf(digits, sizeof digits, "%" PRId64, value);
  return emitter_expand(out, language_of(e)->literal[type], (const char *const[]){digits});
}

static bool convert(const ModLanguage *language, Text *out, const char *value, ModTextType from,
                    ModTextType to) {
  return emitter_expand(out, from == to ? "$0" : language->convert[from][to], &value);
}

// A node that is a number, as a vector.
static bool broadcast(const Emitter *e, Text *out, const char *name, int index, ModTextType type) {
  Text number = {0};
  bool done = convert(e->numbers, &number, name, emitter_type(e, index), type) &&
              emitter_expand(out, e->vectors->broadcast[type], (const char *const[]){number.data});
  text_free(&number);
  return done;
}

// The value of an earlier node, as this type.
static bool operand(const Emitter *e, Text *out, int index, ModTextType type) {
  const ModNode *node = &e->tree->nodes[index];
  if (e->lanes.fixed[index] && node->type == MOD_FLOAT) return float_literal(e, out, node->real);
  if (e->lanes.fixed[index]) return integer_literal(e, out, e->lanes.range[index].least, type);
  char name[64];
  snprintf(name, sizeof name, "%s%d", e->names->prefix, index);
  if (e->writing_vectors && !e->is_vector[index]) return broadcast(e, out, name, index, type);
  return convert(language_of(e), out, name, emitter_type(e, index), type);
}

// As operand, a number in whatever is written around it.
static bool number(Emitter *e, Text *out, int index, ModTextType type) {
  bool vectors = e->writing_vectors;
  e->writing_vectors = false;
  bool done = operand(e, out, index, type);
  e->writing_vectors = vectors;
  return done;
}

bool emitter_value(Emitter *e, Text *out, int index) {
  return operand(e, out, index, emitter_type(e, index));
}

static bool variable(const Emitter *e, Text *out, int index) {
  const ModNode *node = &e->tree->nodes[index];
  const char *name = e->names->variable[node->variable];
  if (!name)
    return error_set(e->error, ERROR_ARGUMENT, NULL, "the code around has no %s",
                     mod_variable_name(node->variable));
  ModTextType type = emitter_type(e, index), from = type;
  if (e->writing_vectors && type == MOD_TEXT_LONG)
    return error_set(e->error, ERROR_UNSUPPORTED, NULL, "%s is more than 32 bits hold",
                     mod_variable_name(node->variable));
  if (e->writing_vectors) return emitter_expand(out, "$0", &name);
  if (type == MOD_TEXT_INT) from = MOD_TEXT_LONG; // it may be wider
  if (type == MOD_TEXT_LONG) from = MOD_TEXT_INT; // or narrower
  return convert(language_of(e), out, name, from, type);
}

// An operation on texts, of operands of one type.
static bool combine(const Emitter *e, Text *out, ModOperation operation, ModTextType type,
                    const Text *texts) {
  const char *operands[3] = {texts[0].data, texts[1].data, texts[2].data};
  return emitter_expand(out, language_of(e)->operation[operation][type], operands);
}

static void texts_free(Text *texts) {
  for (int i = 0; i < 3; i++) text_free(&texts[i]);
}

// The second extent of a 2-D array, as a number of this type.
static bool extent(const Emitter *e, Text *out, const ModNode *node, ModTextType type) {
  const char *name = e->names->columns ? e->names->columns[node->array] : NULL;
  int64_t columns = e->bound->arrays[node->array].values.shape[1];
  if (!name) return integer_literal(e, out, columns, type);
  Text converted = {0};
  bool done = convert(e->numbers, &converted, name, MOD_TEXT_LONG, type);
  const char *pattern = e->writing_vectors ? e->vectors->broadcast[type] : "$0";
  done = done && emitter_expand(out, pattern, (const char *const[]){converted.data});
  text_free(&converted);
  return done;
}

// row * extent + column
static bool element_index(const Emitter *e, Text *out, const ModNode *node, ModTextType type) {
  if (e->bound->arrays[node->array].values.rank == 1) return operand(e, out, node->child[0], type);
  Text texts[3] = {0}, sum[3] = {0};
  bool done = operand(e, &texts[0], node->child[0], type) && extent(e, &texts[1], node, type) &&
              combine(e, &sum[0], MOD_MULTIPLY, type, texts) &&
              operand(e, &sum[1], node->child[1], type) && combine(e, out, MOD_ADD, type, sum);
  texts_free(texts);
  texts_free(sum);
  return done;
}

static ModTextType element_type(Dtype dtype) {
  switch (dtype) {
  case DTYPE_BOOL: return MOD_TEXT_BOOL;
  case DTYPE_I32: return MOD_TEXT_INT;
  case DTYPE_I64: return MOD_TEXT_LONG;
  default: return MOD_TEXT_FLOAT;
  }
}

static bool is_key(const Emitter *e, int index) {
  const ModNode *node = &e->tree->nodes[index];
  return node->operation == MOD_VARIABLE && node->variable == MOD_KEY && !e->lanes.fixed[index];
}

// A number for all lanes, or nothing at all.
static bool is_number(const Emitter *e, int index) {
  return !e->is_vector[index] || e->lanes.fixed[index];
}

bool emitter_stretch(const Emitter *e, int index, EmitterStretch *stretch) {
  const ModNode *node = &e->tree->nodes[index];
  const Tensor *values = &e->bound->arrays[node->array].values;
  int at = node->child[values->rank - 1];
  const ModNode *sum = &e->tree->nodes[at];
  *stretch = (EmitterStretch){.row = values->rank == 2 ? node->child[0] : -1, .rest = -1};
  if (!e->vectors || !e->vectors->load[element_type(values->dtype)] ||
      (stretch->row >= 0 && !is_number(e, stretch->row)))
    return false;
  if (is_key(e, at)) return true;
  stretch->negated = sum->operation == MOD_SUBTRACT;
  if ((sum->operation != MOD_ADD && sum->operation != MOD_SUBTRACT) || e->lanes.fixed[at])
    return false;
  int key = sum->operation == MOD_ADD && is_key(e, sum->child[1]) ? 1 : 0;
  stretch->rest = sum->child[1 - key];
  return is_key(e, sum->child[key]) && is_number(e, stretch->rest);
}

// array + row * extent ± rest + first key
static bool stretch_address(Emitter *e, Text *out, const ModNode *node,
                            const EmitterStretch *stretch) {
  const char *columns = e->names->columns ? e->names->columns[node->array] : NULL;
  Text row = {0}, rest = {0};
  bool done = (stretch->row < 0 || number(e, &row, stretch->row, MOD_TEXT_LONG)) &&
              (stretch->rest < 0 || number(e, &rest, stretch->rest, MOD_TEXT_LONG));
  text_append_format(out, "%s", e->names->array[node->array]);
  if (stretch->row >= 0 && columns)
    text_append_format(out, " + %s * %s", text_span(&row).data, columns);
  else if (stretch->row >= 0)
    text_append_format(out, " + %s * %" PRId64, text_span(&row).data,
                       e->bound->arrays[node->array].values.shape[1]);
  if (stretch->rest >= 0)
    text_append_format(out, " %c %s", stretch->negated ? '-' : '+', text_span(&rest).data);
  text_append_format(out, " + %s", e->names->first_key);
  text_free(&row);
  text_free(&rest);
  return done;
}

// The elements as they are in the array.
static bool read_elements(Emitter *e, Text *out, int index, ModTextType type) {
  const ModNode *node = &e->tree->nodes[index];
  const Tensor *values = &e->bound->arrays[node->array].values;
  const ModLanguage *language = language_of(e);
  EmitterStretch stretch;
  Text at = {0};
  bool done;
  if (e->writing_vectors && emitter_stretch(e, index, &stretch)) {
    done = stretch_address(e, &at, node, &stretch);
    const char *operands[] = {at.data, e->names->count};
    done = done &&
           emitter_expand(out, (e->some ? language->load_some : language->load)[type], operands);
  } else {
    ModTextType index_type = text_type(MOD_INTEGER, mod_lanes_of_index(&e->lanes, node, values));
    done = element_index(e, &at, node, index_type);
    const char *operands[] = {e->names->array[node->array], at.data};
    bool far = index_type == MOD_TEXT_LONG;
    done = done &&
           emitter_expand(out, (far ? language->far_element : language->element)[type], operands);
  }
  text_free(&at);
  return done;
}

static bool element(Emitter *e, Text *out, int index) {
  ModTextType type = element_type(e->bound->arrays[e->tree->nodes[index].array].values.dtype);
  Text read = {0};
  bool done = read_elements(e, &read, index, type) &&
              convert(language_of(e), out, read.data, type, emitter_type(e, index));
  text_free(&read);
  return done;
}

// The type that an operation's operands (the branches of where) have.
static ModTextType operand_type(const Emitter *e, int index) {
  const ModNode *node = &e->tree->nodes[index];
  ModType type = e->tree->nodes[node->child[node->operation == MOD_WHERE]].type;
  return text_type(type, e->lanes.computed[index]);
}

static ModTextType result_type(const ModNode *node, ModTextType operands) {
  if (node->type == MOD_BOOL) return MOD_TEXT_BOOL;
  return node->operation == MOD_TO_INTEGER ? MOD_TEXT_LONG : operands;
}

static bool is_short(const ModRange *range) {
  return range->least > -(1 << 21) && range->most < 1 << 21;
}

// How an int is divided by what is one number; NULL: as any other.
static const char *division_pattern(const Emitter *e, const ModNode *node) {
  bool remainder = node->operation == MOD_REMAINDER;
  int divisor = node->child[1];
  int64_t value = e->lanes.range[divisor].least;
  if (e->lanes.fixed[divisor] && value > 0 && (value & (value - 1)) == 0)
    return remainder ? language_of(e)->low_bits : language_of(e)->shift;
  if (!e->writing_vectors || !is_number(e, divisor)) return NULL;
  bool brief = is_short(&e->lanes.range[node->child[0]]) && is_short(&e->lanes.range[divisor]);
  if (remainder) return brief ? e->vectors->short_remainder_by : e->vectors->remainder_by;
  return brief ? e->vectors->short_floor_divide_by : e->vectors->floor_divide_by;
}

static bool divisor(Emitter *e, Text *out, const ModNode *node, const char *pattern) {
  int64_t value = e->lanes.range[node->child[1]].least;
  if (pattern == language_of(e)->shift)
    text_append_format(out, "%d", __builtin_ctzll((unsigned long long)value));
  else if (pattern == language_of(e)->low_bits)
    text_append_format(out, "%" PRId64, value - 1);
  else
    return number(e, out, node->child[1], MOD_TEXT_INT);
  return true;
}

static bool divide(Emitter *e, Text *out, const ModNode *node, const char *pattern) {
  Text texts[3] = {0};
  bool done =
      operand(e, &texts[0], node->child[0], MOD_TEXT_INT) && divisor(e, &texts[1], node, pattern);
  const char *operands[] = {texts[0].data, texts[1].data};
  done = done && emitter_expand(out, pattern, operands);
  texts_free(texts);
  return done;
}

static bool calculate(Emitter *e, Text *out, const ModNode *node, ModTextType type) {
  bool divides = node->operation == MOD_FLOOR_DIVIDE || node->operation == MOD_REMAINDER;
  const char *pattern = divides && type == MOD_TEXT_INT ? division_pattern(e, node) : NULL;
  if (pattern) return divide(e, out, node, pattern);
  Text texts[3] = {0};
  bool done = true;
  for (int i = 0; done && i < mod_operation_children(node->operation); i++) {
    bool condition = node->operation == MOD_WHERE && i == 0;
    done = operand(e, &texts[i], node->child[i], condition ? MOD_TEXT_BOOL : type);
  }
  done = done && combine(e, out, node->operation, type, texts);
  texts_free(texts);
  return done;
}

static bool operation(Emitter *e, Text *out, int index) {
  const ModNode *node = &e->tree->nodes[index];
  ModTextType type = operand_type(e, index);
  Text value = {0};
  bool done =
      calculate(e, &value, node, type) &&
      convert(language_of(e), out, value.data, result_type(node, type), emitter_type(e, index));
  text_free(&value);
  return done;
}

static bool is_conversion(const Emitter *e, const ModNode *node) {
  bool of_float = e->tree->nodes[node->child[0]].type == MOD_FLOAT;
  return node->operation == MOD_TO_FLOAT || (node->operation == MOD_TO_INTEGER && !of_float);
}

static bool expression(Emitter *e, Text *out, int index) {
  const ModNode *node = &e->tree->nodes[index];
  if (node->operation == MOD_VARIABLE) return variable(e, out, index);
  if (node->operation == MOD_ELEMENT) return element(e, out, index);
  if (is_conversion(e, node)) return operand(e, out, node->child[0], emitter_type(e, index));
  return operation(e, out, index);
}

bool emitter_declare(Emitter *e, int index) {
  Text value = {0};
  char name[64];
  e->writing_vectors = e->is_vector[index];
  snprintf(name, sizeof name, "%s%d", e->names->prefix, index);
  e->error->code = ERROR_NONE;
  bool done = expression(e, &value, index);
  const char *operands[3] = {language_of(e)->type[emitter_type(e, index)], name, value.data};
  if (done) {
    text_append_text(e->out, e->names->indent);
    done = emitter_expand(e->out, language_of(e)->declaration, operands);
    text_append_character(e->out, '\n');
  }
  text_free(&value);
  if (!done && e->error->code == ERROR_NONE)
    return error_set(e->error, ERROR_UNSUPPORTED, NULL, "the target language has no \"%s\"",
                     mod_operation_name(e->tree->nodes[index].operation));
  return done;
}

void emitter_start(Emitter *e, const BoundMod *bound, const ModTree *tree) {
  e->bound = bound;
  e->tree = tree;
  mod_lanes_find(&e->lanes, tree, bound);
}
