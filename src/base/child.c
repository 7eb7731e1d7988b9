// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/clock.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERRORS_KEPT = 4096, READ_SIZE = 65536 };

struct Child {
  pid_t process;
  int output, errors; // our ends of its pipes; -1 once closed
  Text received;      // bytes of its output, from `consumed` on not yet handed out
  size_t consumed, scanned;
  Text error_tail;
};

static void close_descriptor(int *descriptor) {
  if (*descriptor >= 0) close(*descriptor);
  *descriptor = -1;
}

// What the child gets as 0, 1, 2, 3, … The sources are first copied above every target, so that
// no target overwrites a source that is still needed.
static bool plan_descriptors(posix_spawn_file_actions_t *actions, const int *sources, int count,
                             int *copies) {
  for (int i = 0; i < count; i++) {
    copies[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, CHILD_FIRST_DESCRIPTOR + count);
    if (copies[i] < 0 || posix_spawn_file_actions_adddup2(actions, copies[i], i) != 0) return false;
  }
  return posix_spawn_file_actions_addclosefrom_np(actions, count) == 0;
}

static bool plan_signals(posix_spawnattr_t *attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  return posix_spawnattr_setflags(attributes, flags) == 0 &&
         posix_spawnattr_setsigmask(attributes, &none) == 0 &&
         posix_spawnattr_setsigdefault(attributes, &all) == 0 &&
         posix_spawnattr_setpgroup(attributes, 0) == 0;
}

static bool spawn(Child *child, const ChildOptions *options, const int *sources, int count) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int copies[CHILD_FIRST_DESCRIPTOR + CHILD_MAX_DESCRIPTORS];
  for (int i = 0; i < count; i++) copies[i] = -1;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  bool done = plan_descriptors(&actions, sources, count, copies) && plan_signals(&attributes);
  if (done) {
    errno = posix_spawn(&child->process, options->program, &actions, &attributes,
                        options->arguments, environ);
    done = errno == 0;
  }
  int number = errno;
  for (int i = 0; i < count; i++) close_descriptor(&copies[i]);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  errno = number;
  return done;
}

static bool start_with_pipes(Child *child, const ChildOptions *options, int output, int errors,
                             int input) {
  int sources[CHILD_FIRST_DESCRIPTOR + CHILD_MAX_DESCRIPTORS] = {input, output, errors};
  for (int i = 0; i < options->descriptor_count; i++)
    sources[CHILD_FIRST_DESCRIPTOR + i] = options->descriptors[i];
  return spawn(child, options, sources, CHILD_FIRST_DESCRIPTOR + options->descriptor_count);
}

Child *child_start(const ChildOptions *options, Error *error) {
  Child *child = memory_allocate(sizeof *child);
  int output[2] = {-1, -1}, errors[2] = {-1, -1};
  int nothing = options->input < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
  bool done = options->descriptor_count <= CHILD_MAX_DESCRIPTORS && pipe2(output, O_CLOEXEC) == 0 &&
              pipe2(errors, O_CLOEXEC) == 0 &&
              start_with_pipes(child, options, output[1], errors[1],
                               options->input < 0 ? nothing : options->input);
  if (!done) error_set_errno(error, options->program, "cannot start a child process");
  close_descriptor(&output[1]);
  close_descriptor(&errors[1]);
  close_descriptor(&nothing);
  child->output = output[0];
  child->errors = errors[0];
  if (done) return child;
  close_descriptor(&child->output);
  close_descriptor(&child->errors);
  memory_free(child);
  return NULL;
}

// Keeps the last ERRORS_KEPT bytes of what the child wrote on standard error.
static void read_errors(Child *child) {
  char buffer[ERRORS_KEPT];
  ssize_t count = read(child->errors, buffer, sizeof buffer);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) {
    close_descriptor(&child->errors);
    return;
  }
  text_append(&child->error_tail, buffer, (size_t)count);
  if (child->error_tail.size <= ERRORS_KEPT) return;
  size_t excess = child->error_tail.size - ERRORS_KEPT;
  memmove(child->error_tail.data, child->error_tail.data + excess, ERRORS_KEPT + 1);
  child->error_tail.size = ERRORS_KEPT;
}

