// SPDX-License-Identifier: Apache-2.0
// What to know about numbers that cannot be trusted as they are, and what to do about it.
#pragma once
#include "report/report.h"

// Which scenarios, then what, with the flag that helps. What holds for several scenarios is said
// once.
void warnings_list(const Report *report, Text *text);
