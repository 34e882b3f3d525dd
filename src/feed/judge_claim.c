/* judge_claim.c - one claim against the components that its package, CPE or name finds. See judge.h.
 *
 * Every weakening of an answer goes through limit(), which keeps the reason for people. */
#include <string.h>
#include "core/buf.h"
#include "core/json.h"
#include "feed/fold.h"
#include "feed/judge_int.h"

#define EVIDENCE_MAX 8

/* --- claims ------------------------------------------------------------------------------------ */

static const char *range_text(struct tsn_judge *j, const struct tsn_claim *c)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 4096);
    (void)tsn_buf_puts(&b, "");
    switch (c->span) {
    case TSN_SPAN_ALL:
        (void)tsn_buf_puts(&b, "all versions");
        break;
    case TSN_SPAN_EXACT:
        (void)tsn_buf_printf(&b, "= %.200s", c->version);
        break;
    case TSN_SPAN_VERS:
    case TSN_SPAN_WORDS:
        (void)tsn_buf_printf(&b, "%.300s", c->version);
        break;
    case TSN_SPAN_BOUNDS:
        if (c->bounds.from) {
            (void)tsn_buf_printf(&b, "%s %.200s", c->bounds.with_from ? ">=" : ">",
                                 c->bounds.from);
        }
        if (c->bounds.to) {
            (void)tsn_buf_printf(&b, "%s%s %.200s", b.len ? ", " : "",
                                 c->bounds.with_to ? "<=" : "<", c->bounds.to);
        }
        break;
    case TSN_SPAN_OSV:
        (void)tsn_buf_puts(&b, "OSV ranges");
        break;
    case TSN_SPAN_CVE:
        (void)tsn_buf_puts(&b, "CVE versions");
        break;
    case TSN_SPAN_UNREAD:
        (void)tsn_buf_puts(&b, "in words");
        break;
    }
    const char *out = tsn_arena_strdup(j->arena, b.data);
    tsn_buf_free(&b);
    return out;
}

static struct tsn_finding *finding(struct tsn_judge *j, size_t component, const char *vuln)
{
    for (size_t i = j->first_of_record; i < j->nfindings; i++) {
        if (j->findings[i].component == component && strcmp(j->findings[i].vuln, vuln) == 0) {
            return &j->findings[i];
        }
    }
    j->findings =
        tsn_judge_grow(j->findings, j->nfindings, &j->findings_cap, sizeof *j->findings);
    struct tsn_finding *f = &j->findings[j->nfindings++];
    *f = (struct tsn_finding){.component = component,
                              .record = tsn_judge_keep_record(j),
                              .vuln = tsn_judge_kept(j, vuln),
                              .in = TSN_IN_UNKNOWN,
                              .evidence = json_array()};
    return f;
}

/* How a claim came to a component, and how sure that makes it. */
struct way {
    const char *how;
    enum tsn_certainty most;
    const char *note;
};

static void limit(struct way *w, enum tsn_certainty most, const char *note)
{
    if (most < w->most) {
        w->most = most;
        w->note = note;
    }
}

static void add_finding(struct tsn_judge *j, const struct tsn_claim *c, size_t component,
                        const struct way *w, const struct tsn_verdict *v)
{
    struct tsn_finding *f = finding(j, component, c->vuln);
    /* What only might be ours is no more "affected" than what nobody can compare. */
    bool yes = v->in == TSN_IN_YES && w->most > TSN_GUESS;
    enum tsn_certainty certainty = yes ? w->most : TSN_GUESS;
    if ((yes && f->in != TSN_IN_YES) || certainty > f->certainty) {
        f->certainty = certainty;
        f->fixed = v->fixed ? tsn_judge_kept(j, v->fixed) : f->fixed;
    }
    f->in = yes ? TSN_IN_YES : f->in;
    f->fixed = f->fixed || !v->fixed ? f->fixed : tsn_judge_kept(j, v->fixed);
    if (json_array_size(f->evidence) < EVIDENCE_MAX) {
        const char *note = v->why ? v->why : w->note;
        json_array_append_new(f->evidence,
                              json_pack("{s:s,s:s,s:s,s:s,s:s*}", "pointer", c->pointer, "how",
                                        w->how, "range", range_text(j, c), "in",
                                        v->in == TSN_IN_YES ? "yes" : "unknown", "note", note));
    }
}

/* The epoch in front of an rpm's version, with its colon; 0 = none. */
static size_t epoch(const char *v)
{
    size_t n = v ? strspn(v, "0123456789") : 0;
    return n && v[n] == ':' ? n + 1 : 0;
}

