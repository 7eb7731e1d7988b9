// SPDX-License-Identifier: Apache-2.0
#include "mods/lanes.h"

int64_t mod_lane_size(ModLaneType lane) {
  return lane == MOD_LANE_LONG ? 8 : 4;
}

static ModLaneType natural_lane(const ModNode *node, const ModRange *range) {
  if (node->type == MOD_FLOAT) return MOD_LANE_FLOAT;
  bool fits = range->least >= INT32_MIN && range->most <= INT32_MAX;
  return fits ? MOD_LANE_INT : MOD_LANE_LONG;
}

// Integers meet in what the widest of them needs; powers are always long.
static ModLaneType computed_lane(const ModLanes *lanes, const ModTree *tree, int index) {
  const ModNode *node = &tree->nodes[index];
  int children = mod_operation_children(node->operation);
  int first = node->operation == MOD_WHERE ? 1 : 0;
  if (children == 0 || tree->nodes[node->child[first]].type == MOD_FLOAT)
    return children ? MOD_LANE_FLOAT : lanes->natural[index];
  if (node->operation == MOD_POWER) return MOD_LANE_LONG;
  bool is_long = lanes->natural[index] == MOD_LANE_LONG;
  for (int i = first; i < children; i++) is_long |= lanes->natural[node->child[i]] == MOD_LANE_LONG;
  return is_long ? MOD_LANE_LONG : MOD_LANE_INT;
}

void mod_lanes_find(ModLanes *lanes, const ModTree *tree, const BoundMod *bound) {
  mod_ranges(tree, bound->arrays, &bound->shape, lanes->range);
  for (int i = 0; i < tree->count; i++) {
    const ModNode *node = &tree->nodes[i];
    const ModRange *range = &lanes->range[i];
    lanes->fixed[i] =
        node->operation == MOD_CONSTANT || (node->type != MOD_FLOAT && range->least == range->most);
    lanes->natural[i] = natural_lane(node, range);
    lanes->computed[i] = computed_lane(lanes, tree, i);
  }
}

ModLaneType mod_lanes_of_index(const ModLanes *lanes, const ModNode *element,
                               const Tensor *values) {
  bool is_long = lanes->natural[element->child[0]] == MOD_LANE_LONG ||
                 lanes->natural[element->child[1]] == MOD_LANE_LONG ||
                 tensor_elements(values) > INT32_MAX;
  return is_long ? MOD_LANE_LONG : MOD_LANE_INT;
}
