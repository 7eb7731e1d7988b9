// SPDX-License-Identifier: Apache-2.0
// The validity rules of the matrix, one row each. They turn what was requested into what is run,
// in the order of the table; which of them fired is kept. They belong to the matrix, not to the
// engine: a scenario with its own check off is left alone.
#pragma once
#include "bench/scenario.h"

// rule, its name, what it does, its function in rules.c
#define RULES(X)                                                                                   \
  X(RULE_FA2_UNAVAILABLE, "fa2-unavailable",                                                       \
    "flash_attention_2 is not available on the device: becomes sdpa", replace_unavailable)         \
  X(RULE_FA2_COMPILE, "fa2-compile",                                                               \
    "flash_attention_2 with compile but without continuous batching: compile is turned off",       \
    drop_compile)                                                                                  \
  X(RULE_FLEX_BATCHING, "flex-batching",                                                           \
    "flex_attention with continuous batching: continuous batching is turned off", drop_batching)   \
  X(RULE_BATCHING_MODE, "batching-mode",                                                           \
    "continuous batching compiles only in modes default and max-autotune-no-cudagraphs: the mode " \
    "becomes default",                                                                             \
    replace_mode)

typedef enum {
#define X(RULE, NAME, TEXT, APPLY) RULE,
  RULES(X)
#undef X
      RULE_COUNT
} Rule;

typedef uint32_t RuleSet; // bit of each rule
#define RULES_ALL ((RuleSet)((1u << RULE_COUNT) - 1))

// What the rules ask about the device.
typedef struct {
  bool flash_attention_2; // available there
} RuleFacts;

const char *rule_name(Rule rule);
const char *rule_text(Rule rule);
bool rule_by_name(const char *name, Rule *rule);
// Applies those of `enabled` to the scenario; returns those that fired.
RuleSet rules_apply(RuleSet enabled, const RuleFacts *facts, Scenario *scenario);
json_t *rules_json(RuleSet fired); // array of names, new reference
