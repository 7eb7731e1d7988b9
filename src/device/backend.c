// SPDX-License-Identifier: Apache-2.0
#include "device/backend.h"
#include "device/cpu.h"
#include "device/cuda_driver.h"
#include <dlfcn.h>
#include <stdlib.h>

static bool probe_cpu(Text *detail) {
  text_append_text(detail, "tiers");
  for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) {
    text_append_format(detail, " %s", cpu_tier_name((CpuTier)tier));
  }
  return true;
}

static bool probe_openblas(Text *detail) {
  // Its own pool would start as it is opened.
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  void *library = dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_LOCAL);
  if (!library) {
    text_append_text(detail, "libopenblas.so.0 is not installed (Debian: libopenblas0-pthread)");
    return false;
  }
  char *(*config)(void);
  *(void **)&config = dlsym(library, "openblas_get_config");
  text_append_text(detail, config ? config() : "version not available");
  while (detail->size && detail->data[detail->size - 1] == ' ') detail->data[--detail->size] = '\0';
  return true;
}

void backends_find(Backend backends[BACKEND_COUNT]) {
  static const struct {
    const char *name;
    bool used;
    bool (*probe)(Text *detail);
  } rows[BACKEND_COUNT] = {
      {"cpu", true, probe_cpu},
      {"openblas", false, probe_openblas},
      {"cuda", false, cuda_driver_probe},
  };
  for (int i = 0; i < BACKEND_COUNT; i++) {
    backends[i] = (Backend){.name = rows[i].name, .used = rows[i].used};
    backends[i].found = rows[i].probe(&backends[i].detail);
  }
}

void backends_free(Backend backends[BACKEND_COUNT]) {
  for (int i = 0; i < BACKEND_COUNT; i++) text_free(&backends[i].detail);
}
