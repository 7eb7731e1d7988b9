// SPDX-License-Identifier: Apache-2.0
#include "base/suggestion.h"
#include <string.h>

enum { LONGEST = 63 };

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

// Optimal string alignment: three rows of the edit matrix are enough.
size_t suggestion_distance(Span a, Span b) {
  if (a.size > LONGEST || b.size > LONGEST) return 2 * LONGEST;
  size_t rows[3][LONGEST + 1];
  for (size_t j = 0; j <= b.size; j++) rows[0][j] = j;
  for (size_t i = 1; i <= a.size; i++) {
    size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b.size; j++) {
      bool same = a.data[i - 1] == b.data[j - 1];
      now[j] = least(least(above[j], now[j - 1]) + 1, above[j - 1] + !same);
      bool swapped =
          i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
      if (swapped) now[j] = least(now[j], older[j - 2] + 1);
    }
  }
  return rows[a.size % 3][b.size];
}

void suggestion_consider(Suggestion *best, Span candidate, Span typed) {
  size_t distance = suggestion_distance(candidate, typed);
  // What begins the same is near, however much is missing: --attn for --attn-implementation.
  if (typed.size > 3 && span_starts_with(candidate, typed)) distance = 1;
  if (best->name.data && distance >= best->distance) return;
  *best = (Suggestion){candidate, distance};
}

bool suggestion_good(const Suggestion *best, Span typed) {
  return best->name.data && best->distance <= least(3, (typed.size + 2) / 3);
}
