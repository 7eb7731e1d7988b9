// SPDX-License-Identifier: Apache-2.0
// How a scenario is compiled: the peer's compile_kwargs object. Absent (null) means not compiled;
// given partly it is completed with the peer's defaults, and the whole object is what results show
// and what is hashed, with the keys in the order below.
#pragma once
#include "base/document.h"

// null is no mode: a scenario without compilation has no CompileKwargs in force.
#define COMPILE_MODES(X)                                                                           \
  X("default")                                                                                     \
  X("reduce-overhead")                                                                             \
  X("max-autotune")                                                                                \
  X("max-autotune-no-cudagraphs")

typedef enum { TRISTATE_NULL, TRISTATE_FALSE, TRISTATE_TRUE } Tristate;

typedef struct {
  bool compiled; // false: the scenario is not compiled, the rest is unused
  bool fullgraph;
  Tristate dynamic;
  char backend[32];
  char mode[32];
  char options[256]; // JSON text of an object, or "" for null
} CompileKwargs;

CompileKwargs compile_kwargs_none(void);
// Compiled in `mode` with the peer's defaults; NULL: its default mode, reduce-overhead.
CompileKwargs compile_kwargs_mode(const char *mode);
bool compile_mode_known(const char *mode);
const char *compile_modes_text(void); // "default, reduce-overhead, …"
// Reads the object or null of a scenario file, and completes it.
CHECKED bool compile_kwargs_read(const Field *field, CompileKwargs *kwargs, Error *error);
// Reads the older spelling: compile_mode (text or null) and compile_options (object or null).
CHECKED bool compile_kwargs_read_older(const Field *mode, const Field *options,
                                       CompileKwargs *kwargs, Error *error);
json_t *compile_kwargs_json(const CompileKwargs *kwargs); // new reference; null when not compiled
