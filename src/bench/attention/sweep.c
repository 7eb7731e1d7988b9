// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/sweep.h"
#include "base/python_json.h"
#include "bench/attention/pattern.h"
#include "bench/attention/sweep_notes.h"
#include <stdio.h>
#include <string.h>

// A sweep being expanded.
typedef struct {
  const AttentionSweep *sweep;
  json_t **mods;   // [mods]: sweep_pattern_json of each
  bool *documents; // [mods]
  json_t *seen;    // object of the hashes so far
  SweepCells *out;
  SweepCuts cuts;
} Expansion;

static int64_t dtype_size(Dtype dtype) {
  return dtype_facts(dtype)->block_bytes;
}

static bool multiply(int64_t *product, const int64_t *factors, int count) {
  *product = 1;
  for (int i = 0; i < count; i++)
    if (__builtin_mul_overflow(*product, factors[i], product)) return false;
  return true;
}

// B = floor(MiB * 2^20 / (Hkv N D bytes 2)); 0 also where one sequence is beyond 64 bits.
static int64_t batch_of(const AttentionSweep *sweep, int64_t mebibytes, const SweepHeads *heads,
                        int64_t keys, int64_t head_dim) {
  int64_t one, factors[] = {heads->kv_heads, keys, head_dim, dtype_size(sweep->dtype), 2};
  return multiply(&one, factors, (int)COUNT_OF(factors)) ? (mebibytes << 20) / one : 0;
}

static ModShape shape_of(const Expansion *expansion, const SweepHeads *heads, int64_t batch,
                         int64_t keys, int64_t head_dim, size_t mod) {
  bool decoding = expansion->sweep->decoding;
  ModShape shape = {
      .batch = batch,
      .heads = heads->heads,
      .kv_heads = heads->kv_heads,
      .queries = decoding ? 1 : keys,
      .keys = keys,
      .head_dim = head_dim,
      .query_offset = decoding ? keys / 2 : 0,
  };
  if (!expansion->documents[mod]) return shape;
  shape.batch = 1;
  shape.queries *= batch; // each below 2^24 …
  shape.keys *= batch;    // … as is the batch
  return shape;
}

// Elements of every tensor and of the score matrix, with room for bytes and FLOPs.
static bool shape_fits(const ModShape *shape) {
  int64_t product;
  const int64_t scores[] = {shape->batch, shape->heads, shape->queries, shape->keys, 64};
  const int64_t queries[] = {shape->batch, shape->heads, shape->queries, shape->head_dim, 64};
  const int64_t keys[] = {shape->batch, shape->kv_heads, shape->keys, shape->head_dim, 64};
  return shape->keys <= INT32_MAX && shape->queries <= INT32_MAX && multiply(&product, scores, 5) &&
         multiply(&product, queries, 5) && multiply(&product, keys, 5);
}

json_t *sweep_cell_json(const AttentionSweep *sweep, const SweepCell *cell, const json_t *mod) {
  const ModShape *shape = &cell->shape;
  json_t *backends = json_array();
  for (size_t i = 0; i < sweep->backend.count; i++)
    json_array_append_new(backends, json_string(sweep->backend.items[i]));
  return json_pack("{s:O, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:o, s:I, "
                   "s:b, s:s?, s:s?, s:b, s:b, s:b}",
                   "mod", mod, "dtype", dtype_name(sweep->dtype), "B", (json_int_t)shape->batch,
                   "Hq", (json_int_t)shape->heads, "M", (json_int_t)shape->queries, "Hkv",
                   (json_int_t)shape->kv_heads, "N", (json_int_t)shape->keys, "D",
                   (json_int_t)shape->head_dim, "query_offset", (json_int_t)shape->query_offset,
                   "documents", (json_int_t)cell->documents, "decoding", sweep->decoding,
                   "backward", sweep->calculate_bwd, "cold", sweep->cold, "backends", backends,
                   "threads", (json_int_t)sweep->threads, "pin", sweep->pin, "cpu_mask",
                   sweep->cpu_mask, "flex", sweep->flex, "jit_async", sweep->jit_async, "dynamic",
                   sweep->dynamic, "max_autotune", sweep->max_autotune);
}

static bool hash_cell(const Expansion *expansion, SweepCell *cell, Error *error) {
  Text text = {0};
  json_t *json = sweep_cell_json(expansion->sweep, cell, expansion->mods[cell->mod]);
  python_json_append(&text, json, PYTHON_JSON_LINE);
  json_decref(json);
  bool done = sha256_bytes(text.data, text.size, cell->hash, error);
  text_free(&text);
  return done;
}

static bool append_cell(Expansion *expansion, const SweepHeads *heads, int64_t batch,
                        int64_t kv_size, int64_t keys, int64_t head_dim, size_t mod, Error *error) {
  char label[160];
  SweepCell cell = {
      .shape = shape_of(expansion, heads, batch, keys, head_dim, mod),
      .documents = expansion->documents[mod] ? batch : 0,
      .batch = batch,
      .kv_size = kv_size,
      .mod = mod,
  };
  if (!shape_fits(&cell.shape))
    return error_set(error, ERROR_ARGUMENT,
                     sweep_cell_label(expansion->sweep, &cell, label, sizeof label),
                     "its sizes multiply to more than 64 bits hold");
  if (!hash_cell(expansion, &cell, error)) return false;
  if (json_object_get(expansion->seen, cell.hash)) {
    expansion->cuts.repeated++;
    return true;
  }
  json_object_set_new(expansion->seen, cell.hash, json_true());
  ARRAY_APPEND(&expansion->out->cells, cell);
  return true;
}

