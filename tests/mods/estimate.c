// SPDX-License-Identifier: Apache-2.0
#include "estimate.h"
#include <float.h>
#include <math.h>

static const double ROUNDING = 0x1p-21; // four units in the last place

static Estimate whole(int64_t integer, bool unsure) {
  return (Estimate){.integer = integer, .unsure = unsure};
}

static bool is_float(double value) {
  return (double)(float)value == value;
}

// A float32 that was computed: `error` is what came from its operands.
static Estimate rounded(double real, double error, bool unsure) {
  Estimate result = {.real = real, .error = error, .unsure = unsure};
  if (!isfinite(real)) {
    result.error = 0;
    return result;
  }
  if (fabs(real) - error > FLT_MAX * (1 + ROUNDING)) {
    result.real = copysign(INFINITY, real), result.error = 0;
    result.unsure = true; // unless it is added to at once, unrounded
  } else {
    if (error > 0 || !is_float(real)) result.error += fabs(real) * ROUNDING + 0x1p-148;
    result.unsure |= !(fabs(real) + result.error < FLT_MAX);
  }
  return result;
}

static Estimate product(Estimate a, Estimate b, bool unsure) {
  double real = a.real * b.real;
  if (!isfinite(real)) unsure |= a.error > 0 || b.error > 0;
  return rounded(real, fabs(a.real) * b.error + fabs(b.real) * a.error + a.error * b.error, unsure);
}

static Estimate quotient(Estimate a, Estimate b, bool unsure) {
  double real = a.real / b.real, size = fabs(b.real) - b.error;
  unsure |= !(size > 0); // the sign of a zero is nothing to rely on
  if (!isfinite(real)) unsure |= a.error > 0 || b.error > 0;
  double error = a.error + b.error > 0 ? (a.error + fabs(real) * b.error) / size : 0;
  if (isinf(b.real)) error = 0;
  return rounded(real, error, unsure);
}

static Estimate exponential(double real, double exponent_error, bool unsure) {
  return rounded(real, real * expm1(exponent_error), unsure);
}

static Estimate logarithm(Estimate a, bool unsure) {
  if (a.error > 0) unsure |= fabs(a.real) <= 2 * a.error;
  return rounded(log(a.real), a.error > 0 ? a.error / (fabs(a.real) - a.error) : 0, unsure);
}

static Estimate root(Estimate a, bool unsure) {
  if (a.error > 0) unsure |= fabs(a.real) <= 2 * a.error;
  return rounded(sqrt(a.real), a.error > 0 ? a.error / sqrt(fabs(a.real)) : 0, unsure);
}

static Estimate power(Estimate a, Estimate b, bool unsure) {
  double real = pow(a.real, b.real);
  unsure |= a.real == 0 && isinf(real);
  if (a.error == 0 && b.error == 0) return rounded(real, 0, unsure);
  if (!(a.real > 2 * a.error) || !isfinite(real) || !isfinite(a.real) || !isfinite(b.real))
    return rounded(real, 0, true);
  double exponent = fabs(b.real) * a.error / (a.real - a.error) +
                    b.error * (fabs(log(a.real)) + a.error / (a.real - a.error));
  return exponential(real, exponent, unsure);
}

// Steps: sure of exact operands alone.
static Estimate stepped(ModOperation operation, Estimate a, Estimate b, bool unsure) {
  bool overflow;
  ModValue operands[2] = {{.real = a.real}, {.real = b.real}};
  double real = mod_scalar(operation, MOD_FLOAT, operands, &overflow).real;
  unsure |= operation == MOD_FLOOR_DIVIDE && b.real == 0;
  return rounded(real, 0, unsure || a.error > 0 || b.error > 0);
}

static Estimate extreme(Estimate a, Estimate b, bool largest, bool unsure) {
  if (isnan(a.real) || isnan(b.real)) return rounded(NAN, 0, unsure);
  double real = largest ? fmax(a.real, b.real) : fmin(a.real, b.real);
  return (Estimate){.real = real, .error = fmax(a.error, b.error), .unsure = unsure};
}

static Estimate float_operation(ModOperation operation, Estimate a, Estimate b, bool unsure) {
  double sum = a.error + b.error;
  switch (operation) {
  case MOD_NEGATE: return a.real = -a.real, a;
  case MOD_ABS: return a.real = fabs(a.real), a;
  case MOD_EXP: return exponential(exp(a.real), a.error, unsure);
  case MOD_EXP2: return exponential(exp2(a.real), a.error, unsure);
  case MOD_LOG: return logarithm(a, unsure);
  case MOD_TANH: return rounded(tanh(a.real), a.error, unsure);
  case MOD_SQRT: return root(a, unsure);
  case MOD_ADD: return rounded(a.real + b.real, sum, unsure);
  case MOD_SUBTRACT: return rounded(a.real - b.real, sum, unsure);
  case MOD_MULTIPLY: return product(a, b, unsure);
  case MOD_DIVIDE: return quotient(a, b, unsure);
  case MOD_POWER: return power(a, b, unsure);
  case MOD_MINIMUM: return extreme(a, b, false, unsure);
  case MOD_MAXIMUM: return extreme(a, b, true, unsure);
  default: return stepped(operation, a, b, unsure);
  }
}

