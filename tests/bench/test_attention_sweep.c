// SPDX-License-Identifier: Apache-2.0
// A sweep's cells: their order and number for the seven configurations, kv_size, decoding,
// documents, and what the bounds leave out.
#include "bench/attention/documents.h"
#include "bench/attention/pattern.h"
#include "bench/attention/sweep.h"
#include "mods/evaluate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static AttentionSweep *parse(const char *text) {
  Error error;
  AttentionSweep *sweep = attention_sweep_open();
  bool done = attention_sweep_parse(sweep, text, strlen(text), "f.yaml", "", &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  return sweep;
}

static SweepCells expand(const AttentionSweep *sweep) {
  Error error;
  SweepCells cells;
  bool done = sweep_cells_expand(sweep, &cells, &error);
  if (!done) print_error("%s: %s\n", error.where, error.message);
  assert_true(done);
  return cells;
}

static void assert_label(const AttentionSweep *sweep, const SweepCells *cells, size_t index,
                         const char *expected) {
  char label[160];
  assert_true(index < cells->cells.count);
  assert_string_equal(sweep_cell_label(sweep, &cells->cells.items[index], label, sizeof label),
                      expected);
}

static void assert_note(const SweepCells *cells, const char *expected) {
  for (size_t i = 0; i < cells->notes.count; i++)
    if (strcmp(cells->notes.items[i], expected) == 0) return;
  for (size_t i = 0; i < cells->notes.count; i++) print_error("%s\n", cells->notes.items[i]);
  fail_msg("no note says: %s", expected);
}

static void assert_refused(const char *text, const char *message) {
  Error error;
  SweepCells cells;
  AttentionSweep *sweep = parse(text);
  assert_false(sweep_cells_expand(sweep, &cells, &error));
  if (!strstr(error.message, message)) print_error("%s: %s\n", error.where, error.message);
  assert_non_null(strstr(error.message, message));
  sweep_cells_free(&cells);
  attention_sweep_close(sweep);
}

static void the_last_list_is_the_fastest(void **state) {
  (void)state;
  AttentionSweep *sweep = parse("b: [1, 2]\nnh: [\"4,4\", \"4,2\"]\ns: [16, 32]\nd: [8, 16]\n"
                                "mods: [noop, causal]\n");
  SweepCells cells = expand(sweep);
  assert_int_equal(cells.cells.count, 32);
  assert_int_equal(cells.notes.count, 0);
  assert_label(sweep, &cells, 0, "noop, B 1, Hq 4, M 16, Hkv 4, N 16, D 8");
  assert_label(sweep, &cells, 1, "causal, B 1, Hq 4, M 16, Hkv 4, N 16, D 8");
  assert_label(sweep, &cells, 2, "noop, B 1, Hq 4, M 16, Hkv 4, N 16, D 16");
  assert_label(sweep, &cells, 4, "noop, B 1, Hq 4, M 32, Hkv 4, N 32, D 8");
  assert_label(sweep, &cells, 8, "noop, B 1, Hq 4, M 16, Hkv 2, N 16, D 8");
  assert_label(sweep, &cells, 16, "noop, B 2, Hq 4, M 16, Hkv 4, N 16, D 8");
  assert_label(sweep, &cells, 31, "causal, B 2, Hq 4, M 32, Hkv 2, N 32, D 16");
  sweep_cells_free(&cells);
  attention_sweep_close(sweep);
}

// The cells of the peer's seven configurations, and whether each has a backward pass.
static const struct {
  const char *name;
  size_t cells;
  bool backward, decoding;
} files[] = {
    {"basic", 2 * 2 * 4 * 2 * 4, false, false},
    {"comprehensive", 5 * 4 * 5 * 3 * 8, true, false},
    {"decoding", 4 * 3 * 4 * 2 * 4, false, true},
    // a sequence of Hkv 32, N 16384, D 256 in bfloat16 is 512 MiB: one shape of 256 MiB is dropped
    {"memory_bound", (3 * 2 * 3 * 2 - 1) * 3, false, false},
    {"sdpa_only", 3 * 1 * 6 * 2 * 2, true, false},
    {"dynamic", 4 * 2 * 4 * 2 * 3, true, false},
    {"flash_attention", 3 * 2 * 4 * 2 * 3, true, false},
};

