// SPDX-License-Identifier: Apache-2.0
// Machine code that was built at run time, loaded. The bytes are copied into a sealed memory file
// and mapped from there: what is executable can be written by nobody, this process included.
#pragma once
#include "base/error.h"
#include <stddef.h>

typedef struct Code Code;

// `bytes` of a shared object. `name` goes into errors.
CHECKED Code *code_load(const void *bytes, size_t size, const char *name, Error *error);
void code_unload(Code *code); // NULL is fine; its functions must not be called any more
// The address of an exported symbol, or ERROR_FORMAT.
CHECKED void *code_symbol(const Code *code, const char *symbol, Error *error);
