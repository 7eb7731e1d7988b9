// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "cli/libraries.h"
#include "base/attributes.h"
#include <gnu/libc-version.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <pcre2.h>
#include <utf8proc.h>
#include <yaml.h>

static const char *pcre2_version(void) {
  static char version[64];
  return pcre2_config(PCRE2_CONFIG_VERSION, version) > 0 ? version : "";
}

static const char *crypto_version(void) {
  return OpenSSL_version(OPENSSL_VERSION);
}

const Library libraries[] = {
    {"jansson", jansson_version_str}, {"libyaml", yaml_get_version_string},
    {"pcre2", pcre2_version},         {"utf8proc", utf8proc_version},
    {"libcrypto", crypto_version},    {"libc", gnu_get_libc_version},
};
const size_t libraries_count = COUNT_OF(libraries);
