// SPDX-License-Identifier: Apache-2.0
// Block masks and row ranges of random expressions over odd shapes against a look at every element:
// each block, both directions, the pairs, the first row that is no range.
#include "attention/row_ranges.h"
#include "random_mask.h"

enum { CASES = 300, MOST_THREADS = 3 };
static Team *teams[MOST_THREADS + 1];

typedef enum { EMPTY, PARTIAL, FULL } Look;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static Look look(const RandomMask *mod, const uint8_t *head, const BlockMask *mask, int64_t row,
                 int64_t column) {
  int64_t seen = 0, all = 0;
  for (int64_t q = row * mask->block_rows; q < least((row + 1) * mask->block_rows, mask->queries);
       q++)
    for (int64_t k = column * mask->block_columns;
         k < least((column + 1) * mask->block_columns, mask->keys); k++, all++)
      seen += head[q * mod->shape.keys + k];
  return seen == 0 ? EMPTY : seen == all ? FULL : PARTIAL;
}

// The runs of a line as one look per block; fails where they are not in order or not joined.
static void unroll(const BlockLines *lines, int64_t line, int64_t count, Look *looks) {
  for (int64_t i = 0; i < count; i++) looks[i] = EMPTY;
  for (int64_t i = lines->start[line]; i < lines->start[line + 1]; i++) {
    const BlockRun *run = &lines->runs[i], *before = run - 1;
    assert_true(run->first >= 0 && run->first < run->last && run->last <= count);
    if (i > lines->start[line])
      assert_true(before->last < run->first ||
                  (before->last == run->first && before->full != run->full));
    for (int32_t j = run->first; j < run->last; j++) looks[j] = run->full ? FULL : PARTIAL;
  }
}

static void check_direction(const RandomMask *mod, const BlockMask *mask, int64_t b, int64_t h,
                            bool by_key) {
  const BlockLines *lines = by_key ? &mask->by_key : &mask->by_query;
  int64_t count = by_key ? mask->by_query.lines : mask->by_key.lines;
  Look *looks = malloc((size_t)count * sizeof *looks);
  const uint8_t *head = random_mask_head(mod, b, h);
  for (int64_t line = 0; line < lines->lines; line++) {
    unroll(lines, block_mask_line(mask, lines, b, h, line), count, looks);
    for (int64_t i = 0; i < count; i++) {
      Look wanted = by_key ? look(mod, head, mask, i, line) : look(mod, head, mask, line, i);
      if (looks[i] != wanted)
        fail_msg("\"%s\" %s line %d block %d of %dx%d is %d, not %d", mod->text,
                 by_key ? "key" : "query", (int)line, (int)i, (int)mask->block_rows,
                 (int)mask->block_columns, looks[i], wanted);
    }
  }
  free(looks);
}

static void check_counts(const RandomMask *mod, const BlockMask *mask) {
  int64_t counts[3] = {0};
  for (int64_t plane = 0; plane < mask->batches * mask->heads; plane++)
    for (int64_t row = 0; row < mask->by_query.lines; row++)
      for (int64_t column = 0; column < mask->by_key.lines; column++)
        counts[look(mod, random_mask_head(mod, plane / mask->heads, plane % mask->heads), mask, row,
                    column)]++;
  assert_int_equal(mask->empty, counts[EMPTY]);
  assert_int_equal(mask->partial, counts[PARTIAL]);
  assert_int_equal(mask->full, counts[FULL]);
}

static void check_mask(const RandomMask *mod, const BlockMask *mask) {
  for (int64_t b = 0; b < mod->shape.batch; b++)
    for (int64_t h = 0; h < mod->shape.heads; h++) {
      check_direction(mod, mask, b, h, false);
      check_direction(mod, mask, b, h, true);
    }
  check_counts(mod, mask);
}

static void check_pairs(const RandomMask *mod, const BlockMask *mask, CpuTier tier, Team *team) {
  const ModShape *shape = &mod->shape;
  double wanted = 0.0, pairs = -1.0;
  for (int64_t i = 0; i < shape->batch * shape->heads * shape->queries * shape->keys; i++)
    wanted += mod->visible[i];
  Error error = {0};
  assert_true(block_mask_pairs(mask, mod->bound, tier, team, &pairs, &error));
  if (pairs != wanted) fail_msg("\"%s\": %g pairs, not %g", mod->text, pairs, wanted);
}

