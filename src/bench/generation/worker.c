// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/worker.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "bench/generation/request.h"
#include "bench/generation/worker_events.h"
#include "bench/generation/worker_tasks.h"
#include "bench/process_usage.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static bool read_all(int input, Text *text, Error *error) {
  char buffer[65536];
  for (;;) {
    ssize_t count = read(input, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error_set_errno(error, "request", "cannot read");
    if (count == 0) return true;
    if (text->size + (size_t)count > REQUEST_LIMIT)
      return error_set(error, ERROR_FORMAT, "request", "is larger than %d bytes", REQUEST_LIMIT);
    text_append(text, buffer, (size_t)count);
  }
}

static bool read_request(int input, Arena *arena, WorkerRequest *request, Error *error) {
  Text text = {0};
  bool done = read_all(input, &text, error);
  json_t *root = done ? document_parse(text_span(&text).data, text.size, "request", error) : NULL;
  text_free(&text);
  if (!root) return false;
  Field field = field_root(root, "request");
  done = request_read(&field, arena, request, error);
  json_decref(root);
  return done;
}

static json_t *run_task(const WorkerRequest *request, Team *team, int output, Error *error) {
  switch (request->task) {
  case TASK_MAKE: return worker_make(request, team, error);
  case TASK_REFERENCE: return worker_reference(request, team, output, error);
  case TASK_SCENARIO: return worker_scenario(request, team, output, error);
  }
  return NULL;
}

static bool work(int input, int output, Arena *arena, Error *error) {
  WorkerRequest request;
  if (!read_request(input, arena, &request, error)) return false;
  Team *team = team_open((int)request.threads, request.pin, error);
  if (!team) return false;
  json_t *result = run_task(&request, team, output, error);
  team_close(team);
  if (!result) return false;
  return worker_event_result(output, result) ||
         error_set_errno(error, "worker", "cannot send the result");
}

// When memory runs out the scenario is to go, not the parent or somebody else's process.
static void offer_to_the_system(void) {
  static const char score[] = "800";
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t written = write(file, score, sizeof score - 1);
  (void)written; // where it is not allowed, all processes are equal
  close(file);
}

bool worker_run(int input, int output, Error *error) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); // a worker never outlives its parent
  signal(SIGPIPE, SIG_IGN);
  offer_to_the_system();
  Arena *arena = arena_open(0);
  bool done = work(input, output, arena, error);
  if (!done) worker_event_error(output, error);
  arena_close(arena);
  return done;
}
