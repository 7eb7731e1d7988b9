// SPDX-License-Identifier: Apache-2.0
#include "cli/results_options.h"
#include <stdio.h>
#include <string.h>

LogLevel results_options_log_level(const Arguments *arguments) {
  static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
  const char *level = arguments_text(arguments, "--log-level");
  for (int i = 0; i < (int)COUNT_OF(levels); i++)
    if (strcmp(levels[i], level) == 0) return (LogLevel)i;
  return LOG_DEBUG;
}

static void override(const Arguments *arguments, const char *flag, char *field, size_t size) {
  if (arguments_given(arguments, flag))
    snprintf(field, size, "%s", arguments_text(arguments, flag));
}

Repository results_options_repository(const Arguments *arguments) {
  Repository repository = repository_read(".");
  override(arguments, "--branch-name", repository.branch, sizeof repository.branch);
  override(arguments, "--commit-id", repository.commit, sizeof repository.commit);
  override(arguments, "--commit-message", repository.message, sizeof repository.message);
  return repository;
}
