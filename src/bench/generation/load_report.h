// SPDX-License-Identifier: Apache-2.0
// What a load run says, from the times of its requests alone:
//
//   queue_s  first computed - scheduled arrival        ttft_s  first token - scheduled arrival
//   itl_s    from each token to the next               e2e_s   last token - scheduled arrival
//
//   throughput  tokens made / end of the run
//   goodput     requests a second whose ttft_s, and mean of itl_s, are within the bounds
//   steady      the same between the times when a tenth and nine tenths of the tokens were made
//   occupancy   while steps ran: sequences of those that may run at once, blocks of all
#pragma once
#include "bench/generation/load_run.h"

// [{"ids", "queue_s", "ttft_s", "itl_s", "e2e_s", "arrival_s", "preemptions"}, or {"refused":
// why}]. New reference.
json_t *load_requests_json(const LoadResult *results, int64_t count);
// plan: with its blocks and sequences settled. New reference.
json_t *load_report_json(const LoadPlan *plan, const LoadResult *results, int64_t count,
                         const LoadFacts *facts);
