// SPDX-License-Identifier: Apache-2.0
#include "base/interrupt.h"
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t ending_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

int interrupt_open(Error *error) {
  sigset_t set = ending_signals();
  int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
    error_set_errno(error, NULL, "cannot watch for signals");
  return descriptor;
}

bool interrupt_arrived(int descriptor) {
  struct pollfd wait = {descriptor, POLLIN, 0};
  return poll(&wait, 1, 0) > 0;
}

void interrupt_close(int descriptor) {
  if (descriptor < 0) return;
  struct signalfd_siginfo taken;
  while (read(descriptor, &taken, sizeof taken) > 0) continue;
  sigset_t set = ending_signals();
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  close(descriptor);
}
