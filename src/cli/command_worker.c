// SPDX-License-Identifier: Apache-2.0
#include "cli/command_worker.h"
#include "bench/worker.h"
#include <fcntl.h>
#include <unistd.h>

// Whatever a library prints goes to standard error, so that only our events reach the parent.
static bool run(const Arguments *arguments, Error *error) {
  (void)arguments;
  int events = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 16);
  if (events < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    return error_set_errno(error, "worker", "cannot set its output apart");
  bool done = worker_run(STDIN_FILENO, events, error);
  close(events);
  return done;
}

const Command command_worker = {
    .name = "worker",
    .summary = "run one scenario for `attometer run`",
    .description = "Reads one request on standard input and answers in lines of JSON.",
    .hidden = true,
    .run = run,
};
