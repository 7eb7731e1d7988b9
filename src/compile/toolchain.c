// SPDX-License-Identifier: Apache-2.0
#include "compile/toolchain.h"
#include "base/child.h"
#include "base/clock.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_NANOSECONDS ((int64_t)10 * 1000 * 1000 * 1000)

static bool is_program(const char *path) {
  struct stat facts;
  return access(path, X_OK) == 0 && stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

// The file that a command name stands for, along PATH.
static bool find_program(const char *name, char path[PATH_MAX]) {
  if (strchr(name, '/')) {
    snprintf(path, PATH_MAX, "%s", name);
    return is_program(path);
  }
  const char *folders = getenv("PATH");
  for (const char *at = folders ? folders : ""; *at;) {
    int size = (int)strcspn(at, ":");
    int written = snprintf(path, PATH_MAX, "%.*s/%s", size, at, name);
    if (size > 0 && written < PATH_MAX && is_program(path)) return true;
    at += size + (at[size] == ':');
  }
  return false;
}

// Splits the command into words; the first becomes a path.
static bool set_words(Toolchain *toolchain, const char *command) {
  char path[PATH_MAX], copy[TOOLCHAIN_TEXT];
  int count = 0;
  size_t used = 0;
  if ((size_t)snprintf(copy, sizeof copy, "%s", command) >= sizeof copy) return false;
  for (char *state, *word = strtok_r(copy, " \t", &state); word;
       word = strtok_r(NULL, " \t", &state)) {
    if (count == 0 && find_program(word, path)) word = path;
    size_t size = strlen(word) + 1;
    if (count == TOOLCHAIN_WORDS || used + size > TOOLCHAIN_TEXT) return false;
    toolchain->words[count++] = memcpy(toolchain->text + used, word, size);
    used += size;
  }
  toolchain->words[count] = NULL;
  return count > 0 && is_program(toolchain->words[0]);
}

static void add_identity(Toolchain *toolchain, const char *word) {
  char path[PATH_MAX], real[PATH_MAX];
  struct stat facts;
  if (!find_program(word, path) || !realpath(path, real) || stat(real, &facts) != 0) return;
  size_t used = strlen(toolchain->identity);
  snprintf(toolchain->identity + used, sizeof toolchain->identity - used,
           "%s %" PRId64 " %" PRId64 ".%09ld;", real, (int64_t)facts.st_size,
           (int64_t)facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
}

static bool ask_version(Toolchain *toolchain, int interrupt) {
  char *words[TOOLCHAIN_WORDS + 2];
  int count = 0;
  while (toolchain->words[count]) {
    words[count] = (char *)toolchain->words[count];
    count++;
  }
  words[count++] = "--version";
  words[count] = NULL;
  ChildOptions options = {.program = words[0], .arguments = words, .input = -1};
  Error ignored;
  Span line;
  Child *child = child_start(&options, &ignored);
  if (!child) return false;
  int64_t deadline = clock_now() + ANSWER_NANOSECONDS;
  bool answered = child_next_line(child, deadline, interrupt, &line) == CHILD_LINE;
  if (answered)
    snprintf(toolchain->version, sizeof toolchain->version, "%.*s", (int)line.size, line.data);
  while (answered && child_next_line(child, deadline, interrupt, &line) == CHILD_LINE) continue;
  return child_finish(child, answered ? ANSWER_NANOSECONDS : 0, NULL).exit_code == 0 && answered;
}

static bool try_command(Toolchain *toolchain, const char *command) {
  *toolchain = (Toolchain){0};
  if (!command || !set_words(toolchain, command)) return false;
  for (int i = 0; toolchain->words[i]; i++) add_identity(toolchain, toolchain->words[i]);
  return true;
}

// The commands in the order in which they are tried: $CC alone, where it is set.
static const char *command_at(int index) {
  static const char *const commands[] = {"cc", "gcc", "clang"};
  const char *wanted = getenv("CC");
  if (wanted && wanted[0]) return index == 0 ? wanted : NULL;
  return index < (int)COUNT_OF(commands) ? commands[index] : NULL;
}

static bool refuse(Error *error) {
  const char *wanted = getenv("CC");
  if (wanted && wanted[0])
    return error_set(error, ERROR_UNSUPPORTED, "CC", "\"%s\" is no compiler that answers --version",
                     wanted);
  return error_set(error, ERROR_UNSUPPORTED, NULL,
                   "no C compiler: neither $CC nor cc, gcc or clang is on the PATH");
}

bool toolchain_find(Toolchain *toolchain, int interrupt, Error *error) {
  for (int i = 0; command_at(i); i++)
    if (try_command(toolchain, command_at(i)) && ask_version(toolchain, interrupt)) return true;
  return refuse(error);
}

bool toolchain_exists(Error *error) {
  Toolchain toolchain;
  for (int i = 0; command_at(i); i++)
    if (try_command(&toolchain, command_at(i))) return true;
  return refuse(error);
}
