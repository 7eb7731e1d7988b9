// SPDX-License-Identifier: Apache-2.0
// The NVIDIA driver, looked for at run time: nothing of CUDA is needed to build or to run.
#pragma once
#include "base/text.h"

// Whether the driver is there and has a device; appends what was found, or why not.
bool cuda_driver_probe(Text *detail);