static const char *said_bound(const struct tsn_claim *c, const char *fixed)
{
    return fixed                                        ? fixed
           : c->span == TSN_SPAN_BOUNDS && c->bounds.to ? c->bounds.to
           : c->span == TSN_SPAN_EXACT                  ? c->version
                                                        : NULL;
}

/* Feeds and tools forget epochs: where one side alone has one, the other takes it over. */
static const char *with_epoch(struct tsn_judge *j, const char *version, const char *bound,
                              struct way *w)
{
    size_t ours = epoch(version), theirs = epoch(bound);
    if (!bound || (ours != 0) == (theirs != 0)) {
        return version;
    }
    if (theirs == 2 && bound[0] == '0') {
        return version; /* a missing epoch is 0 */
    }
    if (ours == 2 && version[0] == '0') {
        return version;
    }
    limit(w, TSN_LIKELY, "one side has an epoch and the other has none");
    return ours ? version + ours
                : tsn_arena_printf(j->scratch, "%.*s%s", (int)theirs, bound, version);
}

/* Version of the source package: without the mark of a binary rebuild. */
static const char *source_version(struct tsn_judge *j, const struct tsn_component *c)
{
    if (*c->source_version) {
        return c->source_version;
    }
    const char *plus = strrchr(c->version, '+');
    bool rebuilt = plus && plus[1] == 'b' && plus[2] >= '0' && plus[2] <= '9' &&
                   plus[2 + strspn(plus + 2, "0123456789")] == '\0';
    return rebuilt && strcmp(c->type, "deb") == 0
               ? tsn_arena_strndup(j->scratch, c->version, (size_t)(plus - c->version))
               : c->version;
}

static bool same_package(struct tsn_judge *j, const struct tsn_package *p, const char *purl)
{
    struct tsn_package q;
    const char *version;
    return tsn_package_of_purl(j->scratch, purl, &q, &version) &&
           strcmp(tsn_package_key(j->scratch, p), tsn_package_key(j->scratch, &q)) == 0;
}

/* Is the product that the statement is limited to ours? */
static bool inside_ours(struct tsn_judge *j, const struct tsn_whole *ours, const char *inside)
{
    struct tsn_package p;
    const char *version;
    if (*ours->purl && tsn_package_of_purl(j->scratch, inside, &p, &version)) {
        return same_package(j, &p, ours->purl) &&
               (!*version || strcmp(version, ours->version) == 0);
    }
    const char *a = tsn_judge_name_key(j->scratch, inside),
               *b = tsn_judge_name_key(j->scratch, ours->name);
    return a && b && strcmp(a, b) == 0;
}

static bool prefix(const char *s, const char *head)
{
    return strncmp(s, head, strlen(head)) == 0;
}

/* May this publisher take a match away? */
static bool may_speak(struct tsn_judge *j, const struct tsn_component *c)
{
    static const struct {
        const char *family, *host;
    } distros[] = {{"redhat", "redhat.com"},       {"debian", "debian.org"},
                   {"ubuntu", "canonical.com"},    {"ubuntu", "ubuntu.com"},
                   {"suse", "suse.com"},           {"opensuse", "suse.com"},
                   {"almalinux", "almalinux.org"}, {"rocky", "rockylinux.org"}};
    const struct tsn_record *r = &j->head;
    if (j->own) {
        return true;
    }
    for (size_t i = 0; j->trusted && j->trusted[i]; i++) {
        if (*j->trusted[i] &&
            (strcmp(r->publisher, j->trusted[i]) == 0 || prefix(r->ns, j->trusted[i]))) {
            return true;
        }
    }
    if (!*c->family) {
        return false;
    }
    if (strcmp(r->source, "secdb") == 0 || strcmp(r->source, "debian") == 0 ||
        strcmp(r->source, "dsa") == 0) {
        return true; /* they name packages of their own distribution only */
    }
    for (size_t i = 0; i < sizeof distros / sizeof distros[0]; i++) {
        const char *at = strstr(r->ns, distros[i].host);
        char after = at ? at[strlen(distros[i].host)] : 'x';
        if (strcmp(distros[i].family, c->family) == 0 && at && at > r->ns &&
            (at[-1] == '.' || at[-1] == '/') && (after == '\0' || after == '/')) {
            return true;
        }
    }
    return false;
}

