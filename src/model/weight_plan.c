// SPDX-License-Identifier: Apache-2.0
#include "model/weight_plan.h"

// Entries of one layer: two norms (2), qkv, two head norms, output, up, down, and four biases.
enum { ENTRIES_PER_LAYER = 14, ENTRIES_OUTSIDE = 5 };

typedef struct {
  WeightPlan *plan;
  const ModelConfig *config;
  Dtype dtype;
} Planner;

static WeightEntry *add_entry(Planner *planner, int64_t rows, int64_t columns, WeightPart part) {
  WeightEntry *entry = &planner->plan->entries[planner->plan->count++];
  *entry = (WeightEntry){.rows = rows, .columns = columns, .part_count = 1, .parts = {part}};
  return entry;
}

static void add_vector(Planner *planner, const float **target, int64_t rows, int64_t columns,
                       WeightPart part) {
  part.rows = rows;
  WeightEntry *entry = add_entry(planner, rows, columns, part);
  entry->vector = target;
  entry->bytes = rows * columns * (int64_t)sizeof(float);
}

static void add_norm(Planner *planner, Norm *norm, int64_t size, TensorRole role, int64_t layer) {
  WeightPart part = {.role = role, .layer = layer};
  add_vector(planner, &norm->weight, size, 1, part);
  part.bias = true;
  if (planner->config->norm == NORM_LAYER) add_vector(planner, &norm->bias, size, 1, part);
}

static WeightEntry *add_matrix(Planner *planner, Matrix *matrix, int64_t rows, int64_t columns,
                               WeightPart part) {
  part.rows = rows;
  WeightEntry *entry = add_entry(planner, rows, columns, part);
  *matrix = (Matrix){.dtype = planner->dtype, .rows = rows, .columns = columns};
  entry->matrix = matrix;
  entry->bytes = matrix_bytes(planner->dtype, rows, columns);
  return entry;
}

// The bias of a matrix is made of the same parts.
static void add_bias(Planner *planner, Matrix *matrix, const WeightEntry *weights) {
  int count = weights->part_count;
  WeightPart parts[WEIGHT_MAX_PARTS];
  for (int i = 0; i < count; i++) {
    parts[i] = weights->parts[i];
    parts[i].bias = true;
  }
  add_vector(planner, &matrix->bias, matrix->rows, 1, parts[0]);
  WeightEntry *entry = &planner->plan->entries[planner->plan->count - 1];
  entry->part_count = count;
  for (int i = 0; i < count; i++) entry->parts[i] = parts[i];
}

static void plan_query_key_value(Planner *planner, LayerWeights *layer, int64_t index) {
  const ModelConfig *config = planner->config;
  int64_t query = config->heads * config->head_dim, key = config->kv_heads * config->head_dim;
  WeightEntry *entry = add_matrix(planner, &layer->qkv, query + 2 * key, config->hidden,
                                  (WeightPart){.role = ROLE_QUERY_KEY_VALUE, .layer = index});
  if (!family_facts(config->family)->names->role[ROLE_QUERY_KEY_VALUE]) {
    entry->part_count = 3;
    entry->parts[0] = (WeightPart){ROLE_QUERY, index, false, query, config->heads};
    entry->parts[1] = (WeightPart){ROLE_KEY, index, false, key, config->kv_heads};
    entry->parts[2] = (WeightPart){ROLE_VALUE, index, false, key, 0};
  }
  if (config->qkv_bias) add_bias(planner, &layer->qkv, entry);
}

static void plan_up(Planner *planner, LayerWeights *layer, int64_t index) {
  const ModelConfig *config = planner->config;
  int64_t inner = config->intermediate;
  WeightEntry *entry = add_matrix(planner, &layer->up, config->gated ? 2 * inner : inner,
                                  config->hidden, (WeightPart){.role = ROLE_UP, .layer = index});
  if (config->gated) {
    entry->part_count = 2;
    entry->parts[0] = (WeightPart){ROLE_GATE, index, false, inner, 0};
    entry->parts[1] = (WeightPart){ROLE_UP, index, false, inner, 0};
  }
  if (config->mlp_bias) add_bias(planner, &layer->up, entry);
}

static void plan_simple(Planner *planner, Matrix *matrix, int64_t rows, int64_t columns, bool bias,
                        WeightPart part) {
  WeightEntry *entry = add_matrix(planner, matrix, rows, columns, part);
  if (bias) add_bias(planner, matrix, entry);
}

