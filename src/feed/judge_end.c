/* judge_end.c - findings of all documents as matches: one a component and vulnerability, with what
 * takes them away and what makes them urgent. See judge.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "casework/cvss.h"
#include "core/json.h"
#include "feed/judge_int.h"

/* --- scores -------------------------------------------------------------------------------------- */

static double score_of(const char *vector)
{
    struct tsn_cvss v;
    return *vector && tsn_cvss_parse(vector, &v, NULL) == 0 ? v.overall / 10.0 : -1;
}

static const char *band(double score)
{
    return score < 0    ? ""
           : score >= 9 ? "critical"
           : score >= 7 ? "high"
           : score >= 4 ? "medium"
           : score > 0  ? "low"
                        : "none";
}

static const char *word_of(const char *said)
{
    static const struct {
        const char *said, *ours;
    } words[] = {{"critical", "critical"}, {"high", "high"},       {"important", "high"},
                 {"medium", "medium"},     {"moderate", "medium"}, {"low", "low"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(words[i].said, said) == 0) {
            return words[i].ours;
        }
    }
    return "";
}

/* --- vex ------------------------------------------------------------------------------------------ */

/* Stronger ones win: affected, under investigation, fixed, not affected. */
static json_t *statements(struct tsn_judge *j, size_t component, size_t root, bool *suppressed)
{
    json_t *out = json_array();
    int strongest = -1; /* stance of the strongest that counts */
    for (size_t i = 0; i < j->nstatements; i++) {
        const struct tsn_statement *s = &j->statements[i];
        const struct tsn_judged_record *r = &j->records[s->record];
        const struct tsn_component *about = &j->ways->components[s->component];
        bool ours = s->component == component ||
                    (s->all && about->whole == j->ways->components[component].whole);
        if (!ours || tsn_judge_root(j, tsn_judge_id(j, s->vuln)) != root) {
            continue;
        }
        bool justified = s->stance != TSN_STANCE_NOT_AFFECTED || s->justification;
        const char *note = !s->trusted  ? "the publisher may not speak for this component"
                           : !justified ? "not_affected without a justification"
                                        : NULL;
        if (!note && (strongest < 0 || (int)s->stance < strongest)) {
            strongest = (int)s->stance;
        }
        json_array_append_new(
            out, json_pack("{s:s,s:s*,s:s,s:s,s:s,s:b,s:s*}", "status",
                           tsn_stance_names[s->stance], "justification", s->justification,
                           "publisher", *r->publisher ? r->publisher : r->source, "document",
                           r->document, "pointer", s->pointer, "counts", !note, "note", note));
    }
    const struct tsn_component *c = &j->ways->components[component];
    for (size_t i = 0; i < c->nfixes; i++) {
        if (tsn_judge_root(j, tsn_judge_id(j, c->fixes[i])) == root) {
            strongest = strongest < 0 ? TSN_STANCE_FIXED : strongest;
            json_array_append_new(
                out, json_pack("{s:s,s:s,s:s,s:b}", "status", "fixed", "justification",
                               "a patch of the component's pedigree resolves it", "publisher",
                               "SBOM", "counts", true));
        }
    }
    *suppressed = strongest == TSN_STANCE_FIXED || strongest == TSN_STANCE_NOT_AFFECTED;
    return out;
}

/* --- one match -------------------------------------------------------------------------------------- */

static json_t *component_json(const struct tsn_component *c)
{
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:s}", "ref", c->ref, "name", *c->name ? c->name : c->shown,
                  "version", c->version, "purl", c->purl);
    if (*c->family) {
        json_object_set_new(o, "distribution", json_string(c->family));
        json_object_set_new(o, "release", json_string(c->release));
        json_object_set_new(o, "source", json_string(*c->source ? c->source : c->name));
        json_object_set_new(o, "source_version",
                            json_string(*c->source_version ? c->source_version : c->version));
    }
    return o;
}

static json_t *record_json(struct tsn_judge *j, const struct tsn_finding *f)
{
    const struct tsn_judged_record *r = &j->records[f->record];
    double score = score_of(r->vector);
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:O}", "id", r->id, "source",
                          r->source, "publisher", r->publisher, "url", r->url, "document",
                          r->document, "certainty", tsn_certainty_names[f->certainty],
                          "affected", f->in == TSN_IN_YES ? "yes" : "unknown", "title",
                          r->title, "evidence", f->evidence);
    if (f->fixed) {
        json_object_set_new(o, "fixed", json_string(f->fixed));
    }
    if (json_array_size(r->upstream)) {
        json_object_set(o, "upstream", r->upstream);
    }
    if (score >= 0) {
        json_object_set_new(o, "score", json_real(score));
        json_object_set_new(o, "vector", json_string(r->vector));
    }
    const char *severity = *word_of(r->severity) ? word_of(r->severity) : band(score);
    json_object_set_new(o, "severity", json_string(severity));
    return o;
}

