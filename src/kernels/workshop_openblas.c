// SPDX-License-Identifier: Apache-2.0
#include "kernels/workshop.h"

static void plan(WorkshopCase *bench) {
  const WorkshopShape *s = &bench->shape;
  bench->x_count = s->m * s->k;
  bench->y_count = s->m * s->n;
  bench->weight_count = s->n * s->k;
  bench->flops = 2.0 * (double)s->m * (double)s->n * (double)s->k;
  bench->bytes = (double)bench->weight_count * (double)sizeof(float);
}

static void run(WorkshopCase *bench, int thread, int threads) {
  const WorkshopShape *s = &bench->shape;
  int64_t begin, end;
  team_share(s->n, 16, thread, threads, &begin, &end);
  openblas_product(bench->openblas, s->m, s->n, s->k, bench->x, bench->weights, begin, end,
                   bench->y);
}

static double expect(const WorkshopCase *bench, int64_t index) {
  int64_t depth = bench->shape.k;
  const float *x = bench->x + index / bench->shape.n * depth;
  const float *w = (const float *)bench->weights + index % bench->shape.n * depth;
  double sum = 0.0;
  for (int64_t k = 0; k < depth; k++) sum += (double)x[k] * w[k];
  return sum;
}

const WorkshopOperator workshop_openblas = {"linear", "y = x Wᵀ", false, 2e-7,   SITE_LINEAR,
                                            plan,     run,        false, expect, "openblas"};
