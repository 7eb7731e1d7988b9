// SPDX-License-Identifier: Apache-2.0
#include "compile/weight_copies.h"
#include "base/array.h"
#include "device/host.h"

enum { SHARE = 4 }; // of the available memory that copies may take: one part of so many

typedef struct {
  const void *panels; // of the matrix
  LinearBlas *blas;
  Region memory;
  bool retained;
} Copy;

struct WeightCopies {
  const char *library;
  Openblas openblas;
  bool looked, found;
  int64_t most_bytes;
  ARRAY_OF(Copy) copies;
};

WeightCopies *weight_copies_open(const char *library) {
  WeightCopies *copies = memory_allocate(sizeof *copies);
  *copies = (WeightCopies){.library = library};
  return copies;
}

static void free_copy(Copy *copy) {
  region_unmap(&copy->memory);
  memory_free(copy->blas);
}

void weight_copies_close(WeightCopies *copies) {
  if (!copies) return;
  for (size_t i = 0; i < copies->copies.count; i++) free_copy(&copies->copies.items[i]);
  ARRAY_FREE(&copies->copies);
  memory_free(copies);
}

static bool look(WeightCopies *copies) {
  Error ignored;
  Host host;
  if (copies->looked) return copies->found;
  copies->looked = true;
  copies->found = openblas_open(copies->library, &copies->openblas, &ignored);
  host_read("", &host);
  copies->most_bytes = host.memory_available / SHARE;
  host_free(&host);
  return copies->found;
}

static const LinearBlas *find(const WeightCopies *copies, const Matrix *matrix) {
  for (size_t i = 0; i < copies->copies.count; i++)
    if (copies->copies.items[i].panels == matrix->panels) return copies->copies.items[i].blas;
  return NULL;
}

static const LinearBlas *make(WeightCopies *copies, const Matrix *matrix) {
  Error ignored;
  Copy copy = {.panels = matrix->panels};
  int64_t bytes = matrix->rows * matrix->columns * (int64_t)sizeof(float);
  if (weight_copies_bytes(copies) + bytes > copies->most_bytes ||
      !region_map(&copy.memory, (size_t)bytes, &ignored))
    return NULL;
  float *weights = copy.memory.data;
  for (int64_t row = 0; row < matrix->rows; row++)
    matrix_row(matrix, row, weights + row * matrix->columns);
  copy.blas = memory_allocate(sizeof *copy.blas);
  *copy.blas = (LinearBlas){copies->openblas, weights};
  ARRAY_APPEND(&copies->copies, copy);
  return copy.blas;
}

const LinearBlas *weight_copies_of(WeightCopies *copies, const Matrix *matrix) {
  if (matrix->dtype != DTYPE_F32 || !look(copies)) return NULL;
  const LinearBlas *made = find(copies, matrix);
  return made ? made : make(copies, matrix);
}

void weight_copies_retain(WeightCopies *copies) {
  for (size_t i = 0; i < copies->copies.count; i++) copies->copies.items[i].retained = true;
}

void weight_copies_trim(WeightCopies *copies) {
  size_t kept = 0;
  for (size_t i = 0; i < copies->copies.count; i++) {
    Copy copy = copies->copies.items[i];
    if (copy.retained)
      copies->copies.items[kept++] = copy;
    else
      free_copy(&copy);
  }
  copies->copies.count = kept;
}

int64_t weight_copies_bytes(const WeightCopies *copies) {
  int64_t bytes = 0;
  for (size_t i = 0; i < copies->copies.count; i++)
    bytes += (int64_t)copies->copies.items[i].memory.size;
  return bytes;
}
