// SPDX-License-Identifier: Apache-2.0
// The programs of a compiled generator: one for each kind of pass (its batch, its length, what it
// shows of the cache, whether it ends in logits or in choices), made when it is first met. A pass
// that none of them fits is compiled anew; all but the first of its kind count as recompiles.
#pragma once
#include "compile/executable.h"
#include "model/decoder.h"

typedef struct {
  bool replay; // by the resident team, without dispatch
} StepOptions;

// What compiling took so far, over all programs.
typedef struct {
  int64_t trace_ns, passes_ns, bind_ns; // recording, passes over the graph, memory and schedule
  int programs, recompiles;
  int64_t planned_bytes; // for the results of the largest program
} StepFacts;

typedef struct StepPrograms StepPrograms;

StepPrograms *step_programs_open(const Kernels *kernels, Team *team, const StepOptions *options);
void step_programs_close(StepPrograms *programs); // NULL is fine
StepFacts step_programs_facts(const StepPrograms *programs);

// Runs the pass by its program. The pass's tensors must be the same memory in every call of the
// same kind. Logits float32 [batch * wanted, vocabulary], or choices int32 [batch * wanted] when
// `choose`; they stay until the next call. NULL on failure.
CHECKED const Tensor *step_programs_run(StepPrograms *programs, const Decoder *decoder,
                                        const DecoderPass *pass, bool choose, Error *error);
