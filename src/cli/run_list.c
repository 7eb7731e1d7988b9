// SPDX-License-Identifier: Apache-2.0
#include "cli/run_list.h"
#include "cli/matrix_list.h"
#include "cli/model_argument.h"
#include "cli/run_matrix.h"
#include "cli/run_plan.h"
#include <string.h>

static void print(const Arguments *arguments, const ScenarioMatrix *matrix, const RunPlan *plan) {
  if (strcmp(arguments_text(arguments, "--output-format"), "json") == 0)
    matrix_list_json(matrix, &plan->plan, plan->known);
  else
    matrix_list_table(matrix, &plan->plan, plan->known);
}

static bool list(const Arguments *arguments, ScenarioMatrix *matrix, Error *error) {
  ModelArgument model = {0};
  RunPlan plan = {0};
  Error reading = {0};
  bool named = arguments_given(arguments, "--model-id");
  bool done =
      (!named || model_argument_resolve(arguments_text(arguments, "--model-id"), &model, error)) &&
      run_plan_make(arguments, named ? model.path : NULL, matrix, &plan, &reading, error);
  if (done && named && !plan.known) {
    *error = reading;
    done = false;
  }
  if (done) print(arguments, matrix, &plan);
  run_plan_free(&plan);
  model_argument_free(&model);
  return done;
}

bool run_list(const Arguments *arguments, Error *error) {
  ScenarioMatrix matrix;
  bool done = run_matrix_make(arguments, &matrix, error) && list(arguments, &matrix, error);
  scenario_matrix_free(&matrix);
  return done;
}
