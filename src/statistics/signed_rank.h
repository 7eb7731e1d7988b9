// SPDX-License-Identifier: Apache-2.0
// Wilcoxon's signed-rank test of paired differences (Wilcoxon 1945), exact at every count.
//
// The null hypothesis is that each difference, its size given, is as likely to be positive as
// negative. Where the two of a pair were measured in an order that a fair coin chose, that is true
// by design when they are the same thing, whatever the noise: drift, heavy tails, bursts, one place
// of the pair slower than the other (Fisher's randomization argument).
#pragma once
#include <stddef.h>

enum { SIGNED_RANK_MOST = 1000 }; // pairs; time and memory grow with the third and second power

// Two-sided p. Differences of zero say nothing and are left out; equal sizes share their mean rank.
// 1 when a difference is NaN, or nothing is left. count <= SIGNED_RANK_MOST.
double signed_rank_p(const double *differences, size_t count);
// The least p that so many pairs can give: 2 / 2^count.
double signed_rank_least_p(size_t count);
