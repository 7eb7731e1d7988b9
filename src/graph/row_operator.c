// SPDX-License-Identifier: Apache-2.0
#include "graph/row_operator.h"
#include "kernels/operators/operators.h"

static const RowOperator list[] = {
    {&add_operator, {ROW_VALUES, ROW_VALUES}},
    {&multiply_operator, {ROW_VALUES, ROW_VALUES}},
    {&scale_operator, {ROW_VALUES}},
    {&activation_operator, {ROW_VALUES}},
    {&rms_norm_operator, {ROW_VALUES, ROW_VECTOR}},
    {&layer_norm_operator, {ROW_VALUES, ROW_VECTOR, ROW_VECTOR}},
    {&add_positions_operator, {ROW_VALUES, ROW_TABLE, ROW_PAST}},
    {&rope_operator, {ROW_VALUES, ROW_TABLE, ROW_TABLE, ROW_PAST}},
    {&cache_write_operator, {ROW_VALUES, ROW_DESTINATION, ROW_PAST}},
    {&mask_operator, {ROW_VALUES, ROW_PAST}},
    {&softmax_operator, {ROW_VALUES}},
};

static bool has_code(Activation activation) {
  switch (activation) {
  case ACTIVATION_NONE:
  case ACTIVATION_SILU:
  case ACTIVATION_GELU:
  case ACTIVATION_GELU_TANH:
  case ACTIVATION_QUICK_GELU:
  case ACTIVATION_RELU: return true;
  default: return false;
  }
}

const RowOperator *row_operator_find(const Operator *op, const void *attributes) {
  if (op == &activation_operator &&
      !has_code((Activation)((const ActivationAttributes *)attributes)->activation))
    return NULL;
  for (size_t i = 0; i < COUNT_OF(list); i++)
    if (list[i].op == op) return &list[i];
  return NULL;
}
