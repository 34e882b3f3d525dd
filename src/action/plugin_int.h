/* plugin_int.h - what the files of the plugin host share. Loop thread. */
#pragma once

#include <limits.h>

#include "action/builtin.h"
#include "action/plugin_manifest.h"
#include "action/plugin_pin.h"
#include <uv.h>

struct tsn_child;
struct tsn_timer;
struct plugin;

struct flight {
    struct flight *next;
    struct plugin *plugin;
    struct tsn_call *call;
    struct tsn_timer *timer; /* a cancel's patience, or the end of a call that cannot be sent */
    int64_t id;
    bool sent;
    int64_t retry_after_ms; /* what the other side of its request asked for; 0 = nothing */
    bool probe; /* asks whether the call with this key took effect; begins nothing */
};

struct errand;

struct plugin {
    struct plugin *next;
    struct tsn_plugins *host;
    struct tsn_arena *arena;
    struct tsn_manifest manifest;
    const char *dir;
    json_t *settings;             /* with handles in place of secrets */
    json_t *asked;                /* handles whose values this process was given */
    struct tsn_child *child;      /* NULL while it does not run */
    struct tsn_timer *timer;      /* restart, or the limit on describe */
    const char *pin;              /* of the configuration; NULL = not accepted yet */
    char digest[TSN_PIN_LEN + 1]; /* of the files that this process was started from */
    char told[TSN_PIN_LEN + 1];   /* the last one that was loaded */
    uv_work_t work;               /* looks at the files before a restart */
    struct tsn_diag refused;      /* why it is not started; code "" = it may be */
    bool looking;
    bool described;
    const char *broke; /* how this process broke the protocol, NULL = it did not */
    bool failing;      /* its last start did not get as far as describing itself */
    int64_t restart_ms, started_ms;
    struct flight *flights; /* in order of arrival */
    struct errand *errands; /* requests under way for them (plugin_do.c) */
};

struct tsn_plugins {
    struct tsn_loop *loop;
    struct tsn_registry *registry;
    struct plugin *list;
    char shim[PATH_MAX];
    int64_t next_id;
    void (*loaded)(void *user, const struct tsn_plugin_loaded *what);
    void *loaded_user;
    bool closing;
};

/* plugin_host.c: takes the message. While no process runs it is lost, and that is said at its end. */
void tsn_plugin_send(struct plugin *p, json_t *message);

/* plugin_do.c: { id, call, stage, action, args } from a Lua connector. */
void tsn_plugin_do(struct plugin *p, const json_t *m);
/* Ends the requests of a call, or of all (-1), without an answer. */
void tsn_plugin_do_cancel(struct plugin *p, int64_t call_id);

/* plugin_secret.c: { handle } from the plugin. */
void tsn_plugin_secret(struct plugin *p, const json_t *m);
/* For tsn_secret_watch; `user` is the struct tsn_plugins. */
void tsn_plugin_secret_changed(void *user, const char *handle);
