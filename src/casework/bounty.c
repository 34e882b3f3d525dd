/* bounty.c - programmes and the judgement over submissions. Pure. */
#include "casework/bounty.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/text.h"

static const char *const bands[TSN_BANDS] = {"none", "low", "medium", "high", "critical"};

int tsn_band_of(const char *word)
{
    for (int i = 0; i < TSN_BANDS; i++)
        if (!strcasecmp(bands[i], word))
            return i;
    return -1;
}

const char *tsn_band_name(enum tsn_band band)
{
    return bands[band];
}

bool tsn_site_fits(const char *pattern, const char *site)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return !strcasecmp(pattern, site);
    size_t n = strlen(pattern + 1), len = strlen(site);
    return len > n && !strcasecmp(site + len - n, pattern + 1);
}

static bool any_fits(const char *const *list, const char *site)
{
    for (; list && *list; list++)
        if (tsn_site_fits(*list, site))
            return true;
    return false;
}

bool tsn_programme_covers(const struct tsn_programme *p, const char *product, const char *site)
{
    bool known = product && product[0] && p->products && p->products[0], listed = !known;
    for (const char *const *id = p->products; id && *id && !listed; id++)
        listed = !strcasecmp(*id, product);
    return listed && !any_fits(p->out_of_scope, site) &&
           (any_fits(p->scope, site) || any_fits(p->subsidiaries, site));
}

/* --- the document ----------------------------------------------------------------------------------- */

static tsn_err take_bands(const struct tsn_yaml *root, struct tsn_programme *g,
                          struct tsn_diag *diag)
{
    const struct tsn_yaml *map = tsn_yaml_find(root, "bands");
    tsn_err err = map && map->type == TSN_YAML_MAP
                      ? tsn_yaml_known(map, "bands", bands, TSN_BANDS, diag)
                      : tsn_yaml_fail(map ? map : root, diag, TSN_EINPUT, "C013",
                                      "`bands` says what each severity earns");
    for (const struct tsn_yaml *b = map ? map->first : NULL; b && !err; b = b->next) {
        int i = tsn_band_of(b->key);
        const struct tsn_yaml *lo = b->first, *hi = lo ? lo->next : NULL;
        bool ok = b->type == TSN_YAML_LIST && hi && !hi->next && i > 0 &&
                  lo->type == TSN_YAML_SCALAR && hi->type == TSN_YAML_SCALAR &&
                  tsn_parse_int(lo->scalar, 0, 1000000000, &g->least[i]) == 0 &&
                  tsn_parse_int(hi->scalar, g->least[i], 1000000000, &g->most[i]) == 0;
        if (!ok) {
            err = tsn_yaml_fail(b, diag, TSN_EINPUT, "W051", "a band is a range of amounts");
            tsn_diag_hint(diag, "high: [ 500, 2500 ]");
        }
    }
    return err;
}

tsn_err tsn_policy_read_programme(struct tsn_arena *arena, const struct tsn_yaml *root,
                                  struct tsn_policy *p, struct tsn_diag *diag)
{
    static const char *const top[] = {
        "policy",   "kind",     "version",  "owner", "title",        "source",
        "currency", "products", "scope",    "bands", "out_of_scope", "subsidiaries",
        "rules",    "panel",    "announce", "note",  "panel_roles"};
    static const char *const known[] = {"most_per_kind_and_site", "one_per_root_cause",
                                        "public_earns_nothing", "subsidiary_drop"};
    struct tsn_programme *g = tsn_arena_alloc(arena, sizeof *g);
    const char *announce = NULL;
    size_t n;
    *g = (struct tsn_programme){.panel = 2,
                                .subsidiary_drop = 1,
                                .once_per_root_cause = true,
                                .public_earns_nothing = true};
    p->programme = g;
    tsn_err err = tsn_yaml_known(root, "programme", top, sizeof top / sizeof top[0], diag);
    if (!err)
        err = tsn_yaml_str(root, "currency", true, &g->currency, diag);
    if (!err)
        err = tsn_yaml_strs(arena, root, "scope", true, &g->scope, &n, diag);
    if (!err)
        err = tsn_yaml_strs(arena, root, "out_of_scope", false, &g->out_of_scope, &n, diag);
    if (!err)
        err = tsn_yaml_strs(arena, root, "subsidiaries", false, &g->subsidiaries, &n, diag);
    if (!err)
        err = tsn_yaml_strs(arena, root, "products", false, &g->products, &n, diag);
    if (!err)
        err = tsn_yaml_strs(arena, root, "panel_roles", false, &g->panel_roles, &n, diag);
    if (!err)
        err = tsn_yaml_int(root, "panel", false, 1, 20, &g->panel, diag);
    if (!err)
        err = tsn_yaml_str(root, "announce", false, &announce, diag);
    g->monthly = announce && !strcmp(announce, "monthly");
    if (!err)
        err = take_bands(root, g, diag);
    const struct tsn_yaml *rules = tsn_yaml_find(root, "rules");
    if (err || !rules)
        return err;
    err = tsn_yaml_known(rules, "rules", known, 4, diag);
    if (!err)
        err = tsn_yaml_int(rules, "most_per_kind_and_site", false, 1, 1000,
                           &g->per_kind_and_site, diag);
    if (!err)
        err = tsn_yaml_bool(rules, "one_per_root_cause", false, &g->once_per_root_cause, diag);
    if (!err)
        err =
            tsn_yaml_bool(rules, "public_earns_nothing", false, &g->public_earns_nothing, diag);
    if (!err)
        err = tsn_yaml_int(rules, "subsidiary_drop", false, 0, 4, &g->subsidiary_drop, diag);
    return err;
}

