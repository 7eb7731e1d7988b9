// SPDX-License-Identifier: Apache-2.0
#include "device/team.h"
#include "base/clock.h"
#include "base/memory.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// How a wait goes: pause for a while, then let others run between looks, then sleep.
enum {
  PAUSE_NANOSECONDS = 10 * 1000,
  YIELD_NANOSECONDS = 4 * 1000 * 1000,
  PAUSES_PER_LOOK = 16,
  MAXIMUM_THREADS = 1024
};

// A counter that threads wait on until it has come far enough; `sleepers` are those inside the
// futex.
typedef struct {
  _Alignas(64) _Atomic uint32_t value;
  _Atomic uint32_t sleepers;
} Signal;

typedef struct {
  _Alignas(64) _Atomic uint32_t claimed; // the last round whose share somebody took
  Team *team;
  pthread_t handle;
  int number;
} Worker;

struct Team {
  Signal start, finish; // one more task; one task done
  Signal arrived;       // at barriers of this task, one more: each `threads` of them pass one
  _Alignas(64) _Atomic uint32_t running;
  _Alignas(64) TeamTask *task;
  void *context;
  int threads;
  int64_t pause_nanoseconds, spin_nanoseconds;
  bool pinned, closing;
  cpu_set_t cores, previous; // that the process may use; the caller's own before pinning
  Worker *workers;           // [threads - 1]
  Region region;             // holds this and the workers
};

static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
  syscall(SYS_futex, (void *)word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("" ::: "memory");
#endif
}

static bool is_beyond(uint32_t value, uint32_t from) {
  return (int32_t)(value - from) > 0;
}

static bool has_moved(Signal *signal, uint32_t from) {
  return is_beyond(atomic_load_explicit(&signal->value, memory_order_acquire), from);
}

static bool spin_until_moved(const Team *team, Signal *signal, uint32_t from) {
  int64_t start = 0, waited = 0;
  do {
    for (int i = 0; i < PAUSES_PER_LOOK; i++) {
      if (has_moved(signal, from)) return true;
      pause_briefly();
    }
    if (waited >= team->pause_nanoseconds) sched_yield();
    int64_t now = clock_now();
    if (!start) start = now;
    waited = now - start;
  } while (waited < team->spin_nanoseconds);
  return has_moved(signal, from);
}

static void signal_wait(const Team *team, Signal *signal, uint32_t from) {
  uint32_t value;
  if (spin_until_moved(team, signal, from)) return;
  atomic_fetch_add(&signal->sleepers, 1);
  while (!is_beyond(value = atomic_load(&signal->value), from))
    futex(&signal->value, FUTEX_WAIT, value);
  atomic_fetch_sub(&signal->sleepers, 1);
}

// Sequentially consistent on both words: either the sleeper sees the new value, or we see it.
static void wake_sleepers(Signal *signal) {
  if (atomic_load(&signal->sleepers)) futex(&signal->value, FUTEX_WAKE, INT_MAX);
}

static void signal_move(Signal *signal) {
  atomic_fetch_add(&signal->value, 1);
  wake_sleepers(signal);
}

static void pin_self(const Team *team, int thread) {
  int wanted = thread % CPU_COUNT(&team->cores);
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &team->cores) || wanted-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

// Takes a worker's share of a round: whoever gets here first, the worker or the caller, runs it.
static bool claim(Worker *worker, uint32_t round) {
  uint32_t before = round - 1;
  return atomic_compare_exchange_strong(&worker->claimed, &before, round);
}

static void finish_share(Team *team) {
  if (atomic_fetch_sub(&team->running, 1) == 1) signal_move(&team->finish);
}

static void *work(void *argument) {
  Worker *worker = argument;
  Team *team = worker->team;
  if (team->pinned) pin_self(team, worker->number);
  for (uint32_t round = 0;;) {
    signal_wait(team, &team->start, round);
    round = atomic_load_explicit(&team->start.value, memory_order_acquire);
    if (!claim(worker, round)) continue; // it came late: the caller ran this share
    if (team->closing) return NULL;
    team->task(team->context, worker->number, team->threads);
    finish_share(team);
  }
}

// The shares that no worker has begun when the caller is done with its own. Another process may
// hold their cores, and waiting would cost its time slice. (In a task with barriers all have
// begun.)
static void run_unclaimed(Team *team, uint32_t round) {
  for (int i = 0; i < team->threads - 1; i++) {
    Worker *worker = &team->workers[i];
    if (atomic_load_explicit(&worker->claimed, memory_order_relaxed) == round) continue;
    if (!claim(worker, round)) continue;
    team->task(team->context, worker->number, team->threads);
    finish_share(team);
  }
}

