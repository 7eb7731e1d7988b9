// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/support.h"
#include "attention/paged.h"
#include "bench/generation/backend_name.h"
#include "compile/toolchain.h"
#include "generate/step_programs.h"
#include <stdio.h>
#include <string.h>

static const char absent[] = "not in this build";

static const char *say(char *buffer, size_t size, const char *what, const char *name) {
  snprintf(buffer, size, "%s%s: %s", what, name, absent);
  return buffer;
}

// Whether this build knows the mode and this machine has a compiler; else buffer says why not.
static bool can_compile(const CompileKwargs *compile, char *buffer, size_t size) {
  char reason[sizeof(Error)];
  Error error;
  if (!step_mode_known(compile->mode)) {
    say(buffer, size, "compile mode ", compile->mode);
    return false;
  }
  if (toolchain_exists(&error)) return true;
  snprintf(buffer, size, "compile mode %s: %s", compile->mode,
           error_text(&error, reason, sizeof reason));
  return false;
}

static bool can_attend(const Scenario *scenario, const char *backend, Error *error) {
  PagedAttention paged;
  const char *name = scenario->attn_implementation;
  if (scenario->continuous_batching) return paged_attention_find(name, backend, &paged, error);
  return attention_find(name, backend, error) != NULL;
}

const char *support_missing(const Scenario *scenario, char *buffer, size_t size) {
  Error error;
  const char *backend = backend_name(scenario->sdpa_backend);
  if (scenario->device[0] && strcmp(scenario->device, "cpu") != 0)
    return say(buffer, size, "device ", scenario->device);
  if (scenario->compile.compiled && !can_compile(&scenario->compile, buffer, size)) return buffer;
  bool sdpa = strcmp(scenario->attn_implementation, "sdpa") == 0;
  if (can_attend(scenario, sdpa ? backend : NULL, &error)) return NULL;
  bool pages = strncmp(scenario->attn_implementation, "paged|", 6) == 0;
  if (pages) {
    snprintf(buffer, size, "%s", error.message);
    return buffer;
  }
  if (sdpa && backend) return say(buffer, size, "sdpa back end ", scenario->sdpa_backend);
  return say(buffer, size, "attention ", scenario->attn_implementation);
}

// flash_attention_2 is a way of computing attention that every device of ours can have; a build
// that lacks it skips the scenario, it does not turn it into another one.
RuleFacts support_rule_facts(void) {
  return (RuleFacts){.flash_attention_2 = true};
}
