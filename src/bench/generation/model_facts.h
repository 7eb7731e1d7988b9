// SPDX-License-Identifier: Apache-2.0
// What a model is, for results: family, sizes, warnings met while loading.
#pragma once
#include "model/model.h"
#include <jansson.h>

json_t *model_facts(const Model *model); // new reference
