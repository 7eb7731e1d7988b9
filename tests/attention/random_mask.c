// SPDX-License-Identifier: Apache-2.0
#include "random_mask.h"
#include "mods/evaluate.h"

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

ModShape random_mask_shape(Random *random, int64_t most) {
  ModShape shape = {.batch = between(random, 1, 3),
                    .heads = between(random, 1, 3),
                    .queries = between(random, 1, random_below(random, 4) ? most : 3),
                    .keys = between(random, 1, random_below(random, 4) ? most : 3),
                    .head_dim = 8};
  shape.kv_heads = shape.heads;
  if (random_below(random, 4) == 0) shape.query_offset = shape.keys / 2;
  return shape;
}

typedef struct {
  Random *random;
  const ModShape *shape;
  char *text;
  size_t room, used;
} Writer;

static void put(Writer *writer, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(Writer *writer, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int length = vsnprintf(writer->text + writer->used, writer->room - writer->used, format, values);
  va_end(values);
  writer->used += (size_t)length;
  assert_true(writer->used < writer->room);
}

static const char *comparison(Random *random) {
  static const char *const signs[] = {"<", "<=", ">", ">=", "==", "!="};
  return signs[random_below(random, 10) % COUNT_OF(signs)];
}

static void put_comparison(Writer *writer) {
  Random *random = writer->random;
  const char *sign = comparison(random);
  int wide = (int)writer->shape->keys + 2;
  int number = (int)between(random, -wide, wide), step = (int)between(random, 1, 9);
  switch (random_below(random, 13)) {
  case 0: put(writer, "q_idx %s kv_idx", sign); break;
  case 1: put(writer, "q_idx - kv_idx %s %d", sign, number); break;
  case 2: put(writer, "%d * q_idx + %d * kv_idx %s %d", step, number % 7, sign, number); break;
  case 3: put(writer, "doc[q_idx] == doc[kv_idx]"); break;
  case 4: put(writer, "any[q_idx] %s any[kv_idx]", sign); break;
  case 5: put(writer, "q_idx %% %d %s kv_idx %% %d", step, sign, step); break;
  case 6: put(writer, "q_idx // %d %s kv_idx // %d", 11 * step, sign, 11 * step); break;
  case 7: put(writer, "kv_idx < length[b]"); break;
  case 8: put(writer, "abs(q_idx - kv_idx) %s reach[h]", sign); break;
  case 9: put(writer, "(b + h) %% 2 %s 0", sign); break;
  case 10: put(writer, "kv_idx <= length[b] + q_idx and kv_idx > q_idx - %d", step); break;
  case 11: put(writer, "kv_idx * 0.5 %s q_idx * 0.25 + %d", sign, step); break;
  default: put(writer, "kv_idx %s %d", sign, number);
  }
}

static void put_mask(Writer *writer, int depth) {
  uint64_t kind = random_below(writer->random, 5);
  if (depth == 0 || kind == 0) {
    put_comparison(writer);
    return;
  }
  if (kind == 1) {
    put(writer, "not (");
    put_mask(writer, depth - 1);
    put(writer, ")");
    return;
  }
  put(writer, "(");
  put_mask(writer, depth - 1);
  put(writer, kind == 2 ? ") or (" : ") and (");
  put_mask(writer, depth - 1);
  put(writer, ")");
}

static int32_t array_value(Random *random, const ModShape *shape, int array, int32_t before) {
  switch (array) {
  case 0: return before + (random_below(random, 40) == 0);
  case 1: return (int32_t)between(random, 0, 4);
  case 2: return (int32_t)between(random, 0, shape->keys);
  default: return (int32_t)between(random, 0, shape->keys / 2);
  }
}

static void make_array(RandomMask *mod, Random *random, int array, const char *name,
                       int64_t extent) {
  mod->memory[array] = guarded_make((size_t)extent * sizeof(int32_t));
  int32_t *values = mod->memory[array].data;
  for (int64_t i = 0; i < extent; i++)
    values[i] = array_value(random, &mod->shape, array, i ? values[i - 1] : 0);
  mod->arrays[array] = (ModArray){name, tensor_dense(DTYPE_I32, 1, &extent, values)};
}

static void make_arrays(RandomMask *mod, Random *random) {
  int64_t last = mod->shape.query_offset + mod->shape.queries;
  int64_t positions = last > mod->shape.keys ? last : mod->shape.keys;
  make_array(mod, random, 0, "doc", positions);
  make_array(mod, random, 1, "any", positions);
  make_array(mod, random, 2, "length", mod->shape.batch);
  make_array(mod, random, 3, "reach", mod->shape.heads);
}

static void look_at_all(RandomMask *mod) {
  const ModShape *shape = &mod->shape;
  mod->visible = malloc((size_t)(shape->batch * shape->heads * shape->queries * shape->keys));
  uint8_t *at = mod->visible;
  for (int64_t b = 0; b < shape->batch; b++)
    for (int64_t h = 0; h < shape->heads; h++)
      for (int64_t q = 0; q < shape->queries; q++)
        for (int64_t k = 0; k < shape->keys; k++)
          *at++ = mod_visible_at(mod->bound, &(ModPoint){b, h, q, k, 0.0});
}

RandomMask random_mask_of(Random *random, const ModShape *shape, const char *mask,
                          const char *score) {
  RandomMask mod = {.shape = *shape, .score = score};
  snprintf(mod.text, sizeof mod.text, "%s", mask);
  make_arrays(&mod, random);
  ModSource source = {.name = "random",
                      .score = score,
                      .mask = mod.text,
                      .array_count = RANDOM_MASK_ARRAYS,
                      .arrays = mod.arrays};
  Error error = {0};
  mod.mod = mod_parse(&source, &error);
  if (!mod.mod) fail_msg("\"%s\": %s", mod.text, error.message);
  if (!mod_bind(mod.mod, shape, &mod.bound, &error))
    fail_msg("\"%s\": %s", mod.text, error.message);
  look_at_all(&mod);
  return mod;
}

RandomMask random_mask_make(Random *random, const ModShape *shape, int depth, const char *score) {
  char text[1024] = "";
  Writer writer = {random, shape, text, sizeof text, 0};
  put_mask(&writer, depth);
  return random_mask_of(random, shape, text, score);
}

void random_mask_free(RandomMask *mod) {
  bound_mod_close(mod->bound);
  mod_close(mod->mod);
  for (int i = 0; i < RANDOM_MASK_ARRAYS; i++) guarded_free(mod->memory[i]);
  free(mod->visible);
}

const uint8_t *random_mask_head(const RandomMask *mod, int64_t batch, int64_t head) {
  const ModShape *shape = &mod->shape;
  return mod->visible + (batch * shape->heads + head) * shape->queries * shape->keys;
}

AttentionProblem random_mask_problem(const RandomMask *mod) {
  const ModShape *shape = &mod->shape;
  return (AttentionProblem){.batch = shape->batch,
                            .heads = shape->heads,
                            .kv_heads = shape->kv_heads,
                            .queries = shape->queries,
                            .keys = shape->keys,
                            .head_dim = shape->head_dim,
                            .scale = 0.35,
                            .dtype = DTYPE_F32,
                            .mod = mod->bound};
}
