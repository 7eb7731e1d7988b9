// SPDX-License-Identifier: Apache-2.0
// SHA-256 as lower-case hex.
#pragma once
#include "base/error.h"

enum { SHA256_HEX_SIZE = 65 };

CHECKED bool sha256_bytes(const void *bytes, size_t size, char hex[SHA256_HEX_SIZE], Error *error);
CHECKED bool sha256_file(const char *path, char hex[SHA256_HEX_SIZE], Error *error);
