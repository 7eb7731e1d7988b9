// SPDX-License-Identifier: Apache-2.0
// A loaded model: its configuration and its weights, from one of
//
//   a folder      config.json, model.safetensors or shards of it
//   file.gguf     architectures of FAMILIES
//   preset:NAME   an architecture with seeded random weights
//
// Weights are made once per model, dtype and layout, into one block of memory: either private to
// this process, or a sealed memory file that other processes map read-only.
#pragma once
#include "device/cpu.h"
#include "device/team.h"
#include "model/config.h"
#include "model/weights.h"

typedef struct {
  const char *path; // folder, .gguf file, or "preset:NAME" (hub names are resolved before)
  Dtype dtype;      // storage of the matrices
  Dtype rounding;   // values are first rounded to this dtype (the correctness reference keeps
                    // float32 matrices of values rounded to the scenario's dtype)
  uint64_t seed;    // of a preset's weights
} ModelOptions;

// What it took to load, for the results.
typedef struct {
  int64_t make_ns, map_ns; // making the weights (0 when mapped), mapping them
  int64_t weight_bytes;    // of the block
  int64_t source_bytes;    // of the model's files; 0 for a preset
} ModelLoad;

typedef struct Model Model;

// Makes the weights in memory of this process.
CHECKED Model *model_open(const ModelOptions *options, Team *team, CpuTier tier, Error *error);
// Makes the weights in the memory file `descriptor` (an empty memfd) and seals it.
CHECKED bool model_make(const ModelOptions *options, int descriptor, Team *team, CpuTier tier,
                        ModelLoad *load, Error *error);
// Maps weights that model_make made with the same options.
CHECKED Model *model_map(const ModelOptions *options, int descriptor, Error *error);
void model_close(Model *model); // NULL is fine

const ModelConfig *model_config(const Model *model);
const Weights *model_weights(const Model *model);
Dtype model_dtype(const Model *model);
ModelLoad model_load(const Model *model);
// Warnings met while loading (unexpected tensors, a head that differs from its tied embedding…),
// one text each, owned by the model.
int model_warning_count(const Model *model);
const char *model_warning(const Model *model, int index);
