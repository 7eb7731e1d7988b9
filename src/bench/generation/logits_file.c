// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/logits_file.h"
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool lies_inside(int descriptor, int64_t offset, int64_t bytes, Error *error) {
  struct stat status;
  if (fstat(descriptor, &status) != 0)
    return error_set_errno(error, "reference logits", "cannot look at the memory file");
  if (offset < 0 || offset > status.st_size || bytes > status.st_size - offset)
    return error_set(error, ERROR_FORMAT, "reference logits",
                     "%" PRId64 " bytes at %" PRId64 " do not lie in a file of %" PRId64, bytes,
                     offset, (int64_t)status.st_size);
  return true;
}

bool logits_file_map(LogitsView *view, int descriptor, int64_t offset, int64_t count, bool writable,
                     Error *error) {
  *view = (LogitsView){0};
  int64_t bytes, page = sysconf(_SC_PAGESIZE), before = offset % page;
  if (count < 1 || __builtin_mul_overflow(count, (int64_t)sizeof(float), &bytes))
    return error_set(error, ERROR_FORMAT, "reference logits", "%" PRId64 " values", count);
  if (!lies_inside(descriptor, offset, bytes, error)) return false;
  int protection = PROT_READ | (writable ? PROT_WRITE : 0);
  void *mapping = mmap(NULL, (size_t)(bytes + before), protection, MAP_SHARED, descriptor,
                       (off_t)(offset - before));
  if (mapping == MAP_FAILED) return error_set_errno(error, "reference logits", "cannot map");
  *view = (LogitsView){(float *)((char *)mapping + before), mapping, bytes + before};
  return true;
}

void logits_file_unmap(LogitsView *view) {
  if (view->mapping) munmap(view->mapping, (size_t)view->mapped);
  *view = (LogitsView){0};
}
