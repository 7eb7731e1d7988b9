// SPDX-License-Identifier: Apache-2.0
#include "mods/emit.h"
#include "base/memory.h"
#include "mods/emitter.h"
#include <string.h>

// What is known needs nothing of what it was made from.
static void find_needed(const Emitter *e, bool *needed) {
  needed[e->tree->count - 1] = true;
  for (int i = e->tree->count - 1; i >= 0; i--) {
    const ModNode *node = &e->tree->nodes[i];
    if (!needed[i] || e->lanes.fixed[i]) continue;
    for (int c = 0; c < mod_operation_children(node->operation); c++) needed[node->child[c]] = true;
  }
}

static bool emit_all(Emitter *e, char *result, int size) {
  int root = e->tree->count - 1;
  bool needed[MOD_MOST_NODES] = {false};
  find_needed(e, needed);
  for (int i = 0; i <= root; i++)
    if (needed[i] && !e->lanes.fixed[i] && !emitter_declare(e, i)) return false;
  Text value = {0};
  bool done = emitter_value(e, &value, root) && value.data && value.size < (size_t)size;
  if (done) memcpy(result, value.data, value.size + 1);
  text_free(&value);
  return done || error_set(e->error, ERROR_ARGUMENT, NULL, "no room for the name of the result");
}

bool mod_emit(Text *out, const ModLanguage *language, const BoundMod *bound, const ModTree *tree,
              const ModNames *names, char *result, int size, Error *error) {
  Emitter *e = memory_allocate(sizeof *e);
  e->out = out, e->numbers = language, e->names = names, e->error = error;
  emitter_start(e, bound, tree);
  bool done = emit_all(e, result, size);
  memory_free(e);
  return done;
}
