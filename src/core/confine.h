/* confine.h - what a child of tocsin does first: give away everything it does not need.
 *
 * Called by the child itself at the top of its main, before it reads a byte from outside.
 * Sets rlimits, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, not dumpable, closes every descriptor
 * but 0, 1, 2, `channel_fd` and those passed with it, then installs the seccomp filter of the role (default: kill).
 * Where the kernel refuses a part, it goes on and says so in the returned text.
 * Sanitizer builds keep RLIMIT_AS unlimited.
 */
#pragma once

#include <stddef.h>
#include "core/err.h"

enum tsn_role {
    TSN_ROLE_LUA, /* read, write, poll, memory, clocks, exit: no files, no network, no exec */
    TSN_ROLE_SEALER, /* as lua, and files: to replace one by rename; no network, no exec */
    TSN_ROLE_EXEC /* before exec of a plugin: limits, no ptrace/mount/bpf/keyring/module calls */
};

struct tsn_confine {
    enum tsn_role role;
    int channel_fd;       /* kept open; -1 = none */
    int passed;           /* so many descriptors behind it are kept as well */
    size_t memory_bytes;  /* RLIMIT_AS; 0 = leave */
    unsigned cpu_seconds; /* RLIMIT_CPU; 0 = leave */
    unsigned files;       /* RLIMIT_NOFILE; 0 = leave */
};

/* `weaker` gets one clear sentence when something could not be applied, else "". */
tsn_err tsn_confine(const struct tsn_confine *c, char *weaker, size_t cap);
