// SPDX-License-Identifier: Apache-2.0
// The kernel workshop: every operator, tier and dtype as one list row that can be checked and timed
// at any shape. A measurement draws fresh random input, puts poison around the output, compares
// with double precision, and only then takes the time. Weights rotate through more memory than any
// cache holds, as they do in a model; activations stay where a model would have them.
#pragma once
#include "device/ceiling.h"
#include "kernels/kernels.h"
#include "kernels/openblas.h"
#include "kernels/workshop_shapes.h"

typedef struct WorkshopCase WorkshopCase;

typedef struct {
  const char *name, *summary;
  bool by_dtype;     // else float32 alone
  double bound;      // on max|difference| / max|reference|, times √k where the shape has a k
  WorkshopSite site; // where in a model it works: its shapes
  // Sizes and work of one execution, for the case's shape and dtype.
  void (*plan)(WorkshopCase *bench);
  // One thread's share of one execution, or, where it brings its own threads, all of it (thread is
  // then -1).
  void (*run)(WorkshopCase *bench, int thread, int threads);
  bool own_threads;
  // Element `index` of the output in double precision.
  double (*expect)(const WorkshopCase *bench, int64_t index);
  const char *library; // that does it in place of a tier's kernels; NULL: none
} WorkshopOperator;

typedef struct {
  const WorkshopOperator *op;
  const char *by; // the name of the tier, or the library
  Dtype dtype;
  WorkshopShape shape;
  double residual, bound;       // relative error found and allowed
  bool correct;                 // false: what follows was not measured and is 0
  int samples;                  // of the median
  double seconds;               // median of one execution
  double gflop_per_s, gb_per_s; // 10^9; bytes that must move at least once
  // Least possible time at the ceilings (the larger of FLOPs / product rate and bytes / read rate)
  // over the time taken. Above 1: the data was in a cache.
  double share;
  const char *share_of; // which of the ceilings: "read", "FMA", "dot"
  double fma_gflop_per_s, dot_gflop_per_s, read_gb_per_s; // the ceilings
} WorkshopResult;

// The list.
const WorkshopOperator *workshop_operators(int *count);
const WorkshopOperator *workshop_operator_by_name(const char *name); // NULL: there is none
// The float32 products of "linear" by OpenBLAS, which the workshop must have been given; the tier
// does not matter. Not in the list.
extern const WorkshopOperator workshop_openblas;

// Whether the tier does anything else than the one below it.
bool workshop_differs(const WorkshopOperator *op, const Kernels *kernels, Dtype dtype);

// What measurements share: the team, the ceilings, and the memory that weights rotate through.
typedef struct Workshop Workshop;

// Team and ceilings must outlive it. `seed` is that of all input.
Workshop *workshop_open(Team *team, const Ceilings *ceilings, uint64_t seed);
// Takes the ceilings again, on the memory of the weights: on a machine that others
// use too, a share should be one of what it could do just then.
CHECKED bool workshop_take_ceilings(Workshop *workshop, Dtype dtype, Error *error);
// For workshop_openblas; must outlive the workshop.
void workshop_set_openblas(Workshop *workshop, const Openblas *openblas);
void workshop_close(Workshop *workshop); // NULL is fine
// Checks and times one row; takes about `seconds` of timing, more where one execution takes longer.
// false: no memory, or a shape that is empty or absurd. A wrong result is no error but `correct`
// false. Rows of one dtype after another are quicker to measure than changing ones.
CHECKED bool workshop_measure(Workshop *workshop, const WorkshopOperator *op,
                              const Kernels *kernels, Dtype dtype, WorkshopShape shape,
                              double seconds, WorkshopResult *result, Error *error);

// What an operator's functions see (workshop_operators.c).
struct WorkshopCase {
  const Kernels *kernels;
  const Openblas *openblas;
  Team *team;
  Dtype dtype;
  WorkshopShape shape;
  // Set by plan, in elements: arrays of float32, and the rotating array of the dtype.
  int64_t x_count, x2_count, y_count, weight_count;
  Dtype y_dtype;
  int64_t scratch_bytes;
  bool dot;              // multiplies pairs of bfloat16: another ceiling, and x is rounded to it
  double flops, bytes;   // of one execution
  double check_products; // that expecting one element takes; 0: few
  float *x, *x2;         // random
  void *y, *scratch;
  const void *weights; // random; the copy whose turn it is
};
