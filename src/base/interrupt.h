// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as a descriptor: SIGINT, SIGTERM and SIGHUP are blocked and read where it suits, so that
// no handler runs and no global is needed.
#pragma once
#include "base/error.h"

// A descriptor that becomes readable when one of them arrives; -1 on failure.
CHECKED int interrupt_open(Error *error);
bool interrupt_arrived(int descriptor); // without waiting; leaves it readable
void interrupt_close(int descriptor);   // takes what is pending and restores the signals
