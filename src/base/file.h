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
// Writes all of it to an open descriptor; false: errno says why.
bool file_write_all(int descriptor, const char *bytes, size_t size);
// Makes a file that must not exist yet, readable and writable by its owner alone.
CHECKED bool file_write_new(const char *path, const void *bytes, size_t size, Error *error);
// Writes path.tmp.PID beside it, syncs, and renames: a reader sees the old or the new whole file.
CHECKED bool file_write_atomically(const char *path, const void *bytes, size_t size, Error *error);
// Whether a rename onto path may happen: it is absent or a regular file. A device or a pipe would
// be lost, so it is ERROR_ARGUMENT.
CHECKED bool file_may_be_replaced(const char *path, Error *error);
// mkdir -p
CHECKED bool folder_make(const char *path, Error *error);
// "folder/name"; caller frees.
char *path_join(const char *folder, const char *name);
