// SPDX-License-Identifier: Apache-2.0
// The shapes that a model's operators work at: what a run of the workshop measures.
#pragma once
#include "base/attributes.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int64_t m, n, k; // rows of x; columns of y; what is summed over (0: not used)
} WorkshopShape;

// Sizes of a model, as in its configuration.
typedef struct {
  int64_t hidden, intermediate, heads, kv_heads, head_dim, vocabulary;
  bool gated; // gate and up are one product
} WorkshopModel;

// Where in a model an operator works, at a given number of tokens. Products come first.
typedef enum {
  SITE_LINEAR,     // q+k+v, attention output, (gate+) up, down, and the vocabulary
  SITE_VOCABULARY, // rows of the residual stream against the vocabulary
  SITE_SCORES,     // queries of one group against its keys
  SITE_OUTPUT,     // probabilities of one group against its values
  SITE_HIDDEN,     // rows of the residual stream
  SITE_SCORE_ROWS, // rows of scores, one a head
  SITE_LOGITS,     // rows of logits
  SITE_INNER,      // rows inside the MLP
  SITE_HEADS,      // heads of queries
} WorkshopSite;

enum {
  WORKSHOP_MOST_SHAPES = 5,   // of one site
  WORKSHOP_DECODE_ROWS = 16,  // up to as many tokens are of as many sequences, one each; more are
                              // a prompt, whose logits nobody asks for
  WORKSHOP_DECODE_KEYS = 4096 // cached when decoding; a prompt attends to itself
};

// Writes the shapes of one site at `rows` tokens; returns how many (0: not done at so many).
int workshop_shapes(WorkshopSite site, const WorkshopModel *model, int64_t rows,
                    WorkshopShape shapes[WORKSHOP_MOST_SHAPES]);
