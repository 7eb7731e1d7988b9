// SPDX-License-Identifier: Apache-2.0
#include "device/cuda_driver.h"
#include <dlfcn.h>

// The few entry points of libcuda that tell what is there (CUDA driver API, stable ABI).
typedef struct {
  int (*init)(unsigned flags);
  int (*version)(int *version);
  int (*count)(int *count);
  int (*name)(char *name, int size, int device);
} Driver;

static bool find_entries(void *library, Driver *driver) {
  *(void **)&driver->init = dlsym(library, "cuInit");
  *(void **)&driver->version = dlsym(library, "cuDriverGetVersion");
  *(void **)&driver->count = dlsym(library, "cuDeviceGetCount");
  *(void **)&driver->name = dlsym(library, "cuDeviceGetName");
  return driver->init && driver->version && driver->count && driver->name;
}

static bool probe_driver(const Driver *driver, Text *detail) {
  int status = driver->init(0), version = 0, count = 0;
  if (status != 0) {
    text_append_format(detail, "libcuda.so.1 is there, but cuInit gives error %d", status);
    return false;
  }
  if (driver->count(&count) != 0 || count < 1) {
    text_append_text(detail, "libcuda.so.1 is there, but no device");
    return false;
  }
  char name[128] = "";
  driver->version(&version);
  driver->name(name, sizeof name, 0);
  text_append_format(detail, "CUDA %d.%d driver, %d device%s, the first %s", version / 1000,
                     version % 1000 / 10, count, count > 1 ? "s" : "", name);
  return true;
}

bool cuda_driver_probe(Text *detail) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    text_append_text(detail, "libcuda.so.1 (the NVIDIA driver) is not installed");
    return false;
  }
  Driver driver;
  bool found = find_entries(library, &driver);
  if (!found) text_append_text(detail, "libcuda.so.1 lacks an entry point");
  // Stays open: the driver starts threads that must not lose their code.
  return found && probe_driver(&driver, detail);
}
