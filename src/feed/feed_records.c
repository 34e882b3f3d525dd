/* feed_records.c - documents that are not CSAF as facts: the first record for people, and a digest of
 * all that matters in all of them. Dates, texts and references are not substance. Pure. */
#include <stdlib.h>
#include <string.h>
#include "casework/cvss.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/format.h"

#define CVES_MAX  500
#define TITLE_MAX 900
#define MARKS_MAX 20000

struct digest {
    struct tsn_arena *arena;
    struct tsn_sha256 *sha;
    uint8_t (*set)[TSN_HASH_LEN];
    size_t n, cap, records, marks;
    json_t *head, *cves, *seen; /* of the first record; ids of all */
    json_t *names;              /* ids and aliases of all records */
    json_t *kept;               /* "kev LF CVE" -> value: marks that are stored */
    const json_t *wanted;       /* of EPSS only these; NULL = none */
};

static void part(struct digest *d, const char *s)
{
    s = s ? s : "";
    tsn_sha256_add(d->sha, s, strlen(s) + 1);
}

static void done(struct digest *d)
{
    if (d->n == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 64;
        d->set = tsn_realloc(d->set, d->cap * sizeof *d->set);
    }
    tsn_sha256_end(d->sha, d->set[d->n++]);
}

static void value(struct digest *d, const json_t *v)
{
    char *text = v ? tsn_json_text(v) : NULL;
    part(d, text);
    free(text);
}

static void cve(struct digest *d, const char *id)
{
    if (id && strncmp(id, "CVE-", 4) == 0 && !json_object_get(d->seen, id) &&
        json_array_size(d->cves) < CVES_MAX) {
        json_object_set_new(d->seen, id, json_true());
        json_array_append_new(d->cves, json_string(id));
    }
}

static void name(struct digest *d, const char *id)
{
    if (id && *id && strlen(id) <= 200 && json_array_size(d->names) < CVES_MAX) {
        json_array_append_new(d->names, json_string(id));
    }
}

static const char *word(const char *said, double score)
{
    static const char *const same[] = {"critical", "high", "medium", "low"};
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(said, same[i]) == 0) {
            return same[i];
        }
    }
    return strcasecmp(said, "moderate") == 0    ? "medium"
           : strcasecmp(said, "important") == 0 ? "high"
           : score >= 9                         ? "critical"
           : score >= 7 || score < 0            ? "high"
           : score >= 4                         ? "medium"
                                                : "low";
}

static json_t *cut(const char *s, size_t max)
{
    size_t n = strlen(s);
    while (n > max || (n < strlen(s) && ((unsigned char)s[n] & 0xC0) == 0x80)) {
        n--;
    }
    return json_stringn(s, n);
}

static void on_record(void *user, const struct tsn_record *r)
{
    struct digest *d = user;
    size_t i;
    json_t *a;
    struct tsn_cvss v;
    d->records++;
    tsn_sha256_begin(d->sha);
    part(d, "record");
    part(d, r->id);
    part(d, r->withdrawn ? "withdrawn" : "");
    part(d, r->vector);
    value(d, r->aliases);
    value(d, r->upstream);
    done(d);
    cve(d, r->id);
    name(d, r->id);
    json_array_foreach(r->aliases, i, a)
    {
        cve(d, json_string_value(a));
        name(d, json_string_value(a));
    }
    json_array_foreach(r->upstream, i, a)
    {
        cve(d, json_string_value(a));
    }
    if (d->head) {
        return;
    }
    double score =
        *r->vector && tsn_cvss_parse(r->vector, &v, NULL) == 0 ? v.overall / 10.0 : -1;
    d->head = json_object();
    json_object_set_new(d->head, "id", cut(r->id, 500));
    json_object_set_new(d->head, "title", cut(*r->title ? r->title : r->id, TITLE_MAX));
    json_object_set_new(d->head, "publisher", cut(r->publisher, 500));
    json_object_set_new(d->head, "namespace", cut(r->ns, 500));
    json_object_set_new(d->head, "version", cut(r->modified, 100));
    json_object_set_new(d->head, "released", cut(r->modified, 50));
    json_object_set_new(d->head, "url", cut(r->url, 2000));
    json_object_set_new(d->head, "format", json_string(r->source));
    json_object_set_new(d->head, "severity", json_string(word(r->severity, score)));
    json_object_set_new(d->head, "score", score < 0 ? json_null() : json_real(score));
    json_object_set_new(d->head, "withdrawn", json_boolean(r->withdrawn));
    json_object_set_new(d->head, "vector", cut(r->vector, 500));
}

static void on_claim(void *user, const struct tsn_claim *c)
{
    struct digest *d = user;
    tsn_sha256_begin(d->sha);
    part(d, "claim");
    part(d, tsn_stance_names[c->stance]);
    part(d, c->vuln);
    part(d, c->package.type ? tsn_package_key(d->arena, &c->package) : NULL);
    part(d, c->package.release);
    part(d, c->cpe);
    part(d, c->vendor);
    part(d, c->product);
    part(d, c->inside);
    part(d, c->version);
    part(d, c->bounds.from);
    part(d, c->bounds.to);
    part(d, c->bounds.with_from ? ">=" : ">");
    part(d, c->bounds.with_to ? "<=" : "<");
    part(d, c->fixed);
    /* Of an entry only what decides about versions. */
    value(d, json_object_get(c->range, "ranges"));
    value(d, json_object_get(c->range, "versions"));
    value(d, json_object_get(c->range, "defaultStatus"));
    done(d);
}

