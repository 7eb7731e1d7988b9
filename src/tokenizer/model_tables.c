// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/model_tables.h"
#include "base/document_reader.h"
#include <stdio.h>
#include <string.h>

// A key as it stands in the file, quotes and escapes included, and the colon behind it.
static bool read_raw_key(DocumentReader *reader, Text *scratch, Span *key, Span *raw,
                         Error *error) {
  document_reader_peek(reader);
  size_t begin = reader->at;
  if (!document_reader_key(reader, scratch, key, error)) return false;
  *raw = (Span){reader->text.data + begin, reader->at - begin};
  return true;
}

static void append_member(ModelTables *tables, bool *first, Span key, Span value) {
  if (!*first) text_append_character(&tables->rest, ',');
  *first = false;
  text_append(&tables->rest, key.data, key.size);
  text_append(&tables->rest, value.data, value.size);
}

static Span *table_of(ModelTables *tables, Span key) {
  if (span_equal(key, span_of("vocab"))) return &tables->vocab;
  return span_equal(key, span_of("merges")) ? &tables->merges : NULL;
}

static bool find_in_model(ModelTables *tables, DocumentReader *reader, Text *scratch,
                          Error *error) {
  if (!document_reader_enter(reader, '{', error)) return false;
  text_append_character(&tables->rest, '{');
  for (bool more, first = true;;) {
    Span key, raw, value;
    if (!document_reader_more(reader, '}', &more, error)) return false;
    if (!more) break;
    if (!read_raw_key(reader, scratch, &key, &raw, error)) return false;
    Span *table = table_of(tables, key);
    if (!document_reader_skip(reader, &value, error)) return false;
    if (!table)
      append_member(tables, &first, raw, value);
    else if (table->data)
      return error_set(error, ERROR_FORMAT, tables->name, "the model has \"%s\" twice",
                       table == &tables->vocab ? "vocab" : "merges");
    else
      *table = value;
  }
  text_append_character(&tables->rest, '}');
  return true;
}

static bool find_in_file(ModelTables *tables, DocumentReader *reader, Text *scratch, Error *error) {
  if (!document_reader_enter(reader, '{', error)) return false;
  text_append_character(&tables->rest, '{');
  for (bool more, first = true;;) {
    Span key, raw, value = {0};
    if (!document_reader_more(reader, '}', &more, error)) return false;
    if (!more) break;
    if (!read_raw_key(reader, scratch, &key, &raw, error)) return false;
    bool is_model = span_equal(key, span_of("model")) && document_reader_peek(reader) == '{';
    if (!is_model && !document_reader_skip(reader, &value, error)) return false;
    append_member(tables, &first, raw, value);
    if (is_model && !find_in_model(tables, reader, scratch, error)) return false;
  }
  text_append_character(&tables->rest, '}');
  return document_reader_end(reader, error);
}

bool model_tables_find(ModelTables *tables, Span text, Error *error) {
  DocumentReader reader = document_reader(text, tables->name);
  Text scratch = {0};
  bool done = find_in_file(tables, &reader, &scratch, error);
  text_free(&scratch);
  return done;
}

static bool read_vocabulary(Bpe *bpe, DocumentReader *reader, Text *scratch, Error *error) {
  if (!document_reader_enter(reader, '{', error)) return false;
  for (bool more;;) {
    Span text;
    int64_t id;
    if (!document_reader_more(reader, '}', &more, error)) return false;
    if (!more) return true;
    if (!document_reader_key(reader, scratch, &text, error) ||
        !document_reader_integer(reader, &id, error) ||
        !vocabulary_add(&bpe->vocabulary, text, id, reader->name, error))
      return false;
  }
}

// ---- Merges: gathered first, so that their table is made once in its size ----

typedef struct {
  int32_t left, right, result;
} MergeRow;

typedef struct {
  DocumentReader reader;
  const Bpe *bpe;
  Text left, right, joined; // scratch
  ARRAY_OF(MergeRow) rows;
} MergeReading;

static bool missing(const MergeReading *reading, Span text, Error *error) {
  return error_set(error, ERROR_FORMAT, reading->reader.name,
                   "merge %zu: \"%.*s\" is not in the vocabulary", reading->rows.count,
                   (int)(text.size < 60 ? text.size : 60), text.data);
}

