// SPDX-License-Identifier: Apache-2.0
#include "kernels/reference/reference.h"

// A small tile, so that the blocked paths are exercised on any machine.
const Kernels kernels_reference = {
    .tier = CPU_TIER_REFERENCE,
    .tile_rows = 4,
    .tile_panels = 1,
    .direct_rows = 8,
    .tile_takes_bf16 = true,
    .tile = reference_tile,
    .linear_direct = reference_linear_direct,
    .pack_rows = reference_pack_rows,
    .widen_panel = reference_widen_panel,
    .pack_panel = reference_pack_panel,
    .transpose_panel = reference_transpose_panel,
    .gather_panel = reference_gather_panel,
    .widen_rows = reference_widen_rows,
    .rms_norm = reference_rms_norm,
    .layer_norm = reference_layer_norm,
    .softmax = reference_softmax,
    .sum_exponentials = reference_sum_exponentials,
    .argmax = reference_argmax,
    .activate = reference_activate,
    .activate_multiply = reference_activate_multiply,
    .exponential = reference_exponential,
    .add = reference_add,
    .multiply = reference_multiply,
    .scale = reference_scale,
    .add_scaled = reference_add_scaled,
    .rope = reference_rope,
    .widen = reference_widen,
    .narrow = reference_narrow,
};
