// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_work.h"

CellWork cell_work_of(const AttentionProblem *problem, double visible_pairs) {
  double rows = (double)problem->batch * (double)problem->heads * (double)problem->queries;
  double d = (double)problem->head_dim, e = dtype_facts(problem->dtype)->block_bytes;
  double seen = visible_pairs / (rows * (double)problem->keys); // 1 - s
  double queries = rows * d;
  double keys = (double)problem->batch * (double)problem->kv_heads * (double)problem->keys * d;
  double keys_read = 2 * keys * (problem->queries == 1 ? seen : 1);
  double forward = visible_pairs * (4 * d + 2);
  double delta = 2 * queries + rows, pass = 2 * queries + rows + keys_read;
  return (CellWork){
      .forward_flops = forward,
      .forward_bytes = e * (2 * queries + keys_read),
      .backward_flops = 2.5 * forward,
      .backward_bytes = e * (delta + 2 * pass + queries + 2 * keys),
  };
}