static void read_output(Child *child) {
  char buffer[READ_SIZE];
  ssize_t count = read(child->output, buffer, sizeof buffer);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0)
    close_descriptor(&child->output);
  else
    text_append(&child->received, buffer, (size_t)count);
}

// Hands out a whole line that was received already; remembers how far it looked.
static bool take_line(Child *child, Span *line) {
  Text *text = &child->received;
  char *end = text->size > child->scanned
                  ? memchr(text->data + child->scanned, '\n', text->size - child->scanned)
                  : NULL;
  child->scanned = text->size;
  if (!end) return false;
  *line = (Span){text->data + child->consumed, (size_t)(end - text->data) - child->consumed};
  child->consumed = child->scanned = (size_t)(end - text->data) + 1;
  return true;
}

static void drop_consumed(Child *child) {
  if (child->consumed == 0) return;
  child->received.size -= child->consumed;
  memmove(child->received.data, child->received.data + child->consumed, child->received.size + 1);
  child->scanned -= child->consumed;
  child->consumed = 0;
}

static int milliseconds_until(int64_t deadline) {
  int64_t left = deadline - clock_now();
  if (left <= 0) return 0;
  int64_t milliseconds = left / 1000000 + 1;
  return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

ChildEvent child_next_line(Child *child, int64_t deadline, int interrupt, Span *line) {
  for (;;) {
    if (take_line(child, line)) return CHILD_LINE;
    drop_consumed(child);
    if (child->received.size > CHILD_LINE_LIMIT) return CHILD_FLOODED;
    if (child->output < 0) return CHILD_ENDED;
    struct pollfd waits[] = {
        {interrupt, POLLIN, 0}, {child->errors, POLLIN, 0}, {child->output, POLLIN, 0}};
    int ready = poll(waits, COUNT_OF(waits), milliseconds_until(deadline));
    if (ready == 0 && clock_now() >= deadline) return CHILD_TIMED_OUT;
    if (ready <= 0) continue;
    if (waits[0].revents) return CHILD_INTERRUPTED;
    if (waits[1].revents) read_errors(child);
    if (waits[2].revents) read_output(child);
    if (clock_now() >= deadline) return CHILD_TIMED_OUT;
  }
}

// True once the child has ended and can be waited for without blocking.
static bool ended_within(const Child *child, int64_t patience) {
  int descriptor = pidfd_open(child->process, 0);
  if (descriptor < 0) return false;
  struct pollfd wait = {descriptor, POLLIN, 0};
  int64_t deadline = clock_now() + patience;
  int ready;
  do ready = poll(&wait, 1, milliseconds_until(deadline));
  while (ready < 0 && errno == EINTR);
  close(descriptor);
  return ready > 0;
}

// Reads what is left of standard error without waiting for more.
static void drain_errors(Child *child) {
  if (child->errors < 0) return;
  fcntl(child->errors, F_SETFL, O_NONBLOCK);
  for (int rounds = 0; child->errors >= 0 && rounds < 64; rounds++) read_errors(child);
}

ChildEnd child_finish(Child *child, int64_t patience, Text *errors) {
  if (!ended_within(child, patience)) kill(-child->process, SIGKILL);
  int status = 0;
  struct rusage usage = {0};
  while (wait4(child->process, &status, 0, &usage) < 0 && errno == EINTR) continue;
  drain_errors(child);
  if (errors) text_append(errors, text_span(&child->error_tail).data, child->error_tail.size);
  close_descriptor(&child->output);
  close_descriptor(&child->errors);
  text_free(&child->received);
  text_free(&child->error_tail);
  memory_free(child);
  int64_t peak = (int64_t)usage.ru_maxrss * 1024;
  if (WIFSIGNALED(status)) return (ChildEnd){-1, WTERMSIG(status), peak};
  return (ChildEnd){WEXITSTATUS(status), 0, peak};
}

pid_t child_process(const Child *child) {
  return child->process;
}
