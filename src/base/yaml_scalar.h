// SPDX-License-Identifier: Apache-2.0
// What a scalar of YAML means by the core schema (YAML 1.2.2, section 10.3).
#pragma once
#include "base/text.h"
#include <jansson.h>

#define YAML_TAG "tag:yaml.org,2002:"

// `plain`: not quoted; tag.data NULL: none. New reference; NULL: what[size] says why there is none.
json_t *yaml_scalar_value(Span text, bool plain, Span tag, char *what, size_t size);
