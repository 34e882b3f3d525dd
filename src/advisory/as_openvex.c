/* as_openvex.c - a CSAF document as OpenVEX 0.2.0.
 *
 * The id is the digest of the content, so the same document is the same file. A product is named
 * by its package URL, else by the publisher's namespace with advisory and product id behind `#`.
 * Pure; any thread. */
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/csaf_product.h"
#include "advisory/csaf_render_int.h"
#include "advisory/csaf_view.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"

struct vex {
    const json_t *csaf, *index;
    const char *home; /* namespace of the publisher */
    json_t *statements;
};

/* What is not of the unreserved set of RFC 3986 (and ":" "/") is percent-encoded. */
static void put_uri_text(struct tsn_buf *b, const char *s)
{
    for (; *s; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                     (*s >= '0' && *s <= '9') || strchr("-._~:/", *s);
        (void)(plain ? tsn_buf_putc(b, *s) : tsn_buf_printf(b, "%%%02X", (unsigned char)*s));
    }
}

static json_t *component(const struct vex *v, const char *id)
{
    const json_t *helper = json_object_get(json_object_get(v->index, id), "helper");
    const char *cpe = tsn_json_str(helper, "cpe", NULL);
    const char *purl = tsn_json_str(
        helper, "purl", json_string_value(json_array_get(json_object_get(helper, "purls"), 0)));
    json_t *o = json_object(), *names = json_object();
    struct tsn_buf at;
    tsn_buf_init(&at, 1u << 16);
    if (purl) {
        tsn_buf_puts(&at, purl);
    } else {
        const json_t *doc = json_object_get(v->csaf, "document");
        tsn_buf_printf(&at, "%s#", v->home);
        put_uri_text(&at, tsn_json_str(json_object_get(doc, "tracking"), "id", ""));
        tsn_buf_putc(&at, ':');
        put_uri_text(&at, id);
    }
    json_object_set_new(o, "@id", json_string(at.data));
    tsn_buf_free(&at);
    tsn_render_put(names, "purl", purl);
    tsn_render_put(names, cpe && strncmp(cpe, "cpe:/", 5) == 0 ? "cpe22" : "cpe23", cpe);
    if (json_object_size(names) > 0) {
        json_object_set(o, "identifiers", names);
    }
    json_decref(names);
    return o;
}

static bool names_product(const struct vex *v, const json_t *item, const char *id)
{
    size_t i, k;
    json_t *x, *group;
    json_array_foreach(json_object_get(item, "product_ids"), i, x)
    {
        if (strcmp(json_string_value(x), id) == 0) {
            return true;
        }
    }
    const json_t *groups =
        json_object_get(json_object_get(v->csaf, "product_tree"), "product_groups");
    json_array_foreach(json_object_get(item, "group_ids"), i, x)
    {
        json_array_foreach(groups, k, group)
        {
            if (strcmp(tsn_json_str(group, "group_id", ""), json_string_value(x)) == 0 &&
                names_product(v, group, id)) {
                return true;
            }
        }
    }
    return false;
}

/* Texts of the remediations or impact threats of a product, a line each; NULL without one. */
static json_t *texts(const struct vex *v, const json_t *list, const char *category,
                     const char *id)
{
    struct tsn_buf b;
    size_t i;
    json_t *item;
    tsn_buf_init(&b, 1u << 20);
    json_array_foreach(list, i, item)
    {
        if ((category && strcmp(tsn_json_str(item, "category", ""), category) != 0) ||
            !names_product(v, item, id)) {
            continue;
        }
        const char *url = tsn_json_str(item, "url", NULL);
        tsn_buf_printf(&b, "%s%s%s%s%s%s", b.len ? "\n" : "",
                       category ? "" : tsn_json_str(item, "category", ""), category ? "" : ": ",
                       tsn_json_str(item, "details", ""), url ? " " : "", url ? url : "");
    }
    json_t *out = b.len ? json_string(b.data) : NULL;
    tsn_buf_free(&b);
    return out;
}

