// SPDX-License-Identifier: Apache-2.0
#include "cli/attention_cell.h"
#include "base/file.h"
#include "base/memory.h"
#include "device/host.h"
#include "formats/npy.h"
#include "tensor/widen.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { RANK = 4, CHUNK = 4096, ALIGNMENT = 64 };

// The input files while they are mapped.
typedef struct {
  FileMap map;
  Tensor tensor; // {0}: not there
  char *path;
} InputFile;
enum { INPUT_Q, INPUT_K, INPUT_V, INPUT_DOUT, INPUT_COUNT };
static const char *const input_names[] = {"q.npy", "k.npy", "v.npy", "dout.npy"};

static bool wrong_shape(const InputFile *file, const char *expected, Error *error) {
  char shape[128];
  return error_set(error, ERROR_FORMAT, file->path, "shape is %s, expected %s",
                   tensor_shape_text(&file->tensor, shape, sizeof shape), expected);
}

static bool check_file(const InputFile *file, const char *expected, Error *error) {
  if (file->tensor.dtype != DTYPE_F32)
    return error_set(error, ERROR_FORMAT, file->path, "is %s, expected float32",
                     dtype_name(file->tensor.dtype));
  if (file->tensor.rank != RANK) return wrong_shape(file, expected, error);
  for (int i = 0; i < RANK; i++)
    if (file->tensor.shape[i] < 1) return wrong_shape(file, expected, error);
  return true;
}

static bool open_file(InputFile *file, const char *folder, int index, Error *error) {
  static const char *const shapes[] = {"[B, Hq, M, D]", "[B, Hkv, N, D]", "[B, Hkv, N, D]",
                                       "[B, Hq, M, D]"};
  file->path = path_join(folder, input_names[index]);
  if (index == INPUT_DOUT && !file_exists(file->path)) return true;
  return npy_open(&file->map, file->path, &file->tensor, error) &&
         check_file(file, shapes[index], error);
}

static bool same_shape(const InputFile *file, const int64_t *shape, Error *error) {
  if (memcmp(file->tensor.shape, shape, RANK * sizeof *shape) == 0) return true;
  Tensor wanted = tensor_dense(DTYPE_F32, RANK, shape, NULL);
  char expected[128];
  return wrong_shape(file, tensor_shape_text(&wanted, expected, sizeof expected), error);
}

static bool check_heads(const InputFile *files, const AttentionProblem *problem, Error *error) {
  if (problem->heads % problem->kv_heads == 0) return true;
  return error_set(error, ERROR_FORMAT, files[INPUT_K].path,
                   "%" PRId64 " heads, expected a number that divides the %" PRId64 " of q.npy",
                   problem->kv_heads, problem->heads);
}

static bool check_shapes(const InputFile *files, AttentionProblem *problem, Error *error) {
  const int64_t *q = files[INPUT_Q].tensor.shape, *k = files[INPUT_K].tensor.shape;
  *problem = (AttentionProblem){.batch = q[0],
                                .heads = q[1],
                                .kv_heads = k[1],
                                .queries = q[2],
                                .keys = k[2],
                                .head_dim = q[3],
                                .scale = 1.0 / sqrt((double)q[3]),
                                .dtype = problem->dtype};
  if (q[3] > ATTENTION_MOST_HEAD_DIM)
    return error_set(error, ERROR_UNSUPPORTED, files[INPUT_Q].path,
                     "head dimension is %" PRId64 ", expected at most %d", q[3],
                     ATTENTION_MOST_HEAD_DIM);
  const int64_t keys[] = {q[0], k[1], k[2], q[3]};
  return same_shape(&files[INPUT_K], keys, error) && same_shape(&files[INPUT_V], keys, error) &&
         (!files[INPUT_DOUT].map.data || same_shape(&files[INPUT_DOUT], q, error)) &&
         check_heads(files, problem, error);
}

// The next tensor in the cell's memory; with data NULL only the size is counted.
static Tensor take(char *data, int64_t *used, Dtype dtype, int rank, const int64_t *shape) {
  Tensor tensor = tensor_dense(dtype, rank, shape, data ? data + *used : NULL);
  int64_t bytes = tensor_elements(&tensor) * dtype_facts(dtype)->block_bytes;
  *used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return tensor;
}

// Every extent is that of a mapped file, so that sums of a few of them stay in 63 bits.
static int64_t lay_out(AttentionCell *cell) {
  const AttentionProblem *p = &cell->problem;
  const int64_t rows[] = {p->batch, p->heads, p->queries, p->head_dim};
  const int64_t keys[] = {p->batch, p->kv_heads, p->keys, p->head_dim};
  int64_t used = 0;
  char *data = cell->memory.data;
  cell->operands.q = take(data, &used, p->dtype, RANK, rows);
  cell->operands.k = take(data, &used, p->dtype, RANK, keys);
  cell->operands.v = take(data, &used, p->dtype, RANK, keys);
  cell->result.out = take(data, &used, p->dtype, RANK, rows);
  cell->result.lse = take(data, &used, DTYPE_F32, RANK - 1, rows).data;
  if (!cell->backward) return used;
  cell->dout = take(data, &used, p->dtype, RANK, rows);
  cell->gradients.dq = take(data, &used, p->dtype, RANK, rows);
  cell->gradients.dk = take(data, &used, p->dtype, RANK, keys);
  cell->gradients.dv = take(data, &used, p->dtype, RANK, keys);
  return used;
}

