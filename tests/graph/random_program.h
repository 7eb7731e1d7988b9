// SPDX-License-Identifier: Apache-2.0
// Random code over Ops: the same seed makes the same calls, whatever form of Ops it is given. What
// it reads and writes (inputs, matrices, a cache) lives outside and is put back before each run.
#pragma once
#include "base/random.h"
#include "kernels/ops.h"

typedef struct RandomProgram RandomProgram;

enum { RANDOM_PROGRAM_MOST_OUTPUTS = 4, RANDOM_PROGRAM_MOST_ROWS = 6 };

RandomProgram *random_program_open(uint64_t seed);
void random_program_close(RandomProgram *program);
// Of every tensor, up to RANDOM_PROGRAM_MOST_ROWS; the seed draws up to 4.
void random_program_set_rows(RandomProgram *program, int64_t rows);
// Inputs and the cache as they were at the beginning.
void random_program_reset(RandomProgram *program);
// Makes the calls; returns how many outputs.
int random_program_run(RandomProgram *program, Ops *ops,
                       Tensor outputs[RANDOM_PROGRAM_MOST_OUTPUTS]);
// The bytes of the cache, which the calls write through.
const float *random_program_cache(const RandomProgram *program, int64_t *count);
