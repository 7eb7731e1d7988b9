// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"

static const Pass passes[] = {
    {"constants", "factors are multiplied once, those of 1 not at all", true, pass_constants},
    {"common-subexpressions", "what is computed twice is computed once", false,
     pass_common_subexpressions},
    {"dead-code", "what nobody uses is not computed", false, pass_dead_code},
    {"visible-keys", "attention computes the keys that queries see", true, pass_visible_keys},
    {"norm-prologues", "norms go into the products that take them", false, pass_norm_prologues},
    {"gates", "gates go into the products that make them", false, pass_gates},
    {"epilogues", "residuals and activations go into the products before them", true,
     pass_epilogues},
};

int pass_count(void) {
  return COUNT_OF(passes);
}

const Pass *pass_at(int index) {
  return &passes[index];
}