static bool expand_mods(Expansion *expansion, const SweepHeads *heads, int64_t batch,
                        int64_t kv_size, int64_t keys, int64_t head_dim, Error *error) {
  for (size_t i = 0; i < expansion->sweep->mods.count; i++)
    if (!append_cell(expansion, heads, batch, kv_size, keys, head_dim, i, error)) return false;
  return true;
}

// One shape: what bounds and kv_size leave of it.
static bool expand_shape(Expansion *expansion, int64_t first, const SweepHeads *heads, int64_t keys,
                         int64_t head_dim, Error *error) {
  const AttentionSweep *sweep = expansion->sweep;
  bool by_size = sweep->kv_size.count > 0;
  int64_t batch = by_size ? batch_of(sweep, first, heads, keys, head_dim) : first;
  if (sweep->max_seq && keys > sweep->max_seq) {
    expansion->cuts.long_shapes++;
  } else if (batch == 0) {
    sweep_notes_add(expansion->out,
                    "kv_size %lld MiB holds no sequence of Hkv %lld, N %lld, D %lld in %s: dropped",
                    (long long)first, (long long)heads->kv_heads, (long long)keys,
                    (long long)head_dim, dtype_name(sweep->dtype));
    expansion->cuts.empty_shapes++;
  } else if (sweep->max_batch && batch > sweep->max_batch) {
    expansion->cuts.wide_shapes++;
  } else {
    return expand_mods(expansion, heads, batch, by_size ? first : 0, keys, head_dim, error);
  }
  return true;
}

static bool expand_batch(Expansion *expansion, int64_t first, Error *error) {
  const AttentionSweep *sweep = expansion->sweep;
  for (size_t i = 0; i < sweep->nh.count; i++)
    for (size_t j = 0; j < sweep->s.count; j++)
      for (size_t k = 0; k < sweep->d.count; k++)
        if (!expand_shape(expansion, first, &sweep->nh.items[i], sweep->s.items[j],
                          sweep->d.items[k], error))
          return false;
  return true;
}

static const SweepCounts *outer_list(const AttentionSweep *sweep) {
  return sweep->kv_size.count ? &sweep->kv_size : &sweep->b;
}

static bool expand(Expansion *expansion, Error *error) {
  const SweepCounts *outer = outer_list(expansion->sweep);
  for (size_t i = 0; i < outer->count; i++)
    if (!expand_batch(expansion, outer->items[i], error)) return false;
  sweep_notes_tell(expansion->sweep, &expansion->cuts, expansion->out);
  return expansion->out->cells.count > 0 ||
         error_set(error, ERROR_ARGUMENT, NULL, "nothing is left of the sweep: %s",
                   expansion->out->notes.count ? expansion->out->notes.items[0] : "no shapes");
}

static bool check_size(const AttentionSweep *sweep, Error *error) {
  int64_t cells,
      factors[] = {(int64_t)outer_list(sweep)->count, (int64_t)sweep->nh.count,
                   (int64_t)sweep->s.count, (int64_t)sweep->d.count, (int64_t)sweep->mods.count};
  if (multiply(&cells, factors, (int)COUNT_OF(factors)) && cells <= SWEEP_MOST_CELLS) return true;
  return error_set(error, ERROR_ARGUMENT, NULL, "the lists multiply to more than %d cells",
                   SWEEP_MOST_CELLS);
}

static bool read_mods(Expansion *expansion, Error *error) {
  const AttentionSweep *sweep = expansion->sweep;
  for (size_t i = 0; i < sweep->mods.count; i++) {
    expansion->documents[i] = sweep_pattern_has_documents(&sweep->mods.items[i]);
    expansion->mods[i] = sweep_pattern_json(&sweep->mods.items[i], error);
    if (!expansion->mods[i]) return false;
  }
  return true;
}

bool sweep_cells_expand(const AttentionSweep *sweep, SweepCells *cells, Error *error) {
  size_t mods = sweep->mods.count;
  *cells = (SweepCells){0};
  if (!attention_sweep_check(sweep, error) || !check_size(sweep, error)) return false;
  Expansion expansion = {
      .sweep = sweep,
      .mods = memory_allocate(mods * sizeof *expansion.mods),
      .documents = memory_allocate(mods * sizeof *expansion.documents),
      .seen = json_object(),
      .out = cells,
  };
  bool done = read_mods(&expansion, error) && expand(&expansion, error);
  for (size_t i = 0; i < mods; i++) json_decref(expansion.mods[i]);
  memory_free(expansion.mods);
  memory_free(expansion.documents);
  json_decref(expansion.seen);
  return done;
}

void sweep_cells_free(SweepCells *cells) {
  for (size_t i = 0; i < cells->notes.count; i++) memory_free(cells->notes.items[i]);
  ARRAY_FREE(&cells->notes);
  ARRAY_FREE(&cells->cells);
}

char *sweep_cell_label(const AttentionSweep *sweep, const SweepCell *cell, char *buffer,
                       size_t size) {
  const ModShape *shape = &cell->shape;
  snprintf(buffer, size, "%s, B %lld, Hq %lld, M %lld, Hkv %lld, N %lld, D %lld",
           sweep->mods.items[cell->mod].name, (long long)shape->batch, (long long)shape->heads,
           (long long)shape->queries, (long long)shape->kv_heads, (long long)shape->keys,
           (long long)shape->head_dim);
  return buffer;
}
