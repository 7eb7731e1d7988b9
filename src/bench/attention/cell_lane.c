// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_lane.h"
#include "base/clock.h"
#include "base/memory.h"

static void run_forward(void *context) {
  const CellLane *lane = context;
  lane->backend->backend->forward(lane->plan, &lane->tensors->operands, &lane->tensors->result);
}

static void run_backward(void *context) {
  const CellLane *lane = context;
  lane->backend->backend->backward(lane->plan, &lane->tensors->operands, &lane->tensors->result,
                                   &lane->tensors->dout, &lane->tensors->gradients);
}

// A backward pass reads what this back end's forward pass wrote, not what another's did.
static TimedCall call_of(CellLane *lane, CellPass pass, int64_t *values) {
  bool backward = pass == PASS_BACKWARD;
  return (TimedCall){.context = lane,
                     .before = backward ? run_forward : NULL,
                     .run = backward ? run_backward : run_forward,
                     .values_ns = values};
}

void cell_lane_open(CellLane *lane, const CellBackend *backend, CellTensors *tensors) {
  *lane = (CellLane){.backend = backend, .tensors = tensors};
  lane->values = memory_allocate(2 * PASS_COUNT * TIMING_MOST * sizeof *lane->values);
  for (int pass = 0; pass < PASS_COUNT; pass++) {
    int64_t *values = lane->values + 2 * pass * TIMING_MOST;
    lane->warm[pass] = call_of(lane, pass, values);
    lane->cold[pass] = call_of(lane, pass, values + TIMING_MOST);
  }
}

void cell_lane_close(CellLane *lane) {
  cell_lane_release(lane);
  memory_free(lane->values);
}

void cell_lane_prepare(CellLane *lane, const AttentionProblem *problem,
                       const AttentionSetup *setup) {
  int64_t start = clock_now();
  lane->plan =
      lane->backend->backend->prepare(problem, lane->backend->backward, setup, &lane->failed);
  lane->prepare_ns = clock_now() - start;
  if (!lane->plan) return;
  lane->failed.code = ERROR_NONE;
  lane->mask = attention_plan_mask(lane->plan);
}

void cell_lane_release(CellLane *lane) {
  if (lane->plan) lane->backend->backend->release(lane->plan);
  lane->plan = NULL;
}

bool cell_lane_has(const CellLane *lane, CellPass pass) {
  return lane->failed.code == ERROR_NONE && (pass == PASS_FORWARD || lane->backend->backward);
}

static int64_t time_of(void (*run)(void *context), CellLane *lane) {
  int64_t start = clock_now();
  run(lane);
  return clock_now() - start;
}

static CellCheck check_once(CellLane *lane, const AttentionProblem *problem,
                            const SampleReference *reference, Team *team) {
  SampleReference expected = *reference;
  int64_t *first = lane->first_ns, forward, backward = 0;
  cell_tensors_poison(lane->tensors, team);
  forward = time_of(run_forward, lane);
  if (lane->backend->backward)
    backward = time_of(run_backward, lane);
  else
    expected.dq = NULL; // it has a forward pass only
  if (first[PASS_FORWARD] == 0) first[PASS_FORWARD] = forward, first[PASS_BACKWARD] = backward;
  return cell_check_make(problem, lane->tensors, &expected);
}

void cell_lane_check(CellLane *lane, const AttentionProblem *problem,
                     const SampleReference *reference, const AttentionSetup *setup) {
  lane->check = check_once(lane, problem, reference, setup->team);
  lane->code = attention_plan_code(lane->plan);
  while (attention_plan_code(lane->plan).state == ATTENTION_CODE_BUILDING) run_forward(lane);
  AttentionCodeFacts code = attention_plan_code(lane->plan);
  bool changed = code.interpreted_calls > 0 && code.state == ATTENTION_CODE_COMPILED;
  if (changed && lane->check.passed)
    lane->check = check_once(lane, problem, reference, setup->team);
  lane->code = code;
  if (setup->compiler_needed && code.failed.code != ERROR_NONE) lane->failed = code.failed;
}
