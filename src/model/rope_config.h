// SPDX-License-Identifier: Apache-2.0
// The rotary embedding's settings in config.json, in both spellings: rope_theta and rope_scaling at
// top level (old), or rope_parameters (transformers 5), plain or keyed by layer type.
#pragma once
#include "base/document.h"
#include "model/config.h"

// `root` is the whole config.json. Needs head_dim, max_positions and the family of `config`, fills
// config->rope. An unknown rope_type is ERROR_UNSUPPORTED and names the supported ones.
CHECKED bool rope_config_parse(const Field *root, ModelConfig *config, Error *error);
// Yarn's attention factor where none is given: 0.1 m ln(factor) + 1, by the two mscales when both
// are set (Peng et al. 2023, as transformers computes it).
double rope_yarn_attention_factor(const RopeConfig *rope);
