// SPDX-License-Identifier: Apache-2.0
// How wide each value of an expression must be: 32 bits hold most integers, by the proof of ranges.
#pragma once
#include "mods/interval.h"

typedef enum { MOD_LANE_INT, MOD_LANE_FLOAT, MOD_LANE_LONG } ModLaneType;

typedef struct {
  ModRange range[MOD_MOST_NODES];
  bool fixed[MOD_MOST_NODES];          // a constant, or an integer that ranges prove to be one
  ModLaneType natural[MOD_MOST_NODES]; // what holds the value; of a bool an int of 0 or 1
  // What it is computed in: long where an operand or the result needs it. Of a comparison, what
  // its operands are compared in.
  ModLaneType computed[MOD_MOST_NODES];
} ModLanes;

void mod_lanes_find(ModLanes *lanes, const ModTree *tree, const BoundMod *bound);
int64_t mod_lane_size(ModLaneType lane); // 4 or 8
// What the index of an element is computed in.
ModLaneType mod_lanes_of_index(const ModLanes *lanes, const ModNode *element, const Tensor *values);
