// SPDX-License-Identifier: Apache-2.0
#include "model/weight_source.h"
#include "base/file.h"
#include "base/random.h"
#include "formats/safetensors.h"
#include "model/gguf_config.h"
#include "model/presets.h"
#include "tensor/widen.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 192, MOST_CONFIG_BYTES = 16 << 20, COMPARED_BYTES = 4 << 20 };

static bool read_config_file(const char *path, Text *text, Error *error) {
  return file_read(path, MOST_CONFIG_BYTES, text, error);
}

// generation_config.json is there or not; when there, its stop ids are the ones that count.
static bool read_generation_config(const char *folder, ModelConfig *config, Error *error) {
  char *path = path_join(folder, "generation_config.json");
  Text text = {0};
  bool read =
      !file_exists(path) || (read_config_file(path, &text, error) &&
                             config_parse_generation(text.data, text.size, path, config, error));
  text_free(&text);
  memory_free(path);
  return read;
}

static bool read_folder_config(const char *folder, Arena *arena, ModelConfig *config,
                               Error *error) {
  char *path = path_join(folder, "config.json");
  Text text = {0};
  bool read = read_config_file(path, &text, error) &&
              config_parse(text.data, text.size, path, arena, config, error) &&
              read_generation_config(folder, config, error);
  text_free(&text);
  memory_free(path);
  return read;
}

static bool open_folder(WeightSource *source, const char *path, Arena *arena, ModelConfig *config,
                        Error *error) {
  source->kind = SOURCE_FOLDER;
  if (!read_folder_config(path, arena, config, error) ||
      !safetensors_open_folder(&source->folder, path, error))
    return false;
  source->checkpoint = &source->folder;
  source->names = family_facts(config->family)->names;
  source->conv1d = family_facts(config->family)->conv1d;
  return true;
}

static bool open_gguf(WeightSource *source, const char *path, Arena *arena, ModelConfig *config,
                      Error *error) {
  source->kind = SOURCE_GGUF;
  if (!gguf_open(&source->gguf, path, error)) return false;
  source->checkpoint = &source->gguf.checkpoint;
  if (!gguf_config(&source->gguf, path, arena, config, error)) return false;
  source->names = family_gguf_names();
  source->interleaved = family_facts(config->family)->gguf_interleaved;
  return true;
}

static bool open_preset(WeightSource *source, const char *name, uint64_t seed, Arena *arena,
                        ModelConfig *config, Error *error) {
  source->kind = SOURCE_PRESET;
  source->seed = seed;
  return preset_config(name, arena, config, error);
}

static bool open_kind(WeightSource *source, const char *path, uint64_t seed, Arena *arena,
                      ModelConfig *config, Error *error) {
  const char *preset = preset_of_path(path);
  if (preset) return open_preset(source, preset, seed, arena, config, error);
  if (folder_exists(path)) return open_folder(source, path, arena, config, error);
  if (file_exists(path)) return open_gguf(source, path, arena, config, error);
  return error_set(error, ERROR_NOT_FOUND, path,
                   "no such model: expected a folder, a .gguf file or preset:NAME");
}

static char *write_name(const char *outer, const char *base, const TensorNames *names,
                        const WeightPart *part, char buffer[NAME_SIZE]) {
  const char *stem = names->role[part->role], *suffix = part->bias ? "bias" : "weight";
  if (part->layer < 0)
    snprintf(buffer, NAME_SIZE, "%s%s%s.%s", outer, base, stem, suffix);
  else
    snprintf(buffer, NAME_SIZE, "%s%s%s%" PRId64 ".%s.%s", outer, base, names->layer, part->layer,
             stem, suffix);
  return buffer;
}

// Savers put the base model's prefix or drop it, and training wrappers leave theirs. The name
// that is tried first stays in `name` when nothing is found.
static const Tensor *find_tensor(const WeightSource *source, const WeightPart *part,
                                 char name[NAME_SIZE]) {
  static const char *const outer[] = {"", "module.", "_orig_mod.", "module._orig_mod."};
  const char *base[2] = {source->names->base, ""};
  if (part->role == ROLE_HEAD) base[0] = "", base[1] = source->names->base;
  for (size_t i = 0; i < COUNT_OF(outer); i++) {
    for (size_t j = 0; j < COUNT_OF(base); j++) {
      write_name(outer[i], base[j], source->names, part, name);
      const Tensor *tensor = checkpoint_find(source->checkpoint, name);
      if (tensor) return tensor;
    }
  }
  write_name("", base[0], source->names, part, name);
  return NULL;
}

static bool has_weight(const WeightSource *source, TensorRole role) {
  char name[NAME_SIZE];
  WeightPart part = {.role = role, .layer = -1};
  return source->names->role[role] && find_tensor(source, &part, name);
}

