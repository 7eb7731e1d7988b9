// SPDX-License-Identifier: Apache-2.0
#include "bench/rules.h"
#include <stdio.h>
#include <string.h>

static bool attends_by(const Scenario *scenario, const char *attention) {
  return strcmp(scenario->attn_implementation, attention) == 0;
}

static bool replace_unavailable(Scenario *scenario, const RuleFacts *facts) {
  if (!attends_by(scenario, "flash_attention_2") || facts->flash_attention_2) return false;
  snprintf(scenario->attn_implementation, sizeof scenario->attn_implementation, "sdpa");
  return true;
}

static bool drop_compile(Scenario *scenario, const RuleFacts *facts) {
  (void)facts;
  bool fires = attends_by(scenario, "flash_attention_2") && scenario->compile.compiled &&
               !scenario->continuous_batching;
  if (fires) scenario->compile = compile_kwargs_none();
  return fires;
}

static bool drop_batching(Scenario *scenario, const RuleFacts *facts) {
  (void)facts;
  bool fires = attends_by(scenario, "flex_attention") && scenario->continuous_batching;
  if (fires) scenario->continuous_batching = false;
  return fires;
}

static bool replace_mode(Scenario *scenario, const RuleFacts *facts) {
  (void)facts;
  char *mode = scenario->compile.mode;
  bool fires = scenario->continuous_batching && scenario->compile.compiled &&
               strcmp(mode, "default") != 0 && strcmp(mode, "max-autotune-no-cudagraphs") != 0;
  if (fires) snprintf(mode, sizeof scenario->compile.mode, "default");
  return fires;
}

static const struct {
  const char *name, *text;
  bool (*apply)(Scenario *scenario, const RuleFacts *facts);
} rules[] = {
#define X(RULE, NAME, TEXT, APPLY) [RULE] = {NAME, TEXT, APPLY},
    RULES(X)
#undef X
};

const char *rule_name(Rule rule) {
  return rules[rule].name;
}

const char *rule_text(Rule rule) {
  return rules[rule].text;
}

bool rule_by_name(const char *name, Rule *rule) {
  for (int i = 0; i < RULE_COUNT; i++) {
    if (strcmp(rules[i].name, name) != 0) continue;
    *rule = (Rule)i;
    return true;
  }
  return false;
}

RuleSet rules_apply(RuleSet enabled, const RuleFacts *facts, Scenario *scenario) {
  RuleSet fired = 0;
  if (scenario->skip_validity_check) return fired;
  for (int i = 0; i < RULE_COUNT; i++)
    if (enabled & 1u << i && rules[i].apply(scenario, facts)) fired |= 1u << i;
  return fired;
}

json_t *rules_json(RuleSet fired) {
  json_t *names = json_array();
  for (int i = 0; i < RULE_COUNT; i++)
    if (fired & 1u << i) json_array_append_new(names, json_string(rules[i].name));
  return names;
}
