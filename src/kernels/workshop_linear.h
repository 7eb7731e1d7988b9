// SPDX-License-Identifier: Apache-2.0
// What the workshop's list says of the products with weights: see WorkshopOperator.
#pragma once
#include "kernels/workshop.h"

double workshop_element_bytes(const WorkshopCase *bench);         // of the weights' dtype
double workshop_weight(const WorkshopCase *bench, int64_t index); // one of them

// y = x Wᵀ + bias; bias is x2.
void workshop_linear_plan(WorkshopCase *bench);
void workshop_linear_run(WorkshopCase *bench, int thread, int threads);
double workshop_linear_expect(const WorkshopCase *bench, int64_t index);

// y = the index of the largest element of a row of that product. Expected is the index that was
// found where its element is the largest but for rounding.
void workshop_argmax_plan(WorkshopCase *bench);
void workshop_argmax_run(WorkshopCase *bench, int thread, int threads);
double workshop_argmax_expect(const WorkshopCase *bench, int64_t index);
