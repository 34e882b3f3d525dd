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
    const char *name, *version, *tlp, *csaf, *csaf21, *model, *signature, *signature21;
    int64_t released_at;
};

/* One document as a file: of each release one for CSAF 2.0 and one for 2.1. */
struct tsn_site_doc {
    const struct tsn_site_release *release;
    enum tsn_csaf_version edition;
    const char *data, *signature;
    const char *label; /* its folder: "white"; in 2.1 "clear" */
    const char *path;  /* ".well-known/csaf/white/2026/acme-sa-2026-001.json" */
    const char *title, *initial, *current;
    bool open; /* TLP:CLEAR */
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
    struct tsn_site_doc *docs; /* newest release first, 2.0 before 2.1; in the arena */
    size_t ndocs;
    struct tsn_site_file *files; /* out, in the arena */
    size_t nfiles, cap;
};

/* The name CSAF 5.1 asks for: "2022_#01-A" -> "2022_01-a.json"; without the suffix. */
void tsn_site_name(const char *tracking_id, char *out, size_t cap);
/* Fills files. D002 when a release cannot be read. */
tsn_err tsn_site_build(struct tsn_site *t, struct tsn_diag *diag);

/* Where a document lies, without its suffix: ".well-known/csaf/white/2026/acme-sa-2026-001", of 2.1
 * ".well-known/csaf/v2.1/clear/2026/...". The year is that of the first release. */
void tsn_site_where(enum tsn_csaf_version edition, const char *tlp, const char *initial,
                    const char *tracking_id, char *out, size_t cap);

/* Inside: the folder of an edition ("" or "v2.1/" behind .well-known/csaf/), one more file, below
 * PUBLIC or RESTRICTED; publish_feed.c: everything that lists; publish_meta.c: where all is. */
const char *tsn_site_base(enum tsn_csaf_version edition);
void tsn_site_add(struct tsn_site *t, const char *path, const void *data, size_t len);
void tsn_site_add_json(struct tsn_site *t, const char *path, json_t *v); /* takes v */
void tsn_site_lists(struct tsn_site *t);
void tsn_site_people(struct tsn_site *t); /* publish_people.c */
void tsn_site_metadata(struct tsn_site *t);
/* Moment of the newest release of this edition (and label; NULL = any), else 1970. */
const char *tsn_site_newest(struct tsn_site *t, enum tsn_csaf_version edition,
                            const char *label);
/* The label that everybody may read: "white" or "clear". */
const char *tsn_site_open_label(enum tsn_csaf_version edition);
/* When a security.txt ends, in UTC ms; 0 = it does not say. Pure. */
int64_t tsn_site_expires(const char *security_txt);

/* Writes what differs below `dir`: a new file beside, synced, renamed; one after the other, in
 * order. *written: how many. Blocking: never on the loop thread. P001. */
tsn_err tsn_site_write(const struct tsn_site *t, const char *dir, size_t *written,
                       struct tsn_diag *diag);
