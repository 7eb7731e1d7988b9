// SPDX-License-Identifier: Apache-2.0
// The peer's names of sdpa back ends, and those of attention/attention.h.
#pragma once

// "efficient_attention" → "efficient"; "" → NULL (not forced); others as they are.
const char *backend_name(const char *sdpa_backend);
