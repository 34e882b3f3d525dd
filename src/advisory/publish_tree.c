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

const char *tsn_site_label(const struct tsn_site_release *r)
{
    static const char *const labels[][2] = {
        {"WHITE", "white"}, {"CLEAR", "white"}, {"GREEN", "green"}, {"AMBER", "amber"}};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (strcmp(r->tlp, labels[i][0]) == 0) {
            return labels[i][1];
        }
    }
    return "red";
}

bool tsn_site_is_public(const struct tsn_site_release *r)
{
    return strcmp(r->tlp, "WHITE") == 0;
}

/* The year folder is that of the first release. */
const char *tsn_site_stem(struct tsn_site *t, const struct tsn_site_release *r)
{
    char name[512], year[8] = "0000";
    json_t *csaf = NULL;
    tsn_site_name(r->name, name, sizeof name);
    if (tsn_json_parse(r->csaf, strlen(r->csaf), &csaf, NULL) == 0) {
        const json_t *tracking = json_object_get(json_object_get(csaf, "document"), "tracking");
        (void)snprintf(year, sizeof year, "%.4s",
                       tsn_json_str(tracking, "initial_release_date", "0000"));
    }
    json_decref(csaf);
    return tsn_arena_printf(t->arena, "%s/%s/%s", tsn_site_label(r), year, name);
}

static const char *root(const struct tsn_site_release *r)
{
    return tsn_site_is_public(r) ? TSN_SITE_PUBLIC : TSN_SITE_RESTRICTED;
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

static void add_document(struct tsn_site *t, const struct tsn_site_release *r)
{
    uint8_t hash[64];
    const char *path =
        tsn_arena_printf(t->arena, "%s/.well-known/csaf/%s.json", root(r), tsn_site_stem(t, r));
    size_t n = strlen(r->csaf);
    tsn_site_add(t, path, r->csaf, n);
    tsn_sha256_once(hash, r->csaf, n);
    add_hash(t, path, "sha256", hash, 32);
    tsn_sha512_once(hash, r->csaf, n);
    add_hash(t, path, "sha512", hash, 64);
    if (r->signature) {
        tsn_site_add(t, tsn_arena_printf(t->arena, "%s.asc", path), r->signature,
                     strlen(r->signature));
    }
}

/* What people and other programs read, rendered from the released model. */
static tsn_err add_pages(struct tsn_site *t, const struct tsn_site_release *r,
                         struct tsn_diag *diag)
{
    static const enum tsn_as forms[] = {TSN_AS_HTML, TSN_AS_TEXT, TSN_AS_CSAF_21,
                                        TSN_AS_OPENVEX, TSN_AS_OSV};
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
                         tsn_arena_printf(t->arena, "%s/advisories/%s%s", root(r), name,
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
    for (size_t i = 0; i < t->nreleases; i++) {
        add_document(t, &t->releases[i]);
    }
    for (size_t i = 0; !err && i < t->nreleases; i++) {
        err = add_pages(t, &t->releases[i], diag);
    }
    if (!err) {
        tsn_site_lists(t);
        tsn_site_metadata(t);
    }
    return err;
}
