// SPDX-License-Identifier: Apache-2.0
// `attometer logits`: what a model thinks comes next.
#pragma once
#include "cli/command.h"

extern const Command command_logits;
