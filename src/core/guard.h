/* guard.h - tocsin-exec --guard: stays beside the program and ends all that it started. One thread. */
#pragma once

/* Starts program[0] in a session of its own and waits for it. However that ends, and when the core asks (SIGTERM)
 * or dies, every descendant is killed, also one that left its group or session: orphans come to us. Ends as
 * the program did: its exit code, or its signal. `processes`: how many more of this user there may be
 * (RLIMIT_NPROC, not for root); 0 = no limit. `parent`: who started us. Does not return. */
_Noreturn void tsn_guard(char *const *program, long processes, int parent);