static void the_seven_configurations_have_the_peers_cells(void **state) {
  (void)state;
  Error error;
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    char path[300];
    snprintf(path, sizeof path, CONFIGS "/%s.yaml", files[i].name);
    AttentionSweep *sweep = attention_sweep_open();
    bool done = attention_sweep_read(sweep, path, &error);
    if (!done) print_error("%s: %s\n", error.where, error.message);
    assert_true(done);
    SweepCells cells = expand(sweep);
    if (cells.cells.count != files[i].cells) print_error("%s\n", files[i].name);
    assert_int_equal(cells.cells.count, files[i].cells);
    assert_int_equal(sweep->calculate_bwd, files[i].backward);
    assert_int_equal(sweep->decoding, files[i].decoding);
    assert_int_equal(sweep->dtype, DTYPE_BF16);
    assert_true(sweep->max_autotune && sweep->throughput && sweep->save_path);
    sweep_cells_free(&cells);
    attention_sweep_close(sweep);
  }
}

static void kv_size_gives_the_batch(void **state) {
  (void)state;
  // Hkv 2, N 1024, D 64, 2 bytes, keys and values: 512 KiB a sequence
  AttentionSweep *sweep = parse("kv_size: [1, 3]\nb: [7]\nnh: [\"4,2\"]\ns: [1024, 8192]\n"
                                "d: [64]\nmods: [noop]\ndtype: bfloat16\n");
  SweepCells cells = expand(sweep);
  assert_int_equal(cells.cells.count, 2);
  assert_int_equal(cells.cells.items[0].batch, 2);
  assert_int_equal(cells.cells.items[0].kv_size, 1);
  assert_int_equal(cells.cells.items[1].batch, 6);
  assert_note(&cells,
              "kv_size 1 MiB holds no sequence of Hkv 2, N 8192, D 64 in bfloat16: dropped");
  assert_note(&cells,
              "kv_size 3 MiB holds no sequence of Hkv 2, N 8192, D 64 in bfloat16: dropped");
  sweep_cells_free(&cells);
  sweep->dtype = DTYPE_F32;
  cells = expand(sweep);
  assert_int_equal(cells.cells.items[0].batch, 1);
  assert_int_equal(cells.cells.items[1].batch, 3);
  sweep_cells_free(&cells);
  attention_sweep_close(sweep);
}

static void decoding_stands_in_the_middle(void **state) {
  (void)state;
  AttentionSweep *sweep = parse("decoding: true\nb: [3]\nnh: [\"4,2\"]\ns: [101]\nd: [8]\n"
                                "mods: [causal]\n");
  SweepCells cells = expand(sweep);
  assert_label(sweep, &cells, 0, "causal, B 3, Hq 4, M 1, Hkv 2, N 101, D 8");
  assert_int_equal(cells.cells.items[0].shape.query_offset, 50);
  sweep_cells_free(&cells);
  attention_sweep_close(sweep);
}

static void documents_flatten_the_batch(void **state) {
  (void)state;
  Error error;
  AttentionSweep *sweep = parse("b: [3]\nnh: [\"4,2\"]\ns: [40]\nd: [8]\nmods: [document_mask]\n");
  SweepCells cells = expand(sweep);
  assert_label(sweep, &cells, 0, "document_mask, B 1, Hq 4, M 120, Hkv 2, N 120, D 8");
  const SweepCell *cell = &cells.cells.items[0];
  assert_int_equal(cell->documents, 3);
  SweepPattern *pattern =
      sweep_pattern_open(&sweep->mods.items[0], &cell->shape, cell->documents, &error);
  if (!pattern) print_error("%s: %s\n", error.where, error.message);
  assert_non_null(pattern);
  int32_t ids[120];
  documents_draw(120, 3, ids);
  for (int64_t q = 0; q < 120; q += 7)
    for (int64_t k = 0; k < 120; k++) {
      ModPoint point = {.query = q, .key = k};
      assert_int_equal(mod_visible_at(sweep_pattern_bound(pattern), &point),
                       ids[q] == ids[k] && q >= k);
    }
  sweep_pattern_close(pattern);
  sweep_cells_free(&cells);
  attention_sweep_close(sweep);
}

