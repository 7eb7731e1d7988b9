// SPDX-License-Identifier: Apache-2.0
// The facts of device/host.h and ceiling.h as JSON, for results and `attometer info`.
#pragma once
#include "base/document.h"
#include "device/ceiling.h"
#include "device/host.h"

// Every fact under its field's name, the notable ones of the flags; null where not available. The
// caller owns the result.
json_t *host_document(const Host *host);
// Tier, threads, and every rate under its field's name; the caller owns it.
json_t *ceilings_document(const Ceilings *ceilings);