static json_t *aliases_of(struct tsn_judge *j, size_t root, const char *display)
{
    json_t *out = json_array();
    for (size_t i = 0; i < j->nids; i++) {
        if (strcmp(j->name[i], display) != 0 && tsn_judge_root(j, i) == root) {
            json_array_append_new(out, json_string(j->name[i]));
        }
    }
    return out;
}

/* What is known of any of the names: the match's own, its records' upstream ones. */
static const json_t *marked(struct tsn_judge *j, const json_t *marks, size_t root,
                            const json_t *records)
{
    size_t i, k;
    json_t *r, *u;
    const char *id;
    const json_t *v;
    if (json_object_size(marks) == 0) {
        return NULL;
    }
    if (j->cve[root] && (v = json_object_get(marks, j->cve[root]))) {
        return v;
    }
    json_array_foreach(records, i, r)
    {
        json_array_foreach(json_object_get(r, "upstream"), k, u)
        {
            id = json_string_value(u);
            if (id && (v = json_object_get(marks, id))) {
                return v;
            }
        }
    }
    return NULL;
}

static void urgency(struct tsn_judge *j, json_t *m, size_t root)
{
    const json_t *records = json_object_get(m, "records");
    const json_t *kev = marked(j, j->kev, root, records),
                 *epss = marked(j, j->epss, root, records),
                 *ssvc = marked(j, j->ssvc, root, records);
    json_object_set_new(m, "exploited", json_boolean(kev != NULL));
    if (kev) {
        json_object_set_new(
            m, "ransomware",
            json_boolean(strcmp(tsn_json_str(kev, "knownRansomwareCampaignUse", ""), "Known") ==
                         0));
        const char *due = tsn_json_str(kev, "dueDate", "");
        if (*due) {
            json_object_set_new(m, "due", json_string(due));
        }
    }
    if (epss) {
        json_object_set(m, "epss", json_object_get(epss, "epss"));
    }
    if (ssvc) {
        json_object_set(m, "ssvc", json_object_get(ssvc, "options"));
    }
}

static void summary(json_t *m)
{
    size_t i;
    json_t *r;
    double top = -1;
    const char *severity = "", *vector = "", *title = "";
    json_t *fixed = json_array(), *seen = json_object();
    int certainty = 0;
    bool yes = false;
    json_array_foreach(json_object_get(m, "records"), i, r)
    {
        double score = json_number_value(json_object_get(r, "score"));
        const char *c = tsn_json_str(r, "certainty", "guess"),
                   *fix = tsn_json_str(r, "fixed", NULL);
        int n = strcmp(c, "certain") == 0 ? 3 : strcmp(c, "likely") == 0 ? 2 : 1;
        yes = yes || strcmp(tsn_json_str(r, "affected", ""), "yes") == 0;
        certainty = n > certainty ? n : certainty;
        if (json_object_get(r, "score") && score > top) {
            top = score;
            vector = tsn_json_str(r, "vector", "");
            severity = band(score);
        }
        if (top < 0 && !*severity) {
            severity = tsn_json_str(r, "severity", "");
        }
        title = *title ? title : tsn_json_str(r, "title", "");
        if (fix && !json_object_get(seen, fix)) {
            json_object_set_new(seen, fix, json_true());
            json_array_append_new(fixed, json_string(fix));
        }
    }
    json_decref(seen);
    json_object_set_new(m, "certainty", json_string(tsn_certainty_names[certainty]));
    json_object_set_new(m, "fixed", fixed);
    json_object_set_new(m, "title", json_string(title));
    json_object_set_new(m, "severity", json_string(*severity ? severity : "unknown"));
    if (top >= 0) {
        json_object_set_new(m, "score", json_real(top));
        json_object_set_new(m, "vector", json_string(vector));
    }
    json_object_set_new(m, "state", json_string(yes ? "affected" : "unknown"));
}

struct order {
    size_t component, root, finding;
};

static int by_match(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return x->component != y->component ? (x->component < y->component ? -1 : 1)
           : x->root != y->root         ? (x->root < y->root ? -1 : 1)
           : x->finding != y->finding   ? (x->finding < y->finding ? -1 : 1)
                                        : 0;
}

