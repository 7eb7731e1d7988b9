// SPDX-License-Identifier: Apache-2.0
#include "mods/names.h"
#include "base/suggestion.h"
#include "mods/functions.h"
#include "mods/lexer.h"
#include <math.h>
#include <stdio.h>

static const struct {
  const char *name;
  double value;
} numbers[] = {{"inf", INFINITY}, {"nan", NAN}, {"pi", 3.14159265358979323846}};

double mod_name_number(int index) {
  return numbers[index].value;
}

static Span without_prefix(Span name) {
  static const char *const prefixes[] = {"torch.", "math."};
  for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
    Span prefix = span_of(prefixes[i]);
    if (span_starts_with(name, prefix))
      return (Span){name.data + prefix.size, name.size - prefix.size};
  }
  return name;
}

static ModName find_library(Span name) {
  for (int i = 0; i < (int)COUNT_OF(numbers); i++)
    if (span_equal(name, span_of(numbers[i].name))) return (ModName){MOD_NAME_NUMBER, i};
  int function = mod_function_find(name);
  return (ModName){function < 0 ? MOD_NAME_UNKNOWN : MOD_NAME_FUNCTION, function};
}

static ModName find_own(Span name) {
  for (int i = 0; i < MOD_VARIABLE_COUNT; i++)
    if (span_equal(name, span_of(mod_variable_name((ModVariable)i))))
      return (ModName){MOD_NAME_VARIABLE, i};
  return find_library(without_prefix(name));
}

ModName mod_name_find(const ModSource *source, Span name) {
  for (int i = 0; i < source->parameter_count; i++)
    if (span_equal(name, span_of(source->parameters[i].name)))
      return (ModName){MOD_NAME_PARAMETER, i};
  for (int i = 0; i < source->array_count; i++)
    if (span_equal(name, span_of(source->arrays[i].name))) return (ModName){MOD_NAME_ARRAY, i};
  return find_own(name);
}

Span mod_name_near(const ModSource *source, Span name) {
  Suggestion best = {0};
  name = without_prefix(name);
  for (int i = 0; i < source->parameter_count; i++)
    suggestion_consider(&best, span_of(source->parameters[i].name), name);
  for (int i = 0; i < source->array_count; i++)
    suggestion_consider(&best, span_of(source->arrays[i].name), name);
  for (int i = 0; i < MOD_VARIABLE_COUNT; i++)
    suggestion_consider(&best, span_of(mod_variable_name((ModVariable)i)), name);
  for (int i = 0; i < mod_function_count(); i++)
    suggestion_consider(&best, span_of(mod_function_name(i)), name);
  return suggestion_good(&best, name) ? best.name : (Span){0};
}

static bool check_name(const ModSource *source, const char *role, const char *name, Error *error) {
  char where[96];
  snprintf(where, sizeof where, "%s %.60s", role, name);
  if (!mod_name_valid(name))
    return error_set(error, ERROR_ARGUMENT, where,
                     "the name is not one that an expression can use: letters, digits and _, not "
                     "beginning with a digit, and no word of the language");
  if (find_own(span_of(name)).kind != MOD_NAME_UNKNOWN)
    return error_set(error, ERROR_ARGUMENT, where, "the language has this name already");
  int count = 0;
  for (int i = 0; i < source->parameter_count; i++)
    count += span_equal(span_of(source->parameters[i].name), span_of(name));
  for (int i = 0; i < source->array_count; i++)
    count += span_equal(span_of(source->arrays[i].name), span_of(name));
  return count == 1 || error_set(error, ERROR_ARGUMENT, where, "the name is given %d times", count);
}

static bool check_array(const ModArray *array, Error *error) {
  char where[96], shape[96];
  snprintf(where, sizeof where, "array %.60s", array->name);
  const Tensor *values = &array->values;
  if (!values->data) return error_set(error, ERROR_ARGUMENT, where, "has no values");
  if (values->rank != 1 && values->rank != 2)
    return error_set(error, ERROR_ARGUMENT, where, "has shape %s, expected 1 or 2 dimensions",
                     tensor_shape_text(values, shape, sizeof shape));
  if (tensor_elements(values) < 1)
    return error_set(error, ERROR_ARGUMENT, where, "has no elements");
  if (!tensor_is_dense(values)) return error_set(error, ERROR_ARGUMENT, where, "is not dense");
  switch (values->dtype) {
  case DTYPE_BOOL:
  case DTYPE_I32:
  case DTYPE_I64:
  case DTYPE_F32: return true;
  default:
    return error_set(error, ERROR_ARGUMENT, where,
                     "holds %s, expected int32, int64, float32 or bool", dtype_name(values->dtype));
  }
}

bool mod_names_check(const ModSource *source, Error *error) {
  for (int i = 0; i < source->parameter_count; i++)
    if (!check_name(source, "parameter", source->parameters[i].name, error)) return false;
  for (int i = 0; i < source->array_count; i++)
    if (!check_name(source, "array", source->arrays[i].name, error) ||
        !check_array(&source->arrays[i], error))
      return false;
  return true;
}