// [*first, *last) and whether the row has no gap.
static bool row_of(const uint8_t *row, int64_t keys, int64_t *first, int64_t *last) {
  int64_t count = 0;
  *first = *last = 0;
  for (int64_t k = 0; k < keys; k++) {
    if (!row[k]) continue;
    if (count++ == 0) *first = k;
    *last = k + 1;
  }
  return count == *last - *first;
}

// The first row with a gap, as the message tells it; false: there is none.
static bool first_gap(const RandomMask *mod, const BlockMask *mask, char *text, size_t size) {
  for (int64_t plane = 0; plane < mask->batches * mask->heads; plane++)
    for (int64_t q = 0; q < mask->queries; q++) {
      int64_t b = plane / mask->heads, h = plane % mask->heads, first, last;
      const uint8_t *row = random_mask_head(mod, b, h) + q * mask->keys;
      if (row_of(row, mask->keys, &first, &last)) continue;
      snprintf(text, size, "query %d of batch %d, head %d ", (int)q, (int)b, (int)h);
      return true;
    }
  return false;
}

static void check_ranges(const RandomMask *mod, const BlockMask *mask, CpuTier tier, Team *team) {
  Error error = {0};
  char gap[128];
  RowRanges *ranges = row_ranges_build(mask, mod->bound, tier, team, &error);
  if (first_gap(mod, mask, gap, sizeof gap)) {
    assert_null(ranges);
    assert_int_equal(error.code, ERROR_UNSUPPORTED);
    if (!strstr(error.message, gap)) fail_msg("\"%s\" lacks \"%s\"", error.message, gap);
    return;
  }
  if (!ranges) fail_msg("\"%s\": %s", mod->text, error.message);
  for (int64_t b = 0; b < mod->shape.batch; b++)
    for (int64_t h = 0; h < mod->shape.heads; h++)
      for (int64_t q = 0; q < mask->queries; q++) {
        int64_t first, last, at = row_ranges_at(ranges, b, h, q);
        row_of(random_mask_head(mod, b, h) + q * mask->keys, mask->keys, &first, &last);
        assert_int_equal(ranges->last[at] - ranges->first[at], last - first);
        if (first < last) assert_int_equal(ranges->first[at], first);
      }
  row_ranges_close(ranges);
}

static void check(const RandomMask *mod, int64_t rows, int64_t columns, CpuTier tier, Team *team) {
  Error error = {0};
  BlockMask *mask = block_mask_build(mod->bound, rows, columns, tier, team, &error);
  if (!mask) fail_msg("\"%s\": %s", mod->text, error.message);
  assert_true((int64_t)mask->memory.size <= block_mask_bytes(mod->bound, rows, columns));
  check_mask(mod, mask);
  check_pairs(mod, mask, tier, team);
  check_ranges(mod, mask, tier, team);
  block_mask_close(mask);
}

static void test_random_masks(void **state) {
  (void)state;
  static const int64_t sides[] = {1, 3, 16, 64, 100, 128};
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < CASES; i++) {
    int64_t rows = sides[random_below(&random, COUNT_OF(sides))];
    int64_t columns = sides[random_below(&random, COUNT_OF(sides))];
    ModShape shape = random_mask_shape(&random, rows < 16 || columns < 16 ? 60 : 300);
    RandomMask mod = random_mask_make(&random, &shape, i % 4, NULL);
    CpuTier tier = (CpuTier)(i % ((int)cpu_best_tier() + 1));
    check(&mod, rows, columns, tier, teams[1 + i % MOST_THREADS]);
    random_mask_free(&mod);
  }
}

static void test_named_masks(void **state) {
  (void)state;
  static const char *const masks[] = {
      "",
      "q_idx >= kv_idx",
      "q_idx >= kv_idx and q_idx - kv_idx <= 64",
      "kv_idx < 50 or q_idx >= kv_idx",
      "doc[q_idx] == doc[kv_idx] and q_idx >= kv_idx",
      "q_idx < 0",              // hides everything
      "q_idx != 70",            // hides one row
      "kv_idx != 70",           // hides one column
      "q_idx % 2 == 0",         // hides every other row
      "q_idx % 5 == kv_idx % 3" // all blocks partial
  };
  Random random = random_seeded(fresh_seed());
  static const int64_t lengths[][2] = {{1, 1},     {1, 200},   {200, 1},
                                       {128, 128}, {257, 129}, {65, 300}};
  for (size_t m = 0; m < COUNT_OF(masks); m++)
    for (size_t l = 0; l < COUNT_OF(lengths); l++) {
      ModShape shape = {2, 2, 1, lengths[l][0], lengths[l][1], 8, 0, false};
      RandomMask mod = random_mask_of(&random, &shape, masks[m], NULL);
      check(&mod, 64, 64, cpu_best_tier(), teams[2]);
      check(&mod, 128, 128, cpu_best_tier(), teams[1]);
      random_mask_free(&mod);
    }
}

