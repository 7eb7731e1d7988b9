// SPDX-License-Identifier: Apache-2.0
#include "bench/repository.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_FILE = 1 << 20, PACKED_FILE = 64 << 20 };
static const int64_t git_patience = 5000000000;

// The text of a small file without the line break at its end; NULL: not readable. Caller frees.
static char *read_line(const char *folder, const char *name, size_t limit) {
  char *path = path_join(folder, name);
  Text text = {0};
  Error ignored;
  char *line = NULL;
  if (file_read(path, limit, &text, &ignored)) {
    line = memory_copy_text(text_span(&text).data);
    line[strcspn(line, "\r\n")] = '\0';
  }
  text_free(&text);
  memory_free(path);
  return line;
}

static bool is_commit(const char *text) {
  size_t length = strspn(text, "0123456789abcdef");
  return (length == 40 || length == 64) && text[length] == '\0';
}

// The commit of a reference that lies in packed-refs: lines "COMMIT REFERENCE".
static void find_packed(const char *git, const char *reference, Repository *repository) {
  char *path = path_join(git, "packed-refs");
  Text text = {0};
  Error ignored;
  if (file_read(path, PACKED_FILE, &text, &ignored)) {
    char *rest = NULL;
    for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
      char *space = strchr(line, ' ');
      if (!space || strcmp(space + 1, reference) != 0) continue;
      *space = '\0';
      if (is_commit(line)) snprintf(repository->commit, sizeof repository->commit, "%s", line);
    }
  }
  text_free(&text);
  memory_free(path);
}

static void read_reference(const char *git, const char *reference, Repository *repository) {
  static const char heads[] = "refs/heads/";
  if (strncmp(reference, heads, sizeof heads - 1) == 0)
    snprintf(repository->branch, sizeof repository->branch, "%s", reference + sizeof heads - 1);
  if (strstr(reference, "..")) return;
  char *line = read_line(git, reference, SMALL_FILE);
  if (line && is_commit(line)) snprintf(repository->commit, sizeof repository->commit, "%s", line);
  memory_free(line);
  if (!repository->commit[0]) find_packed(git, reference, repository);
}

static void read_head(const char *git, Repository *repository) {
  static const char mark[] = "ref: ";
  char *head = read_line(git, "HEAD", SMALL_FILE);
  if (head && strncmp(head, mark, sizeof mark - 1) == 0)
    read_reference(git, head + sizeof mark - 1, repository);
  else if (head && is_commit(head))
    snprintf(repository->commit, sizeof repository->commit, "%s", head);
  memory_free(head);
}

// Runs git with the arguments; *line receives its first line. False: it failed or is not there.
static bool ask_git(const char *folder, const char *const *words, char *line, size_t size) {
  char *arguments[16] = {"env", "git", "-C", (char *)folder, "-c", "core.fsmonitor=false"};
  for (int i = 0; words[i] && i < 8; i++) arguments[6 + i] = (char *)words[i];
  ChildOptions options = {.program = "/usr/bin/env", .arguments = arguments, .input = -1};
  Error ignored;
  Child *child = child_start(&options, &ignored);
  if (!child) return false;
  Span found;
  line[0] = '\0';
  if (child_next_line(child, clock_now() + git_patience, -1, &found) == CHILD_LINE)
    snprintf(line, size, "%.*s", (int)(found.size < size ? found.size : size - 1), found.data);
  ChildEnd end = child_finish(child, git_patience, NULL);
  return end.exit_code == 0 || line[0];
}

static void ask_about_commit(const char *folder, Repository *repository) {
  static const char *const message[] = {"log", "-1", "--format=%s", NULL};
  static const char *const status[] = {"status", "--porcelain", "--untracked-files=no", NULL};
  char line[256];
  if (!ask_git(folder, message, repository->message, sizeof repository->message))
    repository->message[0] = '\0';
  if (ask_git(folder, status, line, sizeof line)) repository->dirty = line[0] != '\0';
}

// ".git" is a folder, or (in a work tree) a file that says where it is.
static bool read_at(const char *folder, Repository *repository) {
  char *git = path_join(folder, ".git");
  bool found = folder_exists(git);
  if (found) read_head(git, repository);
  memory_free(git);
  if (found && repository->commit[0]) ask_about_commit(folder, repository);
  return found;
}

Repository repository_read(const char *folder) {
  Repository repository = {.dirty = -1};
  char path[PATH_MAX];
  if (!realpath(folder, path)) return repository;
  while (!read_at(path, &repository)) {
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) break;
    *slash = '\0';
  }
  return repository;
}
