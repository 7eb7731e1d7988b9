// SPDX-License-Identifier: Apache-2.0
#include "cli/run_plan.h"
#include "base/clock.h"
#include "bench/result_files.h"
#include "bench/scenario_name.h"
#include "cli/plan_lines.h"
#include "model/weight_source.h"

static const Option rows[] = {
    {.flag = "--order",
     .kind = OPTION_CHOICE,
     .choices = "listed|largest-first|shuffled",
     .standard = "listed",
     .help =
         "which scenarios run first, those of one dtype together: as listed, by memory and then "
         "time, or drawn by --order-seed"},
    {.flag = "--order-seed",
     .kind = OPTION_INTEGER,
     .least = 0,
     .most = INFINITY,
     .standard = "0",
     .help = "of the shuffled order; the same seed gives the same order"},
    {.flag = "--time-budget",
     .kind = OPTION_REAL,
     .placeholder = "SECONDS",
     .least = 0.01,
     .most = 1e9,
     .help = "start no scenario that is not expected to end within so long; --resume goes on with "
             "those that are left"},
    {.flag = "--cool-down",
     .kind = OPTION_REAL,
     .placeholder = "SECONDS",
     .least = 0,
     .most = 86400,
     .standard = "0",
     .help = "pause between scenarios"},
    {.flag = "--until",
     .kind = OPTION_SHARE,
     .least = 1e-6,
     .most = 1,
     .help = "go on with the measured runs until half the 95 % interval of the median inter-token "
             "latency is within this share of it; --iterations is the least number then"},
    {.flag = "--until-most",
     .kind = OPTION_INTEGER,
     .placeholder = "N",
     .least = 1,
     .most = SCENARIO_MAX_ITERATIONS,
     .standard = "200",
     .help = "measured runs at the most, with --until"},
};

const OptionTable run_plan_options = OPTION_TABLE("Plan", rows);

PacingOptions run_plan_pacing(const Arguments *arguments) {
  return (PacingOptions){.budget = arguments_real(arguments, "--time-budget"),
                         .cool_down = arguments_real(arguments, "--cool-down")};
}

PrecisionGoal run_plan_goal(const Arguments *arguments) {
  if (!arguments_given(arguments, "--until")) return (PrecisionGoal){0};
  return (PrecisionGoal){arguments_real(arguments, "--until"),
                         arguments_integer(arguments, "--until-most")};
}

static bool read_model(const char *path, PlanFacts *facts, Error *error) {
  Arena *arena = arena_open(0);
  WeightSource source = {0};
  ModelConfig config;
  bool done = weight_source_open(&source, path, 0, arena, &config, error);
  if (done) facts->feasibility = feasibility_expected(&config);
  if (done) facts->cost.facts = facts->feasibility.facts;
  weight_source_close(&source);
  arena_close(arena);
  return done;
}

static bool measure(const Arguments *arguments, CostFacts *cost, Error *error) {
  int threads = (int)arguments_integer(arguments, "--threads");
  int64_t start = clock_now();
  Team *team = team_open(threads, arguments_switch(arguments, "--pin"), error);
  bool done = team && ceilings_measure(team, cpu_chosen_tier(NULL), &cost->ceilings, error);
  team_close(team);
  cost->fixed_seconds = clock_seconds(clock_now() - start);
  return done;
}

static bool make_known(const Arguments *arguments, const ScenarioMatrix *matrix, PlanFacts *facts,
                       RunPlan *plan, Error *error) {
  if (!measure(arguments, &facts->cost, error)) return false;
  json_t *earlier = result_files_earlier(arguments_text(arguments, "--output-dir"),
                                         arguments_text(arguments, "--model-id"));
  facts->earlier = earlier;
  plan->known = true;
  plan->ceilings = facts->cost.ceilings;
  plan->available = facts->feasibility.available;
  bool done = sweep_plan_make(facts, matrix, &plan->plan, error);
  json_decref(earlier);
  return done;
}

bool run_plan_make(const Arguments *arguments, const char *model, ScenarioMatrix *matrix,
                   RunPlan *plan, Error *reading, Error *error) {
  SweepOrder order = ORDER_LISTED;
  PlanFacts facts = {0};
  Error ignored;
  *plan = (RunPlan){0};
  sweep_order_by_name(arguments_text(arguments, "--order"), &order);
  bool known = model && read_model(model, &facts, reading ? reading : &ignored);
  if (!known && !model && order == ORDER_LARGEST_FIRST)
    return error_set(
        error, ERROR_ARGUMENT, "--order",
        "largest-first without --model-id, expected a model whose scenarios have sizes");
  bool done = known ? make_known(arguments, matrix, &facts, plan, error)
                    : sweep_plan_make(NULL, matrix, &plan->plan, error);
  if (!done) return false;
  sweep_plan_order(&plan->plan, matrix, order,
                   (uint64_t)arguments_integer(arguments, "--order-seed"));
  return true;
}

void run_plan_free(RunPlan *plan) {
  sweep_plan_free(&plan->plan);
}

// What is left out, each once: a reason that many share is told once.
static void tell_reasons(const SweepPlan *plan, const ScenarioMatrix *matrix, Progress *progress) {
  for (size_t i = 0; i < plan->count; i++) {
    const PlanItem *item = &plan->items[i];
    char label[SCENARIO_NAME_SIZE];
    size_t same = plan_lines_same_reason(plan, i);
    if (same == 0) continue;
    if (same > 1)
      progress_line(progress, "plan: %s %zu: %s", plan_fate_name(item->fate), same, item->reason);
    else
      progress_line(progress, "plan: %s %s: %s", plan_fate_name(item->fate),
                    scenario_label(&matrix->cells.items[i].effective, label), item->reason);
  }
}

void run_plan_tell(const RunPlan *plan, const ScenarioMatrix *matrix, const PrecisionGoal *goal,
                   Progress *progress) {
  PlanTotals totals = sweep_plan_totals(&plan->plan);
  Text line = {0};
  plan_lines_counts(&totals, &line);
  progress_line(progress, "plan: %s", line.data);
  line.size = 0;
  if (plan->known && totals.counts[FATE_RUN]) {
    plan_lines_cost(&totals, &plan->ceilings, plan->available, goal->until > 0, &line);
    progress_line(progress, "plan: %s", line.data);
  }
  text_free(&line);
  tell_reasons(&plan->plan, matrix, progress);
}

void run_plan_compare(const RunPlan *plan, const ScenarioMatrix *matrix, const Results *results,
                      Progress *progress) {
  PlanOutcome outcome = {0};
  for (size_t i = 0; plan->known && i < plan->plan.count; i++) {
    const MatrixCell *cell = &matrix->cells.items[i];
    const json_t *ours = json_object_get(results_find(results, cell->hash), "attometer");
    const PlanItem *item = &plan->plan.items[i];
    if (item->fate == FATE_RUN) plan_outcome_add(&outcome, &item->estimate, ours);
  }
  if (outcome.count == 0) return;
  Text line = {0};
  plan_lines_outcome(&outcome, &line);
  progress_line(progress, "plan: %s", line.data);
  text_free(&line);
}
