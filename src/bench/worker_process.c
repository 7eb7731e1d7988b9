// SPDX-License-Identifier: Apache-2.0
#include "bench/worker_process.h"
#include "base/clock.h"
#include "base/document.h"
#include "base/python_json.h"
#include "bench/process_usage.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const int64_t patience_ns = 2000000000; // for a worker that has said its last word

// The request in a memory file: a worker that reads nothing cannot block us.
static int request_file(const json_t *request, Error *error) {
  Text text = {0};
  python_json_append(&text, request, PYTHON_JSON_LINE);
  int file = memfd_create("attometer-request", MFD_CLOEXEC);
  bool done = file >= 0 && write(file, text.data, text.size) == (ssize_t)text.size &&
              lseek(file, 0, SEEK_SET) == 0;
  if (!done) error_set_errno(error, "worker", "cannot write its request");
  text_free(&text);
  if (done || file < 0) return file;
  close(file);
  return -1;
}

static void take_error(const json_t *event, WorkerOutcome *outcome) {
  const char *where = json_string_value(json_object_get(event, "where"));
  const char *message = json_string_value(json_object_get(event, "message"));
  json_int_t code = json_integer_value(json_object_get(event, "code"));
  bool known = code > ERROR_NONE && code <= ERROR_INTERRUPTED;
  error_set(&outcome->error, known ? (ErrorCode)code : ERROR_CHILD, where, "%s",
            message ? message : "failed without a message");
  outcome->status = WORKER_REFUSED;
}

static void take_garbage(Span line, WorkerOutcome *outcome) {
  char start[41];
  size_t size = line.size < sizeof start - 1 ? line.size : sizeof start - 1;
  for (size_t i = 0; i < size; i++)
    start[i] = line.data[i] >= ' ' && line.data[i] < 0x7F ? line.data[i] : '?';
  start[size] = '\0';
  error_set(&outcome->error, ERROR_CHILD, NULL,
            "its process sent something that is no message: \"%s\"", start);
  outcome->status = WORKER_FAILED;
}

// What one line says. True: the last word has been said.
static bool take_line(Span line, WorkerListener *listener, void *context, WorkerOutcome *outcome) {
  Error ignored;
  json_t *event = document_parse(line.data, line.size, "worker", &ignored);
  const char *kind = json_string_value(json_object_get(event, "event"));
  bool last = true;
  if (!kind) {
    take_garbage(line, outcome);
  } else if (strcmp(kind, "progress") == 0) {
    const char *phase = json_string_value(json_object_get(event, "phase"));
    if (listener)
      listener(context, phase ? phase : "", json_integer_value(json_object_get(event, "done")),
               json_integer_value(json_object_get(event, "total")));
    last = false;
  } else if (strcmp(kind, "error") == 0) {
    take_error(event, outcome);
  } else if (strcmp(kind, "result") == 0) {
    outcome->status = WORKER_DONE;
    outcome->result = json_incref(event);
  } else {
    take_garbage(line, outcome);
  }
  json_decref(event);
  return last;
}

// Follows the child until it has said its last word or must be ended. True: it may end by itself.
static bool follow(Child *child, const WorkerCommand *command, WorkerListener *listener,
                   void *context, WorkerOutcome *outcome) {
  int64_t deadline = clock_now() + command->timeout_ns;
  for (;;) {
    Span line;
    switch (child_next_line(child, deadline, command->interrupt, &line)) {
    case CHILD_LINE:
      if (take_line(line, listener, context, outcome)) return outcome->status != WORKER_FAILED;
      break;
    case CHILD_ENDED: return true;
    case CHILD_TIMED_OUT:
      outcome->status = WORKER_TIMED_OUT;
      error_set(&outcome->error, ERROR_CHILD, NULL,
                "no end within %.3g s, its process was ended (--timeout)",
                clock_seconds(command->timeout_ns));
      return false;
    case CHILD_INTERRUPTED:
      outcome->status = WORKER_INTERRUPTED;
      error_set(&outcome->error, ERROR_INTERRUPTED, NULL, "interrupted");
      return false;
    case CHILD_FLOODED:
      error_set(&outcome->error, ERROR_CHILD, NULL, "its process sent a line without end");
      return false;
    }
  }
}

// The last line of what it wrote on standard error, without the program's name.
static const char *last_words(Text *errors) {
  while (errors->size && strchr("\r\n ", errors->data[errors->size - 1]))
    errors->data[--errors->size] = '\0';
  if (errors->size == 0) return "";
  char *line = memrchr(errors->data, '\n', errors->size);
  line = line ? line + 1 : errors->data;
  for (char *at = line; *at; at++)
    if ((unsigned char)*at < ' ' || (unsigned char)*at > '~') *at = '?';
  return line;
}

// A process that ended without its last word.
static void explain_end(const ChildEnd *end, Text *errors, bool out_of_memory,
                        WorkerOutcome *outcome) {
  const char *words = last_words(errors);
  if (end->signal && out_of_memory)
    error_set(&outcome->error, ERROR_MEMORY, NULL,
              "its process was killed by the system for lack of memory");
  else if (end->signal)
    error_set(&outcome->error, ERROR_CHILD, NULL, "its process was ended by signal %d (%s)%s%.200s",
              end->signal, strsignal(end->signal), words[0] ? ": " : "", words);
  else if (end->exit_code == error_exit_code(ERROR_MEMORY))
    error_set(&outcome->error, ERROR_MEMORY, NULL, "its process ran out of memory");
  else
    error_set(&outcome->error, ERROR_CHILD, NULL,
              "its process ended with exit code %d and no answer%s%.200s", end->exit_code,
              words[0] ? ": " : "", words);
}

static void run_child(const WorkerCommand *command, const ChildOptions *options,
                      WorkerListener *listener, void *context, WorkerOutcome *outcome) {
  ProcessUsage before = process_usage_now("");
  Child *child = child_start(options, &outcome->error);
  if (!child) return;
  outcome->error.code = ERROR_NONE;
  bool patient = follow(child, command, listener, context, outcome);
  Text errors = {0};
  ChildEnd end = child_finish(child, patient ? patience_ns : 0, &errors);
  ProcessUsage after = process_usage_now("");
  outcome->peak_bytes = end.peak_bytes;
  if (outcome->status == WORKER_FAILED && outcome->error.code == ERROR_NONE)
    explain_end(&end, &errors, process_usage_between(&before, &after).out_of_memory_kills > 0,
                outcome);
  text_free(&errors);
}

WorkerOutcome worker_process_run(const WorkerCommand *command, json_t *request,
                                 const int *descriptors, int count, WorkerListener *listener,
                                 void *context) {
  WorkerOutcome outcome = {.status = WORKER_FAILED};
  int input = request_file(request, &outcome.error);
  json_decref(request);
  if (input < 0) return outcome;
  ChildOptions options = {command->program, command->arguments, input, descriptors, count};
  run_child(command, &options, listener, context, &outcome);
  close(input);
  return outcome;
}
