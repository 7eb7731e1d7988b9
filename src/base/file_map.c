// SPDX-License-Identifier: Apache-2.0
#include "base/file_map.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map_descriptor(FileMap *map, int descriptor, const char *path, Error *error) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return error_set_errno(error, path, "cannot inspect");
  if (!S_ISREG(status.st_mode))
    return error_set(error, ERROR_ARGUMENT, path, "is not a regular file");
  if (status.st_size == 0) {
    *map = (FileMap){(const unsigned char *)"", 0};
    return true;
  }
  void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (data == MAP_FAILED) return error_set_errno(error, path, "cannot map");
  *map = (FileMap){data, (size_t)status.st_size};
  return true;
}

bool file_map_open(FileMap *map, const char *path, Error *error) {
  *map = (FileMap){0};
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return error_set_errno(error, path, "cannot open");
  bool mapped = map_descriptor(map, descriptor, path, error);
  close(descriptor);
  return mapped;
}

void file_map_close(FileMap *map) {
  if (map->size) munmap((void *)map->data, map->size);
  *map = (FileMap){0};
}

static void advise(const FileMap *map, const void *begin, size_t size, int advice) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t first = ((uintptr_t)begin + page - 1) & ~(page - 1);
  uintptr_t last = ((uintptr_t)begin + size) & ~(page - 1);
  if (map->size && first < last) madvise((void *)first, last - first, advice);
}

void file_map_will_read(const FileMap *map, const void *begin, size_t size) {
  advise(map, begin, size, MADV_WILLNEED);
}

void file_map_release(const FileMap *map, const void *begin, size_t size) {
  advise(map, begin, size, MADV_DONTNEED);
}
