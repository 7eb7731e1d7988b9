// SPDX-License-Identifier: Apache-2.0
// What may be chosen about how a step runs: of each kind of step the names of its choices, and what
// a name means for the attributes of the step's operator. A choice changes when a result is there,
// never what it is beyond rounding.
#pragma once
#include "compile/tuning_store.h"
#include "compile/weight_copies.h"
#include "graph/steps.h"

// A step where it runs.
typedef struct {
  const Step *step;
  const Kernels *kernels;
  int threads;
  WeightCopies *copies; // for OpenBLAS
} StepCase;

typedef struct {
  bool (*serves)(const StepCase *at);
  // All that its time depends on beside processor, tier and team: "linear bfloat16, 128 x 576 x
  // 1536".
  void (*describe)(const StepCase *at, Text *text);
  // What is done without a choice.
  void (*standard)(const StepCase *at, char name[TUNING_NAME]);
  // Candidate `index`: the best so far with one property changed; "" where that changes nothing
  // here. false: there are no more.
  bool (*candidate)(const StepCase *at, const char *best, int index, char name[TUNING_NAME]);
  // Writes the choice into a copy of the step's attributes. false: the name is none.
  bool (*set)(const StepCase *at, const char *name, void *attributes);
} StepChoices;

extern const StepChoices product_choices;   // how a product with a weight matrix is cut
extern const StepChoices attention_choices; // how flash kernels cut queries and keys

// NULL: there is nothing to choose.
const StepChoices *step_choices_of(const StepCase *at);
