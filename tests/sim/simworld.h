/* simworld.h - one process, one thread, one seed: the real engine, journal, store and Lua worker, with the
 * loop's timers, the writer, the reader, the children and the clocks replaced by a scheduler.
 *
 * Everything that would happen in another thread or process is an event in a queue; the seed says
 * which queue has its turn next, when time goes on, which worker is lost and where the node crashes.
 * The same seed makes the same history, always.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tsn_store;
struct tsn_loop;

struct sim_faults {
    unsigned crash;  /* of 10,000 events: the node dies */
    unsigned worker; /* a worker dies */
    unsigned step;   /* the wall clock steps by up to a minute */
};

void sim_begin(uint64_t seed, struct tsn_store *st, const struct sim_faults *faults);
void sim_end(void);
uint64_t sim_rand(uint64_t below); /* seeded */
int64_t sim_wall(void);
/* One event. False: nothing is left to happen. */
bool sim_turn(void);
/* The node died in the last turn (or the turn before): what was in its memory must be thrown away,
 * with sim_drop after the engine was closed. */
bool sim_crashed(void);
void sim_drop(void);
/* fn at a later turn, `ms` of simulated time from now at the earliest; survives no crash. */
void sim_later(int64_t ms, void (*fn)(void *user), void *user);
/* From now on, of 10,000 frames from workers so many are not what the worker said. */
void sim_hostile(unsigned n);
/* From now on workers die as often as the faults say; a playbook file that was never described while they
 * do would be one that kills workers. */
void sim_lose_workers(void);
uint64_t sim_trace(void); /* digest of all that happened */
void sim_note(const void *p, size_t n);
struct tsn_store *sim_store(void);
