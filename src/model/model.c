// SPDX-License-Identifier: Apache-2.0
#include "model/model.h"
#include "base/array.h"
#include "base/clock.h"
#include "model/pack.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Model {
  Arena *arena;
  ModelConfig config;
  WeightPlan plan;
  Dtype dtype;
  Region block; // private, or mapped from a memory file
  ModelLoad load;
  ARRAY_OF(const char *) warnings;
};

// First page of the block: what those that map it must agree on, and the warnings of its making.
typedef struct {
  char magic[16];
  uint64_t signature, seed;
  int64_t bytes, source_bytes, make_ns;
  int32_t dtype, rounding, separate_head, warning_count;
  char warnings[WEIGHT_PAGE - 80]; // one NUL-terminated text after another
} BlockHeader;

_Static_assert(sizeof(BlockHeader) <= WEIGHT_PAGE, "the header is one page");

static const char magic[16] = "weights, form 1";

static void add_warning(Model *model, const char *text) {
  if (text) ARRAY_APPEND(&model->warnings, text);
}

static bool check_options(const ModelOptions *options, Error *error) {
  if (!dtype_is_compute(options->dtype) || !dtype_is_compute(options->rounding))
    return error_set(
        error, ERROR_ARGUMENT, "dtype", "is %s, expected float32, bfloat16 or float16",
        dtype_name(dtype_is_compute(options->dtype) ? options->rounding : options->dtype));
  return true;
}

// Everything of the model but its block.
static Model *new_model(const ModelOptions *options, WeightSource *source, Error *error) {
  Model *model = memory_allocate(sizeof *model);
  model->arena = arena_open(0);
  model->dtype = options->dtype;
  if (check_options(options, error) &&
      weight_source_open(source, options->path, options->seed, model->arena, &model->config, error))
    return model;
  model_close(model);
  return NULL;
}

// A tied model whose file has another matrix for the logits: the file is right.
static bool head_differs(Model *model, WeightSource *source, bool *differs, Error *error) {
  int64_t rows = model->config.vocabulary, columns = model->config.hidden;
  WeightPart part = {.role = ROLE_EMBEDDING, .layer = -1, .rows = rows};
  SourceTensor embedding, head;
  if (!weight_source_find(source, &part, columns, &embedding, error)) return false;
  part.role = ROLE_HEAD;
  if (!weight_source_find(source, &part, columns, &head, error)) return false;
  *differs = !weight_source_same(source, &embedding, &head);
  if (*differs)
    add_warning(model, "the configuration ties the head to the embedding, but the file has a "
                       "different head: the file's is used");
  return true;
}

static bool decide_head(Model *model, WeightSource *source, bool *separate, Error *error) {
  *separate = source->has_head;
  if (model->config.tied && source->has_head) return head_differs(model, source, separate, error);
  if (!model->config.tied && !source->has_head)
    add_warning(model, "the configuration asks for a head of its own, but the file has none: the "
                       "embedding is used");
  return true;
}

static void plan_model(Model *model, bool separate_head) {
  model->config.tied = !separate_head;
  weight_plan_build(&model->plan, &model->config, model->dtype, separate_head, model->arena);
}

// Plans the block and finds every tensor, so that a wrong file costs no memory.
static bool prepare(Model *model, WeightSource *source, PackList *list, Error *error) {
  bool separate_head;
  if (!decide_head(model, source, &separate_head, error)) return false;
  plan_model(model, separate_head);
  if (!pack_list_build(list, &model->plan, source, model->arena, error)) return false;
  add_warning(model, weight_source_unused(source, model->arena));
  model->load.weight_bytes = model->plan.bytes;
  model->load.source_bytes = weight_source_bytes(source);
  return true;
}

static void write_header(const Model *model, const ModelOptions *options, BlockHeader *header) {
  *header = (BlockHeader){.signature = model->plan.signature,
                          .seed = options->seed,
                          .bytes = model->plan.bytes,
                          .source_bytes = model->load.source_bytes,
                          .make_ns = model->load.make_ns,
                          .dtype = (int32_t)options->dtype,
                          .rounding = (int32_t)options->rounding,
                          .separate_head = model->plan.separate_head};
  memcpy(header->magic, magic, sizeof magic);
  size_t used = 0;
  for (size_t i = 0; i < model->warnings.count; i++) {
    size_t size = strlen(model->warnings.items[i]) + 1;
    if (size > sizeof header->warnings - used) break;
    memcpy(header->warnings + used, model->warnings.items[i], size);
    used += size;
    header->warning_count++;
  }
}

// Opens, plans, gets a block from `take`, and fills it. NULL on failure.
typedef bool TakeBlock(Model *model, int descriptor, Team *team, Error *error);

static bool fill(Model *model, const ModelOptions *options, WeightSource *source, TakeBlock *take,
                 int descriptor, Team *team, CpuTier tier, Error *error) {
  PackList list;
  if (!prepare(model, source, &list, error) || !take(model, descriptor, team, error) ||
      !pack_run(&list, source, options->rounding, model->block.data, team, tier, error))
    return false;
  weight_plan_bind(&model->plan, model->block.data);
  return true;
}

static Model *make(const ModelOptions *options, TakeBlock *take, int descriptor, Team *team,
                   CpuTier tier, Error *error) {
  int64_t start = clock_now();
  WeightSource source;
  Model *model = new_model(options, &source, error);
  if (!model) return NULL;
  bool made = fill(model, options, &source, take, descriptor, team, tier, error);
  weight_source_close(&source);
  if (!made) {
    error_within(error, options->path);
    model_close(model);
    return NULL;
  }
  model->load.make_ns = clock_now() - start;
  write_header(model, options, model->block.data);
  return model;
}

