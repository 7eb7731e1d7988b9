// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) and the ways its frequencies are
// stretched for longer texts: linear, dynamic NTK, llama3, YaRN (Peng et al. 2023, arXiv
// 2309.00071), and GGUF's plain factors.
//
// Everything is float32 in the order in which the reference computes it: angle = position *
// frequency is rounded before its cosine is taken, so that long positions agree.
#pragma once
#include "model/config.h"
#include "tensor/tensor.h"

// Writes inverse frequencies [dimensions / 2]. `length`: tokens in the sequence at this step, which
// only ROPE_DYNAMIC looks at.
void rope_frequencies(const RopeConfig *rope, int64_t length, float *frequencies);

// Cosines and sines by position, times the attention factor. Owns its memory.
typedef struct Rope Rope;

Rope *rope_open(const RopeConfig *rope, int64_t capacity); // capacity: positions
void rope_close(Rope *rope);                               // NULL is fine
// Makes rows [begin, end) right for a step at whose end a sequence is `end` long. Rows before
// `begin` keep what they had: keys already cached keep the rotation that they were written with.
// end ≤ capacity. Allocates nothing.
void rope_prepare(Rope *rope, int64_t begin, int64_t end);
Tensor rope_cosine(const Rope *rope); // [capacity, dimensions / 2]
Tensor rope_sine(const Rope *rope);
