// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/mod_array.h"
#include "formats/npy.h"
#include "tensor/widen.h"
#include <string.h>

// What its elements become.
static bool target_of(Dtype dtype, Dtype *target) {
  switch (dtype) {
  case DTYPE_F64:
  case DTYPE_F32:
  case DTYPE_F16: *target = DTYPE_F32; return true;
  case DTYPE_BOOL: *target = DTYPE_BOOL; return true;
  case DTYPE_I8:
  case DTYPE_U8:
  case DTYPE_I16:
  case DTYPE_U16:
  case DTYPE_I32: *target = DTYPE_I32; return true;
  case DTYPE_U32:
  case DTYPE_I64: *target = DTYPE_I64; return true;
  default: return false;
  }
}

static int64_t integer_at(Dtype dtype, const char *source, int64_t index) {
  int8_t i8;
  int16_t i16;
  int32_t i32;
  switch (dtype) {
  case DTYPE_I8: memcpy(&i8, source + index, sizeof i8); return i8;
  case DTYPE_U8: return (unsigned char)source[index];
  case DTYPE_I16: memcpy(&i16, source + 2 * index, sizeof i16); return i16;
  case DTYPE_U16: memcpy(&i16, source + 2 * index, sizeof i16); return (uint16_t)i16;
  case DTYPE_I32: memcpy(&i32, source + 4 * index, sizeof i32); return i32;
  default: memcpy(&i32, source + 4 * index, sizeof i32); return (uint32_t)i32;
  }
}

static void copy(const Tensor *from, Dtype target, void *to, int64_t count) {
  const char *source = from->data;
  if (target == DTYPE_F32)
    widen_row(from->dtype, source, to, count);
  else if (target == DTYPE_BOOL)
    for (int64_t i = 0; i < count; i++) ((bool *)to)[i] = source[i] != 0;
  else if (from->dtype == DTYPE_I64)
    memcpy(to, source, (size_t)count * sizeof(int64_t));
  else if (target == DTYPE_I64)
    for (int64_t i = 0; i < count; i++) ((int64_t *)to)[i] = integer_at(from->dtype, source, i);
  else
    for (int64_t i = 0; i < count; i++)
      ((int32_t *)to)[i] = (int32_t)integer_at(from->dtype, source, i);
}

static bool take(const Tensor *tensor, const char *path, const char *name, Region *memory,
                 ModArray *array, Error *error) {
  Dtype target;
  int64_t bytes, count = tensor_elements(tensor);
  if (tensor->rank < 1 || tensor->rank > 2 || count < 1)
    return error_set(error, ERROR_FORMAT, path,
                     "has %d dimensions and %lld elements, expected 1 or 2 dimensions and at least "
                     "one element",
                     tensor->rank, (long long)count);
  if (!target_of(tensor->dtype, &target))
    return error_set(error, ERROR_FORMAT, path,
                     "holds %s, expected float16, 32 or 64, integers or bool",
                     dtype_name(tensor->dtype));
  if (!dtype_bytes(target, count, &bytes) || !region_map(memory, (size_t)bytes, error))
    return error_set(error, ERROR_MEMORY, path, "there is no room for its %lld elements",
                     (long long)count);
  copy(tensor, target, memory->data, count);
  *array = (ModArray){name, tensor_dense(target, tensor->rank, tensor->shape, memory->data)};
  return true;
}

bool mod_array_read(const char *path, const char *name, Region *memory, ModArray *array,
                    Error *error) {
  FileMap map;
  Tensor tensor;
  *memory = (Region){0};
  if (!npy_open(&map, path, &tensor, error)) return false;
  bool done = take(&tensor, path, name, memory, array, error);
  file_map_close(&map);
  return done;
}