static json_t *one_match(struct tsn_judge *j, const struct order *o, size_t n)
{
    const char *display = tsn_judge_display(j, o->root);
    json_t *records = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(records, record_json(j, &j->findings[o[i].finding]));
    }
    bool suppressed = false;
    json_t *vex = statements(j, o->component, o->root, &suppressed);
    const struct tsn_whole *whole = j->ways->components[o->component].whole;
    json_t *m = json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "id", display, "product",
                          *whole->product ? whole->product : whole->name, "release_of",
                          whole->version, "aliases", aliases_of(j, o->root, display),
                          "component", component_json(&j->ways->components[o->component]),
                          "records", records, "vex", vex);
    summary(m);
    urgency(j, m, o->root);
    if (json_object_get(j->rejected, display)) {
        json_object_set_new(m, "state", json_string("retracted"));
    } else if (suppressed) {
        json_object_set_new(m, "state", json_string("suppressed"));
    }
    return m;
}

static int rank(const json_t *m)
{
    const char *state = tsn_json_str(m, "state", ""), *c = tsn_json_str(m, "certainty", "");
    int n = strcmp(state, "affected") == 0 ? 0 : strcmp(state, "unknown") == 0 ? 100 : 200;
    n += json_is_true(json_object_get(m, "exploited")) ? 0 : 10;
    return n + (strcmp(c, "certain") == 0 ? 0 : strcmp(c, "likely") == 0 ? 1 : 2);
}

static int by_urgency(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int r = rank(x) - rank(y);
    if (r) {
        return r;
    }
    double s = json_number_value(json_object_get(x, "score")),
           t = json_number_value(json_object_get(y, "score"));
    if (s > t || s < t) {
        return s > t ? -1 : 1;
    }
    r = strcmp(tsn_json_str(json_object_get(x, "component"), "name", ""),
               tsn_json_str(json_object_get(y, "component"), "name", ""));
    r = r ? r
          : strcmp(tsn_json_str(json_object_get(x, "component"), "purl", ""),
                   tsn_json_str(json_object_get(y, "component"), "purl", ""));
    return r ? r : strcmp(tsn_json_str(x, "id", ""), tsn_json_str(y, "id", ""));
}

static json_t *counts(const struct tsn_judge *j, const json_t *matches)
{
    static const char *const states[] = {"affected", "unknown", "suppressed", "retracted"};
    size_t n[4] = {0}, i;
    json_t *m;
    json_array_foreach(matches, i, m)
    {
        for (size_t k = 0; k < 4; k++) {
            n[k] += strcmp(tsn_json_str(m, "state", ""), states[k]) == 0;
        }
    }
    const struct tsn_sbom none = {.n = j->ways->n}, *s = j->sbom ? j->sbom : &none;
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "components", (json_int_t)s->n,
        "records", (json_int_t)j->seen, "withdrawn", (json_int_t)j->withdrawn, "claims",
        (json_int_t)j->claims, "affected", (json_int_t)n[0], "unknown", (json_int_t)n[1],
        "suppressed", (json_int_t)n[2], "retracted", (json_int_t)n[3], "without_purl",
        (json_int_t)s->no_purl, "without_version", (json_int_t)s->no_version, "bad_purl",
        (json_int_t)s->bad_purl, "duplicates", (json_int_t)s->duplicates);
}

json_t *tsn_judge_result(struct tsn_judge *j)
{
    struct order *o = tsn_alloc((j->nfindings + 1) * sizeof *o);
    for (size_t i = 0; i < j->nfindings; i++) {
        o[i] = (struct order){.component = j->findings[i].component,
                              .root = tsn_judge_root(j, tsn_judge_id(j, j->findings[i].vuln)),
                              .finding = i};
    }
    if (j->nfindings) {
        qsort(o, j->nfindings, sizeof *o, by_match);
    }
    json_t **list = tsn_alloc((j->nfindings + 1) * sizeof(json_t *)), *matches = json_array();
    size_t n = 0;
    for (size_t i = 0, end; i < j->nfindings; i = end) {
        for (end = i + 1; end < j->nfindings && o[end].component == o[i].component &&
                          o[end].root == o[i].root;
             end++) {}
        list[n++] = one_match(j, o + i, end - i);
    }
    if (n) {
        qsort(list, n, sizeof(json_t *), by_urgency);
    }
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(matches, list[i]);
    }
    free((void *)list);
    free(o);
    return json_pack("{s:o,s:o}", "matches", matches, "counts", counts(j, matches));
}
