// SPDX-License-Identifier: Apache-2.0
// Compiled once per tier: TIER names the table. Operands may be the result's own place, never a
// part of it, so that the loops may be vectorized without a look at the addresses.
#include "mods/loops.h"
#include "mods/prelude.h"
#include <math.h>

#define JOIN(A, B) A##B
#define TABLE_OF(TIER_NAME) JOIN(mod_loops_, TIER_NAME)
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

// What is moved without being looked at.
typedef int32_t __attribute__((may_alias)) Word;
typedef int64_t __attribute__((may_alias)) LongWord;

static inline void *row_of(ModLane lane, int64_t row) {
  return (char *)lane.data + row * lane.stride;
}

static inline int64_t whole_columns(const ModLoop *loop) {
  return loop->columns & -(int64_t)MOD_LOOP_STEP;
}

static inline int32_t int_of_float(float x) {
  if (x != x) return 0;
  x = x > -0x1p31f ? x : -0x1p31f;
  return x < 0x1p31f ? (int32_t)x : INT32_MAX;
}

// One variant of a loop: how a and b are found in a row of operands x and y, and what is stored.
#define LOOP(NAME, IN, OUT, COLUMNS, A, B, X, Y, VALUE)                                            \
  static void NAME(const ModLoop *loop) {                                                          \
    int64_t columns = COLUMNS;                                                                     \
    for (int64_t row = 0; row < loop->rows; row++) {                                               \
      const IN *x = row_of(loop->in[X], row), *y = row_of(loop->in[Y], row);                       \
      OUT *out = row_of(loop->out, row);                                                           \
      const IN x0 = *x, y0 = *y;                                                                   \
      (void)x0, (void)y0;                                                                          \
      INDEPENDENT for (int64_t i = 0; i < columns; i++) {                                          \
        const IN a = A, b = B;                                                                     \
        (void)b;                                                                                   \
        out[i] = (OUT)(VALUE);                                                                     \
      }                                                                                            \
    }                                                                                              \
  }

