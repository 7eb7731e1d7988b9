// SPDX-License-Identifier: Apache-2.0
#include "kernels/workshop_shapes.h"

static int linear_shapes(const WorkshopModel *model, int64_t rows, WorkshopShape *shapes) {
  int64_t queries = model->heads * model->head_dim;
  int64_t all = queries + 2 * model->kv_heads * model->head_dim;
  int64_t inner = model->gated ? 2 * model->intermediate : model->intermediate;
  shapes[0] = (WorkshopShape){rows, all, model->hidden};
  shapes[1] = (WorkshopShape){rows, model->hidden, queries};
  shapes[2] = (WorkshopShape){rows, inner, model->hidden};
  shapes[3] = (WorkshopShape){rows, model->hidden, model->intermediate};
  shapes[4] = (WorkshopShape){rows, model->vocabulary, model->hidden};
  return rows <= WORKSHOP_DECODE_ROWS ? 5 : 4;
}

static WorkshopShape shape_of(WorkshopSite site, const WorkshopModel *model, int64_t rows) {
  int64_t keys = rows <= WORKSHOP_DECODE_ROWS ? WORKSHOP_DECODE_KEYS : rows;
  int64_t group = model->heads / model->kv_heads;
  switch (site) {
  case SITE_SCORES: return (WorkshopShape){rows * group, keys, model->head_dim};
  case SITE_OUTPUT: return (WorkshopShape){rows * group, model->head_dim, keys};
  case SITE_HIDDEN: return (WorkshopShape){rows, model->hidden, 0};
  case SITE_SCORE_ROWS: return (WorkshopShape){rows * model->heads, keys, 0};
  case SITE_VOCABULARY: return (WorkshopShape){rows, model->vocabulary, model->hidden};
  case SITE_LOGITS: return (WorkshopShape){rows, model->vocabulary, 0};
  case SITE_INNER: return (WorkshopShape){rows, model->intermediate, 0};
  default: return (WorkshopShape){rows * model->heads, model->head_dim, 0};
  }
}

int workshop_shapes(WorkshopSite site, const WorkshopModel *model, int64_t rows,
                    WorkshopShape shapes[WORKSHOP_MOST_SHAPES]) {
  if (site == SITE_LINEAR) return linear_shapes(model, rows, shapes);
  if ((site == SITE_LOGITS || site == SITE_VOCABULARY) && rows > WORKSHOP_DECODE_ROWS) return 0;
  shapes[0] = shape_of(site, model, rows);
  return 1;
}