static void documents_are_drawn_alike_each_time(void **state) {
  (void)state;
  int32_t ids[1000], again[1000];
  documents_draw(1000, 8, ids);
  documents_draw(1000, 8, again);
  assert_memory_equal(ids, again, sizeof ids);
  int lengths[8] = {0};
  for (int i = 0; i < 1000; i++) {
    assert_true(ids[i] >= 0 && ids[i] < 8 && (i == 0 || ids[i] >= ids[i - 1]));
    lengths[ids[i]]++;
  }
  for (int i = 0; i < 8; i++) assert_in_range(lengths[i], 70, 190);
  documents_draw(5, 5, ids);
  for (int i = 0; i < 5; i++) assert_int_equal(ids[i], i);
}

static void bounds_cut_and_say_what(void **state) {
  (void)state;
  AttentionSweep *sweep =
      parse("b: [1, 2, 8]\nnh: [\"4,4\", \"4,2\"]\ns: [512, 1024, 4096, 8192]\n"
            "d: [64]\nmods: [noop, causal, rel]\nmax_seq: 1024\nmax_batch: 2\n");
  SweepCells cells = expand(sweep);
  assert_int_equal(cells.cells.count, 2 * 2 * 2 * 3);
  assert_note(&cells, "cut by max_seq 1024: s 4096, 8192, 12 shapes, 36 cells");
  assert_note(&cells, "cut by max_batch 2: b 8, 4 shapes, 12 cells");
  sweep_cells_free(&cells);
  attention_sweep_close(sweep);
  assert_refused("s: [512]\nmax_seq: 256\n", "nothing is left of the sweep: cut by max_seq 256");
}

static void a_cell_is_measured_once(void **state) {
  (void)state;
  AttentionSweep *sweep = parse("b: [1, 1]\nnh: [\"4,4\"]\ns: [16]\nd: [8]\nmods: [noop]\n");
  SweepCells cells = expand(sweep);
  assert_int_equal(cells.cells.count, 1);
  assert_note(&cells, "1 cell asked for more than once: measured once");
  char first[SHA256_HEX_SIZE];
  memcpy(first, cells.cells.items[0].hash, sizeof first);
  sweep_cells_free(&cells);
  sweep->calculate_bwd = true; // another cell then
  cells = expand(sweep);
  assert_string_not_equal(first, cells.cells.items[0].hash);
  sweep_cells_free(&cells);
  attention_sweep_close(sweep);
}

static void sizes_beyond_64_bits_are_refused(void **state) {
  (void)state;
  assert_refused("b: [16777216]\nnh: [\"16777216,1\"]\ns: [16777216]\nd: [16777216]\n",
                 "more than 64 bits hold");
  assert_refused("b: [16777216]\nnh: [\"1,1\"]\ns: [16777216]\nd: [1]\nmods: [document_mask]\n",
                 "more than 64 bits hold");
  char many[2000] = "b: [1", *end = many + strlen(many);
  for (int i = 2; i < 200; i++) end += sprintf(end, ", %d", i);
  sprintf(end, "]\nd: [1,2,3,4,5,6,7,8]\ns: [1,2,3,4,5,6,7,8]\nmods: [noop, causal]\n");
  assert_refused(many, "more than 20000 cells");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_last_list_is_the_fastest),
      cmocka_unit_test(the_seven_configurations_have_the_peers_cells),
      cmocka_unit_test(kv_size_gives_the_batch),
      cmocka_unit_test(decoding_stands_in_the_middle),
      cmocka_unit_test(documents_flatten_the_batch),
      cmocka_unit_test(documents_are_drawn_alike_each_time),
      cmocka_unit_test(bounds_cut_and_say_what),
      cmocka_unit_test(a_cell_is_measured_once),
      cmocka_unit_test(sizes_beyond_64_bits_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
