// SPDX-License-Identifier: Apache-2.0
// The primitive operators, one table of functions per instruction-set tier. Each works on one
// thread, allocates nothing, and reads and writes exactly the elements that its description names.
// Arrays need no alignment unless a line says so. `y` may be the same array as an input of the same
// shape, and may not overlap it otherwise. The meaning of every entry is the one in
// kernels/reference/*.c; the others differ by rounding only, within the bounds that the tests
// state.
#pragma once
#include "device/cpu.h"
#include "kernels/activation.h"
#include "kernels/linear.h"
#include "kernels/matmul.h"
#include "tensor/dtype.h"

// A rectangle of a blocked product: C = [initial +] A B over `depth` columns of A. B is a row of
// `panels` panels of MATRIX_PANEL columns each, as in a Matrix.
typedef struct {
  int64_t depth;
  int rows;       // ≤ tile_rows
  int panels;     // ≤ tile_panels
  const float *a; // packed (a_stride 0): [depth][rows]; otherwise row r starts at a + r * a_stride
  int64_t a_stride;
  int64_t a_step; // of packed A: from one column to the next, 0: rows. So Aᵀ is read where it lies.
  Dtype dtype;    // of b: float32, or bfloat16 where tile_takes_bf16
  const void *b;
  int64_t panel_bytes; // from one panel of b to the next
  int64_t b_step; // floats from one column of a panel to the next, 0: MATRIX_PANEL; float32 only
  // Memory that will be wanted soon: column k of panel p at next + p * next_panel_bytes + k *
  // next_column_bytes is prefetched. NULL with zero strides: nothing of use. Never read.
  const char *next;
  int64_t next_panel_bytes, next_column_bytes;
  const float *initial;   // what the sums start from, or NULL: zeros
  int64_t initial_stride; // 0: the same row for all
  float *c;               // rows x panels * MATRIX_PANEL floats are written
  int64_t c_stride;
} Tile;

// Rows of scores on their way through an online softmax (Milakov & Gimelshein 2018,
// arXiv:1805.02867): scores become exp(score - largest), and what was summed under the former
// largest is worth `factor` times as much.
typedef struct {
  int64_t rows, columns, stride; // row r at scores + r * stride
  float *scores;
  float *largest;     // [rows], -infinity at first; a NaN passes it by and makes the sum NaN
  float *sum;         // [rows], 0 at first: of exp(score - largest)
  float *factor;      // [rows], written: exp(former largest - largest), 1 where that stayed
  const float *found; // [rows]: the new largest, known already; NULL: it is looked for
} SoftmaxRows;

// Rows of scores on their way through the backward pass of attention: scores become
// p = exp(scale score - lse), products (dout vᵀ) become p slope (product - delta), and 0 where p
// is, whatever the others are.
typedef struct {
  int64_t rows, columns, stride; // row r at scores + r * stride; products, slopes likewise
  float scale;
  float *scores, *products;
  const float *slopes; // NULL: 1
  const float *lse;    // [rows]; -infinity: the row saw no key, both become 0
  const float *delta;  // [rows]: dout · out
} ScoreGradients;

enum { DIRECT_BYTES = 16, DIRECT_DEPTH = 256 };

struct Kernels {
  CpuTier tier;
  // Matrix products; linear_run and matmul_run stand on these.
  int tile_rows, tile_panels; // the largest Tile
  int streamed_rows;          // up to as many rows of x the weights are streamed, more are tiled
  int direct_rows;            // up to as many rows meet a cache as it lies
  bool tile_takes_bf16;       // else 16-bit panels are widened first
  void (*tile)(const Tile *tile);
  // Where the processor multiplies pairs of bfloat16, else NULL: the tile over bfloat16 panels with
  // A rounded to bfloat16, to nearest even. A has at most dot_rows rows and is packed by
  // pack_row_pairs. Sums are float32; subnormal inputs and results count as 0.
  void (*tile_dot)(const Tile *tile);
  int dot_rows;
  bool dot_streams; // it is so fast that W is best read as it lies however many rows there are
  // rows ≤ dot_rows of x to pairs of bfloat16, each in the place of a float, (columns + 1) / 2 of a
  // row, in the order of the tile; an odd last column is paired with 0.
  void (*pack_row_pairs)(int rows, int64_t columns, const float *x, int64_t x_stride,
                         float *packed);
  // y of the panels [first, last) for all (≤ streamed_rows) rows of x, epilogue included.
  void (*linear_direct)(const Linear *linear, int64_t first, int64_t last);
  // Columns [begin, end) of C for all (≤ direct_rows) rows of one product, batches and heads left
  // out: a, b and c are those of its head. Transposed (keys are whole DIRECT_BYTES and at most
  // DIRECT_DEPTH elements), and plain.
  void (*scores_direct)(const Matmul *product, int64_t begin, int64_t end);
  void (*values_direct)(const Matmul *product, int64_t begin, int64_t end);
  // rows ≤ tile_rows of x, columns [0, columns), to [columns][rows].
  void (*pack_rows)(int rows, int64_t columns, const float *x, int64_t x_stride, float *packed);
  // `columns` columns of one panel, beginning at `panel`, to float32 [columns][MATRIX_PANEL].
  void (*widen_panel)(Dtype dtype, int64_t columns, const void *panel, float *out);
  // Panels from rows: see matrix_pack_panel. Identical bits in every tier.
  void (*pack_panel)(Dtype dtype, int64_t columns, const float *const source[MATRIX_PANEL],
                     void *panel);
  // The same from rows that already have the dtype (weights of a file, keys of a cache): bits are
  // moved, but that signalling NaNs of float16 may become quiet.
  void (*transpose_panel)(Dtype dtype, int64_t columns, const void *const source[MATRIX_PANEL],
                          void *panel);
  // And from rows of the dtype to a float32 panel.
  void (*gather_panel)(Dtype dtype, int64_t columns, const void *const source[MATRIX_PANEL],
                       float *panel);
  // Columns [0, MATRIX_PANEL) of `rows` rows of the dtype, to float32 [rows][MATRIX_PANEL].
  void (*widen_rows)(Dtype dtype, int64_t rows, const void *x, int64_t x_stride, float *out);

