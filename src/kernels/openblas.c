// SPDX-License-Identifier: Apache-2.0
#include "kernels/openblas.h"
#include <dlfcn.h>
#include <stdlib.h>

#if defined(__has_feature)
#define BUILT_WITH(FEATURE) __has_feature(FEATURE)
#else
#define BUILT_WITH(FEATURE) 0
#endif

// Deep binding keeps another library's BLAS from taking its place; the address sanitizer, which
// takes the place of functions itself, does not allow it.
#if defined(__SANITIZE_ADDRESS__) || BUILT_WITH(address_sanitizer)
enum { BINDING = RTLD_NOW | RTLD_LOCAL };
#else
enum { BINDING = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND };
#endif

// Values of the CBLAS interface.
enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };
enum { NO_THREADS = 0 };

static bool find(void *library, const char *name, void *entry, Error *error) {
  void *found = dlsym(library, name);
  *(void **)entry = found;
  return found || error_set(error, ERROR_UNSUPPORTED, OPENBLAS_FILE, "lacks %s", name);
}

bool openblas_open(const char *file, Openblas *openblas, Error *error) {
  void (*set_threads)(int threads);
  int (*parallel)(void);
  char *(*configuration)(void);
  // Read when it is opened: without it, it starts a thread for each core.
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen(file, BINDING);
  if (!library)
    return error_set(error, ERROR_NOT_FOUND, file, "not installed (Debian: libopenblas0-pthread)");
  if (!find(library, "cblas_sgemm", &openblas->sgemm, error) ||
      !find(library, "cblas_sgemv", &openblas->sgemv, error) ||
      !find(library, "openblas_set_num_threads", &set_threads, error) ||
      !find(library, "openblas_get_parallel", &parallel, error) ||
      !find(library, "openblas_get_config", &configuration, error))
    return false;
  if (parallel() == NO_THREADS)
    return error_set(error, ERROR_UNSUPPORTED, file,
                     "built without threads (take libopenblas0-pthread)");
  set_threads(1);
  openblas->configuration = configuration();
  return true;
}

void openblas_product(const Openblas *openblas, int64_t rows, int64_t columns, int64_t depth,
                      const float *x, const float *w, int64_t begin, int64_t end, float *y) {
  if (begin >= end) return;
  int count = (int)(end - begin), k = (int)depth;
  const float *block = w + begin * depth;
  if (rows == 1)
    openblas->sgemv(ROW_MAJOR, AS_IT_IS, count, k, 1.0f, block, k, x, 1, 0.0f, y + begin, 1);
  else
    openblas->sgemm(ROW_MAJOR, AS_IT_IS, TRANSPOSED, (int)rows, count, k, 1.0f, x, k, block, k,
                    0.0f, y + begin, (int)columns);
}
