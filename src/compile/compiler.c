// SPDX-License-Identifier: Apache-2.0
#include "compile/compiler.h"
#include "base/clock.h"
#include "base/memory.h"
#include "compile/build.h"
#include "device/host.h"
#include <stdio.h>
#include <string.h>

enum { MOST_FLAGS = 12, MOST_AT_ONCE = 16 };
#define STANDARD_TIMEOUT ((int64_t)120 * 1000 * 1000 * 1000)

struct Compiler {
  Toolchain toolchain;
  CodeCache *cache;
  CompilerOptions options;
  const char *flags[MOST_FLAGS];
  Text identity; // what a key is made from, beside the source
  char processor[128];
  int at_once;
};

// The text is written unrolled, so that little is left for the optimizer to find.
static const char *const tier_flags[CPU_TIER_COUNT][MOST_FLAGS] = {
    [CPU_TIER_REFERENCE] = {"-O2"},
#if defined(__x86_64__)
    [CPU_TIER_AVX2] = {"-O2", "-mavx2", "-mfma", "-mf16c", "-mbmi2"},
    [CPU_TIER_AVX512] = {"-O2", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma",
                         "-mf16c", "-mbmi2", "-mprefer-vector-width=512"},
    [CPU_TIER_AMX_BF16] = {"-O2", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma",
                           "-mf16c", "-mbmi2", "-mprefer-vector-width=512"},
    [CPU_TIER_AVX512_BF16] = {"-O2", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma",
                              "-mf16c", "-mbmi2", "-mprefer-vector-width=512"},
#endif
};

static void make_identity(Compiler *compiler) {
  Host host;
  host_read("", &host);
  text_append_format(&compiler->identity, "%s\n%s\n%s\n", compiler->toolchain.identity,
                     compiler->toolchain.version, host.processor);
  snprintf(compiler->processor, sizeof compiler->processor, "%s", host.processor);
  compiler->at_once = host.cores_allowed > 0 ? host.cores_allowed : 1;
  if (compiler->at_once > MOST_AT_ONCE) compiler->at_once = MOST_AT_ONCE;
  host_free(&host);
}

Compiler *compiler_open(const CompilerOptions *options, Error *error) {
  Compiler *compiler = memory_allocate(sizeof *compiler);
  compiler->options = *options;
  if (!options->timeout_ns) compiler->options.timeout_ns = STANDARD_TIMEOUT;
  if (!toolchain_find(&compiler->toolchain, options->interrupt, error)) {
    memory_free(compiler);
    return NULL;
  }
  memcpy(compiler->flags, tier_flags[options->tier], sizeof compiler->flags);
  compiler->cache = code_cache_open(options->cache_folder, CODE_CACHE_STANDARD_BYTES);
  make_identity(compiler);
  return compiler;
}

void compiler_close(Compiler *compiler) {
  if (!compiler) return;
  code_cache_close(compiler->cache);
  text_free(&compiler->identity);
  memory_free(compiler);
}

const Toolchain *compiler_toolchain(const Compiler *compiler) {
  return &compiler->toolchain;
}

const CodeCache *compiler_cache(const Compiler *compiler) {
  return compiler->cache;
}

// One request on its way.
typedef struct {
  char key[SHA256_HEX_SIZE];
  const char *flags[MOST_FLAGS + CODE_MOST_FLAGS + 1];
  Text object;
  int lock; // held while it is built; -1: none
} Order;

static void gather_flags(const Compiler *compiler, const CodeRequest *request, Order *order) {
  int count = 0;
  for (int i = 0; compiler->flags[i]; i++) order->flags[count++] = compiler->flags[i];
  for (int i = 0; request->flags && request->flags[i] && i < CODE_MOST_FLAGS; i++)
    order->flags[count++] = request->flags[i];
}

static bool make_key(const Compiler *compiler, const CodeRequest *request, Order *order,
                     Error *error) {
  Text whole = {0};
  gather_flags(compiler, request, order);
  text_append(&whole, compiler->identity.data, compiler->identity.size);
  for (int i = 0; order->flags[i]; i++) text_append_format(&whole, "%s ", order->flags[i]);
  text_append_text(&whole, "\n");
  text_append_text(&whole, request->source);
  bool done = sha256_bytes(whole.data, whole.size, order->key, error);
  text_free(&whole);
  return done;
}

// From the cache, also when another process built it while we waited for its lock.
static bool find(Compiler *compiler, Order *order) {
  if (compiler->options.bypass_cache || compiler->options.refresh_cache) return false;
  if (code_cache_find(compiler->cache, order->key, &order->object)) return true;
  order->lock = code_cache_lock(compiler->cache, order->key, compiler->options.timeout_ns);
  return code_cache_find(compiler->cache, order->key, &order->object);
}

