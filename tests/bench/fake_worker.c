// SPDX-License-Identifier: Apache-2.0
#include "fake_worker.h"
#include <unistd.h>

bool fake_request(Arena *arena, WorkerRequest *request) {
  static char buffer[1 << 20];
  ssize_t size = read(0, buffer, sizeof buffer);
  Error error;
  json_t *root = document_parse(buffer, (size_t)size, "request", &error);
  Field field = field_root(root, "request");
  bool done = request_read(&field, arena, request, &error);
  json_decref(root);
  return done;
}

json_t *fake_make(void) {
  return json_pack("{s:i, s:i, s:i, s:i, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:n}}",
                   "make_ns", 5, "source_bytes", 0, "weight_bytes", 64, "peak_bytes", 4096, "model",
                   "weights", 32, "vocabulary", 100, "hidden", 8, "layers", 2, "heads", 4,
                   "kv_heads", 2, "head_dim", 2, "intermediate", 16, "gated", true,
                   "position_limit");
}

json_t *fake_reference(const WorkerRequest *request) {
  json_t *rows = json_array();
  for (int64_t i = 0; i < request->case_count; i++) {
    int32_t ids[64] = {0};
    json_array_append_new(rows, ids_json(ids, request->cases[i].new_tokens));
  }
  return json_pack("{s:o}", "ids", rows);
}

bool fake_prompt(void *context, int64_t vocabulary, int64_t length, TokenIds *ids, Error *error) {
  (void)context, (void)error;
  prompt_draw(vocabulary, length, ids);
  return true;
}
