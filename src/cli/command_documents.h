// SPDX-License-Identifier: Apache-2.0
// `attometer documents KIND`, hidden: what `make docs` writes and the tests compare.
#pragma once
#include "cli/command.h"

extern const Command command_documents;