/* --- judging ---------------------------------------------------------------------------------------- */

static int by_arrival(const void *a, const void *b)
{
    const struct tsn_submission *const *x = a, *const *y = b;
    if ((*x)->arrival_ms != (*y)->arrival_ms)
        return (*x)->arrival_ms < (*y)->arrival_ms ? -1 : 1;
    return strcmp((*x)->id, (*y)->id);
}

/* Against those that came before it; `before` in order of arrival. */
static void judge_one(const struct tsn_programme *p, const struct tsn_submission *subs,
                      const struct tsn_submission *const *before, size_t n,
                      const struct tsn_submission *s, struct tsn_bounty_verdict *all)
{
    struct tsn_bounty_verdict *out = &all[s - subs];
    int64_t same_kind = 0;
    *out = (struct tsn_bounty_verdict){.band = s->band};
    out->subsidiary = any_fits(p->subsidiaries, s->site);
    if (!tsn_programme_covers(p, s->product, s->site)) {
        out->why = "out-of-scope";
        return;
    }
    if (s->public_before && p->public_earns_nothing) {
        out->why = "already-public";
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct tsn_submission *o = before[i];
        if (p->once_per_root_cause && s->root_cause[0] &&
            !strcmp(o->root_cause, s->root_cause)) {
            /* Also when the first earned nothing: it was known by then. */
            out->why = "same-root-cause";
            out->of = o->id;
            return;
        }
        same_kind +=
            !all[o - subs].why && !strcmp(o->kind, s->kind) && !strcasecmp(o->site, s->site);
    }
    if (p->per_kind_and_site && same_kind >= p->per_kind_and_site) {
        out->why = "over-limit";
        return;
    }
    if (out->subsidiary && s->band != TSN_BAND_NONE) {
        int left = (int)s->band - (int)p->subsidiary_drop;
        out->band = left < 0 ? TSN_BAND_NONE : (enum tsn_band)left;
        if (out->band == TSN_BAND_NONE)
            out->why = "below-low";
    }
}

void tsn_bounty_judge(const struct tsn_programme *p, const struct tsn_submission *subs,
                      size_t n, struct tsn_bounty_verdict *out)
{
    const struct tsn_submission **order = tsn_alloc((n + 1) * sizeof(const void *));
    for (size_t i = 0; i < n; i++)
        order[i] = &subs[i];
    if (n > 1)
        qsort(order, n, sizeof(const void *), by_arrival);
    for (size_t i = 0; i < n; i++)
        judge_one(p, subs, order, i, order[i], out);
    free(order);
}

enum tsn_band tsn_bounty_median(const enum tsn_band *votes, size_t n)
{
    size_t count[TSN_BANDS] = {0}, seen = 0;
    for (size_t i = 0; i < n; i++)
        count[votes[i]]++;
    for (int b = 0; b < TSN_BANDS; b++) {
        seen += count[b];
        if (seen * 2 >= n && seen > 0)
            return (enum tsn_band)b;
    }
    return TSN_BAND_NONE;
}
