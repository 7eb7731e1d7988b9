// SPDX-License-Identifier: Apache-2.0
// Whole small files and folders.
#pragma once
#include "base/error.h"
#include "base/text.h"

bool file_exists(const char *path); // anything but a folder
bool folder_exists(const char *path);
// Reads a file of at most `limit` bytes into *text (cleared first; caller frees). Works for /proc
// and /sys files too, whose size is unknown beforehand.
CHECKED bool file_read(const char *path, size_t limit, Text *text, Error *error);
// Writes path.tmp.PID beside it, syncs, and renames: a reader sees the old or the new whole file.
CHECKED bool file_write_atomically(const char *path, const void *bytes, size_t size, Error *error);
// mkdir -p
CHECKED bool folder_make(const char *path, Error *error);
// "folder/name"; caller frees.
char *path_join(const char *folder, const char *name);
