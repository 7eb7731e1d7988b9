// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// and then
#include "base/clock.h"
#include "device/team.h"
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 64 };

typedef struct {
  Team *team;
  int64_t seen[MOST];  // plain memory: the team's own order must protect it
  int64_t total[MOST]; // each thread's sum over all others
  int rounds;
} Record;

static void mark(void *context, int thread, int threads) {
  Record *record = context;
  assert_int_equal(threads, team_size(record->team));
  record->seen[thread]++;
}

static void exchange(void *context, int thread, int threads) {
  Record *record = context;
  for (int round = 1; round <= record->rounds; round++) {
    record->seen[thread] = round * (thread + 1);
    team_barrier(record->team);
    int64_t sum = 0;
    for (int i = 0; i < threads; i++) sum += record->seen[i];
    record->total[thread] += sum;
    team_barrier(record->team);
  }
}

static const int sizes[] = {1, 2, 3, 4, 7, 16, 64};

static void test_every_thread_runs_once(void **state) {
  (void)state;
  for (size_t s = 0; s < COUNT_OF(sizes); s++) {
    Error error;
    Record record = {.team = team_open(sizes[s], false, &error)};
    assert_non_null(record.team);
    int runs = sizes[s] > 4 ? 20 : 2000;
    for (int run = 0; run < runs; run++) team_run(record.team, mark, &record);
    for (int i = 0; i < MOST; i++) assert_int_equal(record.seen[i], i < sizes[s] ? runs : 0);
    team_close(record.team);
  }
}

static void test_barrier(void **state) {
  (void)state;
  for (size_t s = 0; s < COUNT_OF(sizes); s++) {
    Error error;
    int64_t n = sizes[s];
    Record record = {.team = team_open((int)n, s % 2, &error), .rounds = n > 4 ? 10 : 500};
    assert_non_null(record.team);
    team_run(record.team, exchange, &record);
    int64_t each = n * (n + 1) / 2 * record.rounds * (record.rounds + 1) / 2;
    for (int i = 0; i < n; i++) assert_int_equal(record.total[i], each);
    team_close(record.team);
  }
}

// Workers that have gone to sleep wake again.
static void test_after_a_pause(void **state) {
  (void)state;
  Error error;
  Record record = {.team = team_open(3, false, &error)};
  assert_non_null(record.team);
  for (int run = 0; run < 5; run++) {
    usleep(15000);
    team_run(record.team, mark, &record);
  }
  for (int i = 0; i < 3; i++) assert_int_equal(record.seen[i], 5);
  team_close(record.team);
}

static void test_refuses_silly_sizes(void **state) {
  (void)state;
  Error error;
  assert_null(team_open(-1, false, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  assert_null(team_open(1025, false, &error));
  team_close(NULL);
  Team *team = team_open(0, true, &error);
  assert_non_null(team);
  assert_true(team_size(team) >= 1);
  team_close(team);
}

static void test_share(void **state) {
  (void)state;
  for (int64_t count = 0; count < 60; count++)
    for (int64_t grain = 1; grain < 9; grain++)
      for (int threads = 1; threads < 8; threads++) {
        int64_t expected = 0, least = INT64_MAX, most = 0;
        for (int thread = 0; thread < threads; thread++) {
          int64_t begin, end;
          team_share(count, grain, thread, threads, &begin, &end);
          assert_int_equal(begin, expected);
          assert_true(begin % grain == 0 || begin == count);
          int64_t grains = (end - begin + grain - 1) / grain;
          least = grains < least ? grains : least;
          most = grains > most ? grains : most;
          expected = end;
        }
        assert_int_equal(expected, count);
        assert_true(most - least <= 1);
      }
}

static void work_a_little(void *context, int thread, int threads) {
  (void)threads;
  volatile double value = 1.0;
  for (int i = 0; i < 20000; i++) value = value * 1.0000001 + thread;
  ((Record *)context)->seen[thread]++;
}

static int64_t time_runs(Record *record, int runs) {
  int64_t start = clock_now();
  for (int run = 0; run < runs; run++) team_run(record->team, work_a_little, record);
  return clock_now() - start;
}

static pid_t start_busy_neighbour(void) {
  pid_t child = fork();
  if (child != 0) return child;
  for (volatile uint64_t i = 0;; i++) {
  }
}

// Another process that takes a core slows the team by its share of the machine, not by orders.
static void test_busy_neighbour(void **state) {
  (void)state;
  enum { RUNS = 1500 };
  Error error;
  Record record = {.team = team_open(0, false, &error)};
  assert_non_null(record.team);
  time_runs(&record, 50);
  int64_t alone = time_runs(&record, RUNS);
  pid_t neighbour = start_busy_neighbour();
  assert_true(neighbour > 0);
  int64_t crowded = time_runs(&record, RUNS);
  kill(neighbour, SIGKILL);
  waitpid(neighbour, NULL, 0);
  print_message("# %d runs: alone %.1f ms, beside a busy process %.1f ms\n", RUNS,
                (double)alone * 1e-6, (double)crowded * 1e-6);
  assert_true(crowded < 20 * alone + 500000000);
  team_close(record.team);
}

static void nothing(void *context, int thread, int threads) {
  (void)context, (void)thread, (void)threads;
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

// Prints the time from fork to join; asserts only what a shared machine can keep.
static void test_fork_join_time(void **state) {
  (void)state;
  enum { RUNS = 2000 };
  static int64_t taken[RUNS];
  Error error;
  Team *team = team_open(2, false, &error);
  assert_non_null(team);
  for (int i = 0; i < RUNS; i++) {
    int64_t start = clock_now();
    team_run(team, nothing, NULL);
    taken[i] = clock_now() - start;
  }
  qsort(taken, RUNS, sizeof *taken, compare);
  print_message("# fork to join: median %lld ns, least %lld ns\n", (long long)taken[RUNS / 2],
                (long long)taken[0]);
  assert_true(taken[0] < 100000);
  team_close(team);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_thread_runs_once),
      cmocka_unit_test(test_barrier),
      cmocka_unit_test(test_after_a_pause),
      cmocka_unit_test(test_refuses_silly_sizes),
      cmocka_unit_test(test_share),
      cmocka_unit_test(test_busy_neighbour),
      cmocka_unit_test(test_fork_join_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
