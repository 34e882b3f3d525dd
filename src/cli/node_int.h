/* node_int.h - what the files of the node share: its parts. Loop thread. */
#pragma once

#include "casework/access.h"
#include "casework/clock_tick.h"
#include "casework/likeness.h"
#include "cli/node.h"
#include "core/crypto.h"
#include "loop/loop.h"
#include "mail/mail_keys.h"

struct node {
    const struct tsn_node_config *in;
    const struct tsn_config *config;
    struct tsn_arena *arena;
    int lock;
    int64_t began_ms;
    struct tsn_loop *loop;
    struct tsn_store *store, *view, *log_view; /* until the writer and the readers have them */
    struct tsn_sealing *sealing;
    struct tsn_diag suspicion; /* why the node only reads */
    struct tsn_writer *writer;
    struct tsn_reader *reader, *log_reader;
    struct tsn_httpc *httpc;
    struct tsn_registry *registry;
    struct tsn_plugins *plugins;
    struct tsn_engine *engine;
    struct tsn_intake *intake;
    struct tsn_feeds *feeds;
    struct tsn_schedules *schedules;
    struct tsn_mail *mail;
    struct tsn_keys *keys;
    struct tsn_form *form;
    uint8_t reference_key[TSN_KEY_LEN]; /* of mails; made from the store's key */
    struct tsn_api *api;
    struct tsn_house *house;
    struct tsn_casework_config casework; /* the configuration's, with the policies in force */
    struct tsn_policies *policies;
    struct tsn_clock_tick *tick;
    struct tsn_timer *dead;
    tsn_err late_err; /* what stopped the start after the loop ran */
    struct tsn_diag late_diag;
    uv_signal_t term, intr;
    uv_timer_t guard; /* while stopping */
    int dead_code;
    bool read_only;
    bool signals, guarded, died, engine_ready, listening, stopping, announced;
};

/* node_parts.c: opens one part, from the configuration and the parts that are there. */
tsn_err tsn_node_open_actions(struct node *n, struct tsn_diag *diag);
tsn_err tsn_node_open_engine(struct node *n, struct tsn_diag *diag);
tsn_err tsn_node_open_outside(struct node *n, struct tsn_diag *diag);
/* These may start runs, so they begin only when playbooks are known and recovery is over. */
tsn_err tsn_node_open_feeds(struct node *n, struct tsn_diag *diag);
tsn_err tsn_node_open_mail(struct node *n, struct tsn_diag *diag);
tsn_err tsn_node_open_form(struct node *n, struct tsn_diag *diag);
tsn_err tsn_node_open_ticks(struct node *n);
/* For tsn_plugins_watch. */
void tsn_node_plugin_loaded(void *node, const struct tsn_plugin_loaded *what);
/* node.c */
void tsn_node_engine_ready(void *node);
void tsn_node_new_epoch(void *node, const struct tsn_epoch_request *request,
                        void (*done)(tsn_err err, const struct tsn_diag *diag, void *user),
                        void *user);
