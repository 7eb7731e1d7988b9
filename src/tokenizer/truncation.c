// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/truncation.h"
#include <string.h>

void truncation_apply(TokenIds *ids, size_t from, size_t added, size_t most, TruncationSide side) {
  size_t count = ids->count - from;
  if (added > most || count <= most - added) return;
  size_t kept = most - added;
  if (side == TRUNCATE_LEFT)
    memmove(ids->items + from, ids->items + from + (count - kept), kept * sizeof *ids->items);
  ids->count = from + kept;
}