// The file's bytes may have any alignment.
static void round_into(const Tensor *to, const Tensor *from) {
  float chunk[CHUNK];
  int64_t count = tensor_elements(to), width = dtype_facts(to->dtype)->block_bytes;
  for (int64_t i = 0; i < count; i += CHUNK) {
    int64_t part = count - i < CHUNK ? count - i : CHUNK;
    memcpy(chunk, (const char *)from->data + i * (int64_t)sizeof(float),
           (size_t)part * sizeof(float));
    narrow_row(to->dtype, chunk, (char *)to->data + i * width, part);
  }
}

static bool load(AttentionCell *cell, InputFile *files, const char *folder, Error *error) {
  for (int i = 0; i < INPUT_COUNT; i++)
    if (!open_file(&files[i], folder, i, error)) return false;
  cell->backward = files[INPUT_DOUT].map.data != NULL;
  if (!check_shapes(files, &cell->problem, error)) return false;
  if (!region_map(&cell->memory, (size_t)lay_out(cell), error)) return error_within(error, folder);
  memset(cell->memory.data, 0xFF, cell->memory.size); // NaN in every dtype
  lay_out(cell);
  const Tensor *inputs[] = {&cell->operands.q, &cell->operands.k, &cell->operands.v, &cell->dout};
  for (int i = 0; i < (cell->backward ? INPUT_COUNT : INPUT_DOUT); i++)
    round_into(inputs[i], &files[i].tensor);
  return true;
}

bool attention_cell_load(AttentionCell *cell, const char *folder, Dtype dtype, Error *error) {
  InputFile files[INPUT_COUNT] = {0};
  *cell = (AttentionCell){.problem.dtype = dtype};
  bool done = load(cell, files, folder, error);
  for (int i = 0; i < INPUT_COUNT; i++) {
    if (files[i].map.data) file_map_close(&files[i].map);
    memory_free(files[i].path);
  }
  return done;
}

void attention_cell_close(AttentionCell *cell) {
  region_unmap(&cell->memory);
  *cell = (AttentionCell){0};
}

// What the system has left is read beside it, so that a score matrix too large is told, not killed.
static bool check_memory(const AttentionCell *cell, const AttentionBackend *backend, int threads,
                         Error *error) {
  Host host;
  host_read("", &host);
  int64_t available = host_memory_left(&host);
  host_free(&host);
  int64_t wanted = backend->bytes(&cell->problem, cell->backward, threads);
  if (available == 0 || wanted <= available) return true;
  return error_set(error, ERROR_MEMORY, backend->name, "needs %.1f GiB, %.1f GiB are available",
                   (double)wanted / 0x1p30, (double)available / 0x1p30);
}

bool attention_cell_run(const AttentionCell *cell, const AttentionBackend *backend,
                        const AttentionSetup *setup, AttentionCodeFacts *code, Error *error) {
  if (!attention_backend_supports(backend, &cell->problem, cell->backward, error) ||
      !check_memory(cell, backend, team_size(setup->team), error))
    return false;
  AttentionPlan *plan = backend->prepare(&cell->problem, cell->backward, setup, error);
  if (!plan) return false;
  backend->forward(plan, &cell->operands, &cell->result);
  if (cell->backward)
    backend->backward(plan, &cell->operands, &cell->result, &cell->dout, &cell->gradients);
  *code = attention_plan_code(plan);
  backend->release(plan);
  return true;
}

static bool append_widened(NpyWriter *writer, const Tensor *tensor, Error *error) {
  float chunk[CHUNK];
  int64_t count = tensor_elements(tensor), width = dtype_facts(tensor->dtype)->block_bytes;
  for (int64_t i = 0; i < count; i += CHUNK) {
    int64_t part = count - i < CHUNK ? count - i : CHUNK;
    widen_row(tensor->dtype, (const char *)tensor->data + i * width, chunk, part);
    if (!npy_writer_append(writer, chunk, part, error)) return false;
  }
  return true;
}

static bool save(const char *folder, const char *name, const Tensor *tensor, Error *error) {
  char *path = path_join(folder, name);
  NpyWriter *writer = npy_writer_open(path, tensor->rank, tensor->shape, error);
  memory_free(path);
  if (!writer) return false;
  if (append_widened(writer, tensor, error)) return npy_writer_close(writer, error);
  npy_writer_abandon(writer);
  return false;
}

bool attention_cell_save(const AttentionCell *cell, const char *folder, Error *error) {
  Tensor lse = tensor_dense(DTYPE_F32, RANK - 1, cell->operands.q.shape, cell->result.lse);
  const struct {
    const char *name;
    const Tensor *tensor;
  } files[] = {{"out.npy", &cell->result.out},
               {"lse.npy", &lse},
               {"dq.npy", &cell->gradients.dq},
               {"dk.npy", &cell->gradients.dk},
               {"dv.npy", &cell->gradients.dv}};
  if (!folder_make(folder, error)) return false;
  for (size_t i = 0; i < (cell->backward ? COUNT_OF(files) : 2); i++)
    if (!save(folder, files[i].name, files[i].tensor, error)) return false;
  return true;
}
