// SPDX-License-Identifier: Apache-2.0
#include "bench/worker_events.h"
#include "base/python_json.h"
#include "base/text.h"
#include <errno.h>
#include <unistd.h>

static bool send(int output, json_t *event) {
  Text line = {0};
  python_json_append(&line, event, PYTHON_JSON_LINE);
  text_append_character(&line, '\n');
  json_decref(event);
  size_t sent = 0;
  while (sent < line.size) {
    ssize_t count = write(output, line.data + sent, line.size - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    sent += (size_t)count;
  }
  bool whole = sent == line.size;
  text_free(&line);
  return whole;
}

bool worker_event_progress(int output, const char *phase, int64_t done, int64_t total) {
  return send(output, json_pack("{s:s, s:s, s:I, s:I}", "event", "progress", "phase", phase, "done",
                                (json_int_t)done, "total", (json_int_t)total));
}

bool worker_event_result(int output, json_t *result) {
  json_object_set_new(result, "event", json_string("result"));
  return send(output, result);
}

bool worker_event_error(int output, const Error *error) {
  json_t *event = json_object();
  json_object_set_new(event, "event", json_string("error"));
  json_object_set_new(event, "code", json_integer(error->code));
  // Texts may hold bytes of a hostile file: what is no UTF-8 is left out.
  json_t *where = json_string(error->where), *message = json_string(error->message);
  json_object_set_new(event, "where", where ? where : json_string(""));
  json_object_set_new(event, "message", message ? message : json_string("unreadable message"));
  return send(output, event);
}
