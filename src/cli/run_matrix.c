// SPDX-License-Identifier: Apache-2.0
#include "cli/run_matrix.h"
#include "bench/generation/support.h"
#include "bench/levels.h"
#include "cli/engine_options.h"
#include "cli/load_options.h"
#include <string.h>

typedef ARRAY_OF(int64_t) Integers;
typedef ARRAY_OF(const char *) Texts;

// The flags whose values make a product of scenarios, outermost first.
enum { ATTENTION, COMPILE, KERNELIZE, BATCHING, AXES };
static const char *const axis_flags[AXES] = {"--attn-implementation", "--compile-mode",
                                             "--kernelize", "--continuous-batching"};

// The values of a flag that was given, or, `always`, its default.
static Integers integers_of(const Arguments *arguments, const char *flag, bool always) {
  Integers values = {0};
  if (!always && !arguments_given(arguments, flag)) return values;
  for (size_t i = 0; i < arguments_count(arguments, flag); i++)
    ARRAY_APPEND(&values, arguments_integer_at(arguments, flag, i));
  return values;
}

static Texts texts_of(const Arguments *arguments, const char *flag, bool always) {
  Texts values = {0};
  if (!always && !arguments_given(arguments, flag)) return values;
  for (size_t i = 0; i < arguments_count(arguments, flag); i++)
    ARRAY_APPEND(&values, arguments_text_at(arguments, flag, i));
  return values;
}

// The engine's flags that were given. Those that say what is the case anyway (all threads, the
// first device) do not count as different from the default, so that names stay the peer's.
static bool set_engine(const Arguments *arguments, Scenario *scenario, Error *error) {
  static const char *const flags[] = {"--cpu-mask", "--sdpa-backend"};
  bool sdpa = strcmp(scenario->attn_implementation, "sdpa") == 0;
  char *fields[] = {scenario->cpu_mask, scenario->sdpa_backend};
  if (arguments_given(arguments, "--threads"))
    scenario->threads = arguments_integer(arguments, "--threads");
  if (scenario->threads == engine_options_cores()) scenario->threads = 0;
  if (strcmp(scenario->device, "cpu") == 0) scenario->device[0] = '\0';
  if (arguments_switch(arguments, "--dynamic") && scenario->compile.compiled)
    scenario->compile.dynamic = TRISTATE_TRUE;
  for (size_t i = 0; i < COUNT_OF(flags); i++) {
    bool applies = arguments_given(arguments, flags[i]) && (i == 0 || sdpa);
    if (applies &&
        !scenario_set_word(fields[i], arguments_text(arguments, flags[i]), flags[i], error))
      return false;
  }
  return true;
}

static bool set_axis(int axis, const char *value, Scenario *scenario, Error *error) {
  bool on = strcmp(value, "on") == 0;
  scenario->name[0] = '\0';
  switch (axis) {
  case ATTENTION:
    return scenario_set_word(scenario->attn_implementation, value, axis_flags[axis], error);
  case COMPILE:
    scenario->compile =
        strcmp(value, "none") == 0 ? compile_kwargs_none() : compile_kwargs_mode(value);
    return true;
  case KERNELIZE: scenario->kernelize = on; return true;
  default: scenario->continuous_batching = on; return true;
  }
}

// The product of the axes from `axis` on that have values; an empty one leaves what the scenario
// has.
static bool add_product(const Texts axes[AXES], int axis, Scenario scenario, Scenarios *out,
                        Error *error) {
  if (axis == AXES) {
    ARRAY_APPEND(out, scenario);
    return true;
  }
  if (axes[axis].count == 0) return add_product(axes, axis + 1, scenario, out, error);
  for (size_t i = 0; i < axes[axis].count; i++)
    if (!set_axis(axis, axes[axis].items[i], &scenario, error) ||
        !add_product(axes, axis + 1, scenario, out, error))
      return false;
  return true;
}

static bool any_axis(const Arguments *arguments) {
  for (int i = 0; i < AXES; i++)
    if (arguments_given(arguments, axis_flags[i])) return true;
  return false;
}

// A level says the axes by itself.
static bool check_level(const Arguments *arguments, Error *error) {
  if (!arguments_given(arguments, "--level")) return true;
  const char *other = arguments_given(arguments, "--config-file") ? "--config-file" : NULL;
  for (int i = 0; i < AXES; i++)
    if (arguments_given(arguments, axis_flags[i])) other = axis_flags[i];
  if (!other) return true;
  return error_set(error, ERROR_ARGUMENT, "--level",
                   "given together with %s, expected one or the other: a level names its own "
                   "scenarios",
                   other);
}

