// SPDX-License-Identifier: Apache-2.0
// Every sequence of operations on small pools, against a plain model of what each block is; and
// shared prefixes.
#include "../kernels/guarded.h"
#include "generate/block_pool.h"

enum { MOST_BLOCKS = 4, MOST_HELD = 9 };

// What a caller holds: the blocks it took, in order, as often as it holds them.
typedef struct {
  int32_t held[MOST_HELD];
  int count;
} Holder;

static void must(bool done, const Error *error) {
  if (!done) fail_msg("%s: %s", error->where, error->message);
}

static void check(const BlockPool *pool, const Holder *holder) {
  Error error;
  int64_t holders[MOST_BLOCKS] = {0}, held = 0;
  must(block_pool_check(pool, &error), &error);
  for (int i = 0; i < holder->count; i++) holders[holder->held[i]]++;
  for (int32_t i = 0; i < block_pool_size(pool); i++) {
    assert_int_equal(block_pool_holders(pool, i), holders[i]);
    held += holders[i] > 0;
  }
  assert_int_equal(block_pool_free(pool), block_pool_size(pool) - held);
}

static void take(BlockPool *pool, Holder *holder) {
  int64_t before = block_pool_free(pool);
  int32_t block = block_pool_take(pool);
  assert_int_equal(block == BLOCK_NONE, before == 0);
  if (block == BLOCK_NONE) return;
  for (int i = 0; i < holder->count; i++) assert_int_not_equal(holder->held[i], block);
  holder->held[holder->count++] = block;
}

static void give(BlockPool *pool, Holder *holder, int which) {
  if (which >= holder->count) return;
  block_pool_give(pool, holder->held[which]);
  holder->held[which] = holder->held[--holder->count];
}

static void hold(BlockPool *pool, Holder *holder) {
  if (holder->count == 0) return;
  int32_t block = holder->held[holder->count - 1];
  block_pool_hold(pool, block);
  holder->held[holder->count++] = block;
}

// Operation 0 takes, 1 holds once more, the others give one of what is held. Each path is replayed
// on a pool of its own, so that no state is skipped.
static void replay(int64_t blocks, const int *path, int length) {
  BlockPool *pool = block_pool_open(blocks, 1, false);
  Holder holder = {.count = 0};
  for (int i = 0; i < length; i++) {
    if (path[i] == 0)
      take(pool, &holder);
    else if (path[i] == 1)
      hold(pool, &holder);
    else
      give(pool, &holder, path[i] - 2);
    check(pool, &holder);
  }
  block_pool_close(pool);
}

static void test_all_sequences(void **state) {
  (void)state;
  enum { DEPTH = 7 };
  for (int64_t blocks = 1; blocks <= 3; blocks++) {
    int path[DEPTH] = {0}, operations = (int)blocks + 2, place = 0;
    while (place >= 0) {
      replay(blocks, path, DEPTH);
      for (place = DEPTH - 1; place >= 0 && path[place] == operations - 1; place--) path[place] = 0;
      if (place >= 0) path[place]++;
    }
  }
}

// The same with prefixes of two tokens a block: 0 walks 'aa', 1 walks 'ab', as far as blocks go,
// finding what is known and publishing what is new; the others give the last of a walk back.
enum { WALKS = 3, STEPS = 3 };

typedef struct {
  int32_t blocks[STEPS];
  int count, tokens;
} Walk;

static const int32_t texts[2][2 * STEPS] = {{1, 1, 1, 1, 1, 1}, {1, 1, 1, 2, 1, 1}};

static void walk(BlockPool *pool, Walk *walk, int tokens) {
  walk->tokens = tokens;
  for (int i = 0; i < STEPS; i++) {
    int32_t before = i ? walk->blocks[i - 1] : BLOCK_NONE;
    const int32_t *ids = texts[tokens] + 2 * i;
    int32_t block = block_pool_find(pool, before, ids);
    if (block == BLOCK_NONE) {
      if ((block = block_pool_take(pool)) == BLOCK_NONE) return;
      block_pool_publish(pool, block, before, ids);
    }
    walk->blocks[walk->count++] = block;
  }
}

// Walks hold one block where, and only where, their tokens are the same up to it.
static void check_walks(const BlockPool *pool, const Walk walks[WALKS]) {
  Error error;
  int64_t holders[MOST_BLOCKS] = {0};
  must(block_pool_check(pool, &error), &error);
  for (int i = 0; i < WALKS; i++)
    for (int k = 0; k < walks[i].count; k++) {
      holders[walks[i].blocks[k]]++;
      for (int j = 0; j < WALKS; j++)
        for (int m = 0; m < walks[j].count; m++) {
          bool same = k == m && memcmp(texts[walks[i].tokens], texts[walks[j].tokens],
                                       (size_t)(2 * (k + 1)) * sizeof(int32_t)) == 0;
          assert_int_equal(walks[i].blocks[k] == walks[j].blocks[m], same);
        }
    }
  for (int32_t i = 0; i < MOST_BLOCKS; i++)
    assert_int_equal(block_pool_holders(pool, i), holders[i]);
}

static void replay_walks(const int *path, int length) {
  BlockPool *pool = block_pool_open(MOST_BLOCKS, 2, true);
  Walk walks[WALKS] = {0};
  for (int i = 0; i < length; i++) {
    Walk *one = &walks[path[i] % WALKS];
    if (path[i] < 2 * WALKS && one->count == 0)
      walk(pool, one, path[i] / WALKS);
    else if (path[i] >= 2 * WALKS)
      while (one->count > 0) block_pool_give(pool, one->blocks[--one->count]);
    check_walks(pool, walks);
  }
  block_pool_close(pool);
}

static void test_all_walks(void **state) {
  (void)state;
  enum { DEPTH = 5, OPERATIONS = 3 * WALKS };
  int path[DEPTH] = {0}, place = 0;
  while (place >= 0) {
    replay_walks(path, DEPTH);
    for (place = DEPTH - 1; place >= 0 && path[place] == OPERATIONS - 1; place--) path[place] = 0;
    if (place >= 0) path[place]++;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_sequences),
                                     cmocka_unit_test(test_all_walks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