#define UNARY(NAME, IN, OUT, VALUE)                                                                \
  LOOP(NAME##_v, IN, OUT, whole_columns(loop), x[i], y0, 0, 0, VALUE)
#define BINARY(NAME, IN, OUT, VALUE)                                                               \
  LOOP(NAME##_vv, IN, OUT, whole_columns(loop), x[i], y[i], 0, 1, VALUE)                           \
  LOOP(NAME##_vs, IN, OUT, whole_columns(loop), x[i], y0, 0, 1, VALUE)                             \
  LOOP(NAME##_sv, IN, OUT, whole_columns(loop), x0, y[i], 0, 1, VALUE)
#define HIDE_BY(NAME, VALUE)                                                                       \
  LOOP(NAME##_vv, int32_t, float, loop->columns, x[i], y[i], 0, 1, VALUE ? out[i] : -INFINITY)     \
  LOOP(NAME##_vs, int32_t, float, loop->columns, x[i], y0, 0, 1, VALUE ? out[i] : -INFINITY)       \
  LOOP(NAME##_sv, int32_t, float, loop->columns, x0, y[i], 0, 1, VALUE ? out[i] : -INFINITY)
// To the caller's arrays, of one operand.
#define SINK(NAME, IN, OUT, VALUE)                                                                 \
  LOOP(NAME##_v, IN, OUT, loop->columns, x[i], y0, 0, 0, VALUE)                                    \
  LOOP(NAME##_s, IN, OUT, loop->columns, x0, y0, 0, 0, VALUE)

#define GATHER(NAME, ELEMENT, INDEX, OUT)                                                          \
  static void NAME(const ModLoop *loop) {                                                          \
    const ELEMENT *array = loop->array;                                                            \
    const INDEX last = (INDEX)(loop->extent - 1);                                                  \
    int64_t columns = whole_columns(loop);                                                         \
    for (int64_t row = 0; row < loop->rows; row++) {                                               \
      const INDEX *index = row_of(loop->in[0], row);                                               \
      OUT *out = row_of(loop->out, row);                                                           \
      INDEPENDENT for (int64_t i = 0; i < columns; i++) {                                          \
        INDEX at = index[i] < 0 ? 0 : index[i];                                                    \
        at = at > last ? last : at;                                                                \
        out[i] = (OUT)VALUE_OF_##ELEMENT(array[at]);                                               \
      }                                                                                            \
    }                                                                                              \
  }
#define VALUE_OF_uint8_t(X) ((X) != 0)
#define VALUE_OF_int32_t(X) (X)
#define VALUE_OF_int64_t(X) (X)
#define VALUE_OF_float(X) (X)

// Where a row's part of the array sticks out of it, it is read one by one.
#define LOAD(NAME, ELEMENT, OUT)                                                                   \
  static void NAME(const ModLoop *loop) {                                                          \
    const ELEMENT *array = loop->array;                                                            \
    int64_t columns = whole_columns(loop), most = loop->extent - 1;                                \
    for (int64_t row = 0; row < loop->rows; row++) {                                               \
      int64_t first =                                                                              \
          *(int32_t *)row_of(loop->in[0], row) + (int64_t) * (int32_t *)row_of(loop->in[1], row);  \
      OUT *out = row_of(loop->out, row);                                                           \
      if (first >= 0 && first + columns <= loop->extent) {                                         \
        const ELEMENT *from = array + first;                                                       \
        INDEPENDENT for (int64_t i = 0; i < columns; i++) out[i] =                                 \
            (OUT)VALUE_OF_##ELEMENT(from[i]);                                                      \
        continue;                                                                                  \
      }                                                                                            \
      for (int64_t i = 0; i < columns; i++) {                                                      \
        int64_t at = first + i < 0 ? 0 : first + i;                                                \
        out[i] = (OUT)VALUE_OF_##ELEMENT(array[at > most ? most : at]);                            \
      }                                                                                            \
    }                                                                                              \
  }

#define CHOOSE(NAME, TYPE, YES, NO)                                                                \
  static void NAME(const ModLoop *loop) {                                                          \
    int64_t columns = whole_columns(loop);                                                         \
    for (int64_t row = 0; row < loop->rows; row++) {                                               \
      const int32_t *condition = row_of(loop->in[0], row);                                         \
      const TYPE *x = row_of(loop->in[1], row), *y = row_of(loop->in[2], row);                     \
      TYPE *out = row_of(loop->out, row);                                                          \
      const TYPE x0 = *x, y0 = *y;                                                                 \
      (void)x0, (void)y0;                                                                          \
      INDEPENDENT for (int64_t i = 0; i < columns; i++) {                                          \
        const TYPE yes = YES, no = NO;                                                             \
        out[i] = condition[i] ? yes : no;                                                          \
      }                                                                                            \
    }                                                                                              \
  }
#define CHOICES(NAME, TYPE)                                                                        \
  CHOOSE(NAME##_vv, TYPE, x[i], y[i])                                                              \
  CHOOSE(NAME##_vs, TYPE, x[i], y0)                                                                \
  CHOOSE(NAME##_sv, TYPE, x0, y[i])                                                                \
  CHOOSE(NAME##_ss, TYPE, x0, y0)

#define COUNT(NAME, TYPE)                                                                          \
  static void NAME(const ModLoop *loop) {                                                          \
    TYPE *out = loop->out.data;                                                                    \
    for (int64_t i = 0; i < whole_columns(loop); i++) out[i] = (TYPE)(loop->first + i);            \
  }

// As one comparison: what is below the first wraps around to the largest distances.
static void HIDE_OUTSIDE(const ModLoop *loop) {
  for (int64_t row = 0; row < loop->rows; row++) {
    const int32_t first = *(int32_t *)row_of(loop->in[0], row);
    const int32_t last = *(int32_t *)row_of(loop->in[1], row), *x = row_of(loop->in[2], row);
    const uint32_t most = (uint32_t)last - (uint32_t)first;
    float *out = row_of(loop->out, row);
    if (last < first) {
      for (int64_t i = 0; i < loop->columns; i++) out[i] = -INFINITY;
      continue;
    }
    INDEPENDENT for (int64_t i = 0; i < loop->columns; i++) {
      out[i] = (uint32_t)x[i] - (uint32_t)first <= most ? out[i] : -INFINITY;
    }
  }
}

// The quotient by a number is as far from a wrong integer as the rounding of its reciprocal is
// small: (a ± 1/2) / b lies 1 / 2b inside the right interval.
static inline int32_t short_floor_of(float quotient) {
  float near = (quotient + 0x1.8p23f) - 0x1.8p23f;
  return (int32_t)(near > quotient ? near - 1 : near);
}

#define DIVIDE_BY_SCALAR(NAME, REAL, FLOOR, VALUE)                                                 \
  static void NAME(const ModLoop *loop) {                                                          \
    int64_t columns = whole_columns(loop);                                                         \
    for (int64_t row = 0; row < loop->rows; row++) {                                               \
      const int32_t *x = row_of(loop->in[0], row), b = *(int32_t *)row_of(loop->in[1], row);       \
      int32_t *out = row_of(loop->out, row);                                                       \
      const REAL reciprocal = b == 0 ? 0 : (REAL)1 / (REAL)b, half = b < 0 ? -0.5f : 0.5f;         \
      INDEPENDENT for (int64_t i = 0; i < columns; i++) {                                          \
        const int32_t a = x[i], quotient = FLOOR(((REAL)a + half) * reciprocal);                   \
        out[i] = VALUE;                                                                            \
      }                                                                                            \
    }                                                                                              \
  }

// Of x and the values B and C of the two others.
#define THREE(NAME, B, C, VALUE)                                                                   \
  static void NAME(const ModLoop *loop) {                                                          \
    int64_t columns = whole_columns(loop);                                                         \
    for (int64_t row = 0; row < loop->rows; row++) {                                               \
      const float *x = row_of(loop->in[0], row), *y = row_of(loop->in[1], row);                    \
      const float *z = row_of(loop->in[2], row), y0 = *y, z0 = *z;                                 \
      float *out = row_of(loop->out, row);                                                         \
      (void)y0, (void)z0;                                                                          \
      INDEPENDENT for (int64_t i = 0; i < columns; i++) {                                          \
        const float a = x[i], b = B, c = C;                                                        \
        out[i] = VALUE;                                                                            \
      }                                                                                            \
    }                                                                                              \
  }
#define THREES(NAME, VALUE)                                                                        \
  THREE(NAME##_vv, y[i], z[i], VALUE)                                                              \
  THREE(NAME##_vs, y[i], z0, VALUE)                                                                \
  THREE(NAME##_sv, y0, z[i], VALUE)                                                                \
  THREE(NAME##_ss, y0, z0, VALUE)

MOD_LOOPS_UNARY(UNARY)
MOD_LOOPS_BINARY(BINARY)
MOD_LOOPS_HIDE(HIDE_BY)
MOD_LOOPS_GATHER(GATHER)
MOD_LOOPS_LOAD(LOAD)
THREES(MULTIPLY_ADD, a *b + c)
THREES(ADD_SUM, a + (b + c))
LOOP(FLOOR_DIVIDE_INT_vv, int32_t, int32_t, whole_columns(loop), x[i], y[i], 0, 1,
     mod_int_floor_divide(a, b))
LOOP(FLOOR_DIVIDE_INT_sv, int32_t, int32_t, whole_columns(loop), x0, y[i], 0, 1,
     mod_int_floor_divide(a, b))
LOOP(REMAINDER_INT_vv, int32_t, int32_t, whole_columns(loop), x[i], y[i], 0, 1,
     mod_int_remainder(a, b))
LOOP(REMAINDER_INT_sv, int32_t, int32_t, whole_columns(loop), x0, y[i], 0, 1,
     mod_int_remainder(a, b))
#define REST (b == 0 ? 0 : (int32_t)((uint32_t)a - (uint32_t)quotient * (uint32_t)b))
DIVIDE_BY_SCALAR(FLOOR_DIVIDE_INT_vs, double, mod_int_floor_of, quotient)
DIVIDE_BY_SCALAR(REMAINDER_INT_vs, double, mod_int_floor_of, REST)
DIVIDE_BY_SCALAR(FLOOR_DIVIDE_SHORT_vs, float, short_floor_of, quotient)
DIVIDE_BY_SCALAR(REMAINDER_SHORT_vs, float, short_floor_of, REST)
CHOICES(WHERE, Word)
CHOICES(WHERE_LONG, LongWord)
COUNT(COUNT_INT, int32_t)
COUNT(COUNT_LONG, int64_t)
SINK(COPY, Word, Word, a)
SINK(SCALE, float, float, out[i] * a)
SINK(HIDE, int32_t, float, a ? out[i] : -INFINITY)
SINK(SHOW, int32_t, uint8_t, a)

#define ONE(NAME, ...) [MOD_LOOP_##NAME] = {[0] = NAME##_v},
#define TWO(NAME, ...)                                                                             \
  [MOD_LOOP_##                                                                                     \
      NAME] = {[0] = NAME##_vv, [MOD_LOOP_SECOND] = NAME##_vs, [MOD_LOOP_FIRST] = NAME##_sv},
#define PLAIN(NAME, ...) [MOD_LOOP_##NAME] = {[0] = NAME},
#define EITHER(NAME) [MOD_LOOP_##NAME] = {[0] = NAME##_v, [MOD_LOOP_FIRST] = NAME##_s},
#define CHOICE(NAME)                                                                               \
  [MOD_LOOP_##NAME] = {[0] = NAME##_vv,                                                            \
                       [MOD_LOOP_SECOND] = NAME##_vs,                                              \
                       [MOD_LOOP_FIRST] = NAME##_sv,                                               \
                       [MOD_LOOP_FIRST + MOD_LOOP_SECOND] = NAME##_ss},

#define BY_SCALAR(NAME) [MOD_LOOP_##NAME] = {[MOD_LOOP_SECOND] = NAME##_vs},
#define ROWS_OF(NAME, ...) [MOD_LOOP_##NAME] = {[MOD_LOOP_FIRST] = NAME},

const ModLoopTable TABLE_OF(TIER) = {
    .function = {MOD_LOOPS_UNARY(ONE) MOD_LOOPS_BINARY(TWO) MOD_LOOPS_HIDE(TWO)
                     MOD_LOOPS_GATHER(PLAIN) MOD_LOOPS_LOAD(ROWS_OF) TWO(FLOOR_DIVIDE_INT)
                         TWO(REMAINDER_INT) BY_SCALAR(FLOOR_DIVIDE_SHORT) BY_SCALAR(REMAINDER_SHORT)
                             CHOICE(MULTIPLY_ADD) CHOICE(ADD_SUM) CHOICE(WHERE) CHOICE(WHERE_LONG)
                                 PLAIN(COUNT_INT) PLAIN(COUNT_LONG) EITHER(COPY) EITHER(SCALE)
                                     EITHER(HIDE)[MOD_LOOP_HIDE_OUTSIDE] =
                                         {[MOD_LOOP_FIRST + MOD_LOOP_SECOND] = HIDE_OUTSIDE},
                 EITHER(SHOW)}};