void team_run(Team *team, TeamTask *task, void *context) {
  if (team->threads == 1) {
    task(context, 0, 1);
    return;
  }
  team->task = task;
  team->context = context;
  uint32_t finished = atomic_load_explicit(&team->finish.value, memory_order_relaxed);
  uint32_t round = atomic_load_explicit(&team->start.value, memory_order_relaxed) + 1;
  atomic_store_explicit(&team->running, (uint32_t)team->threads, memory_order_relaxed);
  atomic_store_explicit(&team->arrived.value, 0, memory_order_relaxed);
  signal_move(&team->start);
  task(context, 0, team->threads);
  run_unclaimed(team, round);
  if (atomic_fetch_sub(&team->running, 1) == 1)
    signal_move(&team->finish);
  else
    signal_wait(team, &team->finish, finished);
}

// One word that all add to and wait on: what the last one to arrive writes is what the others read.
void team_barrier(Team *team) {
  uint32_t threads = (uint32_t)team->threads;
  if (threads == 1) return;
  uint32_t before = atomic_fetch_add(&team->arrived.value, 1);
  uint32_t last = before - before % threads + threads - 1;
  if (before == last)
    wake_sleepers(&team->arrived);
  else
    signal_wait(team, &team->arrived, last);
}

static void stop_workers(Team *team, int count) {
  team->closing = true;
  signal_move(&team->start);
  for (int i = 0; i < count; i++) pthread_join(team->workers[i].handle, NULL);
}

static void release(Team *team) {
  Region region = team->region;
  region_unmap(&region);
}

void team_close(Team *team) {
  if (!team) return;
  stop_workers(team, team->threads - 1);
  if (team->pinned) sched_setaffinity(0, sizeof team->previous, &team->previous);
  release(team);
}

static Team *team_create(int threads, bool pin, const cpu_set_t *cores, Error *error) {
  Region region;
  if (!region_map(&region, sizeof(Team) + (size_t)threads * sizeof(Worker), error)) return NULL;
  Team *team = region.data;
  team->region = region;
  team->threads = threads;
  team->pinned = pin;
  team->cores = *cores;
  team->workers = (Worker *)(team + 1);
  // With more threads than cores the one that we wait for may need the core that we spin on.
  bool crowded = threads > CPU_COUNT(cores);
  team->pause_nanoseconds = crowded ? 0 : PAUSE_NANOSECONDS;
  team->spin_nanoseconds = crowded ? 0 : YIELD_NANOSECONDS;
  return team;
}

static bool start_workers(Team *team, Error *error) {
  for (int i = 0; i < team->threads - 1; i++) {
    team->workers[i] = (Worker){.team = team, .number = i + 1};
    int problem = pthread_create(&team->workers[i].handle, NULL, work, &team->workers[i]);
    if (!problem) continue;
    stop_workers(team, i);
    return error_set(error, ERROR_MEMORY, "--threads", "cannot start thread %d of %d: %s", i + 1,
                     team->threads, strerror(problem));
  }
  return true;
}

Team *team_open(int threads, bool pin, Error *error) {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) {
    CPU_ZERO(&cores);
    for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && i < CPU_SETSIZE; i++) CPU_SET(i, &cores);
  }
  if (threads == 0) threads = CPU_COUNT(&cores);
  if (threads < 1 || threads > MAXIMUM_THREADS) {
    error_set(error, ERROR_ARGUMENT, "--threads", "%d threads asked for, 1 to %d expected", threads,
              MAXIMUM_THREADS);
    return NULL;
  }
  Team *team = team_create(threads, pin, &cores, error);
  if (!team) return NULL;
  if (!start_workers(team, error)) {
    release(team);
    return NULL;
  }
  if (pin) {
    team->previous = cores;
    pin_self(team, 0);
  }
  return team;
}

int team_size(const Team *team) {
  return team->threads;
}

void team_share(int64_t count, int64_t grain, int thread, int threads, int64_t *begin,
                int64_t *end) {
  int64_t grains = count / grain + (count % grain != 0);
  int64_t each = grains / threads, more = grains % threads;
  int64_t first = each * thread + (thread < more ? thread : more);
  int64_t last = first + each + (thread < more);
  *begin = first * grain < count ? first * grain : count;
  *end = last * grain < count ? last * grain : count;
}
