// SPDX-License-Identifier: Apache-2.0
// Models in the local cache of the Hugging Face Hub, which its own tools fill. Nothing here uses
// the network.
//
//   CACHE/models--org--name/refs/main            the commit that "main" was
//   CACHE/models--org--name/snapshots/COMMIT/    its files, as links
//
// A name that users give for a model (--model-id) is resolved in this order: preset:NAME, an
// existing folder, an existing .gguf file, and then this cache.
#pragma once
#include "base/error.h"

// The cache folder: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub,
// XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub, the first whose variable is set and
// not empty; ~ and $VARIABLE are expanded in them. Caller frees. NULL: not even a home folder is
// known.
char *hub_cache_folder(void);
// Whether a text has the form of a repository's name: "name" or "org/name".
bool hub_cache_is_name(const char *model_id);
// The folder of the snapshot that the cache has of "org/name"; caller frees. NULL: the name is
// malformed (ERROR_ARGUMENT), or it is not there (ERROR_NOT_FOUND, naming where it looked).
CHECKED char *hub_cache_find(const char *model_id, Error *error);
