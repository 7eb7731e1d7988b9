// SPDX-License-Identifier: Apache-2.0
// What to know about numbers that cannot be trusted as they are, and what to do about it.
#pragma once
#include "report/report.h"

// One line each, the scenario first; a warning names the flag that helps.
void warnings_list(const Report *report, Text *text);
