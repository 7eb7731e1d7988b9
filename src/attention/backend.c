// SPDX-License-Identifier: Apache-2.0
#include "attention/backend.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ABSENT(NAME, WHY) (&(const AttentionBackend){.name = NAME, .absent = WHY})
#define NOT_HERE "not in this build"

static const AttentionBackend *const list[] = {
    &backend_og_eager,
    &backend_math,
    &backend_efficient,
    &backend_fav2,
    &backend_fakv,
    &backend_flex,
    ABSENT("cudnn", "needs an NVIDIA GPU with cuDNN"),
    ABSENT("fav3", "needs an NVIDIA GPU of the Hopper family"),
};

int attention_backend_count(void) {
  return COUNT_OF(list);
}

const AttentionBackend *attention_backend_at(int index) {
  return list[index];
}

static const AttentionBackend *unknown(const char *name, Error *error) {
  char names[128] = "";
  size_t used = 0;
  for (int i = 0; i < attention_backend_count() && used < sizeof names; i++)
    used +=
        (size_t)snprintf(names + used, sizeof names - used, used ? ", %s" : "%s", list[i]->name);
  error_set(error, ERROR_ARGUMENT, NULL, "no attention back end \"%s\"; known: %s", name, names);
  return NULL;
}

const AttentionBackend *attention_backend_find(const char *name, Error *error) {
  for (int i = 0; i < attention_backend_count(); i++) {
    if (strcmp(list[i]->name, name) != 0) continue;
    if (!list[i]->absent) return list[i];
    error_set(error, ERROR_UNSUPPORTED, NULL, "attention back end %s: %s", name, list[i]->absent);
    return NULL;
  }
  return unknown(name, error);
}

static bool sizes_fit(const AttentionProblem *p, Error *error) {
  const struct {
    const char *name;
    int64_t value, most;
  } sizes[] = {
      {"batch", p->batch, INT32_MAX},        {"heads", p->heads, INT32_MAX},
      {"key heads", p->kv_heads, INT32_MAX}, {"queries", p->queries, INT32_MAX},
      {"keys", p->keys, INT32_MAX},          {"head_dim", p->head_dim, ATTENTION_MOST_HEAD_DIM}};
  for (size_t i = 0; i < COUNT_OF(sizes); i++)
    if (sizes[i].value < 1 || sizes[i].value > sizes[i].most)
      return error_set(error, ERROR_UNSUPPORTED, NULL, "%s is %" PRId64 ", expected 1 to %" PRId64,
                       sizes[i].name, sizes[i].value, sizes[i].most);
  return true;
}

// Operands, and what counts a byte for each score, stay within int64.
static bool elements_fit(const AttentionProblem *p, Error *error) {
  int64_t ignored;
  int64_t scores[] = {p->batch, p->heads, p->queries, p->keys, 64};
  int64_t q[] = {p->batch, p->heads, p->queries, p->head_dim, 64};
  int64_t k[] = {p->batch, p->kv_heads, p->keys, p->head_dim, 64};
  if (tensor_shape_elements(5, scores, &ignored) && tensor_shape_elements(5, q, &ignored) &&
      tensor_shape_elements(5, k, &ignored))
    return true;
  return error_set(error, ERROR_UNSUPPORTED, NULL,
                   "batch %" PRId64 ", heads %" PRId64 ", queries %" PRId64 ", keys %" PRId64
                   ": more elements than 64 bits count",
                   p->batch, p->heads, p->queries, p->keys);
}

bool attention_backend_supports(const AttentionBackend *backend, const AttentionProblem *problem,
                                bool backward, Error *error) {
  if (!sizes_fit(problem, error) || !elements_fit(problem, error)) return false;
  if (problem->heads % problem->kv_heads)
    return error_set(error, ERROR_ARGUMENT, NULL,
                     "%" PRId64 " heads over %" PRId64 " key heads do not divide", problem->heads,
                     problem->kv_heads);
  if (!dtype_is_compute(problem->dtype))
    return error_set(error, ERROR_UNSUPPORTED, NULL,
                     "dtype %s; expected float32, bfloat16 or float16", dtype_name(problem->dtype));
  if (backward && !backend->backward)
    return error_set(error, ERROR_UNSUPPORTED, NULL, "%s has no backward pass", backend->name);
  return backend->supports(problem, backward, error);
}

AttentionMaskFacts attention_plan_mask(const AttentionPlan *plan) {
  return plan->backend->mask ? plan->backend->mask(plan) : (AttentionMaskFacts){.present = false};
}

AttentionCodeFacts attention_plan_code(const AttentionPlan *plan) {
  return plan->backend->code ? plan->backend->code(plan) : (AttentionCodeFacts){0};
}
