// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_exists(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

bool folder_exists(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// A pipe or a device may never end, or make the reader wait for a writer.
static bool check_regular(int descriptor, const char *path, Error *error) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return error_set_errno(error, path, "cannot inspect");
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) return true; // reading says which
  return error_set(error, ERROR_ARGUMENT, path, "is not a regular file");
}

static bool read_descriptor(int descriptor, const char *path, size_t limit, Text *text,
                            Error *error) {
  char buffer[16384];
  for (;;) {
    ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error_set_errno(error, path, "cannot read");
    if (count == 0) return true;
    if (text->size + (size_t)count > limit)
      return error_set(error, ERROR_FORMAT, path, "is larger than the limit of %zu bytes", limit);
    text_append(text, buffer, (size_t)count);
  }
}

bool file_read(const char *path, size_t limit, Text *text, Error *error) {
  text_clear(text);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return error_set_errno(error, path, "cannot open");
  bool done = check_regular(descriptor, path, error) &&
              read_descriptor(descriptor, path, limit, text, error);
  close(descriptor);
  return done;
}

bool file_write_all(int descriptor, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t count = write(descriptor, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes += count;
    size -= (size_t)count;
  }
  return true;
}

bool file_write_new(const char *path, const void *bytes, size_t size, Error *error) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool done = descriptor >= 0 && file_write_all(descriptor, bytes, size);
  if (!done) error_set_errno(error, path, "cannot write");
  if (descriptor >= 0) close(descriptor);
  return done;
}

bool file_may_be_replaced(const char *path, Error *error) {
  struct stat status;
  if (stat(path, &status) != 0 || S_ISREG(status.st_mode)) return true;
  return error_set(error, ERROR_ARGUMENT, path, "is not a regular file");
}

bool file_write_atomically(const char *path, const void *bytes, size_t size, Error *error) {
  if (!file_may_be_replaced(path, error)) return false;
  Text temporary = {0};
  text_append_format(&temporary, "%s.tmp.%ld", path, (long)getpid());
  int descriptor = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  bool done = descriptor >= 0 && file_write_all(descriptor, bytes, size) && fsync(descriptor) == 0;
  if (descriptor >= 0 && close(descriptor) != 0) done = false;
  done = done && rename(temporary.data, path) == 0;
  if (!done) {
    error_set_errno(error, path, "cannot write");
    if (descriptor >= 0) unlink(temporary.data);
  }
  text_free(&temporary);
  return done;
}

bool folder_make(const char *path, Error *error) {
  char *partial = memory_copy_text(path);
  bool done = true;
  for (char *end = partial + 1; done && partial[0]; end++) {
    if (*end != '/' && *end != '\0') continue;
    char saved = *end;
    *end = '\0';
    done = mkdir(partial, 0777) == 0 || errno == EEXIST;
    *end = saved;
    if (saved == '\0') break;
  }
  if (done && !folder_exists(path)) {
    errno = ENOTDIR;
    done = false;
  }
  if (!done) error_set_errno(error, path, "cannot make the folder");
  memory_free(partial);
  return done;
}

char *path_join(const char *folder, const char *name) {
  Text path = {0};
  size_t length = strlen(folder);
  bool bare = length == 0 || folder[length - 1] == '/';
  text_append_format(&path, bare ? "%s%s" : "%s/%s", folder, name);
  return path.data;
}