/* What a statement says about this product besides its name. */
static json_t *verdict(const struct vex *v, const json_t *vuln, const char *status,
                       const char *id)
{
    json_t *o = json_pack("{s:s}", "status", status), *flag;
    size_t i;
    if (strcmp(status, "affected") == 0) {
        json_t *action = texts(v, json_object_get(vuln, "remediations"), NULL, id);
        json_object_set_new(o, "action_statement",
                            action ? action : json_string("No remediation is known yet."));
    } else if (strcmp(status, "not_affected") == 0) {
        json_array_foreach(json_object_get(vuln, "flags"), i, flag)
        {
            if (names_product(v, flag, id)) {
                tsn_render_put(o, "justification", tsn_json_str(flag, "label", NULL));
            }
        }
        json_t *impact = texts(v, json_object_get(vuln, "threats"), "impact", id);
        if (impact) {
            json_object_set_new(o, "impact_statement", impact);
        } else if (!json_object_get(o, "justification")) {
            json_object_set_new(o, "impact_statement",
                                json_string("The publisher states that it is not affected."));
        }
    }
    return o;
}

static json_t *vulnerability(const json_t *vuln)
{
    const char *name = tsn_view_name(vuln), *cve = tsn_json_str(vuln, "cve", NULL);
    json_t *o = json_pack("{s:s}", "name", name), *aliases = json_array(), *id;
    size_t i;
    if (cve) {
        struct tsn_buf b;
        tsn_buf_init(&b, 256);
        tsn_buf_printf(&b, "https://www.cve.org/CVERecord?id=%s", cve);
        tsn_render_put(o, "@id", b.data);
        tsn_buf_free(&b);
    }
    json_array_foreach(json_object_get(vuln, "ids"), i, id)
    {
        const char *text = tsn_json_str(id, "text", "");
        if (*text && strcmp(text, name) != 0) {
            json_array_append_new(aliases, json_string(text));
        }
    }
    tsn_render_put_list(o, "aliases", aliases);
    return o;
}

/* Products of one vulnerability that are told the same share a statement. */
static void state(struct vex *v, const json_t *vuln, const char *kind, json_t *ids)
{
    const char *status = tsn_view_vex_status(kind);
    json_t *said = json_array(), *id, *s;
    size_t i, k;
    json_array_foreach(ids, i, id)
    {
        if (!status) {
            break;
        }
        json_t *what = verdict(v, vuln, status, json_string_value(id)), *found = NULL;
        json_array_foreach(said, k, s)
        {
            found = json_equal(json_object_get(s, "what"), what) ? s : found;
        }
        if (!found) {
            found = json_pack("{s:O,s:[]}", "what", what, "products");
            json_array_append_new(said, found);
        }
        json_array_append_new(json_object_get(found, "products"),
                              component(v, json_string_value(id)));
        json_decref(what);
    }
    json_array_foreach(said, k, s)
    {
        json_t *out = json_deep_copy(json_object_get(s, "what"));
        json_object_set(out, "products", json_object_get(s, "products"));
        json_object_set_new(out, "vulnerability", vulnerability(vuln));
        tsn_render_put(out, "status_notes",
                       tsn_view_note(json_object_get(vuln, "notes"), "description"));
        json_array_append_new(v->statements, out);
    }
    json_decref(said);
}

json_t *tsn_as_openvex(const json_t *csaf, const struct tsn_publisher *publisher)
{
    const json_t *doc = json_object_get(csaf, "document");
    const json_t *t = json_object_get(doc, "tracking");
    json_t *index = tsn_csaf_product_index(csaf), *vuln, *ids;
    struct vex v = {.csaf = csaf,
                    .index = index,
                    .home = publisher->namespace_url,
                    .statements = json_array()};
    size_t i;
    const char *kind;
    json_array_foreach(json_object_get(csaf, "vulnerabilities"), i, vuln)
    {
        json_object_foreach(json_object_get(vuln, "product_status"), kind, ids)
        {
            state(&v, vuln, kind, ids);
        }
    }
    json_decref(index);
    if (json_array_size(v.statements) == 0) {
        json_decref(v.statements);
        return NULL;
    }
    const char *now = tsn_json_str(t, "current_release_date", "");
    size_t version = json_array_size(json_object_get(t, "revision_history"));
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:o}", "@context",
                          "https://openvex.dev/ns/v0.2.0", "author", publisher->name, "role",
                          publisher->category ? publisher->category : "vendor", "timestamp",
                          tsn_json_str(t, "initial_release_date", now), "last_updated", now,
                          "version", (json_int_t)(version ? version : 1), "tooling",
                          "tocsin " TOCSIN_VERSION, "statements", v.statements);
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_json_digest(hash, o);
    tsn_hex(hex, hash, sizeof hash);
    struct tsn_buf at;
    tsn_buf_init(&at, 8192);
    tsn_buf_printf(&at, "%s#openvex-%s", publisher->namespace_url, hex);
    json_object_set_new(o, "@id", json_string(at.data));
    tsn_buf_free(&at);
    return o;
}
