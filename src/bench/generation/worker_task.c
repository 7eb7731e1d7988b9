// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/worker_tasks.h"

static json_t *run(const WorkerRequest *request, Team *team, int output, Error *error) {
  switch (request->task) {
  case TASK_MAKE: return worker_make(request, team, error);
  case TASK_REFERENCE: return worker_reference(request, team, output, error);
  case TASK_SCENARIO: return worker_scenario(request, team, output, error);
  }
  return NULL;
}

static json_t *run_with_team(const Field *field, Arena *arena, int output, Error *error) {
  WorkerRequest request;
  if (!request_read(field, arena, &request, error)) return NULL;
  Team *team = team_open((int)request.threads, request.pin, error);
  if (!team) return NULL;
  json_t *result = run(&request, team, output, error);
  team_close(team);
  return result;
}

json_t *worker_task_run(const Field *request, int output, Error *error) {
  Arena *arena = arena_open(0);
  json_t *result = run_with_team(request, arena, output, error);
  arena_close(arena);
  return result;
}
