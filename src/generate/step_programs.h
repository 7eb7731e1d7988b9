// SPDX-License-Identifier: Apache-2.0
// The programs of a compiled generator: one for each kind of pass (its batch, its length, what it
// shows of the cache, whether it ends in logits or in choices), made when it is first met. A pass
// that none of them fits is compiled anew; all but the first of its kind count as recompiles.
#pragma once
#include "compile/graph_dump.h"
#include "compile/step_tuner.h"
#include "model/decoder.h"

// How a generator is compiled.
typedef struct {
  const char *mode;   // "default": fused, with generated code; "reduce-overhead": also replayed
                      // by the resident team (compile/executable.h); "max-autotune-no-cudagraphs":
                      // as default, and tuned (compile/step_tuner.h); "max-autotune": as
                      // reduce-overhead, and tuned
  bool dynamic;       // one program serves every length above 1, up to all that the cache holds
  bool refresh_cache; // code is built and steps are tuned anew, and kept: a cold start is measured
  const char *cache_folder; // NULL: the standard one
  int interrupt;            // descriptor that ends builds when readable; -1: none
  GraphDump *dump;          // graphs are written to files; NULL: they are not
} StepOptions;

StepOptions step_options(const char *mode); // the rest is as usual
bool step_mode_known(const char *mode);

// What compiling took so far, over all programs.
typedef struct {
  int64_t find_ns;      // the compiler and the cache
  int64_t attention_ns; // code of attention's own, built or found, and loaded
  int64_t trace_ns, passes_ns, emit_ns, build_ns, load_ns, bind_ns;
  int programs, recompiles;
  int built, cached; // of programs with code: built by the compiler, found in the cache
  int nodes, groups,
      functions;         // of all programs: of the graphs, of those row groups, of their code
  int barriers;          // of the longest replay
  int64_t planned_bytes; // for the results of the largest program
  StepTunerFacts tuning; // of all programs; zero in modes that do not tune
} StepFacts;

typedef struct StepPrograms StepPrograms;

// ERROR_UNSUPPORTED: an unknown mode, or no C compiler on this machine.
CHECKED StepPrograms *step_programs_open(const Kernels *kernels, Team *team,
                                         const StepOptions *options, Error *error);
void step_programs_close(StepPrograms *programs); // NULL is fine
StepFacts step_programs_facts(const StepPrograms *programs);
// Opens the attention that the programs call, its code built by the same compiler where it has
// code (attention_open).
CHECKED bool step_programs_attention(StepPrograms *programs, const Attention *attention,
                                     AttentionLimits limits, void **prepared, Error *error);

// Runs the pass by its program. The pass's tensors must be the same memory in every call of the
// same kind. Logits float32 [batch * wanted, vocabulary], or choices int32 [batch * wanted] when
// `choose`; they stay until the next call. NULL on failure.
CHECKED const Tensor *step_programs_run(StepPrograms *programs, const Decoder *decoder,
                                        const DecoderPass *pass, bool choose, Error *error);