static Estimate compare(ModOperation operation, ModType type, Estimate a, Estimate b) {
  bool overflow, unsure = a.unsure || b.unsure;
  ModValue operands[2] = {{a.integer, a.real}, {b.integer, b.real}};
  double error = a.error + b.error;
  if (type == MOD_FLOAT && error > 0) unsure |= fabs(a.real - b.real) <= error;
  return whole(mod_scalar(operation, type, operands, &overflow).integer, unsure);
}

static Estimate to_integer(Estimate a) {
  bool overflow;
  int64_t low =
      mod_scalar(MOD_TO_INTEGER, MOD_FLOAT, &(ModValue){.real = a.real - a.error}, &overflow)
          .integer;
  int64_t high =
      mod_scalar(MOD_TO_INTEGER, MOD_FLOAT, &(ModValue){.real = a.real + a.error}, &overflow)
          .integer;
  return whole(low, a.unsure || low != high);
}

static Estimate to_float(Estimate a) {
  double real = (double)a.integer;
  return rounded(real, fabs(real) > 0x1p24 ? fabs(real) * 0x1p-24 : 0, a.unsure);
}

static Estimate logic(ModOperation operation, Estimate a, Estimate b) {
  if (operation == MOD_NOT) return whole(!a.integer, a.unsure);
  int64_t settles = operation == MOD_OR;
  if ((!a.unsure && a.integer == settles) || (!b.unsure && b.integer == settles))
    return whole(settles, false);
  return whole(operation == MOD_OR ? a.integer || b.integer : a.integer && b.integer,
               a.unsure || b.unsure);
}

static Estimate operation_at(const ModTree *tree, const ModNode *node, const Estimate *values) {
  Estimate a = values[node->child[0]], b = values[node->child[1]];
  if (mod_operation_children(node->operation) < 2) b = (Estimate){0};
  bool overflow, unsure = a.unsure || b.unsure;
  ModType type = tree->nodes[node->child[0]].type;
  if (mod_operation_compares(node->operation)) return compare(node->operation, type, a, b);
  switch (node->operation) {
  case MOD_NOT:
  case MOD_AND:
  case MOD_OR: return logic(node->operation, a, b);
  case MOD_WHERE: {
    Estimate chosen = a.integer ? b : values[node->child[2]];
    chosen.unsure |= a.unsure;
    return chosen;
  }
  case MOD_TO_FLOAT: return to_float(a);
  case MOD_TO_INTEGER: return type == MOD_FLOAT ? to_integer(a) : a;
  default: break;
  }
  if (type == MOD_FLOAT) return float_operation(node->operation, a, b, unsure);
  ModValue operands[2] = {{.integer = a.integer}, {.integer = b.integer}};
  return whole(mod_scalar(node->operation, type, operands, &overflow).integer, unsure);
}

static Estimate element_at(const ModTree *tree, const ModNode *node, const ModArray *arrays,
                           const Estimate *values) {
  const Tensor *array = &arrays[node->array].values;
  Estimate row = values[node->child[0]], column = values[node->child[1]];
  int64_t at = array->rank == 1 ? row.integer : row.integer * array->shape[1] + column.integer;
  Estimate result = {.unsure = row.unsure || column.unsure};
  if (result.unsure || at < 0 || at >= tensor_elements(array)) return whole(0, true);
  (void)tree;
  switch (array->dtype) {
  case DTYPE_BOOL: result.integer = ((const uint8_t *)array->data)[at] != 0; break;
  case DTYPE_I32: result.integer = ((const int32_t *)array->data)[at]; break;
  case DTYPE_I64: result.integer = ((const int64_t *)array->data)[at]; break;
  default: result.real = ((const float *)array->data)[at]; break;
  }
  return result;
}

static Estimate variable_at(ModVariable variable, const ModPoint *point) {
  switch (variable) {
  case MOD_SCORE: return (Estimate){.real = point->score};
  case MOD_BATCH: return whole(point->batch, false);
  case MOD_HEAD: return whole(point->head, false);
  case MOD_QUERY: return whole(point->query, false);
  default: return whole(point->key, false);
  }
}

Estimate estimate_at(const ModTree *tree, const ModArray *arrays, const ModPoint *point) {
  static Estimate values[MOD_MOST_NODES];
  for (int i = 0; i < tree->count; i++) {
    const ModNode *node = &tree->nodes[i];
    if (node->operation == MOD_CONSTANT)
      values[i] =
          node->type == MOD_FLOAT ? rounded(node->real, 0, false) : whole(node->integer, false);
    else if (node->operation == MOD_VARIABLE)
      values[i] = variable_at(node->variable, point);
    else if (node->operation == MOD_ELEMENT)
      values[i] = element_at(tree, node, arrays, values);
    else
      values[i] = operation_at(tree, node, values);
    values[i].unsure |= isnan(values[i].error);
  }
  return values[tree->count - 1];
}

bool estimate_holds(const Estimate *estimate, float found) {
  if (isnan(estimate->real)) return isnan(found);
  return found == estimate->real || fabs(found - estimate->real) <= estimate->error;
}
