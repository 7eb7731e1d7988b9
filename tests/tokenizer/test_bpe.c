// SPDX-License-Identifier: Apache-2.0
// The merge loop against the definition: join the leftmost pair of lowest rank until none is left.
#include "base/clock.h"
#include "base/random.h"
#include "tokenizer/bpe.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LETTERS 3
#define MERGES 60

// Random merges over "abc" and what they make.
static void make_model(Bpe *bpe, Random *random) {
  Error error;
  *bpe = (Bpe){0};
  for (int i = 0; i < LETTERS; i++)
    assert_true(vocabulary_add(&bpe->vocabulary, (Span){&"abc"[i], 1}, i, "test", &error));
  merge_table_reserve(&bpe->merges, MERGES);
  for (uint32_t rank = 0; rank < MERGES; rank++) {
    int32_t left = (int32_t)random_below(random, (uint64_t)bpe->vocabulary.limit);
    int32_t right = (int32_t)random_below(random, (uint64_t)bpe->vocabulary.limit);
    Text joined = {0};
    Span a = vocabulary_text(&bpe->vocabulary, left), b = vocabulary_text(&bpe->vocabulary, right);
    text_append(&joined, a.data, a.size);
    text_append(&joined, b.data, b.size);
    int32_t id = vocabulary_find(&bpe->vocabulary, text_span(&joined));
    if (id < 0) {
      id = bpe->vocabulary.limit;
      assert_true(vocabulary_add(&bpe->vocabulary, text_span(&joined), id, "test", &error));
    }
    if (!merge_table_find(&bpe->merges, left, right))
      merge_table_put(&bpe->merges, left, right, rank / 2, id); // equal ranks occur
    text_free(&joined);
  }
  bpe_prepare(bpe);
}

static void encode_plainly(const Bpe *bpe, Span text, TokenIds *ids) {
  for (size_t i = 0; i < text.size; i++) ARRAY_APPEND(ids, text.data[i] - 'a');
  for (;;) {
    const Merge *best = NULL;
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids->count; i++) {
      const Merge *merge = merge_table_find(&bpe->merges, ids->items[i], ids->items[i + 1]);
      if (merge && (!best || merge->rank < best->rank)) {
        best = merge;
        at = i;
      }
    }
    if (!best) return;
    ids->items[at] = best->id;
    memmove(ids->items + at + 1, ids->items + at + 2, (ids->count - at - 2) * sizeof *ids->items);
    ids->count--;
  }
}

static void merges_as_defined(void **context) {
  (void)context;
  uint64_t seed = (uint64_t)clock_now();
  print_message("# seed %llu\n", (unsigned long long)seed);
  Random random = random_seeded(seed);
  BpeWork work;
  bpe_work_open(&work);
  for (int model = 0; model < 40; model++) {
    Bpe bpe;
    make_model(&bpe, &random);
    word_cache_close(&work.cache);
    word_cache_open(&work.cache);
    for (int round = 0; round < 40; round++) {
      char text[300];
      size_t size = 1 + random_below(&random, round % 2 ? 300 : 20);
      for (size_t i = 0; i < size; i++) text[i] = "abc"[random_below(&random, LETTERS)];
      TokenIds ours = {0}, plain = {0};
      Error error;
      for (int twice = 0; twice < 2; twice++) { // the second time from the cache
        ours.count = 0;
        assert_true(bpe_encode(&bpe, &work, (Span){text, size}, false, &ours, &error));
      }
      encode_plainly(&bpe, (Span){text, size}, &plain);
      assert_int_equal(ours.count, plain.count);
      assert_memory_equal(ours.items, plain.items, plain.count * sizeof *plain.items);
      ARRAY_FREE(&ours);
      ARRAY_FREE(&plain);
    }
    bpe_close(&bpe);
  }
  bpe_work_close(&work);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(merges_as_defined)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
