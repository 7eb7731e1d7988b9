// SPDX-License-Identifier: Apache-2.0
#include "cli/command_ab.h"
#include "cli/command_attention.h"
#include "cli/command_bench_kernels.h"
#include "cli/command_cache.h"
#include "cli/command_documents.h"
#include "cli/command_generate.h"
#include "cli/command_info.h"
#include "cli/command_logits.h"
#include "cli/command_report.h"
#include "cli/command_run.h"
#include "cli/command_tokenize.h"
#include "cli/command_worker.h"

static const Command *const commands[] = {
    &command_run,
    &command_ab,
    &command_attention,
    &command_report,
    &command_generate,
    &command_logits,
    &command_tokenize,
    &command_info,
    &command_bench_kernels,
    &command_cache,
    &command_documents,
    &command_worker,
    NULL,
};

int main(int count, char **words) {
  const Program program = {
      .name = "attometer",
      .version = ATTOMETER_VERSION,
      .summary = "a native test bench for transformers",
      .description = "Attometer runs a transformer from its own files, under every combination "
                     "of attention, compile mode, kernels and batching that the device can do, "
                     "and says which is fastest, what each costs, and whether each is right.",
      .commands = commands,
  };
  return program_run(&program, count, words);
}