  // y = weight x / sqrt(mean(x²) + epsilon)
  void (*rms_norm)(int64_t count, const float *x, const float *weight, float epsilon, float *y);
  // y = weight (x - mean) / sqrt(variance + epsilon) + bias; bias NULL: none
  void (*layer_norm)(int64_t count, const float *x, const float *weight, const float *bias,
                     float epsilon, float *y);
  // y[begin, end) = softmax(scale x[begin, end)), the rest of y[0, count) is 0. Where nothing is
  // left (begin = end, or all of it is minus infinity) all of y is 0. x outside is not read.
  void (*softmax)(int64_t count, int64_t begin, int64_t end, float scale, const float *x, float *y);
  // Within 3e-7 of exp, which is at most 1; exactly 0 for -infinity. The sum has the same bits with
  // any number of -infinity before and after the other scores. Returns whether any factor is not 1.
  bool (*softmax_rows)(const SoftmaxRows *rows);
  // Whether no element is a NaN or infinite.
  bool (*all_finite)(int64_t count, const float *x);
  void (*score_gradients)(const ScoreGradients *gradients);
  double (*dot)(int64_t count, const float *a, const float *b); // a · b
  // Σ exp(x - shift); with shift = max x it is at least 1
  double (*sum_exponentials)(int64_t count, const float *x, float shift);
  // The first index of the largest value; a NaN counts as larger than all. count ≥ 1.
  int64_t (*argmax)(int64_t count, const float *x);

  void (*activate)(Activation activation, int64_t count, const float *x, float *y);
  // y = activation(gate) up
  void (*activate_multiply)(Activation activation, int64_t count, const float *gate,
                            const float *up, float *y);
  void (*exponential)(int64_t count, const float *x, float *y); // within 2 ulp of exp
  void (*add)(int64_t count, const float *a, const float *b, float *y);
  void (*multiply)(int64_t count, const float *a, const float *b, float *y);
  void (*scale)(int64_t count, const float *x, float factor, float *y);
  void (*add_scaled)(int64_t count, const float *x, float factor, float *y); // y += factor x

  // y_i += start + i step, each rounded as a float32
  void (*add_ramp)(int64_t count, float start, float step, float *y);
  // y = cap tanh(x / cap), within 4 ulp
  void (*soft_cap)(int64_t count, float cap, const float *x, float *y);
  // y *= the slope of soft_cap at x: 1 - tanh²(x / cap)
  void (*soft_cap_slope)(int64_t count, float cap, const float *x, float *y);

  // Rotary embedding of one token, in place, pairing element i with i + half (i < half):
  // (a, b) becomes (a cos_i - b sin_i, b cos_i + a sin_i). Elements from 2 half on stay.
  void (*rope)(int64_t heads, int64_t head_stride, int64_t half, const float *cosine,
               const float *sine, float *x);

  // Conversions to and from float32 (dtype: float32, bfloat16, float16), rounding to nearest even;
  // a NaN stays a NaN. Identical bits in every tier, NaN payloads aside.
  void (*widen)(Dtype dtype, int64_t count, const void *x, float *y);
  void (*narrow)(Dtype dtype, int64_t count, const float *x, void *y);
};

// The table of a tier; a tier that this build does not have gives the best one below it.
const Kernels *kernels_for(CpuTier tier);

extern const Kernels kernels_reference;
extern const Kernels kernels_avx2, kernels_avx512, kernels_avx512_bf16,
    kernels_amx_bf16; // x86-64 builds only