static bool take_private(Model *model, int descriptor, Team *team, Error *error) {
  (void)descriptor, (void)team;
  return region_map(&model->block, (size_t)model->plan.bytes, error);
}

Model *model_open(const ModelOptions *options, Team *team, CpuTier tier, Error *error) {
  return make(options, take_private, -1, team, tier, error);
}

static void make_huge(void *context, int thread, int threads) {
  const Region *block = context;
  int64_t begin, end;
  team_share((int64_t)block->size, REGION_HUGE_PAGE, thread, threads, &begin, &end);
  region_make_huge(block, (size_t)begin, (size_t)(end - begin));
}

// Small pages would cost the decoding of every process that maps the block: a quarter of its time
// where the processor is a virtual one.
static bool take_shared(Model *model, int descriptor, Team *team, Error *error) {
  if (ftruncate(descriptor, model->plan.bytes) != 0)
    return error_set_errno(error, "memory file", "cannot grow");
  if (!region_map_file(&model->block, descriptor, (size_t)model->plan.bytes, true, false, error))
    return false;
  team_run(team, make_huge, &model->block);
  return true;
}

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

bool model_make(const ModelOptions *options, int descriptor, Team *team, CpuTier tier,
                ModelLoad *load, Error *error) {
  Model *model = make(options, take_shared, descriptor, team, tier, error);
  if (!model) return false;
  *load = model->load;
  model_close(model); // a file that somebody can still write to cannot be sealed
  return fcntl(descriptor, F_ADD_SEALS, SEALS) == 0 ||
         error_set_errno(error, "memory file", "cannot seal");
}

// Size and seals: a block that nobody can change or cut any more.
static bool check_memory_file(int descriptor, size_t *size, Error *error) {
  struct stat status;
  if (fstat(descriptor, &status) != 0)
    return error_set_errno(error, "memory file", "cannot inspect");
  int seals = fcntl(descriptor, F_GET_SEALS);
  if (seals < 0 || (seals & SEALS) != SEALS)
    return error_set(error, ERROR_ARGUMENT, "memory file", "is not sealed");
  if (status.st_size < WEIGHT_PAGE)
    return error_set(error, ERROR_FORMAT, "memory file", "is %jd bytes, expected at least %d",
                     (intmax_t)status.st_size, WEIGHT_PAGE);
  *size = (size_t)status.st_size;
  return true;
}

static bool check_header(const BlockHeader *header, const ModelOptions *options, size_t size,
                         Error *error) {
  if (memcmp(header->magic, magic, sizeof magic) != 0 || header->bytes != (int64_t)size)
    return error_set(error, ERROR_FORMAT, "memory file", "does not hold weights");
  if (header->dtype != (int32_t)options->dtype || header->rounding != (int32_t)options->rounding ||
      header->seed != options->seed)
    return error_set(error, ERROR_ARGUMENT, "memory file",
                     "holds weights made with other options (dtype, rounding or seed)");
  return true;
}

static void read_warnings(Model *model, const BlockHeader *header) {
  const char *text = header->warnings, *end = text + sizeof header->warnings;
  for (int32_t i = 0; i < header->warning_count && text < end; i++) {
    size_t size = strnlen(text, (size_t)(end - text));
    add_warning(model, arena_copy_bytes(model->arena, text, size));
    text += size + 1;
  }
}

static bool adopt_block(Model *model, const ModelOptions *options, Error *error) {
  const BlockHeader *header = model->block.data;
  if (!check_header(header, options, model->block.size, error)) return false;
  plan_model(model, header->separate_head != 0);
  if (model->plan.signature != header->signature || model->plan.bytes != header->bytes)
    return error_set(error, ERROR_MISMATCH, "memory file",
                     "holds weights of another model or layout");
  weight_plan_bind(&model->plan, model->block.data);
  read_warnings(model, header);
  model->load.weight_bytes = header->bytes;
  model->load.source_bytes = header->source_bytes;
  return true;
}

Model *model_map(const ModelOptions *options, int descriptor, Error *error) {
  int64_t start = clock_now();
  WeightSource source;
  Model *model = new_model(options, &source, error);
  if (!model) return NULL;
  weight_source_close(&source);
  size_t size = 0;
  if (!check_memory_file(descriptor, &size, error) ||
      !region_map_file(&model->block, descriptor, size, false, true, error) ||
      !adopt_block(model, options, error)) {
    error_within(error, options->path);
    model_close(model);
    return NULL;
  }
  model->load.map_ns = clock_now() - start;
  return model;
}

void model_close(Model *model) {
  if (!model) return;
  region_unmap(&model->block);
  ARRAY_FREE(&model->warnings);
  arena_close(model->arena);
  memory_free(model);
}

const ModelConfig *model_config(const Model *model) {
  return &model->config;
}

const Weights *model_weights(const Model *model) {
  return &model->plan.weights;
}

Dtype model_dtype(const Model *model) {
  return model->dtype;
}

ModelLoad model_load(const Model *model) {
  return model->load;
}

int model_warning_count(const Model *model) {
  return (int)model->warnings.count;
}

const char *model_warning(const Model *model, int index) {
  return model->warnings.items[index];
}
