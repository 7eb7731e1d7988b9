// SPDX-License-Identifier: Apache-2.0
#include "compile/build.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OBJECT_LIMIT = 64 << 20, MOST_FLAGS = 48, PATH_SIZE = 512, FOLDER_SIZE = 384 };

// A shared object of position-independent code that stands on no library, not even the C library.
static const char *const shared_flags[] = {"-x",
                                           "c",
                                           "-std=gnu17",
                                           "-shared",
                                           "-fPIC",
                                           "-nostdlib",
                                           "-w",
                                           "-fno-math-errno",
                                           "-fvisibility=hidden"};

typedef struct {
  Child *child;
  int64_t begin;
  char source[PATH_SIZE], object[PATH_SIZE];
} Running;

static bool make_folder(char folder[FOLDER_SIZE], Error *error) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, FOLDER_SIZE, "%s/attometer-build-XXXXXX", base && base[0] ? base : "/tmp");
  if (mkdtemp(folder)) return true; // mode 0700
  return error_set_errno(error, folder, "cannot make a folder to build in");
}

static int fill_words(const BuildOptions *options, const BuildJob *job, const Running *running,
                      char *words[MOST_FLAGS]) {
  int count = 0;
  for (int i = 0; options->toolchain->words[i]; i++)
    words[count++] = (char *)options->toolchain->words[i];
  for (size_t i = 0; i < COUNT_OF(shared_flags); i++) words[count++] = (char *)shared_flags[i];
  for (int i = 0; job->flags && job->flags[i] && count < MOST_FLAGS - 4; i++)
    words[count++] = (char *)job->flags[i];
  words[count++] = "-o";
  words[count++] = (char *)running->object;
  words[count++] = (char *)running->source;
  words[count] = NULL;
  return count;
}

static bool start(const BuildOptions *options, const BuildJob *job, const char *folder, int number,
                  Running *running, Error *error) {
  char *words[MOST_FLAGS + 1];
  running->begin = clock_now();
  snprintf(running->source, PATH_SIZE, "%s/%.64s-%d.c", folder, job->name, number);
  snprintf(running->object, PATH_SIZE, "%s/%.64s-%d.so", folder, job->name, number);
  if (!file_write_new(running->source, job->source, strlen(job->source), error)) return false;
  fill_words(options, job, running, words);
  ChildOptions child = {.program = words[0], .arguments = words, .input = -1};
  running->child = child_start(&child, error);
  return running->child != NULL;
}

static bool judge(const BuildJob *job, ChildEvent event, ChildEnd end, const Text *messages,
                  int64_t timeout_ns, Error *error) {
  if (event == CHILD_TIMED_OUT)
    return error_set(error, ERROR_CHILD, job->name, "the compiler took longer than %.0f s",
                     (double)timeout_ns / 1e9);
  if (event == CHILD_INTERRUPTED)
    return error_set(error, ERROR_INTERRUPTED, job->name, "interrupted while building");
  if (end.exit_code == 0) return true;
  if (end.signal)
    return error_set(error, ERROR_CHILD, job->name, "the compiler was ended by signal %d (%s)",
                     end.signal, strsignal(end.signal));
  return error_set(error, ERROR_CHILD, job->name, "the compiler failed (exit code %d): %s",
                   end.exit_code, text_ending(text_span(messages).data, 300));
}

static void wait_for(const BuildOptions *options, const BuildJob *job, Running *running,
                     Build *build) {
  Span line;
  ChildEvent event;
  int64_t deadline = running->begin + options->timeout_ns;
  do event = child_next_line(running->child, deadline, options->interrupt, &line);
  while (event == CHILD_LINE);
  int64_t patience = event == CHILD_ENDED ? deadline - clock_now() : 0;
  ChildEnd end = child_finish(running->child, patience > 0 ? patience : 0, &build->messages);
  build->build_ns = clock_now() - running->begin;
  build->done = judge(job, event, end, &build->messages, options->timeout_ns, &build->error) &&
                file_read(running->object, OBJECT_LIMIT, &build->object, &build->error);
}

static void remove_files(const Running *running) {
  unlink(running->source);
  unlink(running->object);
}

// Jobs [first, last) at once; each is waited for in turn, none longer than its own limit.
static void run_some(const BuildOptions *options, const BuildJob *jobs, int first, int last,
                     const char *folder, Build *builds) {
  Running *running = memory_allocate((size_t)(last - first) * sizeof *running);
  for (int i = first; i < last; i++)
    if (!start(options, &jobs[i], folder, i, &running[i - first], &builds[i].error))
      running[i - first].child = NULL;
  for (int i = first; i < last; i++) {
    if (running[i - first].child) wait_for(options, &jobs[i], &running[i - first], &builds[i]);
    remove_files(&running[i - first]);
  }
  memory_free(running);
}

bool build_all(const BuildOptions *options, const BuildJob *jobs, int count, Build *builds,
               Error *error) {
  char folder[FOLDER_SIZE];
  bool interrupted = false;
  memset(builds, 0, (size_t)count * sizeof *builds);
  if (!make_folder(folder, error)) return false;
  for (int i = 0; i < count && !interrupted; i += options->at_once) {
    int last = i + options->at_once < count ? i + options->at_once : count;
    run_some(options, jobs, i, last, folder, builds);
    for (int j = i; j < last; j++)
      interrupted = interrupted || builds[j].error.code == ERROR_INTERRUPTED;
  }
  rmdir(folder);
  return !interrupted || error_set(error, ERROR_INTERRUPTED, NULL, "interrupted while building");
}

void build_free(Build *build) {
  text_free(&build->object);
  text_free(&build->messages);
}
