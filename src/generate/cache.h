// SPDX-License-Identifier: Apache-2.0
// Keys and values of the tokens seen so far, behind one interface. Each form is a file that opens
// it (growing_cache.h).
#pragma once
#include "model/layers.h"

typedef struct {
  int64_t layers, sequences, kv_heads, head_dim;
  int64_t capacity; // tokens of each sequence
  Dtype dtype;
} CacheShape;

typedef struct Cache Cache;

typedef struct {
  const char *name;
  // Makes room for `length` tokens of each sequence; length ≤ capacity.
  bool (*reserve)(Cache *cache, int64_t length, Error *error);
  // One layer, whole, for the first `batch` sequences.
  KeyValues (*layer)(const Cache *cache, int64_t layer, int64_t batch);
  // How many positions attention has to be shown when sequences are `length` long.
  int64_t (*visible)(const Cache *cache, int64_t length);
  void (*close)(Cache *cache);
} CacheForm;

struct Cache {
  const CacheForm *form;
  CacheShape shape;
};

void cache_close(Cache *cache); // NULL is fine
// Bytes of `batch` sequences of `length` tokens: keys and values of all layers.
int64_t cache_bytes(const CacheShape *shape, int64_t batch, int64_t length);