// What the axes multiply: the scenarios of a level or a file, or one of defaults.
static bool read_bases(const Arguments *arguments, Scenarios *bases, Error *error) {
  const char *path = arguments_text(arguments, "--config-file");
  if (path) return scenario_file_read(path, bases, error);
  if (arguments_given(arguments, "--level"))
    levels_append(arguments_integer(arguments, "--level"), bases);
  else
    ARRAY_APPEND(bases, scenario_standard());
  return true;
}

// Without a level, a file or an axis: the attention implementations of the flag's default.
static bool make_bases(const Arguments *arguments, Scenarios *bases, Error *error) {
  Scenarios from = {0};
  Texts axes[AXES];
  bool plain = !any_axis(arguments) && !arguments_given(arguments, "--config-file") &&
               !arguments_given(arguments, "--level");
  for (int i = 0; i < AXES; i++)
    axes[i] = texts_of(arguments, axis_flags[i], plain && i == ATTENTION);
  // A load is served by continuous batching alone, where nothing else says which scenarios there
  // are.
  bool bare =
      !arguments_given(arguments, "--config-file") && !arguments_given(arguments, "--level");
  if (bare && axes[BATCHING].count == 0 && load_options_given(arguments))
    ARRAY_APPEND(&axes[BATCHING], "on");
  bool done = check_level(arguments, error) && read_bases(arguments, &from, error);
  for (size_t i = 0; done && i < from.count; i++) {
    size_t first = bases->count;
    done = add_product(axes, 0, from.items[i], bases, error);
    for (size_t j = first; done && j < bases->count; j++)
      done = set_engine(arguments, &bases->items[j], error);
  }
  for (int i = 0; i < AXES; i++) ARRAY_FREE(&axes[i]);
  ARRAY_FREE(&from);
  return done;
}

static bool rules_of(const Arguments *arguments, RuleSet *rules, Error *error) {
  *rules = 0;
  size_t count = arguments_count(arguments, "--rules");
  for (size_t i = 0; i < count; i++) {
    const char *name = arguments_text_at(arguments, "--rules", i);
    Rule rule;
    if (rule_by_name(name, &rule)) {
      *rules |= 1u << rule;
    } else if (count > 1) {
      return error_set(error, ERROR_ARGUMENT, "--rules",
                       "\"%s\" given with other names, expected it alone", name);
    } else if (strcmp(name, "all") == 0) {
      *rules = RULES_ALL;
    }
  }
  return true;
}

bool run_matrix_make(const Arguments *arguments, ScenarioMatrix *matrix, Error *error) {
  static const bool unmonitored[] = {false};
  bool always = !arguments_given(arguments, "--config-file");
  Integers lists[] = {integers_of(arguments, "--warmup", always),
                      integers_of(arguments, "--iterations", always),
                      integers_of(arguments, "--batch-size", always),
                      integers_of(arguments, "--sequence-length", always),
                      integers_of(arguments, "--num-tokens-to-generate", always),
                      integers_of(arguments, "--depth", always)};
  Texts dtypes = texts_of(arguments, "--dtype", false);
  MatrixAxes axes = {
      .dtypes = dtypes.items,
      .dtype_count = dtypes.count,
      .warmups = lists[0].items,
      .warmup_count = lists[0].count,
      .iterations = lists[1].items,
      .iteration_count = lists[1].count,
      .batch_sizes = lists[2].items,
      .batch_size_count = lists[2].count,
      .sequence_lengths = lists[3].items,
      .sequence_length_count = lists[3].count,
      .tokens = lists[4].items,
      .token_count = lists[4].count,
      .depths = lists[5].items,
      .depth_count = lists[5].count,
      .monitoring = unmonitored,
      .monitoring_count = arguments_switch(arguments, "--no-gpu-monitoring") ? 1 : 0,
  };
  Scenarios bases = {0};
  RuleFacts facts = support_rule_facts();
  RuleSet rules;
  *matrix = (ScenarioMatrix){0};
  bool done = rules_of(arguments, &rules, error) && make_bases(arguments, &bases, error) &&
              scenario_matrix_build(&bases, &axes, rules, &facts, matrix, error);
  for (size_t i = 0; i < COUNT_OF(lists); i++) ARRAY_FREE(&lists[i]);
  ARRAY_FREE(&dtypes);
  ARRAY_FREE(&bases);
  return done;
}
