// SPDX-License-Identifier: Apache-2.0
#include "bench/worker.h"
#include "base/text.h"
#include "bench/attention/cell_request.h"
#include "bench/attention/cell_task.h"
#include "bench/generation/request.h"
#include "bench/generation/worker_tasks.h"
#include "bench/process_usage.h"
#include "bench/worker_events.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
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

static json_t *read_request(int input, Error *error) {
  Text text = {0};
  json_t *root = NULL;
  if (read_all(input, &text, error))
    root = document_parse(text_span(&text).data, text.size, "request", error);
  text_free(&text);
  return root;
}

static json_t *run_task(const json_t *request, int output, Error *error) {
  Field field = field_root(request, "request");
  const char *task = json_string_value(json_object_get(request, "task"));
  return task && strcmp(task, CELL_TASK) == 0 ? cell_task_run(&field, output, error)
                                              : worker_task_run(&field, output, error);
}

static bool work(int input, int output, Error *error) {
  json_t *request = read_request(input, error);
  if (!request) return false;
  json_t *result = run_task(request, output, error);
  json_decref(request);
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
  bool done = work(input, output, error);
  if (!done) worker_event_error(output, error);
  return done;
}
