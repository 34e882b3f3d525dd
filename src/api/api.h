/* api.h - the HTTP interface: routes, who is calling, problem+json, health, metrics.
 *
 * Layer 8: calls intake, engine, casework, feed and the store's reader; never writes rows itself
 * except through ops of auth. Loop thread.
 */
#pragma once

#include "casework/casework.h"
#include "engine/engine.h"
#include "feed/feed.h"
#include "intake/intake.h"
#include "loop/httpd.h"

struct tsn_mail;
struct tsn_keys;
struct tsn_hook;

struct tsn_api_config {
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_reader *log_reader; /* for the log's index and reports; NULL = reader */
    struct tsn_engine *engine;
    struct tsn_registry *registry; /* whose look-ups may be asked; outlives the API */
    struct tsn_intake *intake;
    struct tsn_feeds *feeds;
    struct tsn_mail *mail; /* opened later: tsn_api_set_mail */
    struct tsn_keys *keys; /* likewise */
    const struct tsn_casework_config *casework;
    const struct tsn_person *people;
    size_t npeople;
    const struct tsn_house *house; /* NULL: nothing is published */
    const char
        *publish_dir; /* the tree that is served at /.well-known and /advisories; NULL = none */
    const struct tsn_secret_use *secret_uses; /* core/secret.h */
    size_t nsecret_uses;
    const char *listen, *unix_path;
    const char *version;
    const struct tsn_hook *hooks; /* intake/hook.h */
    size_t nhooks;
    struct tsn_sealing *sealing;
    /* Two people want to go on with a log that may only be read. */
    void (*new_epoch)(void *node, const struct tsn_epoch_request *request,
                      void (*done)(tsn_err err, const struct tsn_diag *diag, void *user),
                      void *user);
    void *node;
    /* Owner of the daemon (its uid and root) over the Unix socket: may act as any person given in
     * the header Tocsin-As, else has the operator role. */
};
struct tsn_api;
tsn_err tsn_api_open(struct tsn_api **out, const struct tsn_api_config *config,
                     struct tsn_diag *diag);
void tsn_api_close(struct tsn_api *api);
int tsn_api_port(const struct tsn_api *api);
/* Feeds that were opened later than the API; borrowed. */
void tsn_api_set_feeds(struct tsn_api *api, struct tsn_feeds *feeds);
/* A node that only read is whole again: ready as the engine is. */
void tsn_api_go_on(struct tsn_api *api, struct tsn_engine *engine, struct tsn_intake *intake);
void tsn_api_set_mail(struct tsn_api *api, struct tsn_mail *mail, struct tsn_keys *keys);
/* Not ready from now on, with a reason for /readyz ("disk full"). */
void tsn_api_not_ready(struct tsn_api *api, const char *reason);
