// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_compiler.h"
#include <string.h>

static Compiler *open_compiler(CpuTier tier, bool bypass, Error *error) {
  CompilerOptions options = {.tier = tier, .bypass_cache = bypass, .interrupt = -1};
  return compiler_open(&options, error);
}

void cell_compiler_open(CellCompiler *compiler, const AttentionSweep *sweep, CpuTier tier) {
  *compiler = (CellCompiler){.tier = tier};
  compiler->wanted = !sweep->flex || strcmp(sweep->flex, "compiled") == 0;
  compiler->needed = compiler->wanted && sweep->flex;
  if (!compiler->wanted) return;
  compiler->compiler = open_compiler(tier, false, &compiler->failed);
  if (!compiler->compiler) return;
  compiler->failed.code = ERROR_NONE;
  compiler->maker = score_compiler_open(compiler->compiler);
}

void cell_compiler_close(CellCompiler *compiler) {
  score_compiler_close(compiler->maker);
  compiler_close(compiler->compiler);
}

// 0: it failed.
static int64_t time_of(ScoreCompiler *maker, const ScoreCodeRequest *request, bool *cached) {
  ScoreJob *job = maker->start(maker, request, false);
  bool done = maker->state(job, true) == SCORE_CODE_READY;
  ScoreCodeFacts facts = maker->facts(job);
  maker->end(job);
  *cached = facts.cached;
  return done ? facts.text_ns + facts.make_ns : 0;
}

static int64_t cold_time(const CellCompiler *compiler, const ScoreCodeRequest *request) {
  Error ignored;
  bool cached;
  Compiler *cold = open_compiler(compiler->tier, true, &ignored);
  if (!cold) return 0;
  ScoreCompiler *maker = score_compiler_open(cold);
  int64_t time = time_of(maker, request, &cached);
  score_compiler_close(maker);
  compiler_close(cold);
  return time;
}

CellCodeTimes cell_compiler_time(const CellCompiler *compiler, const BoundMod *mod, bool backward) {
  ScoreCodeRequest request = {mod, compiler->open, compiler->tier, backward};
  bool cached;
  int64_t warm = time_of(compiler->maker, &request, &cached);
  return (CellCodeTimes){cold_time(compiler, &request), cached ? warm : 0};
}

static json_t *time_json(int64_t nanoseconds) {
  return nanoseconds ? json_integer(nanoseconds) : json_null();
}

static json_t *reason_json(const Error *error) {
  char text[800];
  if (error->code == ERROR_NONE) return json_null();
  json_t *reason = json_string(error_text(error, text, sizeof text));
  return reason ? reason : json_string("unreadable reason");
}

static json_t *interpreted_json(const AttentionCodeFacts *code, const CellCompiler *compiler) {
  bool failed = code->failed.code != ERROR_NONE;
  return json_pack("{s:s, s:o}", "state", "interpreted", "reason",
                   reason_json(failed ? &code->failed : &compiler->failed));
}

static json_t *compiled_json(const AttentionCodeFacts *code, const CellCodeTimes *times,
                             const CellCompiler *compiler) {
  const ScoreCodeFacts *facts = &code->code;
  const char *problem = code_cache_problem(compiler_cache(compiler->compiler));
  json_t *cache = problem ? json_string(problem) : NULL;
  return json_pack("{s:s, s:o, s:s, s:b, s:o, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:I}", "state",
                   "compiled", "reason", cache ? cache : json_null(), "compiler",
                   compiler_toolchain(compiler->compiler)->version, "dynamic",
                   compiler->open != NULL, "not_dynamic", reason_json(&compiler->closed), "cached",
                   facts->cached, "text_bytes", (json_int_t)facts->text_bytes, "text_ns",
                   (json_int_t)facts->text_ns, "make_ns", (json_int_t)facts->make_ns, "load_ns",
                   (json_int_t)facts->load_ns, "cold_ns", time_json(times->cold_ns), "cached_ns",
                   time_json(times->cached_ns), "interpreted_calls",
                   (json_int_t)code->interpreted_calls);
}

json_t *cell_code_json(const AttentionCodeFacts *code, const CellCodeTimes *times,
                       const CellCompiler *compiler) {
  if (code->state == ATTENTION_CODE_NONE) return json_null();
  return code->state == ATTENTION_CODE_COMPILED ? compiled_json(code, times, compiler)
                                                : interpreted_json(code, compiler);
}
