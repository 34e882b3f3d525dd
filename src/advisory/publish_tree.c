/* publish_tree.c - documents, hashes, signatures and pages of the tree. Pure. */
#include "advisory/publish_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"

#define PAGE_MAX ((size_t)64 << 20)

void tsn_site_add(struct tsn_site *t, const char *path, const void *data, size_t len)
{
    if (t->nfiles == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        struct tsn_site_file *more = tsn_arena_alloc(t->arena, cap * sizeof *more);
        if (t->nfiles > 0) {
            memcpy(more, t->files, t->nfiles * sizeof *more);
        }
        t->files = more;
        t->cap = cap;
    }
    char *copy = tsn_arena_alloc(t->arena, len + 1);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    copy[len] = '\0';
    t->files[t->nfiles++] = (struct tsn_site_file){
        .path = tsn_arena_strdup(t->arena, path), .data = copy, .len = len};
}

void tsn_site_name(const char *id, char *out, size_t cap)
{
    size_t n = 0;
    bool gap = false;
    for (; *id && n + 1 < cap; id++) {
        int c = tolower((unsigned char)*id);
        bool keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-';
        if (keep || !gap) {
            out[n++] = (char)(keep ? c : '_');
        }
        gap = !keep;
    }
    out[n] = '\0';
}

const char *tsn_site_base(enum tsn_csaf_version edition)
{
    return edition == TSN_CSAF_21 ? ".well-known/csaf/v2.1" : ".well-known/csaf";
}

const char *tsn_site_open_label(enum tsn_csaf_version edition)
{
    return edition == TSN_CSAF_21 ? "clear" : "white";
}

/* Labels of both editions of TLP; what is not known is for few. */
static const char *folder_of(enum tsn_csaf_version edition, const char *tlp)
{
    static const char *const labels[][3] = {{"WHITE", "white", "clear"},
                                            {"CLEAR", "white", "clear"},
                                            {"GREEN", "green", "green"},
                                            {"AMBER", "amber", "amber"},
                                            {"AMBER+STRICT", "amber", "amber+strict"}};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (strcmp(tlp, labels[i][0]) == 0) {
            return labels[i][edition == TSN_CSAF_21 ? 2 : 1];
        }
    }
    return "red";
}

void tsn_site_where(enum tsn_csaf_version edition, const char *tlp, const char *initial,
                    const char *tracking_id, char *out, size_t cap)
{
    char name[512];
    tsn_site_name(tracking_id, name, sizeof name);
    (void)snprintf(out, cap, "%s/%s/%.4s/%s", tsn_site_base(edition), folder_of(edition, tlp),
                   *initial ? initial : "0000", name);
}

/* Reads what lists need of a document, once. False: it cannot be read. */
static bool read_doc(struct tsn_site *t, const struct tsn_site_release *r,
                     enum tsn_csaf_version edition, struct tsn_site_doc *d)
{
    const char *text = edition == TSN_CSAF_21 ? r->csaf21 : r->csaf;
    char where[1024];
    json_t *csaf = NULL;
    if (!text || tsn_json_parse(text, strlen(text), &csaf, NULL)) {
        return false;
    }
    const json_t *doc = json_object_get(csaf, "document"),
                 *tracking = json_object_get(doc, "tracking");
    const char *tlp = tsn_json_str(json_object_get(json_object_get(doc, "distribution"), "tlp"),
                                   "label", "RED");
    const char *initial = tsn_json_str(tracking, "initial_release_date", "");
    tsn_site_where(edition, tlp, initial, r->name, where, sizeof where);
    *d = (struct tsn_site_doc){
        .release = r,
        .edition = edition,
        .data = text,
        .signature = edition == TSN_CSAF_21 ? r->signature21 : r->signature,
        .label = folder_of(edition, tlp),
        .path = tsn_arena_printf(t->arena, "%s.json", where),
        .title = tsn_arena_strdup(t->arena, tsn_json_str(doc, "title", r->name)),
        .initial = tsn_arena_strdup(t->arena, initial),
        .current =
            tsn_arena_strdup(t->arena, tsn_json_str(tracking, "current_release_date", "")),
        .open = strcmp(tlp, "WHITE") == 0 || strcmp(tlp, "CLEAR") == 0};
    json_decref(csaf);
    return true;
}

