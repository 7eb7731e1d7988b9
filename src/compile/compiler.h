// SPDX-License-Identifier: Apache-2.0
// From C text to loaded code: the cache first, the system's compiler where it has nothing. Two
// processes that want the same code build it once; a cache or a lock that fails costs time, never
// the result.
#pragma once
#include "compile/code.h"
#include "compile/code_cache.h"
#include "compile/toolchain.h"
#include "device/cpu.h"

typedef struct {
  CpuTier tier;             // whose instructions the code may use
  const char *cache_folder; // NULL: the standard one
  bool bypass_cache;        // build all anew, and keep nothing
  bool refresh_cache;       // build all anew, and keep it (a cold build is measured)
  int64_t timeout_ns;       // of one build; 0: two minutes
  int interrupt;            // descriptor that ends waiting when readable; -1: none
} CompilerOptions;

typedef struct Compiler Compiler;

// ERROR_UNSUPPORTED where this machine has no C compiler.
CHECKED Compiler *compiler_open(const CompilerOptions *options, Error *error);
void compiler_close(Compiler *compiler); // NULL is fine
const Toolchain *compiler_toolchain(const Compiler *compiler);
const CodeCache *compiler_cache(const Compiler *compiler);

typedef struct {
  const char *label;        // for people: "causal float32 D64 forward"
  const char *source;       // one text, one shared object
  const char *const *flags; // NULL-terminated, behind those of the tier; NULL: none
} CodeRequest;

enum { CODE_MOST_FLAGS = 8 }; // of a request

typedef struct {
  bool cached;               // it came from the cache
  int64_t build_ns, load_ns; // build_ns: 0 when cached; load_ns: finding it there too
} CodeFacts;

// Fills codes[count] (code_unload each) and facts[count]; what is not in the cache is built,
// several at once. False: nothing is left loaded. Several threads may call it.
CHECKED bool compiler_make(Compiler *compiler, const CodeRequest *requests, int count, Code **codes,
                           CodeFacts *facts, Error *error);
