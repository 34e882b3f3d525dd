/* publish_tree.h - what is published, as files: the tree of a CSAF trusted provider (CSAF 2.0 section
 * 7), pages, feeds for people, security.txt.
 *
 * A pure function of the releases: the same releases give the same bytes, so writing is comparing,
 * and a crash half way is mended by writing again. Files come in the order in which they must
 * appear: documents, hashes, signatures, pages, then feeds, index and changes, then the metadata
 * that says where all is. Paths are below PUBLIC (TLP:CLEAR) or RESTRICTED (the rest). Any thread. */
#pragma once

#include <stddef.h>
#include "advisory/advisory.h"
#include "core/mem.h"

#define TSN_SITE_PUBLIC     "public"
#define TSN_SITE_RESTRICTED "restricted"

/* `publish:` of the configuration. */
struct tsn_publish_config {
    const char *dir;       /* where the tree is written; NULL: nothing is published as files */
    const char *url;       /* https://..., where readers find `public` */
    const char *gnupg;     /* GNUPGHOME of the signing key; NULL: no signatures */
    const char *key;       /* its fingerprint, upper-case hex */
    const char *key_file;  /* its public part, armored */
    const char *policy;    /* URL, for security.txt; NULL = none */
    const char *languages; /* "en, de" */
};

struct tsn_site_release {
    const char *name, *version, *tlp, *csaf, *model, *signature;
    int64_t released_at;
};

struct tsn_site_file {
    const char *path; /* public/.well-known/csaf/white/2026/acme-sa-2026-001.json */
    const char *data;
    size_t len;
};

struct tsn_site {
    const struct tsn_publish_config *config;
    const struct tsn_publisher *publisher;
    const struct tsn_site_release *releases; /* the newest of each advisory, newest first */
    size_t nreleases;
    const char *public_key; /* armored; NULL = none */
    int64_t now_ms;         /* for the expiry of security.txt alone */
    const char *security;   /* security.txt as it is; kept while it does not expire soon */
    struct tsn_arena *arena;
    struct tsn_site_file *files; /* out, in the arena */
    size_t nfiles, cap;
};

/* The name CSAF 5.1 asks for: "2022_#01-A" -> "2022_01-a.json"; without the suffix. */
void tsn_site_name(const char *tracking_id, char *out, size_t cap);
/* Fills files. D002 when a release cannot be read. */
tsn_err tsn_site_build(struct tsn_site *t, struct tsn_diag *diag);

/* Inside: one more file; publish_feed.c: everything that lists. */
void tsn_site_add(struct tsn_site *t, const char *path, const void *data, size_t len);
void tsn_site_lists(struct tsn_site *t);
void tsn_site_metadata(struct tsn_site *t);
/* "white": the folder of a release; its directory and file: "white/2026/acme-sa-2026-001". */
const char *tsn_site_label(const struct tsn_site_release *r);
const char *tsn_site_stem(struct tsn_site *t, const struct tsn_site_release *r);
bool tsn_site_is_public(const struct tsn_site_release *r);

/* Writes what differs below `dir`: a new file beside, synced, renamed; one after the other, in
 * order. *written: how many. Blocking: never on the loop thread. P001. */
tsn_err tsn_site_write(const struct tsn_site *t, const char *dir, size_t *written,
                       struct tsn_diag *diag);
