// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/pattern.h"
#include "base/memory.h"
#include "tokenizer/pattern_syntax.h"
#include "tokenizer/unicode.h"
#include <pcre2.h>
#include <string.h>
#include <time.h>

#define MATCH_LIMIT 2000000u // steps of one match; fewer in a long text, whose steps may each read
#define MATCH_LEAST 20000u   // all that is left of it
#define MATCH_BYTES 1000000000u
#define DEPTH_LIMIT 100000u
#define HEAP_LIMIT_KIB 65536u
#define WINDOW 256u         // most start positions tried per call
#define WINDOW_NS 100000    // a window that takes longer is followed by one of a single position
#define CALLS_PER_CHECK 32u // calls between two looks at the processor time
#define BUDGET_NS 1000000000
#define BUDGET_NS_PER_BYTE 1000

struct Pattern {
  pcre2_code *code;
  char where[192];
};

struct PatternWork {
  pcre2_match_data *data;
  pcre2_match_context *context;
  pcre2_jit_stack *stack;
  unsigned calls;
  size_t window;               // start positions of the next call
  int64_t begin, last, budget; // nanoseconds of this thread's processor time
};

static pcre2_code *compile(Span expression, const char *where, Error *error) {
  pcre2_compile_context *context = pcre2_compile_context_create(NULL);
  if (!context) {
    error_set(error, ERROR_MEMORY, where, "no memory for the regular expression");
    return NULL;
  }
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context, 100);
  pcre2_set_max_pattern_length(context, 16 * PATTERN_LIMIT);
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *compiled =
      pcre2_compile((PCRE2_SPTR)expression.data, expression.size,
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT |
                        PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK,
                    &code, &offset, context);
  pcre2_compile_context_free(context);
  if (!compiled) {
    char text[160] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    error_set(error, ERROR_FORMAT, where, "is not a regular expression: %s (at byte %zu)", text,
              (size_t)offset);
  }
  return compiled;
}

Pattern *pattern_open(Span expression, const char *where, Error *error) {
  if (expression.size > PATTERN_LIMIT) {
    error_set(error, ERROR_FORMAT, where, "the regular expression has %zu bytes, at most %u",
              expression.size, PATTERN_LIMIT);
    return NULL;
  }
  Text translated = {0};
  pcre2_code *code = NULL;
  if (pattern_syntax_translate(expression, where, &translated, error))
    code = compile(text_span(&translated), where, error);
  text_free(&translated);
  if (!code) return NULL;
  // Without a JIT on this machine the interpreter runs the same expression.
  (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  Pattern *pattern = memory_allocate(sizeof *pattern);
  pattern->code = code;
  strncpy(pattern->where, where, sizeof pattern->where - 1);
  return pattern;
}

void pattern_close(Pattern *pattern) {
  if (!pattern) return;
  pcre2_code_free(pattern->code);
  memory_free(pattern);
}

PatternWork *pattern_work_open(void) {
  PatternWork *work = memory_allocate(sizeof *work);
  work->data = pcre2_match_data_create(1, NULL);
  work->context = pcre2_match_context_create(NULL);
  work->stack = pcre2_jit_stack_create(32 << 10, 1 << 20, NULL);
  pcre2_set_match_limit(work->context, MATCH_LIMIT);
  pcre2_set_depth_limit(work->context, DEPTH_LIMIT);
  pcre2_set_heap_limit(work->context, HEAP_LIMIT_KIB);
  pcre2_jit_stack_assign(work->context, NULL, work->stack);
  return work;
}

void pattern_work_close(PatternWork *work) {
  if (!work) return;
  pcre2_match_data_free(work->data);
  pcre2_match_context_free(work->context);
  pcre2_jit_stack_free(work->stack);
  memory_free(work);
}

static int64_t processor_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void pattern_work_start(PatternWork *work, size_t size) {
  work->calls = 0;
  work->window = 1;
  work->begin = -1;
  work->budget = BUDGET_NS + (int64_t)size * BUDGET_NS_PER_BYTE;
}

static bool within_budget(PatternWork *work, const Pattern *pattern, Error *error) {
  int64_t now = processor_time();
  if (work->begin < 0) work->begin = now;
  if (now - work->begin <= work->budget) {
    work->window = now - work->last > WINDOW_NS ? 1 : work->window * 2;
    if (work->window > WINDOW) work->window = WINDOW;
    work->last = now;
    return true;
  }
  return error_set(error, ERROR_FORMAT, pattern->where,
                   "the regular expression takes too long on this text (over %.1f s)",
                   (double)work->budget * 1e-9);
}

static bool match_failed(int code, const Pattern *pattern, Error *error) {
  char text[160] = "";
  pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
  return error_set(error, ERROR_FORMAT, pattern->where, "the regular expression fails: %s", text);
}

// The start of the next window, at a character boundary.
static size_t window_end(Span text, size_t from, size_t window) {
  if (text.size - from <= window) return text.size;
  size_t end = from + window;
  while (end < text.size && ((unsigned char)text.data[end] & 0xC0) == 0x80) end++;
  return end;
}

static uint32_t match_limit(size_t left) {
  size_t limit = left ? MATCH_BYTES / left : MATCH_LIMIT;
  return limit > MATCH_LIMIT ? MATCH_LIMIT : limit < MATCH_LEAST ? MATCH_LEAST : (uint32_t)limit;
}

bool pattern_find(const Pattern *pattern, PatternWork *work, Span text, size_t from, Match *match,
                  bool *found, Error *error) {
  *found = false;
  pcre2_set_match_limit(work->context, match_limit(text.size - from));
  for (bool look = work->calls++ % CALLS_PER_CHECK == 0;; look = true) {
    if (look && !within_budget(work, pattern, error)) return false;
    size_t last = window_end(text, from, work->window);
    pcre2_set_offset_limit(work->context, last);
    int code = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.size, from,
                           PCRE2_NO_UTF_CHECK, work->data, work->context);
    if (code >= 0) {
      PCRE2_SIZE *range = pcre2_get_ovector_pointer(work->data);
      *match = (Match){range[0], range[1]};
      *found = range[0] <= range[1];
      return *found || error_set(error, ERROR_FORMAT, pattern->where,
                                 "the regular expression matches backwards");
    }
    if (code != PCRE2_ERROR_NOMATCH) return match_failed(code, pattern, error);
    if (last == text.size) return true;
    from = last;
  }
}

bool pattern_walk(PatternWalk *walk, const Pattern *pattern, PatternWork *work, Match *match,
                  bool *found, Error *error) {
  *found = false;
  while (!walk->done) {
    if (walk->at > walk->text.size) break;
    if (!pattern_find(pattern, work, walk->text, walk->at, match, found, error)) return false;
    if (!*found) break;
    bool empty = match->begin == match->end;
    bool repeated = empty && walk->any && match->end == walk->last_end;
    walk->at = match->end;
    if (empty)
      walk->at += match->end < walk->text.size ? utf8_length(walk->text.data[match->end]) : 1;
    if (repeated) {
      *found = false;
      continue;
    }
    walk->any = true;
    walk->last_end = match->end;
    return true;
  }
  walk->done = true;
  return true;
}