static void keep(struct digest *d, const char *kind, const char *id, const json_t *v)
{
    json_t *value = NULL;
    if (strcmp(kind, "kev") == 0) {
        const char *known = tsn_json_str(v, "knownRansomwareCampaignUse", "");
        value = json_pack("{s:b,s:s,s:s}", "ransomware", strcmp(known, "Known") == 0, "due",
                          tsn_json_str(v, "dueDate", ""), "added",
                          tsn_json_str(v, "dateAdded", tsn_json_str(v, "cisaExploitAdd", "")));
    } else if (strcmp(kind, "ssvc") == 0) {
        value = json_pack("{s:O*}", "options", json_object_get(v, "options"));
    } else if (strcmp(kind, "epss") == 0 && json_object_get(d->wanted, id)) {
        value = json_deep_copy(v);
    }
    if (value && json_object_size(d->kept) < MARKS_MAX) {
        json_object_set(d->kept, tsn_arena_printf(d->arena, "%s\n%s", kind, id), value);
    }
    json_decref(value);
}

static void on_mark(void *user, const char *kind, const char *id, const json_t *v)
{
    struct digest *d = user;
    d->marks++;
    if (strcmp(kind, "epss") != 0) {
        cve(d, id);
    }
    tsn_sha256_begin(d->sha);
    part(d, kind);
    part(d, id);
    keep(d, kind, id, v);
    if (strcmp(kind, "kev") == 0) {
        part(d, tsn_json_str(v, "knownRansomwareCampaignUse", ""));
        part(d, tsn_json_str(v, "dueDate", ""));
    } else if (strcmp(kind, "ssvc") == 0) {
        value(d, json_object_get(v, "options"));
    } else {
        value(d, v);
    }
    done(d);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, TSN_HASH_LEN);
}

static void substance(struct digest *d, char out[2 * TSN_HASH_LEN + 1])
{
    uint8_t hash[TSN_HASH_LEN];
    if (d->n) {
        qsort(d->set, d->n, sizeof *d->set, by_bytes);
    }
    tsn_sha256_begin(d->sha);
    for (size_t i = 0; i < d->n; i++) {
        if (i == 0 || by_bytes(d->set[i - 1], d->set[i]) != 0) {
            tsn_sha256_add(d->sha, d->set[i], TSN_HASH_LEN);
        }
    }
    tsn_sha256_end(d->sha, hash);
    tsn_hex(out, hash, sizeof hash);
}

tsn_err tsn_document_facts(const char *name, const char *text, size_t len, json_t **facts,
                           struct tsn_diag *diag)
{
    return tsn_document_facts_for(name, text, len, NULL, facts, diag);
}

tsn_err tsn_document_facts_for(const char *name, const char *text, size_t len,
                               const json_t *wanted, json_t **facts, struct tsn_diag *diag)
{
    struct digest d = {.arena = tsn_arena_new(),
                       .sha = tsn_sha256_new(),
                       .cves = json_array(),
                       .seen = json_object(),
                       .names = json_array(),
                       .kept = json_object(),
                       .wanted = wanted};
    const struct tsn_sink sink = {
        .user = &d, .record = on_record, .claim = on_claim, .mark = on_mark};
    enum tsn_format format;
    char digest[2 * TSN_HASH_LEN + 1];
    *facts = NULL;
    tsn_err err = tsn_format_read_text(name, text, len, &sink, &format, diag);
    if (!err && !d.head) { /* KEV, EPSS: marks alone */
        d.head = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:n,s:b}", "id", name, "title",
                           name, "publisher", "", "namespace", "", "version", "", "released",
                           "", "url", "", "severity", "high", "score", "withdrawn", false);
        json_object_set_new(d.head, "format", json_string(tsn_format_name(format)));
    }
    if (!err) {
        substance(&d, digest);
        json_object_set(d.head, "cves", d.cves);
        json_object_set(d.head, "names", d.names);
        json_object_set_new(d.head, "substance", json_string(digest));
        json_object_set_new(d.head, "records", json_integer((json_int_t)d.records));
        json_object_set_new(d.head, "marks", json_integer((json_int_t)d.marks));
        json_object_set_new(d.head, "summary", json_string(""));
        json_object_set(d.head, "marked", d.kept); /* taken out before facts are stored */
        *facts = json_incref(d.head);
    }
    json_decref(d.head);
    json_decref(d.cves);
    json_decref(d.names);
    json_decref(d.seen);
    json_decref(d.kept);
    tsn_sha256_destroy(d.sha);
    free(d.set);
    tsn_arena_destroy(d.arena);
    return err;
}