static bool add_merge(MergeReading *reading, Span left, Span right, Error *error) {
  const Vocabulary *vocabulary = &reading->bpe->vocabulary;
  size_t dropped = reading->bpe->prefix ? strlen(reading->bpe->prefix) : 0;
  if (dropped > right.size) dropped = right.size;
  text_clear(&reading->joined);
  text_append(&reading->joined, left.data, left.size);
  text_append(&reading->joined, right.data + dropped, right.size - dropped);
  Span joined = text_span(&reading->joined);
  MergeRow row = {vocabulary_find(vocabulary, left), vocabulary_find(vocabulary, right),
                  vocabulary_find(vocabulary, joined)};
  if (row.left < 0) return missing(reading, left, error);
  if (row.right < 0) return missing(reading, right, error);
  if (row.result < 0) return missing(reading, joined, error);
  ARRAY_APPEND(&reading->rows, row);
  return true;
}

// "a b", split at its one space. A line that starts with #version is no merge.
static bool read_line(MergeReading *reading, Error *error) {
  Span line;
  if (!document_reader_text(&reading->reader, &reading->left, &line, error)) return false;
  if (span_starts_with(line, span_of("#version"))) return true;
  const char *space = line.size ? memchr(line.data, ' ', line.size) : NULL;
  size_t before = space ? (size_t)(space - line.data) : 0;
  Span left = {line.data, before}, right = {line.data + before + 1, line.size - before - 1};
  if (!space || (right.size && memchr(right.data, ' ', right.size)))
    return error_set(error, ERROR_FORMAT, reading->reader.name,
                     "merge %zu is \"%.*s\", expected two tokens with one space between",
                     reading->rows.count, (int)(line.size < 60 ? line.size : 60), line.data);
  return add_merge(reading, left, right, error);
}

// [a, b]
static bool read_pair(MergeReading *reading, Error *error) {
  DocumentReader *reader = &reading->reader;
  Span sides[2];
  bool more;
  if (!document_reader_enter(reader, '[', error)) return false;
  for (int i = 0; i < 2; i++) {
    if (!document_reader_more(reader, ']', &more, error)) return false;
    if (!more)
      return error_set(error, ERROR_FORMAT, reader->name, "merge %zu has %d tokens, expected 2",
                       reading->rows.count, i);
    if (!document_reader_text(reader, i ? &reading->right : &reading->left, &sides[i], error))
      return false;
  }
  if (!document_reader_more(reader, ']', &more, error)) return false;
  if (more)
    return error_set(error, ERROR_FORMAT, reader->name, "merge %zu has more than 2 tokens",
                     reading->rows.count);
  return add_merge(reading, sides[0], sides[1], error);
}

static bool read_rows(MergeReading *reading, Error *error) {
  DocumentReader *reader = &reading->reader;
  if (!document_reader_enter(reader, '[', error)) return false;
  for (bool more;;) {
    if (!document_reader_more(reader, ']', &more, error)) return false;
    if (!more) return true;
    bool pair = document_reader_peek(reader) == '[';
    if (pair ? !read_pair(reading, error) : !read_line(reading, error)) return false;
  }
}

static bool read_merges(Bpe *bpe, Span text, const char *name, Error *error) {
  MergeReading reading = {.reader = document_reader(text, name), .bpe = bpe};
  bool done = read_rows(&reading, error);
  if (done) merge_table_reserve(&bpe->merges, reading.rows.count);
  for (size_t i = 0; done && i < reading.rows.count; i++) {
    const MergeRow *row = &reading.rows.items[i];
    merge_table_put(&bpe->merges, row->left, row->right, (uint32_t)i, row->result);
  }
  text_free(&reading.left);
  text_free(&reading.right);
  text_free(&reading.joined);
  ARRAY_FREE(&reading.rows);
  return done;
}

bool model_tables_read(const ModelTables *tables, Bpe *bpe, Error *error) {
  if (!tables->vocab.data || !tables->merges.data)
    return error_set(error, ERROR_FORMAT, tables->name, "the model has no \"%s\"",
                     tables->vocab.data ? "merges" : "vocab");
  char name[200];
  snprintf(name, sizeof name, "%.150s, model.vocab", tables->name);
  DocumentReader reader = document_reader(tables->vocab, name);
  Text scratch = {0};
  bool done = read_vocabulary(bpe, &reader, &scratch, error);
  text_free(&scratch);
  if (!done) return false;
  snprintf(name, sizeof name, "%.150s, model.merges", tables->name);
  return read_merges(bpe, tables->merges, name, error);
}
