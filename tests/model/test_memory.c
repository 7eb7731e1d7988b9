// SPDX-License-Identifier: Apache-2.0
// Loading costs the memory of the weights and little more: the file's pages are given back on the
// way, whatever is done to its values.
#include "base/file.h"
#include "base/random.h"
#include "checkpoint_writer.h"
#include "model/model.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { HIDDEN = 512, INNER = 1024, VOCABULARY = 48000, LAYERS = 4, TENSORS = 2 + 9 * LAYERS };

// Every tensor has the same values: only their number counts here.
static void write_model(const char *folder) {
  static const struct {
    const char *name;
    int64_t rows, columns;
  } parts[] = {{"input_layernorm", HIDDEN, 0},       {"post_attention_layernorm", HIDDEN, 0},
               {"self_attn.q_proj", HIDDEN, HIDDEN}, {"self_attn.k_proj", HIDDEN, HIDDEN},
               {"self_attn.v_proj", HIDDEN, HIDDEN}, {"self_attn.o_proj", HIDDEN, HIDDEN},
               {"mlp.gate_proj", INNER, HIDDEN},     {"mlp.up_proj", INNER, HIDDEN},
               {"mlp.down_proj", HIDDEN, INNER}};
  static char names[TENSORS][96];
  WrittenTensor tensors[TENSORS];
  float *values = memory_allocate((size_t)VOCABULARY * HIDDEN * sizeof *values);
  for (int64_t i = 0; i < (int64_t)VOCABULARY * HIDDEN; i++)
    values[i] = (float)(random_at(1, (uint64_t)i) >> 40) * 0x1p-24f;
  tensors[0] =
      (WrittenTensor){"model.embed_tokens.weight", DTYPE_BF16, VOCABULARY, HIDDEN, values, NULL};
  tensors[1] = (WrittenTensor){"model.norm.weight", DTYPE_BF16, HIDDEN, 0, values, NULL};
  for (int i = 2; i < TENSORS; i++) {
    int layer = (i - 2) / (int)COUNT_OF(parts), part = (i - 2) % (int)COUNT_OF(parts);
    snprintf(names[i], sizeof names[i], "model.layers.%d.%s.weight", layer, parts[part].name);
    tensors[i] =
        (WrittenTensor){names[i], DTYPE_BF16, parts[part].rows, parts[part].columns, values, NULL};
  }
  writer_safetensors(folder, "model.safetensors", tensors, TENSORS);
  memory_free(values);
  char config[512];
  snprintf(config, sizeof config,
           "{\"model_type\": \"llama\", \"hidden_size\": %d, \"intermediate_size\": %d,"
           " \"num_hidden_layers\": %d, \"num_attention_heads\": 8, \"vocab_size\": %d,"
           " \"tie_word_embeddings\": true}",
           HIDDEN, INNER, LAYERS, VOCABULARY);
  writer_text(folder, "config.json", config);
}

// "VmHWM" or "VmRSS" of this process, in bytes.
static int64_t resident(const char *field) {
  Text text = {0};
  Error error;
  assert_true(file_read("/proc/self/status", 1 << 16, &text, &error));
  const char *found = strstr(text.data, field);
  assert_non_null(found);
  int64_t bytes = strtoll(found + strlen(field) + 1, NULL, 10) * 1024;
  text_free(&text);
  return bytes;
}

// Makes the peak the present size; false where the system does not let us.
static bool forget_peak(void) {
  int descriptor = open("/proc/self/clear_refs", O_WRONLY);
  bool done = descriptor >= 0 && write(descriptor, "5", 1) == 1;
  if (descriptor >= 0) close(descriptor);
  return done;
}

static void check_peak(const ModelOptions *options, bool shared) {
  Error error;
  Team *team = team_open(2, false, &error);
  assert_non_null(team);
  int64_t before = resident("VmRSS"), bytes;
  assert_true(forget_peak());
  if (shared) {
    ModelLoad load;
    int descriptor = memfd_create("weights", MFD_ALLOW_SEALING);
    assert_true(model_make(options, descriptor, team, cpu_best_tier(), &load, &error));
    bytes = load.weight_bytes;
    close(descriptor);
  } else {
    Model *model = model_open(options, team, cpu_best_tier(), &error);
    assert_non_null(model);
    bytes = model_load(model).weight_bytes;
    model_close(model);
  }
  int64_t peak = resident("VmHWM") - before;
  if (peak > bytes + bytes / 5)
    fail_msg("%s%s: %lld bytes at the peak for %lld of weights", dtype_name(options->dtype),
             shared ? ", shared" : "", (long long)peak, (long long)bytes);
  assert_true(peak > bytes / 2); // the measurement itself works
  team_close(team);
}

// Why the peak cannot be told here; NULL: it can. (cmocka's own skip counts as a failure in TAP.)
static const char *reason_to_skip(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return "a sanitizer's shadow memory is counted too";
#else
  return forget_peak() ? NULL : "the system does not let a process forget its peak";
#endif
}

static void the_peak_is_the_weights(void **state) {
  (void)state;
  const char *reason = reason_to_skip();
  if (reason) {
    print_message("# skipped: %s\n", reason);
    return;
  }
  char *folder = writer_folder();
  write_model(folder);
  static const Dtype dtypes[] = {DTYPE_BF16, DTYPE_F16, DTYPE_F32};
  for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
    ModelOptions options = {.path = folder, .dtype = dtypes[d], .rounding = dtypes[d]};
    check_peak(&options, false);
    check_peak(&options, true);
  }
  writer_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_peak_is_the_weights)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
