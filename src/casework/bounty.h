/* bounty.h - bug-bounty programmes: what a submission earns, and the exports of other platforms.
 *
 * A programme is a policy document of kind `programme`. Judging is pure: submissions of one programme
 * in, a verdict for each out, the same whatever order they are given in. Amounts are whole units of the
 * programme's currency.
 */
#pragma once

#include <jansson.h>
#include "casework/policy.h"

enum tsn_band {
    TSN_BAND_NONE,
    TSN_BAND_LOW,
    TSN_BAND_MEDIUM,
    TSN_BAND_HIGH,
    TSN_BAND_CRITICAL
};
#define TSN_BANDS 5
/* "high"; -1 for what is no band. */
int tsn_band_of(const char *word);
const char *tsn_band_name(enum tsn_band band);

struct tsn_programme {
    const char *currency;
    const char *const *scope, *const *out_of_scope, *const *subsidiaries; /* "*.acme.example" */
    const char *const *products;               /* ids it is for; NULL = any */
    const char *const *panel_roles;            /* who votes; NULL = any person */
    int64_t least[TSN_BANDS], most[TSN_BANDS]; /* 0, 0: earns nothing */
    int64_t per_kind_and_site;                 /* 0 = no limit */
    int64_t panel;                             /* votes that rate a submission */
    bool once_per_root_cause, public_earns_nothing, monthly;
    int64_t subsidiary_drop; /* levels */
};
tsn_err tsn_policy_read_programme(struct tsn_arena *arena, const struct tsn_yaml *root,
                                  struct tsn_policy *p, struct tsn_diag *diag);

struct tsn_submission {
    const char *id, *site, *kind, *root_cause; /* root_cause "" = not known yet */
    const char *product;                       /* NULL or "" = not known */
    int64_t arrival_ms;
    bool public_before; /* known to the public, or disclosed by its finder, before the fix */
    enum tsn_band band; /* NONE = not rated yet */
};
struct tsn_bounty_verdict {
    const char *why; /* NULL = eligible; out-of-scope already-public same-root-cause over-limit
                        below-low */
    const char *of;  /* same-root-cause: the first by arrival */
    enum tsn_band band; /* after what a subsidiary costs */
    bool subsidiary;
};
/* out: one a submission, in the order given. */
void tsn_bounty_judge(const struct tsn_programme *p, const struct tsn_submission *subs,
                      size_t n, struct tsn_bounty_verdict *out);
/* Whether it is for this site (host or model) and this product, NULL or "" = not known. */
bool tsn_programme_covers(const struct tsn_programme *p, const char *product, const char *site);
/* Lower median of votes: a panel in doubt is cautious. */
enum tsn_band tsn_bounty_median(const enum tsn_band *votes, size_t n);
/* "a.b.acme.example" fits "*.acme.example"; "acme.example" fits itself; ASCII case folded. */
bool tsn_site_fits(const char *pattern, const char *site);

/* An export of HackerOne (CSV, API JSON) or Bugcrowd (CSV) as [{ source, external_id, title, text,
 * weakness, severity, reporter, arrival, state, duplicate, duplicate_of, amount, target, cve }], absent
 * members left out. W050 with the line for what is none of them. New reference. */
tsn_err tsn_bounty_read_export(const char *bytes, size_t len, json_t **out,
                               struct tsn_diag *diag);
