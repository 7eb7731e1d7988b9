// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"
#include "base/file_map.h"
#include <openssl/evp.h>

bool sha256_bytes(const void *bytes, size_t size, char hex[SHA256_HEX_SIZE], Error *error) {
  unsigned char digest[32];
  if (!EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL))
    return error_set(error, ERROR_UNSUPPORTED, NULL, "SHA-256 is not available in libcrypto");
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < sizeof digest; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  hex[64] = '\0';
  return true;
}

bool sha256_file(const char *path, char hex[SHA256_HEX_SIZE], Error *error) {
  FileMap map;
  if (!file_map_open(&map, path, error)) return false;
  bool done = sha256_bytes(map.data, map.size, hex, error);
  file_map_close(&map);
  return done;
}
