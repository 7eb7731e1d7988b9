// SPDX-License-Identifier: Apache-2.0
#include "compile/step_choices.h"

static const StepChoices *const list[] = {&product_choices, &attention_choices};

const StepChoices *step_choices_of(const StepCase *at) {
  for (size_t i = 0; i < COUNT_OF(list); i++)
    if (list[i]->serves(at)) return list[i];
  return NULL;
}
