// SPDX-License-Identifier: Apache-2.0
// What a query gets does not depend on what is asked for together with it, to the last bit: alone,
// in any piece of its prompt, with longer keys than it sees, beside other sequences, over pages
// wherever they lie. The reference tier is left out: its sums are rounded where they are cut.
#include "../kernels/guarded.h"
#include "attention/paged.h"
#include "kernels/eager.h"

enum { MOST_ROWS = 40, CASES = 25, THREADS = 2 };
static Team *team;

// One sequence: `past` tokens, then `rows` of which the queries are.
typedef struct {
  AttentionSpec spec;
  int64_t past, rows, capacity;
  Guarded queries, keys, values; // [rows][heads][D], [kv_heads][capacity][D]
  Tensor k, v;
} Case;

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

static Guarded random_cache(Random *random, const Case *c, Tensor *tensor) {
  int64_t shape[4] = {1, c->spec.kv_heads, c->capacity, c->spec.head_dim};
  *tensor = tensor_dense(c->spec.dtype, 4, shape, NULL);
  int64_t count = tensor_elements(tensor);
  Guarded floats = guarded_normal(random, count);
  Guarded cache = guarded_make((size_t)(count * dtype_facts(c->spec.dtype)->block_bytes));
  kernels_reference.narrow(c->spec.dtype, count, floats.data, cache.data);
  guarded_free(floats);
  tensor->data = cache.data;
  return cache;
}

static Case make_case(Random *random) {
  static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
  static const int64_t dims[] = {12, 16, 40, 64, 80, 128, 256};
  Case c = {.past = random_below(random, 3) ? between(random, 0, 1400) : 0,
            .rows = between(random, 1, MOST_ROWS)};
  c.spec = (AttentionSpec){.batch = 1,
                           .kv_heads = between(random, 1, 3),
                           .head_dim = dims[random_below(random, COUNT_OF(dims))],
                           .window = random_below(random, 2) ? between(random, 1, 900) : 0,
                           .scale = 0.05 + random_unit(random) * 0.3,
                           .dtype = dtypes[random_below(random, COUNT_OF(dtypes))]};
  c.spec.heads = c.spec.kv_heads * between(random, 1, 10);
  c.capacity = c.past + c.rows + between(random, 0, 40);
  c.queries = guarded_normal(random, c.rows * c.spec.heads * c.spec.head_dim);
  c.keys = random_cache(random, &c, &c.k);
  c.values = random_cache(random, &c, &c.v);
  return c;
}

static void free_case(Case *c) {
  guarded_free(c->queries);
  guarded_free(c->keys);
  guarded_free(c->values);
}

static int64_t row_floats(const Case *c) {
  return c->spec.heads * c->spec.head_dim;
}

static void take(Ops *ops, const Tensor *made, float *out) {
  Error error = {0};
  if (!ops_finish(ops, &error)) fail_msg("%s: %s", error.where, error.message);
  memcpy(out, made->data, (size_t)tensor_elements(made) * sizeof *out);
  ops_scope_end(ops);
}

// Queries [begin, end), the keys being `more` longer than what the last of them sees.
static void run_piece(const Attention *attention, Ops *ops, const Case *c, void *prepared,
                      int64_t begin, int64_t end, int64_t more, float *out) {
  int64_t past = c->past + begin, one = 1, dim = c->spec.head_dim;
  AttentionSpec spec = c->spec;
  spec.queries = end - begin;
  spec.keys = c->past + end + more;
  AttentionInputs inputs = {.queries = {.dtype = DTYPE_F32,
                                        .rank = 4,
                                        .shape = {1, spec.heads, spec.queries, dim},
                                        .stride = {0, dim, row_floats(c), 1},
                                        .data = (float *)c->queries.data + begin * row_floats(c)},
                            .keys = c->k,
                            .values = c->v,
                            .past = tensor_dense(DTYPE_I64, 1, &one, &past),
                            .prepared = prepared};
  inputs.keys.shape[2] = inputs.values.shape[2] = spec.keys;
  ops_scope_begin(ops);
  Tensor made = attention->forward(ops, &spec, &inputs);
  take(ops, &made, out);
}

// The sequence's blocks lie anywhere among others; all that is not its own is NaN.
typedef struct {
  int64_t block, slots, blocks;
  int32_t table[MOST_ROWS][2048]; // of each segment, the same
  Guarded keys, values;
  Tensor k, v;
} Pages;

static Guarded fill_pages(const Case *c, const Pages *pages, const Tensor *from, Tensor *to) {
  int64_t shape[4] = {1, c->spec.kv_heads, pages->slots, c->spec.head_dim};
  *to = tensor_dense(c->spec.dtype, 4, shape, NULL);
  size_t row = (size_t)(c->spec.head_dim * dtype_facts(c->spec.dtype)->block_bytes);
  Guarded cache = guarded_make((size_t)(c->spec.kv_heads * pages->slots) * row);
  memset(cache.data, 0xFF, cache.size);
  to->data = cache.data;
  for (int64_t h = 0; h < c->spec.kv_heads; h++)
    for (int64_t key = 0; key < c->past + c->rows; key++) {
      int64_t slot = pages->table[0][key / pages->block] * pages->block + key % pages->block;
      memcpy((char *)cache.data + (size_t)(h * pages->slots + slot) * row,
             (const char *)from->data + (size_t)(h * c->capacity + key) * row, row);
    }
  return cache;
}