static void read_docs(struct tsn_site *t)
{
    t->docs = tsn_arena_alloc(t->arena, (2 * t->nreleases + 1) * sizeof *t->docs);
    t->ndocs = 0;
    for (size_t i = 0; i < t->nreleases; i++) {
        t->ndocs += read_doc(t, &t->releases[i], TSN_CSAF_20, &t->docs[t->ndocs]);
        t->ndocs += read_doc(t, &t->releases[i], TSN_CSAF_21, &t->docs[t->ndocs]);
    }
}

static const char *root(bool open)
{
    return open ? TSN_SITE_PUBLIC : TSN_SITE_RESTRICTED;
}

/* "<hex>  <file>\n", as sha256sum -c reads it. */
static void add_hash(struct tsn_site *t, const char *path, const char *kind,
                     const uint8_t *hash, size_t n)
{
    char hex[2 * 64 + 1];
    tsn_hex(hex, hash, n);
    const char *line = tsn_arena_printf(t->arena, "%s  %s\n", hex, strrchr(path, '/') + 1);
    tsn_site_add(t, tsn_arena_printf(t->arena, "%s.%s", path, kind), line, strlen(line));
}

static void add_document(struct tsn_site *t, const struct tsn_site_doc *d)
{
    uint8_t hash[64];
    const char *path = tsn_arena_printf(t->arena, "%s/%s", root(d->open), d->path);
    size_t n = strlen(d->data);
    tsn_site_add(t, path, d->data, n);
    tsn_sha256_once(hash, d->data, n);
    add_hash(t, path, "sha256", hash, 32);
    tsn_sha512_once(hash, d->data, n);
    add_hash(t, path, "sha512", hash, 64);
    if (d->signature) {
        tsn_site_add(t, tsn_arena_printf(t->arena, "%s.asc", path), d->signature,
                     strlen(d->signature));
    }
}

/* What people and other programs read, rendered from the released model. */
static tsn_err add_pages(struct tsn_site *t, const struct tsn_site_doc *d,
                         struct tsn_diag *diag)
{
    static const enum tsn_as forms[] = {TSN_AS_HTML, TSN_AS_TEXT, TSN_AS_OPENVEX, TSN_AS_OSV};
    const struct tsn_site_release *r = d->release;
    char name[512];
    json_t *model = NULL;
    tsn_site_name(r->name, name, sizeof name);
    tsn_err err =
        r->model ? tsn_json_parse(r->model, strlen(r->model), &model, diag) : TSN_ENOTFOUND;
    for (size_t i = 0; !err && i < sizeof forms / sizeof forms[0]; i++) {
        struct tsn_buf b;
        tsn_buf_init(&b, PAGE_MAX);
        /* A form that has nothing to say of it is left out. */
        if (tsn_advisory_as(model, t->publisher, forms[i], &b, NULL) == 0) {
            tsn_site_add(t,
                         tsn_arena_printf(t->arena, "%s/advisories/%s%s", root(d->open), name,
                                          tsn_as_formats[forms[i]].suffix),
                         b.data, b.len);
        }
        tsn_buf_free(&b);
    }
    json_decref(model);
    return err == TSN_ENOTFOUND ? 0 : err;
}

tsn_err tsn_site_build(struct tsn_site *t, struct tsn_diag *diag)
{
    tsn_err err = 0;
    t->nfiles = 0;
    read_docs(t);
    for (size_t i = 0; i < t->ndocs; i++) {
        add_document(t, &t->docs[i]);
    }
    for (size_t i = 0; !err && i < t->ndocs; i++) {
        if (t->docs[i].edition == TSN_CSAF_20) {
            err = add_pages(t, &t->docs[i], diag);
        }
    }
    if (!err) {
        tsn_site_lists(t);
        tsn_site_metadata(t);
    }
    return err;
}
