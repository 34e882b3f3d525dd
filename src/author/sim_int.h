/* sim_int.h - what the files of the simulation share. Private to src/author. */
#pragma once

#include <signal.h>
#include <stdatomic.h>
#include "author/sim.h"
#include "loop/httpc.h"
#include "loop/loop.h"

struct tsn_sim {
    struct tsn_sim_config config;
    struct tsn_arena *arena;
    char dir[64];
    const char *database, *key_file, *maildir;
    struct tsn_mail_config mail; /* of the simulation: into its own folder */
    struct tsn_casework_config
        casework; /* the configuration's, with the policies of this process */
    struct tsn_policies *policies;

    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_store *peek; /* a second look at what is committed, for the loop thread itself */
    struct tsn_httpc *httpc;
    struct tsn_registry *real,
        *registry; /* real: whose actions the other one stands in front of */
    struct tsn_engine *engine;
    struct tsn_intake *intake;
    struct tsn_rule rule; /* the one that starts what is being started */
    bool ready, dead;

    json_t *answers; /* action -> [ { outcome, result, code, message, times } ] */
    json_t *calls;   /* as tsn_sim_look gives them */
    int64_t hanging; /* calls that will never be answered */

    int64_t outcomes; /* committed since open */
    int64_t starts;   /* two events that are alike are two */
    int64_t crashes;
    int64_t crash_at; /* 0 = never */
    bool crash_every, crash_now;

    char run[32], case_id[32];
};

/* sim_actions.c: the registry of the simulation, on top of a real one. */
tsn_err tsn_sim_actions_open(struct tsn_sim *sim, struct tsn_diag *diag);
void tsn_sim_actions_close(struct tsn_sim *sim);

/* sim.c */
/* Runs the loop until nothing moves; crashes on the way when it was asked for. */
tsn_err tsn_sim_settle(struct tsn_sim *sim, struct tsn_diag *diag);
/* One op on the reader; `fn` runs on its thread. */
typedef tsn_err tsn_sim_fn(struct tsn_store *st, struct tsn_arena *arena, void *user);
tsn_err tsn_sim_read(struct tsn_sim *sim, struct tsn_arena *arena, tsn_sim_fn *fn, void *user);

/* sim_work.c: the playbook's name of a question, else its place. */
struct tsn_rec_task;
const char *tsn_sim_task_id(const struct tsn_rec_task *t, json_t *spec);
