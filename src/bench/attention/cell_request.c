// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/cell_request.h"
#include "bench/attention/config_value.h"

static json_t *sweep_json(const AttentionSweep *sweep, const SweepMod *mod) {
  json_t *json = attention_sweep_json(sweep);
  json_object_set_new(json, "mods", json_pack("[o]", sweep_mod_json(mod)));
  return json;
}

static json_t *shape_json(const ModShape *shape) {
  return json_pack("[I, I, I, I, I, I]", (json_int_t)shape->batch, (json_int_t)shape->heads,
                   (json_int_t)shape->queries, (json_int_t)shape->kv_heads, (json_int_t)shape->keys,
                   (json_int_t)shape->head_dim);
}

static json_t *backends_json(const Prediction *prediction) {
  json_t *array = json_array();
  for (int i = 0; i < prediction->count; i++) {
    const PredictedBackend *predicted = &prediction->backend[i];
    if (predicted->refused.code != ERROR_NONE) continue;
    json_array_append_new(array,
                          json_pack("{s:s, s:b, s:i}", "name", predicted->backend->name, "backward",
                                    predicted->backward, "turn", predicted->turn));
  }
  return array;
}

json_t *cell_request_json(const AttentionSweep *sweep, const SweepCell *cell,
                          const Prediction *prediction) {
  const SweepMod *mod = &sweep->mods.items[cell->mod];
  return json_pack("{s:s, s:o, s:s, s:o, s:I, s:I, s:o}", "task", CELL_TASK, "sweep",
                   sweep_json(sweep, mod), "folder", mod->folder, "shape", shape_json(&cell->shape),
                   "query_offset", (json_int_t)cell->shape.query_offset, "documents",
                   (json_int_t)cell->documents, "backends", backends_json(prediction));
}

static bool read_shape(const Field *field, ModShape *shape, Error *error) {
  int64_t *extents[] = {&shape->batch,    &shape->heads, &shape->queries,
                        &shape->kv_heads, &shape->keys,  &shape->head_dim};
  Field list = field_get(field, "shape"), offset = field_get(field, "query_offset");
  for (size_t i = 0; i < COUNT_OF(extents); i++) {
    Field extent = field_at(&list, i);
    if (!field_integer(&extent, 1, INT32_MAX, extents[i], error)) return false;
  }
  return field_integer(&offset, 0, INT32_MAX, &shape->query_offset, error);
}

static bool read_backend(const Field *field, CellRequest *request, Error *error) {
  CellBackend *out = &request->backends[request->count];
  Field name = field_get(field, "name"), backward = field_get(field, "backward"),
        turn = field_get(field, "turn");
  const char *text;
  int64_t number = 0;
  if (!field_text(&name, &text, error) || !field_boolean(&backward, &out->backward, error) ||
      !field_integer(&turn, 0, PREDICTION_MOST_BACKENDS, &number, error))
    return false;
  out->backend = attention_backend_find(text, error);
  if (!out->backend) return false;
  out->turn = (int)number;
  if (out->turn >= request->turns) request->turns = out->turn + 1;
  request->count++;
  return true;
}

static bool read_backends(const Field *field, CellRequest *request, Error *error) {
  Field list = field_get(field, "backends");
  size_t count = field_count(&list);
  if (!field_array(&list, error)) return false;
  if (count < 1 || count > PREDICTION_MOST_BACKENDS)
    return error_set(error, ERROR_FORMAT, list.path, "has %zu elements, expected 1 to %d", count,
                     PREDICTION_MOST_BACKENDS);
  for (size_t i = 0; i < count; i++) {
    Field backend = field_at(&list, i);
    if (!read_backend(&backend, request, error)) return false;
  }
  return true;
}

static bool read(const Field *field, CellRequest *request, Error *error) {
  Field sweep = field_get(field, "sweep"), folder = field_get(field, "folder"),
        documents = field_get(field, "documents");
  const char *base;
  return field_text(&folder, &base, error) &&
         sweep_keys_read(request->sweep, &sweep, base, NULL, error) &&
         read_shape(field, &request->cell.shape, error) &&
         field_integer(&documents, 0, INT32_MAX, &request->cell.documents, error) &&
         read_backends(field, request, error);
}

bool cell_request_read(const Field *field, CellRequest *request, Error *error) {
  *request = (CellRequest){.sweep = attention_sweep_open()};
  if (read(field, request, error)) return true;
  cell_request_free(request);
  return false;
}

void cell_request_free(CellRequest *request) {
  attention_sweep_close(request->sweep);
  request->sweep = NULL;
}
