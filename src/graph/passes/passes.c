// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"

static const Pass passes[] = {
    {"common-subexpressions", "what is computed twice is computed once",
     pass_common_subexpressions},
    {"dead-code", "what nobody uses is not computed", pass_dead_code},
};

int pass_count(void) {
  return COUNT_OF(passes);
}

const Pass *pass_at(int index) {
  return &passes[index];
}
