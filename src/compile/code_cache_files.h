// SPDX-License-Identifier: Apache-2.0
// The folder and the files of the code cache: whom they belong to, and what an entry says.
#pragma once
#include "compile/code_cache.h"

// The folder that the environment names; caller frees. NULL: no home.
char *code_cache_standard_folder(void);
// Makes the folder where it is absent (0700). False: *error says why it cannot be trusted or used.
CHECKED bool code_cache_check_folder(const char *folder, Error *error);
// FOLDER/KEY.ENDING; caller frees.
char *code_cache_path(const char *folder, const char *key, const char *ending);
// A regular file of this user that nobody else can write, whole.
bool code_cache_read(const char *path, size_t limit, Text *text);
// What KEY.json says, its own checksum of the object included.
bool code_cache_read_entry(const char *folder, const char *key, CodeCacheEntry *entry,
                           char sha256[SHA256_HEX_SIZE]);
CHECKED bool code_cache_write_entry(const char *folder, const CodeCacheEntry *entry,
                                    const char *sha256, Error *error);
// Whether the first `size` characters are all of a key.
bool code_cache_is_key(const char *name, size_t size);
// All files of the key.
void code_cache_remove(const char *folder, const char *key);
