/* cvss3.c - scores of CVSS 3.0 and 3.1 (FIRST, specifications, section 7). Pure; any thread.
 *
 *   ISS            = 1 - (1-C)(1-I)(1-A);  MISS = min(0.915, 1 - (1-CR MC)(1-IR MI)(1-AR MA))
 *   Impact         = 6.42 ISS,  scope changed: 7.52 (ISS-0.029) - 3.25 (ISS-0.02)^15
 *   ModifiedImpact = 6.42 MISS, scope changed: 3.0 as above with MISS,
 *                    3.1: 7.52 (MISS-0.029) - 3.25 (0.9731 MISS-0.02)^13
 *   Exploitability = 8.22 AV AC PR UI
 *   Base           = 0 where Impact <= 0; else Roundup(min(10, Impact + Exploitability)),
 *                    scope changed: Roundup(min(10, 1.08 (Impact + Exploitability)))
 *   Temporal       = Roundup(Base E RL RC)
 *   Environmental  = as Base with the modified metrics, then Roundup(that E RL RC)
 *
 * Roundup: 3.0 the smallest tenth that is not below; 3.1 (appendix A) the same after rounding to
 * the nearest hundred-thousandth. Everything is exact here but the powers, which are cut at 2^-60:
 * a scope-changed value is known to 10^-16. */
#include <stdint.h>
#include "casework/cvss.h"

enum { AV, AC, PR, UI, S, C, I, A, E, RL, RC, CR, IR, AR, MAV, MAC, MPR, MUI, MS, MC, MI, MA };

__extension__ typedef unsigned __int128 wide;

#define ONE60 60 /* bits behind the point of a fixed-point fraction */

static uint64_t times(uint64_t a, uint64_t b)
{
    return (uint64_t)(((wide)a * b) >> ONE60);
}

/* `x` of `per` as a fraction below 1. */
static uint64_t fraction(uint64_t x, uint64_t per)
{
    return (uint64_t)(((wide)x << ONE60) / per);
}

/* x^13, or x^15. */
static uint64_t power(uint64_t x, bool fifteen)
{
    uint64_t x2 = times(x, x), x4 = times(x2, x2), x12 = times(times(x4, x4), x4);
    return times(x12, fifteen ? times(x2, x) : x);
}

/* `score` at 10^17 to tenths. */
static int roundup(enum tsn_cvss_version version, int64_t score)
{
    if (version == TSN_CVSS_30) {
        return (int)((score + INT64_C(9999999999999999)) / INT64_C(10000000000000000));
    }
    int64_t n = (score + INT64_C(500000000000)) / INT64_C(1000000000000);
    return (int)((n + 9999) / 10000);
}

/* The modified metric when it is defined, else the base one. */
static char pick(const struct tsn_cvss *v, int modified, int base)
{
    const char *m = v->value[modified];
    return m && m[0] != 'X' ? m[0] : v->value[base][0];
}

/* Hundredths. */
static int64_t weight_av(char c)
{
    return c == 'N' ? 85 : c == 'A' ? 62 : c == 'L' ? 55 : 20;
}

static int64_t weight_pr(char c, bool changed)
{
    return c == 'N' ? 85 : c == 'L' ? (changed ? 68 : 62) : (changed ? 50 : 27);
}

static int64_t weight_cia(char c)
{
    return c == 'H' ? 56 : c == 'L' ? 22 : 0;
}

/* Tenths; absent, X and M are 1. */
static int64_t weight_req(const char *s)
{
    return !s ? 10 : s[0] == 'H' ? 15 : s[0] == 'L' ? 5 : 10;
}

/* Millionths of E RL RC; absent, X and the highest value are 1. */
static int64_t temporal_factor(const struct tsn_cvss *v)
{
    const char *e = v->value[E], *rl = v->value[RL], *rc = v->value[RC];
    int64_t f = 100;
    if (e) {
        f = e[0] == 'F' ? 97 : e[0] == 'P' ? 94 : e[0] == 'U' ? 91 : 100;
    }
    int64_t g = 100;
    if (rl) {
        g = rl[0] == 'W' ? 97 : rl[0] == 'T' ? 96 : rl[0] == 'O' ? 95 : 100;
    }
    int64_t h = 100;
    if (rc) {
        h = rc[0] == 'R' ? 96 : rc[0] == 'U' ? 92 : 100;
    }
    return f * g * h;
}

static int temporal(enum tsn_cvss_version version, int tenths, int64_t factor)
{
    return roundup(version, tenths * factor * INT64_C(10000000000));
}

/* At 10^10. */
static int64_t exploitability(char av, char ac, char pr, char ui, bool changed)
{
    return 822 * weight_av(av) * (ac == 'L' ? 77 : 44) * weight_pr(pr, changed) *
           (ui == 'N' ? 85 : 62);
}

/* `iss` at 10^9, `ex` at 10^10. */
static int score(enum tsn_cvss_version version, bool modified, bool changed, int64_t iss,
                 int64_t ex)
{
    int64_t impact; /* at 10^15 */
    if (iss == 0) {
        return 0; /* also with scope changed, where the formula gives less than 0 */
    }
    if (!changed) {
        impact = 642 * iss * 10000;
    } else {
        uint64_t p =
            modified && version == TSN_CVSS_31
                ? power(fraction((uint64_t)(iss * 9731 - INT64_C(200000000000)),
                                 UINT64_C(10000000000000)),
                        false)
                : power(fraction((uint64_t)(iss - 20000000), UINT64_C(1000000000)), true);
        impact = 752 * (iss - 29000000) * 10000 -
                 (int64_t)(((wide)p * UINT64_C(3250000000000000)) >> ONE60);
    }
    int64_t sum = (impact + ex * 100000) * (changed ? 108 : 100);
    return roundup(version,
                   sum < INT64_C(1000000000000000000) ? sum : INT64_C(1000000000000000000));
}

static int base_score(const struct tsn_cvss *v)
{
    bool changed = v->value[S][0] == 'C';
    int64_t iss = 1000 * (1000000 - (100 - weight_cia(v->value[C][0])) *
                                        (100 - weight_cia(v->value[I][0])) *
                                        (100 - weight_cia(v->value[A][0])));
    return score(v->version, false, changed, iss,
                 exploitability(v->value[AV][0], v->value[AC][0], v->value[PR][0],
                                v->value[UI][0], changed));
}

static int environmental_score(const struct tsn_cvss *v, int64_t factor)
{
    bool changed = pick(v, MS, S) == 'C';
    int64_t miss = INT64_C(1000000000) -
                   (1000 - weight_req(v->value[CR]) * weight_cia(pick(v, MC, C))) *
                       (1000 - weight_req(v->value[IR]) * weight_cia(pick(v, MI, I))) *
                       (1000 - weight_req(v->value[AR]) * weight_cia(pick(v, MA, A)));
    if (miss > 915000000) {
        miss = 915000000;
    }
    int64_t ex = exploitability(pick(v, MAV, AV), pick(v, MAC, AC), pick(v, MPR, PR),
                                pick(v, MUI, UI), changed);
    return temporal(v->version, score(v->version, true, changed, miss, ex), factor);
}

void tsn_cvss3_score(struct tsn_cvss *v)
{
    int64_t factor = temporal_factor(v);
    v->base = base_score(v);
    v->temporal = temporal(v->version, v->base, factor);
    v->environmental = environmental_score(v, factor);
    v->overall = v->has_environmental ? v->environmental
                 : v->has_temporal    ? v->temporal
                                      : v->base;
}
