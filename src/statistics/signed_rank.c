// SPDX-License-Identifier: Apache-2.0
#include "statistics/signed_rank.h"
#include "base/memory.h"
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int by_size(const void *left, const void *right) {
  double a = fabs(*(const double *)left), b = fabs(*(const double *)right);
  return (a > b) - (a < b);
}

// The differences that are not zero, ascending by size; false: one is NaN.
static bool gather(const double *differences, size_t count, double *sorted, size_t *kept) {
  *kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (isnan(differences[i])) return false;
    if (differences[i] != 0.0) sorted[(*kept)++] = differences[i];
  }
  qsort(sorted, *kept, sizeof *sorted, by_size);
  return true;
}

// Twice the ranks, so that shared ones are whole numbers; returns the sum of the positive ones'.
static size_t rank(const double *sorted, size_t count, size_t *doubled) {
  size_t positive = 0;
  for (size_t first = 0, next; first < count; first = next) {
    for (next = first; next < count && fabs(sorted[next]) == fabs(sorted[first]); next++) continue;
    for (size_t i = first; i < next; i++) {
      doubled[i] = first + 1 + next;
      if (sorted[i] > 0.0) positive += doubled[i];
    }
  }
  return positive;
}

// The chance that the sum of a fair choice among the ranks is at most `bound`.
static double chance_at_most(const size_t *doubled, size_t count, size_t bound) {
  double *chance = memory_allocate((bound + 1) * sizeof *chance), sum = 0.0;
  chance[0] = 1.0;
  for (size_t i = 1; i <= bound; i++) chance[i] = 0.0;
  for (size_t i = 0; i < count; i++) {
    for (size_t at = bound; at >= doubled[i]; at--)
      chance[at] = 0.5 * (chance[at] + chance[at - doubled[i]]);
    for (size_t at = 0; at < doubled[i] && at <= bound; at++) chance[at] *= 0.5;
  }
  for (size_t at = 0; at <= bound; at++) sum += chance[at];
  memory_free(chance);
  return sum;
}

double signed_rank_p(const double *differences, size_t count) {
  assert(count <= SIGNED_RANK_MOST);
  double *sorted = memory_allocate((count + 1) * sizeof *sorted), p = 1.0;
  size_t *doubled = memory_allocate((count + 1) * sizeof *doubled), kept;
  if (gather(differences, count, sorted, &kept) && kept > 0) {
    size_t positive = rank(sorted, kept, doubled), all = kept * (kept + 1);
    size_t less = positive < all - positive ? positive : all - positive;
    p = fmin(1.0, 2.0 * chance_at_most(doubled, kept, less));
  }
  memory_free(sorted);
  memory_free(doubled);
  return p;
}

double signed_rank_least_p(size_t count) {
  return ldexp(2.0, -(int)count);
}