// Large patterns of the usual kinds are settled by intervals: hardly an element is looked at.
static void test_little_is_evaluated(void **state) {
  (void)state;
  static const struct {
    const char *mask;
    int64_t most; // blocks whose elements are looked at
  } patterns[] = {{"q_idx >= kv_idx", 0},
                  {"q_idx >= kv_idx and q_idx - kv_idx <= 512", 0},
                  {"kv_idx < 512 or q_idx >= kv_idx", 0}};
  for (size_t i = 0; i < COUNT_OF(patterns); i++) {
    Error error = {0};
    BoundMod *bound;
    ModShape shape = {1, 4, 4, 16384, 16384, 64, 0, false};
    Mod *mod = mod_parse(&(ModSource){.mask = patterns[i].mask}, &error);
    assert_non_null(mod);
    assert_true(mod_bind(mod, &shape, &bound, &error));
    BlockMask *mask = block_mask_build(bound, 128, 128, cpu_best_tier(), teams[1], &error);
    assert_non_null(mask);
    assert_true(mask->evaluated <= patterns[i].most);
    assert_int_equal(mask->heads, 1);
    block_mask_close(mask);
    bound_mod_close(bound);
    mod_close(mod);
  }
}

// Sorted documents: only blocks where one ends may be open.
static void test_documents(void **state) {
  (void)state;
  enum { LENGTH = 16384, DOCUMENT = 1000, BLOCK = 128 };
  int32_t *documents = malloc(LENGTH * sizeof *documents);
  for (int i = 0; i < LENGTH; i++) documents[i] = i / DOCUMENT;
  ModArray array = {"doc", tensor_dense(DTYPE_I32, 1, &(int64_t){LENGTH}, documents)};
  ModSource source = {
      .mask = "doc[q_idx] == doc[kv_idx] and q_idx >= kv_idx", .array_count = 1, .arrays = &array};
  Error error = {0};
  BoundMod *bound;
  ModShape shape = {1, 4, 4, LENGTH, LENGTH, 64, 0, false};
  Mod *mod = mod_parse(&source, &error);
  assert_non_null(mod);
  assert_true(mod_bind(mod, &shape, &bound, &error));
  BlockMask *mask = block_mask_build(bound, BLOCK, BLOCK, cpu_best_tier(), teams[1], &error);
  assert_non_null(mask);
  double pairs, wanted = 0.0;
  for (int first = 0; first < LENGTH; first += DOCUMENT) {
    double length = LENGTH - first < DOCUMENT ? LENGTH - first : DOCUMENT;
    wanted += length * (length + 1) / 2 * (double)shape.heads;
  }
  assert_true(block_mask_pairs(mask, bound, cpu_best_tier(), teams[2], &pairs, &error));
  assert_true(pairs == wanted);
  // Of each document: the diagonal and the blocks of its first and last column or row.
  assert_true(mask->evaluated <= (LENGTH / DOCUMENT + 1) * 3 * (DOCUMENT / BLOCK + 2));
  block_mask_close(mask);
  bound_mod_close(bound);
  mod_close(mod);
  free(documents);
}

static void test_refuses(void **state) {
  (void)state;
  Error error = {0};
  BoundMod bound = {.shape = {1, 1, 1, (int64_t)1 << 40, (int64_t)1 << 40, 64, 0}};
  assert_null(block_mask_build(&bound, 128, 128, cpu_best_tier(), teams[1], &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  assert_non_null(strstr(error.message, "blocks"));
  assert_true(block_mask_bytes(&bound, 128, 128) == INT64_MAX);
  bound.shape.queries = bound.shape.keys = 4096;
  int64_t bytes = block_mask_bytes(&bound, 128, 128);
  assert_true(bytes > 0 && bytes < 1 << 20);
}

int main(void) {
  Error error;
  for (int t = 1; t <= MOST_THREADS; t++)
    if (!(teams[t] = team_open(t, false, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_masks),
      cmocka_unit_test(test_named_masks),
      cmocka_unit_test(test_little_is_evaluated),
      cmocka_unit_test(test_documents),
      cmocka_unit_test(test_refuses),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int t = 1; t <= MOST_THREADS; t++) team_close(teams[t]);
  return failed;
}
