/* feed.h - upstream feeds: polled politely, stored once, matched, turned into runs.
 *
 * Lists by conditional GET, then what is new in them (source.h has the kinds). Order, dates and
 * versions of a list are not trusted. CSAF documents come with hashes and signatures beside them. Each document is one transaction: blob, facts,
 * matches, events, runs. A document that does not parse or whose hash differs is quarantined with
 * a reason; the previous good one stays. Loop thread.
 */
#pragma once

#include <jansson.h>
#include "feed/decision.h"
#include "feed/feed_alarm.h"
#include "intake/intake.h"
#include "loop/httpc.h"

struct tsn_feeds;

#define TSN_FEED_RECONCILE_MS INT64_C(604800000) /* where nothing is said: a week */

struct tsn_feed_config {
    const char *name;
    const char *kind; /* of source.h: "csaf" "osv" ... */
    const char
        *url; /* of its list, or the folder that holds it, ending in '/'; NULL: `domain` */
    const char *domain; /* csaf: where discovery begins */
    int64_t connections,
        rate; /* to its host, and requests a second; 0 = 2, and 4, or none with `reach` */
    struct tsn_feed_expect expect;
    const char *client_id, *secret /* its handle */,
        *token_url;             /* where they are needed; NULL */
    const char *const *command; /* of a converter: program and arguments; NULL */
    const char *archive;        /* everything at once, or the page that names it; NULL */
    int64_t every_ms;
    int64_t
        reconcile_ms; /* so often everything is compared whatever its dates say; 0 = never */
    const char *const *reach;       /* exact addresses allowed though private or loopback */
    int64_t parallel;               /* documents in flight; 0 = 4 */
    bool need_hash, need_signature; /* without one a document is quarantined */
    const char *keys; /* GNUPGHOME with the publisher's keys; NULL = no signatures */
    const char *const
        *speaks_for;   /* publisher namespaces it may bring; NULL = its own or any */
    const char *trust; /* vendor coordinator enrichment hint; NULL = as usual for its kind */
    bool silent;       /* until its first whole poll nothing starts */
};

struct tsn_feeds_config {
    struct tsn_loop *loop;
    struct tsn_httpc *httpc;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_engine *engine;
    struct tsn_intake *intake;
    const char *dir; /* data directory: homes of gpg lie in it; NULL = no signatures */
    const json_t
        *products; /* [{ id, name, vendor, components: [{ vendor, product }], owner }] */
    const struct tsn_feed_config *feeds;
    size_t nfeeds;
    struct tsn_decide_config decide; /* rules are borrowed until close */
};
tsn_err tsn_feeds_open(struct tsn_feeds **out, const struct tsn_feeds_config *config,
                       struct tsn_diag *diag);
void tsn_feeds_close(struct tsn_feeds *f);
/* Polls now; done gets { listed, fetched, new, changed, unchanged, quarantined, matches, runs, reconciled }. `whole`:
 * everything is compared, whatever dates and the server's answers say. */
void tsn_feed_poll(struct tsn_feeds *f, const char *name, bool whole, tsn_engine_done *done,
                   void *user);
json_t *tsn_feeds_json(const struct tsn_feeds *f); /* state for lists and metrics */

/* Reads the SBOMs again; where something is new everything stored is matched again: { changed, before, after } in
 * components. F012: it is being done. */
void tsn_feeds_reload(struct tsn_feeds *f, tsn_engine_done *done, void *user);

/* Products with releases and what their SBOMs hold; inventory.h has the form. */
json_t *tsn_feeds_products(const struct tsn_feeds *f);

/* Pure: what matching and difference need from a CSAF document: { id, version, title, status,
 * products: [{ vendor, product, version }], cves, scores ... }. */
tsn_err tsn_csaf_facts(const json_t *doc, json_t **facts, struct tsn_diag *diag);
/* Pure: [{ product, owner, certainty, evidence }] of our products hit by these facts. Names are
 * compared after folding case, punctuation and legal suffixes. */
tsn_err tsn_match_facts(const json_t *facts, const json_t *products, json_t **matches);
/* Pure: what the later of two revisions of one document changes that matters: { id, material,
 * kinds: [st, sc, rem, withdrawn, ...], added, removed, changes: [{ change, kind, text }] (at most
 * 200), flags: [silent-change, regression, cosmetic-version, other-document], versions, releases }.
 * Dates and version numbers only make flags. F007. */
tsn_err tsn_csaf_diff(const json_t *before, const json_t *after, json_t **out,
                      struct tsn_diag *diag);