static void state(struct tsn_judge *j, const struct tsn_claim *c, size_t component, bool all)
{
    j->statements = tsn_judge_grow(j->statements, j->nstatements, &j->statements_cap,
                                   sizeof *j->statements);
    (void)tsn_judge_id(j, c->vuln);
    j->statements[j->nstatements++] = (struct tsn_statement){
        .component = component,
        .all = all,
        .record = tsn_judge_keep_record(j),
        .vuln = tsn_judge_kept(j, c->vuln),
        .justification = c->justification ? tsn_judge_kept(j, c->justification) : NULL,
        .pointer = tsn_judge_kept(j, c->pointer),
        .stance = c->stance,
        .trusted = may_speak(j, &j->ways->components[component]),
    };
}

static void decide(struct tsn_judge *j, const struct tsn_claim *c, size_t component,
                   struct way w, const char *version)
{
    const struct tsn_component *comp = &j->ways->components[component];
    struct tsn_verdict v;
    enum tsn_scheme scheme = *comp->type ? tsn_scheme_find(comp->type) : TSN_SCHEME_NONE;
    tsn_claim_judge(c, scheme, version, &v);
    if (scheme == TSN_SCHEME_RPM) {
        const char *bound = said_bound(c, c->span == TSN_SPAN_OSV && v.in == TSN_IN_NO
                                              ? tsn_osv_fixed(c->range, scheme, "")
                                              : v.fixed);
        const char *other = with_epoch(j, version, bound, &w);
        if (other != version) {
            tsn_claim_judge(c, scheme, other, &v);
        }
    }
    if (v.in == TSN_IN_NO) {
        return;
    }
    if (c->stance == TSN_STANCE_AFFECTED) {
        add_finding(j, c, component, &w, &v);
    }
    /* A statement is for the versions it was made for: unknown ones are not covered. */
    if (v.in == TSN_IN_YES && w.most > TSN_GUESS &&
        (c->stance != TSN_STANCE_AFFECTED || (j->head.vex && !c->inferred))) {
        const struct tsn_whole *whole = comp->whole;
        bool root = *whole->purl && *comp->purl && strcmp(comp->shown, whole->name) == 0 &&
                    strcmp(comp->version, whole->version) == 0;
        state(j, c, component, root && j->head.vex);
    }
}

static void common_limits(struct tsn_judge *j, const struct tsn_claim *c,
                          const struct tsn_component *comp, struct way *w)
{
    bool distro = *comp->family != '\0';
    if (c->conditional) {
        limit(w, TSN_GUESS, "only on a platform or in a product that nobody checked");
    }
    if (c->inside && !distro && !inside_ours(j, comp->whole, c->inside)) {
        limit(w, TSN_GUESS, "said of the package in another product");
    }
    if (c->inferred) {
        limit(w, TSN_LIKELY, "older than the package that is said to be fixed");
    }
}

static bool by_package(struct tsn_judge *j, const struct tsn_claim *c)
{
    const char *key = tsn_package_key(j->scratch, &c->package);
    bool wants_source = tsn_judge_by_source(c->package.type) && !j->head.vex &&
                        strcmp(j->head.source, "csaf") != 0;
    bool any = false;
    size_t at = (size_t)json_integer_value(json_object_get(j->ways->index, key));
    for (; at; at = j->ways->entries[at - 1].next) {
        const struct tsn_judge_entry *e = &j->ways->entries[at - 1];
        const struct tsn_component *comp = &j->ways->components[e->component];
        bool by_source = e->source && *comp->source && strcmp(comp->source, comp->name) != 0 &&
                         strcmp(comp->name, c->package.name) != 0;
        struct way w = {.how = by_source ? "source package" : "package", .most = TSN_CERTAIN};
        if ((wants_source && !e->source) || (by_source && strcmp(comp->type, "rpm") == 0)) {
            continue; /* rpm advisories list every binary package */
        }
        if (*comp->family && *c->package.release) {
            if (*comp->release && !tsn_release_fits(c->package.release, comp->release)) {
                continue;
            }
            if (!*comp->release) {
                limit(&w, TSN_GUESS,
                      "the release of the component's distribution is not known");
            } else if (comp->guessed_release) {
                limit(&w, TSN_LIKELY,
                      "the component's release was taken from its version or the "
                      "SBOM's operating system");
            }
        }
        bool modular = strstr(comp->version, "module+") != NULL;
        if (strcmp(comp->type, "rpm") == 0 && c->version &&
            modular != (c->module || strstr(c->version, "module+"))) {
            continue; /* a module stream and the plain package never update each other */
        }
        if (!by_source && strcmp(comp->name, c->package.name) != 0 && !*comp->family &&
            strcmp(comp->type, "golang") == 0) {
            limit(&w, TSN_LIKELY, "the name is spelled in another case");
        }
        common_limits(j, c, comp, &w);
        any = true;
        bool source = tsn_judge_by_source(comp->type) && (by_source || wants_source);
        decide(j, c, e->component, w, source ? source_version(j, comp) : comp->version);
    }
    return any;
}

