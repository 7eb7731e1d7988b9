// SPDX-License-Identifier: Apache-2.0
#include "cli/run_list.h"
#include "cli/matrix_list.h"
#include "cli/model_argument.h"
#include "cli/run_matrix.h"
#include "model/weight_source.h"
#include <string.h>

static bool read_facts(const char *model_id, MemoryFacts *facts, Error *error) {
  ModelArgument model;
  if (!model_argument_resolve(model_id, &model, error)) return false;
  Arena *arena = arena_open(0);
  WeightSource source = {0};
  ModelConfig config;
  bool done = weight_source_open(&source, model.path, 0, arena, &config, error);
  if (done) *facts = memory_facts_of(&config);
  weight_source_close(&source);
  arena_close(arena);
  model_argument_free(&model);
  return done;
}

static bool measure(const Arguments *arguments, Ceilings *ceilings, Error *error) {
  int threads = (int)arguments_integer(arguments, "--threads");
  Team *team = team_open(threads, arguments_switch(arguments, "--pin"), error);
  bool done = team && ceilings_measure(team, cpu_best_tier(), ceilings, error);
  team_close(team);
  return done;
}

static bool estimate(const Arguments *arguments, const ScenarioMatrix *matrix,
                     CostEstimate *estimates, Error *error) {
  MemoryFacts facts;
  Ceilings ceilings;
  bool done = read_facts(arguments_text(arguments, "--model-id"), &facts, error) &&
              measure(arguments, &ceilings, error);
  for (size_t i = 0; done && i < matrix->cells.count; i++)
    done = cost_estimate_of(&facts, &matrix->cells.items[i].effective, &ceilings, &estimates[i],
                            error);
  return done;
}

static bool list(const Arguments *arguments, const ScenarioMatrix *matrix, Error *error) {
  if (strcmp(arguments_text(arguments, "--output-format"), "json") == 0) {
    matrix_list_json(matrix);
    return true;
  }
  bool known = arguments_given(arguments, "--model-id");
  CostEstimate *estimates = memory_allocate((matrix->cells.count + 1) * sizeof *estimates);
  bool done = !known || estimate(arguments, matrix, estimates, error);
  if (done) matrix_list_table(matrix, known ? estimates : NULL);
  memory_free(estimates);
  return done;
}

bool run_list(const Arguments *arguments, Error *error) {
  ScenarioMatrix matrix;
  bool done = run_matrix_make(arguments, &matrix, error) && list(arguments, &matrix, error);
  scenario_matrix_free(&matrix);
  return done;
}