bool weight_source_open(WeightSource *source, const char *path, uint64_t seed, Arena *arena,
                        ModelConfig *config, Error *error) {
  *source = (WeightSource){0};
  if (!open_kind(source, path, seed, arena, config, error)) {
    weight_source_close(source);
    return false;
  }
  source->tied = config->tied;
  if (!source->checkpoint) {
    source->has_head = !config->tied;
    return true;
  }
  source->has_head = has_weight(source, ROLE_HEAD);
  source->used = arena_allocate(arena, source->checkpoint->tensors.count * sizeof *source->used);
  return true;
}

void weight_source_close(WeightSource *source) {
  gguf_close(&source->gguf);
  checkpoint_close(&source->folder);
  *source = (WeightSource){0};
}

int64_t weight_source_bytes(const WeightSource *source) {
  int64_t bytes = 0;
  if (!source->checkpoint) return 0;
  for (size_t i = 0; i < source->checkpoint->maps.count; i++)
    bytes += (int64_t)source->checkpoint->maps.items[i].size;
  return bytes;
}

// Weights as wide as the inputs are many keep sums near 1, norms stay near 1.
static void find_random(const WeightSource *source, const WeightPart *part, int64_t columns,
                        SourceTensor *out) {
  uint64_t counter = (uint64_t)(part->layer + 1) * (2 * ROLE_COUNT) + (uint64_t)part->role * 2 +
                     (part->bias ? 1 : 0);
  bool norm = part->role == ROLE_FINAL_NORM || part->role == ROLE_ATTENTION_NORM ||
              part->role == ROLE_MLP_NORM || part->role == ROLE_QUERY_NORM ||
              part->role == ROLE_KEY_NORM;
  *out = (SourceTensor){.rows = part->rows,
                        .columns = columns,
                        .seed = random_at(source->seed, counter),
                        .mean = norm && !part->bias ? 1.0f : 0.0f,
                        .deviation = columns > 1 ? 1.0f / sqrtf((float)columns) : 0.1f};
}

static bool check_shape(const Tensor *tensor, const SourceTensor *wanted, const char *name,
                        Error *error) {
  int64_t expected[2] = {wanted->rows, wanted->columns};
  if (wanted->transposed) expected[0] = wanted->columns, expected[1] = wanted->rows;
  int rank = wanted->columns > 1 ? 2 : 1;
  bool equal = tensor->rank == rank;
  for (int i = 0; equal && i < rank; i++) equal = tensor->shape[i] == expected[i];
  if (equal) return true;
  char found_text[128], expected_text[64];
  Tensor shape = tensor_dense(DTYPE_F32, rank, expected, NULL);
  return error_set(error, ERROR_FORMAT, name, "shape is %s, expected %s",
                   tensor_shape_text(tensor, found_text, sizeof found_text),
                   tensor_shape_text(&shape, expected_text, sizeof expected_text));
}

static bool check_dtype(const Tensor *tensor, const SourceTensor *wanted, const char *name,
                        Error *error) {
  const DtypeFacts *facts = dtype_facts(tensor->dtype);
  bool blocks = facts->block_elements > 1;
  bool integer = tensor->dtype >= DTYPE_BOOL && tensor->dtype <= DTYPE_I64;
  if (integer || !widen_supports(tensor->dtype))
    return error_set(error, ERROR_UNSUPPORTED, name, "dtype is %s, expected floating point",
                     facts->name);
  if (blocks &&
      (wanted->transposed || wanted->columns == 1 || wanted->columns % facts->block_elements != 0))
    return error_set(error, ERROR_UNSUPPORTED, name,
                     "dtype is %s with %" PRId64 " columns, expected rows of whole blocks",
                     facts->name, wanted->columns);
  return true;
}

static void mark_used(WeightSource *source, const Tensor *tensor) {
  const char *first = (const char *)&source->checkpoint->tensors.items[0].tensor;
  source->used[(size_t)((const char *)tensor - first) / sizeof(NamedTensor)] = true;
}

bool weight_source_find(WeightSource *source, const WeightPart *part, int64_t columns,
                        SourceTensor *out, Error *error) {
  if (source->kind == SOURCE_PRESET) return find_random(source, part, columns, out), true;
  char name[NAME_SIZE], ignored[NAME_SIZE];
  const Tensor *tensor = find_tensor(source, part, name);
  // A tied model may have been saved with the head alone.
  WeightPart head = {.role = ROLE_HEAD, .layer = -1};
  if (!tensor && part->role == ROLE_EMBEDDING && source->tied)
    tensor = find_tensor(source, &head, ignored);
  if (!tensor)
    return error_set(error, ERROR_NOT_FOUND, name,
                     "tensor is missing, expected %" PRId64 " rows of %" PRId64, part->rows,
                     columns);
  bool in_out = source->conv1d && part->layer >= 0 && columns > 1;
  *out = (SourceTensor){.tensor = tensor,
                        .rows = part->rows,
                        .columns = columns,
                        .transposed = in_out,
                        .heads = source->interleaved ? part->heads : 0};
  mark_used(source, tensor);
  return check_shape(tensor, out, name, error) && check_dtype(tensor, out, name, error);
}

