// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/operators.h"

// The tiers of bfloat16 products are AVX-512 with others in the place of some.
#if defined(MATRIX_REGISTERS)
const Kernels kernels_amx_bf16 = {
    .tier = CPU_TIER_AMX_BF16,
    .linear_direct = TIER_FUNCTION(linear_amx),
    .tile_dot = TIER_FUNCTION(tile_amx),
    .dot_rows = 2 * LANES,
    .dot_streams = true,
    .pack_row_pairs = TIER_FUNCTION(pack_row_matrices),
#elif defined(DOT_PAIRS)
const Kernels kernels_avx512_bf16 = {
    .tier = CPU_TIER_AVX512_BF16,
    .linear_direct = TIER_FUNCTION(linear_dot),
    .tile_dot = TIER_FUNCTION(tile_dot),
    .dot_rows = TILE_ROWS,
    .pack_row_pairs = TIER_FUNCTION(pack_row_pairs),
#else
const Kernels TIER_FUNCTION_OF(kernels, TIER_NAME) = {
    .tier = LANES == 16 ? CPU_TIER_AVX512 : CPU_TIER_AVX2,
    .linear_direct = TIER_FUNCTION(linear_direct),
#endif
    .tile_rows = TILE_ROWS,
    .tile_panels = TILE_PANELS,
    .streamed_rows = STREAMED_ROWS,
    .direct_rows = DIRECT_ROWS,
    .tile_takes_bf16 = true,
    .tile = TIER_FUNCTION(tile),
    .scores_direct = TIER_FUNCTION(scores_direct),
    .values_direct = TIER_FUNCTION(values_direct),
    .pack_rows = TIER_FUNCTION(pack_rows),
    .widen_panel = TIER_FUNCTION(widen_panel),
    .pack_panel = TIER_FUNCTION(pack_panel),
    .transpose_panel = TIER_FUNCTION(transpose_panel),
    .gather_panel = TIER_FUNCTION(gather_panel),
    .widen_rows = TIER_FUNCTION(widen_rows),
    .rms_norm = TIER_FUNCTION(rms_norm),
    .layer_norm = TIER_FUNCTION(layer_norm),
    .softmax = TIER_FUNCTION(softmax),
    .softmax_rows = TIER_FUNCTION(softmax_rows),
    .all_finite = TIER_FUNCTION(all_finite),
    .score_gradients = TIER_FUNCTION(score_gradients),
    .dot = TIER_FUNCTION(dot),
    .sum_exponentials = TIER_FUNCTION(sum_exponentials),
    .argmax = TIER_FUNCTION(argmax),
    .activate = TIER_FUNCTION(activate),
    .activate_multiply = TIER_FUNCTION(activate_multiply),
    .exponential = TIER_FUNCTION(exponential),
    .add = TIER_FUNCTION(add),
    .multiply = TIER_FUNCTION(multiply),
    .scale = TIER_FUNCTION(scale),
    .add_scaled = TIER_FUNCTION(add_scaled),
    .add_ramp = TIER_FUNCTION(add_ramp),
    .soft_cap = TIER_FUNCTION(soft_cap),
    .soft_cap_slope = TIER_FUNCTION(soft_cap_slope),
    .rope = TIER_FUNCTION(rope),
    .widen = TIER_FUNCTION(widen),
    .narrow = TIER_FUNCTION(narrow),
};
