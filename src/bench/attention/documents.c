// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/documents.h"
#include "base/memory.h"
#include "base/random.h"

enum { DOCUMENTS_SEED = 0 };

void documents_draw(int64_t tokens, int64_t count, int32_t *ids) {
  int64_t *lengths = memory_allocate((size_t)count * sizeof *lengths), at = 0;
  Random random = random_seeded(DOCUMENTS_SEED);
  for (int64_t i = 0; i < count; i++) lengths[i] = 1;
  for (int64_t i = count; i < tokens; i++) lengths[random_below(&random, (uint64_t)count)]++;
  for (int64_t i = 0; i < count; i++)
    for (int64_t j = 0; j < lengths[i]; j++) ids[at++] = (int32_t)i;
  memory_free(lengths);
}
