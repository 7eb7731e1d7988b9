// SPDX-License-Identifier: Apache-2.0
// Objects that may hold only certain keys: an unknown one is an error that names the nearest.
#pragma once
#include "base/document.h"

// Fails unless `object` is an object all of whose keys are among `keys`.
CHECKED bool known_keys_check(const Field *object, const char *const *keys, size_t count,
                              Error *error);
// The first key that is not among them; NULL: none is.
const char *known_keys_unknown(const Field *object, const char *const *keys, size_t count);
