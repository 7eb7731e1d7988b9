// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/backend_name.h"
#include <stddef.h>
#include <string.h>

const char *backend_name(const char *sdpa_backend) {
  if (strcmp(sdpa_backend, "efficient_attention") == 0) return "efficient";
  if (strcmp(sdpa_backend, "cudnn_attention") == 0) return "cudnn";
  return sdpa_backend[0] ? sdpa_backend : NULL;
}
