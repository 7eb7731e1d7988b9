// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/post_processor.h"
#include <string.h>

#define SUPPORTED "Sequence, TemplateProcessing, ByteLevel, RobertaProcessing, BertProcessing"
#define ADDED_LIMIT 1024 // ids of one template

typedef struct {
  PostProcessor *processor;
  bool seen; // a part that adds ids was read
} Reading;

static bool append_id(TokenIds *ids, const Field *field, Error *error) {
  int64_t id;
  if (!field_integer(field, 0, VOCABULARY_ID_LIMIT - 1, &id, error)) return false;
  if (ids->count >= ADDED_LIMIT)
    return error_set(error, ERROR_FORMAT, field->path, "more than %d ids", ADDED_LIMIT);
  ARRAY_APPEND(ids, (int32_t)id);
  return true;
}

// {"SpecialToken": {"id": name}} stands for special_tokens[name].ids.
static bool append_special(TokenIds *ids, const Field *specials, const Field *item, Error *error) {
  Field name_field = field_get(item, "id");
  const char *name;
  if (!field_text(&name_field, &name, error)) return false;
  Field special = field_get(specials, name), list = field_get(&special, "ids");
  if (!field_array(&list, error)) return false;
  for (size_t i = 0; i < field_count(&list); i++) {
    Field id = field_at(&list, i);
    if (!append_id(ids, &id, error)) return false;
  }
  return true;
}

static bool read_template(PostProcessor *processor, const Field *component, Error *error) {
  Field single = field_get(component, "single"), specials = field_get(component, "special_tokens");
  size_t texts = 0;
  if (!field_array(&single, error)) return false;
  for (size_t i = 0; i < field_count(&single); i++) {
    Field item = field_at(&single, i);
    Field special = field_get(&item, "SpecialToken"), sequence = field_get(&item, "Sequence");
    if (field_present(&special)) {
      TokenIds *ids = texts ? &processor->after : &processor->before;
      if (!append_special(ids, &specials, &special, error)) return false;
    } else if (field_present(&sequence))
      texts++;
    else
      return error_set(error, ERROR_FORMAT, item.path, "expected a Sequence or a SpecialToken");
  }
  if (texts == 1) return true;
  return error_set(error, ERROR_UNSUPPORTED, single.path, "has the text %zu times, expected once",
                   texts);
}

// BertProcessing and RobertaProcessing: cls, the text, sep; each is [token, id].
static bool read_frame(PostProcessor *processor, const Field *component, Error *error) {
  Field cls = field_get(component, "cls"), sep = field_get(component, "sep");
  Field before = field_at(&cls, 1), after = field_at(&sep, 1);
  return append_id(&processor->before, &before, error) &&
         append_id(&processor->after, &after, error);
}

static bool add_part(void *context, const Field *component, const char *type, Error *error) {
  Reading *reading = context;
  if (!strcmp(type, "ByteLevel")) return true; // changes offsets only
  bool is_template = !strcmp(type, "TemplateProcessing");
  if (!is_template && strcmp(type, "BertProcessing") != 0 && strcmp(type, "RobertaProcessing") != 0)
    return component_refuse(component, type, SUPPORTED, error);
  if (reading->seen)
    return error_set(error, ERROR_UNSUPPORTED, component->path,
                     "a second part that adds ids in one Sequence is not supported");
  reading->seen = true;
  return is_template ? read_template(reading->processor, component, error)
                     : read_frame(reading->processor, component, error);
}

bool post_processor_read(PostProcessor *processor, const Field *field, Error *error) {
  Reading reading = {.processor = processor};
  return component_walk(field, "processors", add_part, &reading, error);
}

void post_processor_close(PostProcessor *processor) {
  ARRAY_FREE(&processor->before);
  ARRAY_FREE(&processor->after);
}

size_t post_processor_added(const PostProcessor *processor) {
  return processor->before.count + processor->after.count;
}