/* Attributes but part, vendor, product and version: none may exclude the other. */
static bool rest_fits(const struct tsn_cpe *a, const struct tsn_cpe *b)
{
    for (int i = TSN_CPE_EDITION; i < TSN_CPE_PARTS; i++) {
        if (tsn_cpe_attribute(a->part[i], b->part[i]) == TSN_CPE_DISJOINT) {
            return false;
        }
    }
    return true;
}

static void by_cpe(struct tsn_judge *j, const struct tsn_claim *claim)
{
    struct tsn_cpe theirs, ours;
    if (tsn_cpe_parse(j->scratch, claim->cpe, &theirs, NULL) != 0) {
        return;
    }
    size_t at = (size_t)json_integer_value(
        json_object_get(j->ways->index, tsn_judge_cpe_key(j->scratch, &theirs)));
    struct tsn_claim c = *claim;
    if (c.span == TSN_SPAN_ALL && strcmp(theirs.part[TSN_CPE_VERSION], "*") != 0) {
        bool update = !strchr("*-", theirs.part[TSN_CPE_UPDATE][0]);
        c.span = TSN_SPAN_EXACT;
        c.version = tsn_cpe_plain(j->scratch, &theirs, TSN_CPE_VERSION);
        if (update) {
            c.version = tsn_arena_printf(j->scratch, "%s%s", c.version,
                                         tsn_cpe_plain(j->scratch, &theirs, TSN_CPE_UPDATE));
        }
    }
    for (; at; at = j->ways->entries[at - 1].next) {
        size_t component = j->ways->entries[at - 1].component;
        const struct tsn_component *comp = &j->ways->components[component];
        struct way w = {.how = "cpe", .most = TSN_LIKELY};
        bool fits = false;
        for (size_t k = 0; k < comp->ncpes && !fits; k++) {
            fits = tsn_cpe_parse(j->scratch, comp->cpes[k], &ours, NULL) == 0 &&
                   strcmp(tsn_judge_cpe_key(j->scratch, &ours),
                          tsn_judge_cpe_key(j->scratch, &theirs)) == 0 &&
                   rest_fits(&theirs, &ours);
        }
        if (!fits) {
            continue;
        }
        if (comp->ncpes > 1) {
            limit(&w, TSN_GUESS, "one of several CPEs that a tool made up for the component");
        }
        const char *version = comp->version;
        if (!*version && !strchr("*-", ours.part[TSN_CPE_VERSION][0])) {
            version = tsn_cpe_plain(j->scratch, &ours, TSN_CPE_VERSION);
        }
        common_limits(j, &c, comp, &w);
        decide(j, &c, component, w, version);
    }
}

static bool same_vendor(struct tsn_judge *j, const char *a, const char *b)
{
    struct tsn_buf x, y;
    tsn_buf_init(&x, 1u << 16);
    tsn_buf_init(&y, 1u << 16);
    tsn_feed_fold(a, true, &x);
    tsn_feed_fold(b, true, &y);
    bool same = x.len && x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    tsn_buf_free(&x);
    tsn_buf_free(&y);
    (void)j;
    return same;
}

static void by_name(struct tsn_judge *j, const struct tsn_claim *c)
{
    const char *key = tsn_judge_name_key(j->scratch, c->product);
    size_t at = key ? (size_t)json_integer_value(json_object_get(j->ways->index, key)) : 0;
    for (; at; at = j->ways->entries[at - 1].next) {
        size_t component = j->ways->entries[at - 1].component;
        const struct tsn_component *comp = &j->ways->components[component];
        struct way w = {.how = "vendor and product name", .most = TSN_LIKELY};
        /* A CycloneDX document that names the very part of this SBOM needs no vendor. */
        bool own = j->own && c->ref && strcmp(c->ref, comp->ref) == 0;
        if (!own && (!c->vendor || !same_vendor(j, c->vendor, comp->vendor))) {
            w.how = "product name alone";
            limit(&w, TSN_GUESS, "the vendor is another or not said");
        }
        common_limits(j, c, comp, &w);
        decide(j, c, component, w, comp->version);
    }
}

void tsn_judge_claim(void *user, const struct tsn_claim *c)
{
    struct tsn_judge *j = user;
    j->claims++;
    if (j->head.withdrawn) {
        return;
    }
    if (c->package.type && by_package(j, c)) {
        return;
    }
    if (c->cpe) {
        by_cpe(j, c);
    }
    if (c->product) {
        by_name(j, c);
    }
}
