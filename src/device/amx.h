// SPDX-License-Identifier: Apache-2.0
// The configuration of matrix registers (AMX: Intel SDM vol. 1 ch. 18), for code that is compiled
// for them: rows and bytes of a row of each, up to 16 and 64.
#pragma once
#include <stdint.h>

enum { AMX_SIDE = 16, AMX_ROW_BYTES = 64, AMX_REGISTERS = 8 };

// As LDTILECFG reads it.
typedef struct {
  _Alignas(64) uint8_t palette; // 1
  uint8_t start, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} AmxConfig;
_Static_assert(sizeof(AmxConfig) == 64, "the processor's layout");

// Clears the registers. All of the configuration is an operand, where _tile_loadconfig tells some
// compilers of its first 8 bytes.
static inline __attribute__((always_inline)) void amx_configure(const AmxConfig *config) {
  __asm__ volatile("ldtilecfg %0" : : "m"(*config));
}
