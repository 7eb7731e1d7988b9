// SPDX-License-Identifier: Apache-2.0
// The one thread team of a process: resident workers that spin, then park. The caller is thread 0,
// so a team of one starts no thread. Work is split statically by the task itself.
#pragma once
#include "base/error.h"
#include <stdint.h>

typedef struct Team Team;

// What every thread runs: `thread` is 0 … threads-1.
typedef void TeamTask(void *context, int thread, int threads);

// Starts threads-1 workers (1 ≤ threads ≤ 1024; 0: one per core that this process may use). `pin`
// binds thread i to the i-th core that the process may use.
CHECKED Team *team_open(int threads, bool pin, Error *error);
void team_close(Team *team); // NULL is fine
int team_size(const Team *team);
// Runs the task once for each thread number and returns when all are done (a full memory barrier
// both ways). A number whose worker has not begun when the caller is done with its own is run by
// the caller, so that a core that another process holds does not stop the team; a task may
// therefore not keep state in the thread itself.
// Only the thread that opened the team may call it, and not from inside a task.
void team_run(Team *team, TeamTask *task, void *context);
// Inside a task: returns when every thread of the team has arrived. All of them must call it.
void team_barrier(Team *team);

// The part [*begin, *end) of `count` items for one thread, in whole multiples of `grain` but for
// the last; parts differ by at most one grain.
void team_share(int64_t count, int64_t grain, int thread, int threads, int64_t *begin,
                int64_t *end);