static Pages *make_pages(const Case *c, Random *random) {
  static const int64_t sizes[] = {1, 3, 8, 16, 32, 100};
  Pages *pages = malloc(sizeof *pages);
  pages->block = sizes[random_below(random, COUNT_OF(sizes))];
  pages->blocks = (c->past + c->rows + pages->block - 1) / pages->block;
  pages->slots = 2 * pages->blocks * pages->block;
  // Every second place or the next free one: some blocks follow each other, others do not.
  for (int64_t i = 0, place = 0; i < pages->blocks; i++, place++) {
    if (place < 2 * i + 1 && random_below(random, 2)) place++;
    for (int r = 0; r < MOST_ROWS; r++) pages->table[r][i] = (int32_t)place;
  }
  pages->keys = fill_pages(c, pages, &c->k, &pages->k);
  pages->values = fill_pages(c, pages, &c->v, &pages->v);
  return pages;
}

static void free_pages(Pages *pages) {
  guarded_free(pages->keys);
  guarded_free(pages->values);
  free(pages);
}

// All queries, cut into segments at random; each a sequence of its own for all that is known.
static void run_paged(const PagedAttention *paged, Ops *ops, const Case *c, void *prepared,
                      Pages *pages, Random *random, float *out) {
  PagedSegment segments[MOST_ROWS];
  int64_t count = 0, dim = c->spec.head_dim, one = 1;
  for (int64_t row = 0; row < c->rows; row += segments[count++].rows) {
    int64_t rows = random_below(random, 2) ? 1 : between(random, 1, c->rows - row);
    segments[count] = (PagedSegment){row, rows, c->past + row};
  }
  PagedInputs inputs = {
      .queries = {.dtype = DTYPE_F32,
                  .rank = 4,
                  .shape = {c->rows, c->spec.heads, 1, dim},
                  .stride = {row_floats(c), dim, dim, 1},
                  .data = c->queries.data},
      .keys = pages->k,
      .values = pages->v,
      .places = {.count = tensor_dense(DTYPE_I64, 1, &one, &count),
                 .segments = tensor_dense(DTYPE_I64, 2,
                                          (int64_t[]){MOST_ROWS, PAGED_SEGMENT_FIELDS}, segments),
                 .blocks = tensor_dense(DTYPE_I32, 2, (int64_t[]){MOST_ROWS, 2048}, pages->table),
                 .block_size = pages->block},
      .prepared = prepared};
  ops_scope_begin(ops);
  Tensor made = paged_attention(ops, paged, &c->spec, &inputs);
  take(ops, &made, out);
}

static void compare(const Case *c, const Attention *attention, const char *how, int64_t begin,
                    int64_t end, const float *found, const float *expected) {
  for (int64_t row = begin; row < end; row++)
    if (memcmp(found + (row - begin) * row_floats(c), expected + row * row_floats(c),
               (size_t)row_floats(c) * sizeof *found) != 0)
      fail_msg("%s/%s %s %s, query %lld of %lld: heads %lld/%lld D %lld past %lld window %lld",
               attention->name, attention->backend ? attention->backend : "-",
               dtype_name(c->spec.dtype), how, (long long)row, (long long)c->rows,
               (long long)c->spec.heads, (long long)c->spec.kv_heads, (long long)c->spec.head_dim,
               (long long)c->past, (long long)c->spec.window);
}

static void check(const Attention *attention, Ops *ops, const Case *c, CpuTier tier,
                  Random *random) {
  Error error = {0};
  PagedAttention paged;
  void *prepared;
  AttentionLimits limits = {.batch = MOST_ROWS, .keys = c->capacity, .tier = tier};
  if (!attention_open(attention, &limits, &prepared, &error) ||
      !paged_attention_find(attention->name, attention->backend, &paged, &error))
    fail_msg("%s: %s", error.where, error.message);
  size_t bytes = (size_t)(c->rows * row_floats(c)) * sizeof(float);
  float *all = malloc(bytes), *piece = malloc(bytes);
  Pages *pages = make_pages(c, random);
  run_piece(attention, ops, c, prepared, 0, c->rows, 0, all);
  for (int64_t begin = 0, end; begin < c->rows; begin = end) {
    end = random_below(random, 2) ? begin + 1 : between(random, begin + 1, c->rows);
    run_piece(attention, ops, c, prepared, begin, end,
              between(random, 0, c->capacity - c->past - end), piece);
    compare(c, attention, end - begin == 1 ? "alone" : "in a piece", begin, end, piece, all);
  }
  run_paged(&paged, ops, c, prepared, pages, random, piece);
  compare(c, attention, "over pages", 0, c->rows, piece, all);
  free_pages(pages);
  free(all), free(piece);
  attention_close(attention, prepared);
}

static void test_alone(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels) {
    if (kernels->tier == CPU_TIER_REFERENCE) continue;
    Ops *ops = eager_open(kernels, team);
    for (int i = 0; i < CASES; i++) {
      Case c = make_case(&random);
      for (int a = 0; a < attention_count(); a++)
        if (!attention_at(a)->absent) check(attention_at(a), ops, &c, kernels->tier, &random);
      free_case(&c);
    }
    eager_close(ops);
  }
}

int main(void) {
  Error error;
  if (!(team = team_open(THREADS, false, &error))) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  team_close(team);
  return failed;
}
