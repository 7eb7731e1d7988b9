// SPDX-License-Identifier: Apache-2.0
// Where weights come from, behind one interface: safetensors of a folder, a GGUF file, or a
// preset's random numbers. Tensors are asked for by role and read row by row as the rows of
// y = x Wᵀ, whatever the file's own order:
//
//   conv1d         gpt2's safetensors hold [in, out]
//   interleaved    GGUF's llama and smollm3 hold the rows of a q or k head as 0, d/2, 1, d/2 + 1, …
#pragma once
#include "formats/gguf.h"
#include "model/weight_plan.h"

typedef enum { SOURCE_FOLDER, SOURCE_GGUF, SOURCE_PRESET } SourceKind;

typedef struct {
  SourceKind kind;
  const TensorNames *names;
  bool conv1d, interleaved;
  Gguf gguf;              // of a GGUF file
  Checkpoint folder;      // of a folder
  Checkpoint *checkpoint; // whichever holds the tensors; NULL for a preset
  bool *used;             // [tensors]: asked for
  uint64_t seed;          // of a preset
  bool tied, has_head;    // has_head: the source has a matrix for the logits
} WeightSource;

// A tensor of the source as the rows an entry wants.
typedef struct {
  const Tensor *tensor;  // NULL: random numbers
  int64_t rows, columns; // out, in; of a vector: elements, 1
  bool transposed;
  int64_t heads; // of interleaved rows, else 0
  uint64_t seed; // of the random numbers
  float mean, deviation;
} SourceTensor;

// Opens what `path` names (model.h) and reads its configuration, which lives in `arena`. On success
// the caller closes the source; `seed` is a preset's.
CHECKED bool weight_source_open(WeightSource *source, const char *path, uint64_t seed, Arena *arena,
                                ModelConfig *config, Error *error);
void weight_source_close(WeightSource *source);          // {0} is fine
int64_t weight_source_bytes(const WeightSource *source); // of its files; 0 for a preset

// Finds one part of an entry with `columns` columns (1: a vector) and checks shape and dtype. A
// missing or misshapen tensor is an error that names it, what was found and what was expected.
CHECKED bool weight_source_find(WeightSource *source, const WeightPart *part, int64_t columns,
                                SourceTensor *out, Error *error);
// Whether two tensors of one shape hold the same values. Reads both once and gives the pages back.
bool weight_source_same(const WeightSource *source, const SourceTensor *a, const SourceTensor *b);
// "3 tensors were not used: a, b, c", in `arena`; NULL where all were, buffers of old files aside.
const char *weight_source_unused(const WeightSource *source, Arena *arena);

// Writes rows first … first+count-1 (count ≤ MATRIX_PANEL) as floats, [count, columns].
void source_tensor_rows(const SourceTensor *source, int64_t first, int64_t count, float *out);
// Address of one row's bytes, for a source that lies row by row; NULL for other ones.
const void *source_tensor_row(const SourceTensor *source, int64_t row);