// The first of the requests not looked for yet, by key: locks are taken in one order by all
// processes, so that none waits for another that waits for it.
static int next_by_key(const Order *orders, const bool *looked, int count) {
  int best = -1;
  for (int i = 0; i < count; i++)
    if (!looked[i] && (best < 0 || strcmp(orders[i].key, orders[best].key) < 0)) best = i;
  return best;
}

// Which are not in the cache; returns how many.
static int find_all(Compiler *compiler, Order *orders, int count, CodeFacts *facts, int *missing) {
  bool *looked = memory_allocate((size_t)count + 1);
  int missing_count = 0;
  for (int i; (i = next_by_key(orders, looked, count)) >= 0; looked[i] = true) {
    int64_t begin = clock_now();
    facts[i].cached = find(compiler, &orders[i]);
    if (facts[i].cached) facts[i].load_ns = clock_now() - begin;
    if (!facts[i].cached) missing[missing_count++] = i;
  }
  memory_free(looked);
  return missing_count;
}

static void keep(Compiler *compiler, const CodeRequest *request, const Order *order,
                 const Build *build) {
  CodeCacheEntry entry = {.bytes = (int64_t)build->object.size, .build_ns = build->build_ns};
  if (compiler->options.bypass_cache) return;
  snprintf(entry.key, sizeof entry.key, "%s", order->key);
  snprintf(entry.label, sizeof entry.label, "%s", request->label);
  snprintf(entry.compiler, sizeof entry.compiler, "%s", compiler->toolchain.version);
  snprintf(entry.processor, sizeof entry.processor, "%s", compiler->processor);
  for (int i = 0; order->flags[i]; i++) {
    size_t used = strlen(entry.flags);
    snprintf(entry.flags + used, sizeof entry.flags - used, "%s%s", i ? " " : "", order->flags[i]);
  }
  clock_iso8601(entry.created, sizeof entry.created);
  code_cache_store(compiler->cache, &entry, text_span(&build->object));
}

static bool take_build(Compiler *compiler, const CodeRequest *request, Order *order, Build *build,
                       CodeFacts *facts, Error *error) {
  if (!build->done) {
    *error = build->error;
    return error_within(error, request->label);
  }
  facts->build_ns = build->build_ns;
  keep(compiler, request, order, build);
  order->object = build->object;
  build->object = (Text){0};
  return true;
}

// Builds the requests that `missing` lists.
static bool build_missing(Compiler *compiler, const CodeRequest *requests, Order *orders,
                          const int *missing, int count, CodeFacts *facts, Error *error) {
  BuildJob *jobs = memory_allocate((size_t)count * sizeof *jobs);
  Build *builds = memory_allocate((size_t)count * sizeof *builds);
  BuildOptions options = {&compiler->toolchain, compiler->options.timeout_ns, compiler->at_once,
                          compiler->options.interrupt};
  for (int i = 0; i < count; i++)
    jobs[i] = (BuildJob){"code", requests[missing[i]].source, orders[missing[i]].flags};
  bool done = build_all(&options, jobs, count, builds, error);
  for (int i = 0; i < count; i++) {
    int at = missing[i];
    done = done && take_build(compiler, &requests[at], &orders[at], &builds[i], &facts[at], error);
    build_free(&builds[i]);
  }
  memory_free(jobs);
  memory_free(builds);
  return done;
}

static bool load_all(const CodeRequest *requests, const Order *orders, int count, Code **codes,
                     CodeFacts *facts, Error *error) {
  for (int i = 0; i < count; i++) {
    int64_t begin = clock_now();
    codes[i] = code_load(orders[i].object.data, orders[i].object.size, requests[i].label, error);
    if (!codes[i]) return false;
    facts[i].load_ns += clock_now() - begin;
  }
  return true;
}

bool compiler_make(Compiler *compiler, const CodeRequest *requests, int count, Code **codes,
                   CodeFacts *facts, Error *error) {
  Order *orders = memory_allocate((size_t)(count + 1) * sizeof *orders);
  int *missing = memory_allocate((size_t)(count + 1) * sizeof *missing);
  bool done = true;
  memset(codes, 0, (size_t)count * sizeof *codes);
  memset(facts, 0, (size_t)count * sizeof *facts);
  for (int i = 0; i < count; i++) orders[i].lock = -1;
  for (int i = 0; done && i < count; i++)
    done = make_key(compiler, &requests[i], &orders[i], error);
  int missing_count = done ? find_all(compiler, orders, count, facts, missing) : 0;
  if (missing_count)
    done = build_missing(compiler, requests, orders, missing, missing_count, facts, error);
  done = done && load_all(requests, orders, count, codes, facts, error);
  for (int i = 0; i < count; i++) {
    code_cache_unlock(orders[i].lock);
    text_free(&orders[i].object);
    if (done) continue;
    code_unload(codes[i]);
    codes[i] = NULL;
  }
  memory_free(orders);
  memory_free(missing);
  return done;
}