static void plan_layer(Planner *planner, int64_t index) {
  const ModelConfig *config = planner->config;
  LayerWeights *layer = &planner->plan->weights.layers[index];
  add_norm(planner, &layer->attention_norm, config->hidden, ROLE_ATTENTION_NORM, index);
  plan_query_key_value(planner, layer, index);
  if (config->qk_norm) {
    add_norm(planner, &layer->query_norm, config->head_dim, ROLE_QUERY_NORM, index);
    add_norm(planner, &layer->key_norm, config->head_dim, ROLE_KEY_NORM, index);
  }
  plan_simple(planner, &layer->attention_output, config->hidden, config->heads * config->head_dim,
              config->output_bias, (WeightPart){.role = ROLE_ATTENTION_OUTPUT, .layer = index});
  add_norm(planner, &layer->mlp_norm, config->hidden, ROLE_MLP_NORM, index);
  plan_up(planner, layer, index);
  plan_simple(planner, &layer->down, config->hidden, config->intermediate, config->mlp_bias,
              (WeightPart){.role = ROLE_DOWN, .layer = index});
}

static void plan_outside(Planner *planner) {
  const ModelConfig *config = planner->config;
  Weights *weights = &planner->plan->weights;
  add_matrix(planner, &weights->embedding, config->vocabulary, config->hidden,
             (WeightPart){.role = ROLE_EMBEDDING, .layer = -1});
  if (config->learned_positions)
    add_vector(planner, &weights->positions, config->max_positions, config->hidden,
               (WeightPart){.role = ROLE_POSITIONS, .layer = -1});
  add_norm(planner, &weights->final_norm, config->hidden, ROLE_FINAL_NORM, -1);
  if (planner->plan->separate_head)
    add_matrix(planner, &weights->head, config->vocabulary, config->hidden,
               (WeightPart){.role = ROLE_HEAD, .layer = -1});
}

static int64_t aligned(int64_t offset, int64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

// Matrices first, each on a page of its own, then the vectors.
static void place_entries(WeightPlan *plan) {
  int64_t offset = WEIGHT_PAGE;
  for (int vectors = 0; vectors < 2; vectors++) {
    for (int64_t i = 0; i < plan->count; i++) {
      WeightEntry *entry = &plan->entries[i];
      if ((entry->vector != NULL) != (vectors == 1)) continue;
      entry->offset = aligned(offset, vectors ? MATRIX_ALIGNMENT : WEIGHT_PAGE);
      offset = entry->offset + entry->bytes;
    }
  }
  plan->bytes = aligned(offset, WEIGHT_PAGE);
}

// FNV-1a over numbers (Fowler, Noll, Vo).
static uint64_t mixed(uint64_t hash, int64_t value) {
  return (hash ^ (uint64_t)value) * 0x100000001B3u;
}

static uint64_t signature_of(const WeightPlan *plan, Dtype dtype) {
  uint64_t hash = mixed(0xCBF29CE484222325u, (int64_t)dtype);
  for (int64_t i = 0; i < plan->count; i++) {
    const WeightEntry *entry = &plan->entries[i];
    hash = mixed(mixed(mixed(hash, entry->rows), entry->columns), entry->offset);
    for (int part = 0; part < entry->part_count; part++)
      hash = mixed(mixed(hash, (int64_t)entry->parts[part].role), entry->parts[part].rows);
  }
  return mixed(hash, plan->bytes);
}

void weight_plan_build(WeightPlan *plan, const ModelConfig *config, Dtype dtype, bool separate_head,
                       Arena *arena) {
  size_t layers = (size_t)config->layers, most = layers * ENTRIES_PER_LAYER + ENTRIES_OUTSIDE;
  *plan = (WeightPlan){.separate_head = separate_head};
  plan->entries = arena_allocate(arena, most * sizeof *plan->entries);
  plan->weights.layers = arena_allocate(arena, layers * sizeof *plan->weights.layers);
  Planner planner = {plan, config, dtype};
  plan_outside(&planner);
  for (int64_t i = 0; i < config->layers; i++) plan_layer(&planner, i);
  place_entries(plan);
  plan->signature = signature_of(plan, dtype);
}

void weight_plan_bind(WeightPlan *plan, const void *base) {
  for (int64_t i = 0; i < plan->count; i++) {
    WeightEntry *entry = &plan->entries[i];
    const char *place = (const char *)base + entry->offset;
    if (entry->matrix)
      entry->matrix->panels = place;
    else
      *entry->vector = (const float *)(const void *)place;
  }
  if (!plan->separate_head) plan->weights.head = plan->weights.embedding;
}