static bool ignorable(const char *name) {
  static const char *const endings[] = {".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias",
                                        "rope_freqs.weight"};
  size_t size = strlen(name);
  for (size_t i = 0; i < COUNT_OF(endings); i++) {
    size_t ending = strlen(endings[i]);
    if (size >= ending && strcmp(name + size - ending, endings[i]) == 0) return true;
  }
  return false;
}

const char *weight_source_unused(const WeightSource *source, Arena *arena) {
  enum { SHOWN = 3 };
  Text list = {0};
  size_t unused = 0, count = source->checkpoint ? source->checkpoint->tensors.count : 0;
  for (size_t i = 0; i < count; i++) {
    const char *name = source->checkpoint->tensors.items[i].name;
    if (source->used[i] || ignorable(name)) continue;
    if (++unused <= SHOWN) text_append_format(&list, "%s%.80s", unused > 1 ? ", " : "", name);
  }
  const char *text = unused ? arena_format(arena, "%zu tensors were not used: %s%s", unused,
                                           list.data, unused > SHOWN ? ", …" : "")
                            : NULL;
  text_free(&list);
  return text;
}

// Files of one dtype are compared by bytes, others as floats.
static bool same_rows(const SourceTensor *a, const SourceTensor *b, int64_t first, int64_t count,
                      float *scratch) {
  int64_t bytes = 0;
  if (a->tensor->dtype == b->tensor->dtype) {
    bool whole = dtype_bytes(a->tensor->dtype, count * a->columns, &bytes);
    return whole &&
           memcmp(source_tensor_row(a, first), source_tensor_row(b, first), (size_t)bytes) == 0;
  }
  float *other = scratch + MATRIX_PANEL * a->columns;
  for (int64_t row = first; row < first + count; row++) {
    source_tensor_rows(a, row, 1, scratch);
    source_tensor_rows(b, row, 1, other);
    if (memcmp(scratch, other, (size_t)a->columns * sizeof(float)) != 0) return false;
  }
  return true;
}

static void release_rows(const WeightSource *source, const SourceTensor *tensor, int64_t first,
                         int64_t count) {
  int64_t bytes = 0;
  if (dtype_bytes(tensor->tensor->dtype, count * tensor->columns, &bytes))
    checkpoint_release_bytes(source->checkpoint, source_tensor_row(tensor, first), (size_t)bytes);
}

bool weight_source_same(const WeightSource *source, const SourceTensor *a, const SourceTensor *b) {
  if (a->tensor == b->tensor) return true;
  int64_t step = COMPARED_BYTES / (4 * a->columns) + 1;
  float *scratch = memory_allocate((size_t)(2 * MATRIX_PANEL * a->columns) * sizeof *scratch);
  bool same = true;
  for (int64_t row = 0; same && row < a->rows; row += step) {
    int64_t count = step < a->rows - row ? step : a->rows - row;
    same = same_rows(a, b, row, count, scratch);
    release_rows(source, a, row, count);
    release_rows(source, b, row, count);
  }
  memory_free(scratch);
  return same;
}

// Where the file keeps row `row` of a tensor with interleaved heads.
static int64_t file_row(const SourceTensor *source, int64_t row) {
  if (!source->heads) return row;
  int64_t size = source->rows / source->heads, half = size / 2;
  int64_t head = row / size, within = row % size;
  return head * size + 2 * (within % half) + within / half;
}

static const char *element(const Tensor *tensor, int64_t index) {
  const DtypeFacts *facts = dtype_facts(tensor->dtype);
  return (const char *)tensor->data + index / facts->block_elements * facts->block_bytes;
}

const void *source_tensor_row(const SourceTensor *source, int64_t row) {
  if (!source->tensor || source->transposed) return NULL;
  return element(source->tensor, file_row(source, row) * source->columns);
}

static void transposed_rows(const SourceTensor *source, int64_t first, int64_t count, float *out) {
  float column[MATRIX_PANEL];
  for (int64_t k = 0; k < source->columns; k++) {
    widen_row(source->tensor->dtype, element(source->tensor, k * source->rows + first), column,
              count);
    for (int64_t i = 0; i < count; i++) out[i * source->columns + k] = column[i];
  }
}

void source_tensor_rows(const SourceTensor *source, int64_t first, int64_t count, float *out) {
  if (source->transposed) {
    transposed_rows(source, first, count, out);
    return;
  }
  for (int64_t i = 0; i < count; i++, out += source->columns) {
    if (source->tensor)
      widen_row(source->tensor->dtype, source_tensor_row(source, first + i), out, source->columns);
    else
      preset_row(source->seed, first + i, source->columns, source->mean, source->deviation, out);
  }
}
