/* case_change.c - everything that changes an open case: set, note, link, close, report update.
 *
 * Each change is one row write and its entries in the caller's transaction. Clear in an entry are
 * only short words (severity, tlp, state, resolution); every other value goes into a sealed field,
 * because titles, products and reasons tell an embargoed story. Store thread, inside an apply. */
#include "casework/case_int.h"

#include <string.h>
#include <strings.h>
#include "casework/cvss.h"
#include "core/clock.h"
#include "core/cve_id.h"
#include "core/cwe.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

static const char *const reserved[] = {
    TSN_FACT_REPORT, TSN_FACT_RECEIPT, TSN_FACT_STATE, TSN_FACT_UPDATES, TSN_FACT_LINKS,
    TSN_FACT_CLOCKS, "instants",       "done_by",      "legal_hold",     "scores"};
static const char *const severities[] = {"none", "low", "medium", "high", "critical"};
static const char *const tlps[] = {"clear", "green", "amber", "amber+strict", "red"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static tsn_err closed_error(const struct tsn_rec_case *c, struct tsn_diag *diag)
{
    tsn_diag_set(diag, TSN_ECONFLICT, "R061", "%s is closed (%s)", c->name,
                 c->resolution ? c->resolution : "no resolution");
    tsn_diag_hint(diag, "a closed case takes notes and links only");
    return TSN_ECONFLICT;
}

/* --- set ---------------------------------------------------------------------------------- */

/* Lower-cased member of `words`; "TLP:AMBER" is amber. */
static tsn_err pick_word(const char *key, const char *value, const char *const *words, size_t n,
                         const char **out, struct tsn_diag *diag)
{
    if (!strncasecmp(value, "TLP:", 4))
        value += 4;
    for (size_t i = 0; i < n; i++)
        if (!strcasecmp(value, words[i])) {
            *out = words[i];
            return 0;
        }
    struct tsn_buf list;
    tsn_buf_init(&list, 512);
    for (size_t i = 0; i < n; i++)
        tsn_buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    tsn_case_bad(diag, "case.set", "%s cannot be `%.64s`", key, value);
    tsn_diag_hint(diag, "%s takes: %s", key, list.data ? list.data : "");
    tsn_buf_free(&list);
    return TSN_EINPUT;
}

static tsn_err check_title(const char *title, struct tsn_diag *diag)
{
    size_t n = strlen(title);
    if (n == 0 || n > TSN_CASE_TITLE_MAX)
        return tsn_case_bad(diag, "case.set", "title must have 1 to %d bytes, not %zu",
                            TSN_CASE_TITLE_MAX, n);
    for (const char *p = title; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return tsn_case_bad(diag, "case.set", "title must be one line of plain text");
    return 0;
}

/* Puts one column in order; *value is what will be stored, NULL to unset. */
static tsn_err check_column(const struct tsn_casework_config *config, const char *key,
                            const json_t *given, const char **value, struct tsn_diag *diag)
{
    *value = NULL;
    if (json_is_null(given)) {
        if (!strcmp(key, "title"))
            return tsn_case_bad(diag, "case.set", "a case needs a title");
        return 0;
    }
    if (!json_is_string(given))
        return tsn_case_bad(diag, "case.set", "%s must be text", key);
    const char *s = json_string_value(given);
    if (!strcmp(key, "severity"))
        return pick_word(key, s, severities, COUNT(severities), value, diag);
    if (!strcmp(key, "tlp"))
        return pick_word(key, s, tlps, COUNT(tlps), value, diag);
    if (!strcmp(key, "title")) {
        *value = s;
        return check_title(s, diag);
    }
    const json_t *product = tsn_case_product(config, s);
    if (!product && config && json_array_size(config->products) > 0) {
        tsn_diag_set(diag, TSN_EINPUT, "R062", "`%.100s` is not one of the configured products",
                     s);
        tsn_diag_hint(diag, "products: in the configuration lists them by id");
        return TSN_EINPUT;
    }
    if (!product && strlen(s) > 200)
        return tsn_case_bad(diag, "case.set", "product must have at most 200 bytes");
    *value = product ? tsn_json_str(product, "id", s) : s;
    return 0;
}

struct change {
    struct tsn_rec_case *c;
    json_t *facts;
    json_t *diff; /* { key: { from, to } } */
};

static const char **column(struct tsn_rec_case *c, const char *key)
{
    if (!strcmp(key, "severity"))
        return &c->severity;
    if (!strcmp(key, "product"))
        return &c->product;
    if (!strcmp(key, "tlp"))
        return &c->tlp;
    if (!strcmp(key, "title"))
        return &c->title;
    return NULL;
}

static void note_diff(json_t *diff, const char *key, json_t *from, json_t *to)
{
    json_t *pair = json_object();
    json_object_set_new(pair, "from", from ? from : json_null());
    json_object_set_new(pair, "to", to ? to : json_null());
    json_object_set_new(diff, key, pair);
}

/* Facts that others look up by are what they say they are. */
static tsn_err check_ids(const char *key, const json_t *given, struct tsn_diag *diag)
{
    const char *s = json_string_value(given), *warn;
    struct tsn_cve_id id;
    struct tsn_cvss v;
    size_t i;
    json_t *item;
    if (!strcmp(key, "cwe") && s)
        return tsn_cwe_judge(s, &warn, diag);
    if (!strcmp(key, "cve") && s)
        return tsn_cve_id_parse(s, &id, diag);
    if (!strcmp(key, "cvss") && s)
        return tsn_cvss_parse(s, &v, diag);
    if (strcmp(key, "cves") != 0)
        return 0;
    json_array_foreach(given, i, item)
    {
        tsn_err err =
            json_is_string(item) ? tsn_cve_id_parse(json_string_value(item), &id, diag) : 0;
        if (err)
            return err;
    }
    return 0;
}

static tsn_err change_one(struct tsn_arena *arena, const struct tsn_casework_config *config,
                          struct change *ch, const char *key, json_t *given,
                          struct tsn_diag *diag)
{
    const char **col = column(ch->c, key);
    if (col) {
        const char *value = NULL;
        tsn_err err = check_column(config, key, given, &value, diag);
        if (err)
            return err;
        bool same = value && *col ? !strcmp(value, *col) : !value && !*col;
        if (same)
            return 0;
        note_diff(ch->diff, key, *col ? json_string(*col) : NULL,
                  value ? json_string(value) : NULL);
        *col = tsn_arena_strdup(arena, value);
        return 0;
    }
    for (size_t i = 0; i < COUNT(reserved); i++)
        if (!strcmp(key, reserved[i]))
            return tsn_case_bad(diag, "case.set", "`%s` is kept by tocsin itself", key);
    if (strlen(key) > 64 || !key[0])
        return tsn_case_bad(diag, "case.set", "a fact's name has 1 to 64 bytes");
    tsn_err err = check_ids(key, given, diag);
    if (err)
        return err;
    json_t *old = json_object_get(ch->facts, key);
    if (json_is_null(given) ? !old : old && json_equal(old, given))
        return 0;
    note_diff(ch->diff, key, json_incref(old), json_deep_copy(given));
    if (json_is_null(given))
        json_object_del(ch->facts, key);
    else
        json_object_set_new(ch->facts, key, json_deep_copy(given));
    return 0;
}

/* One entry with the whole difference; a second one when both words in clear changed, since an
 * entry has one from and one to. */
static tsn_err append_change(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_case *before,
                             const struct tsn_rec_case *after, json_t *diff,
                             const struct tsn_case_by *by, int64_t *seq)
{
    char *text = tsn_json_text(diff);
    struct tsn_field field = {.name = "diff", .data = text, .len = strlen(text)};
    bool severity = json_object_get(diff, "severity") != NULL;
    bool tlp = json_object_get(diff, "tlp") != NULL;
    tsn_err err = 0;
    for (int i = 0; i < 2 && !err; i++) {
        struct tsn_append a = TSN_APPEND_INIT;
        a.kind = "case.updated";
        if (i == 0) {
            a.fields = &field;
            a.nfields = 1;
        }
        if (severity) {
            a.reason = "severity";
            a.from = before->severity ? before->severity : "none";
            a.to = after->severity ? after->severity : "none";
            severity = false;
        } else if (tlp) {
            a.reason = "tlp";
            a.from = before->tlp ? before->tlp : "none";
            a.to = after->tlp ? after->tlp : "none";
            tlp = false;
        } else if (i == 1) {
            break;
        } else {
            a.reason = "facts";
        }
        err = tsn_case_append(st, arena, after, by, &a, seq);
    }
    free(text);
    return err;
}

tsn_err tsn_case_change(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const char *case_id,
                        const json_t *changes, const struct tsn_case_by *by, int64_t *seq,
                        json_t **changed, struct tsn_diag *diag)
{
    struct tsn_rec_case c, before;
    *seq = -1;
    *changed = NULL;
    tsn_err err = tsn_case_load(st, arena, case_id, &c, diag);
    if (err)
        return err;
    if (!strcmp(c.state, "closed"))
        return closed_error(&c, diag);
    bool none = json_is_array(changes) && json_array_size(changes) == 0; /* Lua's empty table */
    if (!json_is_object(changes) && !none)
        return tsn_case_bad(diag, "case.set", "wants a table of fields");
    before = c;
    struct change ch = {.c = &c, .facts = tsn_case_facts(&c), .diff = json_object()};
    const char *key;
    json_t *given;
    json_object_foreach((json_t *)(uintptr_t)changes, key, given)
    {
        err = change_one(arena, config, &ch, key, given, diag);
        if (err)
            goto out;
    }
    *changed = json_array();
    json_object_foreach(ch.diff, key, given) json_array_append_new(*changed, json_string(key));
    if (json_object_size(ch.diff) == 0)
        goto out;
    err = append_change(st, arena, &before, &c, ch.diff, by, seq);
    if (!err)
        err = tsn_case_save(st, arena, &c, ch.facts, *seq, diag);
out:
    if (err) {
        json_decref(*changed);
        *changed = NULL;
    }
    json_decref(ch.facts);
    json_decref(ch.diff);
    return err;
}

/* --- note, link --------------------------------------------------------------------------- */

static tsn_err check_text(const char *where, const char *what, const char *text,
                          struct tsn_diag *diag)
{
    if (!text || !text[0])
        return tsn_case_bad(diag, where, "%s must not be empty", what);
    if (strlen(text) > TSN_CASE_TEXT_MAX)
        return tsn_case_bad(diag, where, "%s is over %u bytes", what, TSN_CASE_TEXT_MAX);
    if (!tsn_utf8_valid(text, strlen(text)))
        return tsn_case_bad(diag, where, "%s is not UTF-8", what);
    return 0;
}

tsn_err tsn_case_write_note(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                            const char *text, const struct tsn_case_by *by, int64_t *seq,
                            struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    *seq = -1;
    tsn_err err = check_text("case.note", "text", text, diag);
    if (!err)
        err = tsn_case_load(st, arena, case_id, &c, diag);
    if (err)
        return err;
    struct tsn_field field = {.name = "note", .data = text, .len = strlen(text)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "case.note";
    a.fields = &field;
    a.nfields = 1;
    err = tsn_case_append(st, arena, &c, by, &a, seq);
    if (err)
        return err;
    c.updated_seq = *seq;
    return tsn_store_put(st, &tsn_table_case, &c);
}

tsn_err tsn_case_link(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                      const json_t *link, const struct tsn_case_by *by, int64_t now_ms,
                      int64_t *seq, struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    (void)now_ms;
    *seq = -1;
    if (!json_is_string(link) && !json_is_object(link))
        return tsn_case_bad(diag, "case.link", "wants a text or a table that names the thing");
    if (json_is_string(link) ? !json_string_length(link) : !json_object_size(link))
        return tsn_case_bad(diag, "case.link", "the link is empty");
    tsn_err err = tsn_case_load(st, arena, case_id, &c, diag);
    if (err)
        return err;
    json_t *facts = tsn_case_facts(&c);
    json_t *links = json_object_get(facts, TSN_FACT_LINKS);
    if (!links)
        json_object_set_new(facts, TSN_FACT_LINKS, links = json_array());
    size_t i;
    json_t *old;
    bool known = false;
    json_array_foreach(links, i, old) known = known || json_equal(old, link);
    char *text = tsn_json_text(link);
    if (known)
        goto out; /* linked before: nothing changes, nothing to log */
    if (json_array_size(links) >= TSN_CASE_LINKS_MAX || strlen(text) > TSN_CASE_TEXT_MAX) {
        err = tsn_case_bad(diag, "case.link", "over %d links or %u bytes", TSN_CASE_LINKS_MAX,
                           TSN_CASE_TEXT_MAX);
        goto out;
    }
    json_array_append_new(links, json_deep_copy(link));
    struct tsn_field field = {.name = "note", .data = text, .len = strlen(text)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "case.linked";
    a.fields = &field;
    a.nfields = 1;
    err = tsn_case_append(st, arena, &c, by, &a, seq);
    if (!err)
        err = tsn_case_save(st, arena, &c, facts, *seq, diag);
out:
    free(text);
    json_decref(facts);
    return err;
}

/* --- close, report update ----------------------------------------------------------------- */

tsn_err tsn_case_close(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                       const char *resolution, const char *reason, const struct tsn_case_by *by,
                       int64_t now_ms, int64_t *seq, struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    *seq = -1;
    if (!tsn_case_word(resolution, 64)) {
        tsn_case_bad(diag, "case.close", "resolution must be a short word");
        tsn_diag_hint(diag,
                      "lower-case letters, digits and `-`: fixed, notified, not-affected");
        return TSN_EINPUT;
    }
    tsn_err err = reason ? check_text("case.close", "reason", reason, diag) : 0;
    if (!err)
        err = tsn_case_load(st, arena, case_id, &c, diag);
    if (err)
        return err;
    if (!strcmp(c.state, "closed"))
        return closed_error(&c, diag);
    struct tsn_field field = {
        .name = "note", .data = reason, .len = reason ? strlen(reason) : 0};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "case.closed";
    a.outcome = "ok";
    a.reason = resolution;
    a.from = c.state;
    a.to = "closed";
    a.fields = &field;
    a.nfields = reason ? 1 : 0;
    err = tsn_case_append(st, arena, &c, by, &a, seq);
    if (err)
        return err;
    tsn_fault("casework.closed");
    c.state = "closed";
    c.resolution = tsn_arena_strdup(arena, resolution);
    c.closed_at = now_ms;
    c.updated_seq = *seq;
    return tsn_store_put(st, &tsn_table_case, &c);
}

void tsn_case_put_update(json_t *facts, const char *state, const char *message, int64_t now_ms)
{
    char at[25];
    json_t *updates = json_object_get(facts, TSN_FACT_UPDATES);
    if (!updates)
        json_object_set_new(facts, TSN_FACT_UPDATES, updates = json_array());
    if (json_array_size(updates) >= TSN_CASE_UPDATES_MAX)
        json_array_remove(updates, 0); /* the log keeps them all */
    tsn_time_format(at, now_ms);
    json_array_append_new(
        updates, json_pack("{s:s, s:s*, s:s*}", "at", at, "state", state, "message", message));
    if (state)
        json_object_set_new(facts, TSN_FACT_STATE, json_string(state));
}

tsn_err tsn_case_report_update(struct tsn_store *st, struct tsn_arena *arena,
                               const char *case_id, const char *state, const char *message,
                               const struct tsn_case_by *by, int64_t now_ms, int64_t *seq,
                               struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    *seq = -1;
    if (!state && !message)
        return tsn_case_bad(diag, "report.update", "wants a state, a message or both");
    if (state && !tsn_case_word(state, 64))
        return tsn_case_bad(diag, "report.update", "state must be a short word");
    tsn_err err = message ? check_text("report.update", "message", message, diag) : 0;
    if (!err)
        err = tsn_case_load(st, arena, case_id, &c, diag);
    if (err)
        return err;
    json_t *facts = tsn_case_facts(&c);
    const char *before = tsn_json_str(facts, TSN_FACT_STATE, NULL);
    before = before ? tsn_arena_strdup(arena, before) : "received";
    tsn_case_put_update(facts, state, message, now_ms);

    struct tsn_field field = {
        .name = "note", .data = message, .len = message ? strlen(message) : 0};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "report.updated";
    a.from = state ? before : NULL;
    a.to = state;
    a.fields = &field;
    a.nfields = message ? 1 : 0;
    err = tsn_case_append(st, arena, &c, by, &a, seq);
    if (!err)
        err = tsn_case_save(st, arena, &c, facts, *seq, diag);
    json_decref(facts);
    return err;
}
