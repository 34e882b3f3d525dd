/* customers.h - customers: who has which product under which contract, and how they want to be told.
 *
 * They live in the store: { name, mail, products: [ids], contract?, country?, key?, attach?, language? }.
 * Those that the configuration declares are taken over at every start (origin `config`) and change there
 * alone; the others are entered by people (origin `desk`). What each change was is an entry with the words
 * sealed. What holds is one immutable list, replaced as a whole inside the transaction that changes it.
 * Store thread, but for tsn_customers_now (any thread). */
#pragma once

#include "casework/casework.h"

struct tsn_customers *tsn_customers_new(void);
void tsn_customers_destroy(struct tsn_customers *c); /* NULL allowed */
/* [{ id, name, mail, products, ..., origin }] by name; new reference, never NULL, not to be changed.
 * Without a store's list (config->known NULL) those that the configuration declares. */
json_t *tsn_customers_now(const struct tsn_casework_config *config);
/* Reads what holds. */
tsn_err tsn_customers_load(struct tsn_customers *c, struct tsn_store *st);
/* Takes over what the configuration declares: adds, changes and removes, an entry each; then loads.
 * In the caller's transaction. */
tsn_err tsn_customers_start(struct tsn_customers *c, struct tsn_store *st,
                            struct tsn_arena *arena, const json_t *declared, int64_t now_ms,
                            struct tsn_diag *diag);

enum tsn_customer_verb {
    TSN_CUSTOMER_ADD,    /* W090 when the name is taken */
    TSN_CUSTOMER_EDIT,   /* members that are given; null takes one away */
    TSN_CUSTOMER_PUT,    /* one or the other: for lists that come from elsewhere */
    TSN_CUSTOMER_REMOVE, /* is told no more; what it was told stays on record */
};
struct tsn_customer_act {
    enum tsn_customer_verb verb;
    const char *ref;       /* id or name; NULL = the name in `members` */
    const json_t *members; /* borrowed */
    const char *actor, *auth, *reason;
    int64_t now_ms;
};
/* Does several in order, all or none. *items: the customers as they are now (as they were, when removed)
 * with `change` added, changed, same or removed; new reference. Product ids are those of the configuration.
 * H013 with a pointer, W090 to W092. */
tsn_err tsn_customer_act(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_casework_config *config,
                         const struct tsn_customer_act *acts, size_t n, json_t **items,
                         struct tsn_diag *diag);
