// SPDX-License-Identifier: Apache-2.0
// The elements of blocks of a mask, evaluated a strip at a time by the threads of a team: for what
// interval analysis leaves open.
#pragma once
#include "base/memory.h"
#include "mods/interpret.h"

typedef struct {
  ModInterpreter *interpreter;
  int64_t thread_bytes;
  Region memory; // of each thread: a strip of visibility, the interpreter's scratch
} BlockElements;

// A strip of a rectangle: visible[r * tile->stride + c] is 1 or 0. Returns false to stop.
typedef bool StripVisitor(void *context, const ModTile *tile, const uint8_t *visible);

CHECKED bool block_elements_open(BlockElements *elements, const BoundMod *bound, CpuTier tier,
                                 int threads, Error *error);
void block_elements_close(BlockElements *elements);
// Visits the rectangle (its stride is not looked at) from top to bottom, each row from left to
// right. By one thread.
void block_elements_visit(const BlockElements *elements, int thread, const ModTile *rectangle,
                          StripVisitor *visitor, void *context);
// How many elements of a strip are visible.
int64_t block_elements_count(const ModTile *tile, const uint8_t *visible);
