// SPDX-License-Identifier: Apache-2.0
// Whether this build can run a scenario at all.
#pragma once
#include "bench/rules.h"

// Why it cannot, for people ("compile mode reduce-overhead: not in this build"), written into
// buffer; NULL: it can.
const char *support_missing(const Scenario *scenario, char *buffer, size_t size);
// What the validity rules ask about the device.
RuleFacts support_rule_facts(void);
