// SPDX-License-Identifier: Apache-2.0
// The flags about results that the commands which measure share.
#pragma once
#include "bench/repository.h"
#include "cli/arguments.h"

#define OUTPUT_FORMAT_ROW                                                                          \
  {                                                                                                \
    .flag = "--output-format", .kind = OPTION_CHOICE, .choices = "table|markdown|csv|json|jsonl",  \
    .standard = "table", .help = "how to print the results"                                        \
  }
#define LOG_LEVEL_ROW                                                                              \
  {                                                                                                \
    .flag = "--log-level", .kind = OPTION_CHOICE, .choices = "DEBUG|INFO|WARNING|ERROR",           \
    .standard = "INFO",                                                                            \
    .help = "what to say beside the results: progress and warnings, warnings, or neither"          \
  }
#define BRANCH_NAME_ROW                                                                            \
  {                                                                                                \
    .flag = "--branch-name", .kind = OPTION_TEXT, .placeholder = "NAME",                           \
    .standard_help = "of the .git folder here", .help = "branch to record with the results"        \
  }
#define COMMIT_ID_ROW                                                                              \
  {                                                                                                \
    .flag = "--commit-id", .kind = OPTION_TEXT, .placeholder = "ID",                               \
    .standard_help = "of the .git folder here", .help = "commit to record with the results"        \
  }
#define COMMIT_MESSAGE_ROW                                                                         \
  {                                                                                                \
    .flag = "--commit-message", .kind = OPTION_TEXT, .placeholder = "TEXT",                        \
    .standard_help = "of the .git folder here", .help = "its message"                              \
  }

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR } LogLevel;

// --log-level.
LogLevel results_options_log_level(const Arguments *arguments);
// What the working folder's repository says, the flags in its place.
Repository results_options_repository(const Arguments *arguments);
