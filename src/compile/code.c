// SPDX-License-Identifier: Apache-2.0
#include "compile/code.h"
#include "base/file.h"
#include "base/memory.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

// The loader knows a library by its path, so the descriptor that the path names stays open while
// the code is loaded.
struct Code {
  void *handle;
  int descriptor;
};

// A memory file of the bytes that nobody can change; -1 with *error set.
static int seal(const void *bytes, size_t size, const char *name, Error *error) {
  int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor >= 0 && file_write_all(descriptor, bytes, size) &&
      fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
    return descriptor;
  error_set_errno(error, name, "cannot hold the built code");
  if (descriptor >= 0) close(descriptor);
  return -1;
}

Code *code_load(const void *bytes, size_t size, const char *name, Error *error) {
  char path[64];
  int descriptor = seal(bytes, size, name, error);
  if (descriptor < 0) return NULL;
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) error_set(error, ERROR_FORMAT, name, "cannot load the built code: %s", dlerror());
  if (!handle) {
    close(descriptor);
    return NULL;
  }
  Code *code = memory_allocate(sizeof *code);
  *code = (Code){handle, descriptor};
  return code;
}

void code_unload(Code *code) {
  if (!code) return;
  dlclose(code->handle);
  close(code->descriptor);
  memory_free(code);
}

void *code_symbol(const Code *code, const char *symbol, Error *error) {
  void *address = dlsym(code->handle, symbol);
  if (!address) error_set(error, ERROR_FORMAT, symbol, "the built code does not export it");
  return address;
}
