/* cvss3.c - scores of CVSS v3.0 and v3.1 (FIRST specification, section 7). Pure; any thread.
 *
 * v3.1 defines Roundup over whole hundred-thousandths; v3.0 says "round up to one decimal", which
 * plain floating point gets wrong at exact tenths, so a distance of 1e-9 counts as equal there. */
#include "advisory/cvss.h"

#include <string.h>

enum { AV, AC, PR, UI, S, C, I, A, E, RL, RC, CR, IR, AR, MAV, MAC, MPR, MUI, MS, MC, MI, MA };

static int roundup(enum tsn_cvss_version version, double x)
{
    if (x <= 0) {
        return 0;
    }
    if (version == TSN_CVSS_31) {
        long long n = (long long)(x * 100000.0 + 0.5);
        return (int)(n % 10000 == 0 ? n / 10000 : n / 10000 + 1);
    }
    double tenths = x * 10.0;
    int whole = (int)(tenths + 1e-9);
    return tenths - (double)whole > 1e-9 ? whole + 1 : whole;
}

static double power(double x, int n)
{
    double r = 1.0;
    while (n-- > 0) {
        r *= x;
    }
    return r;
}

/* The modified metric when given, else the base one. */
static char pick(const struct tsn_cvss *v, int modified, int base)
{
    const char *m = v->value[modified];
    return m && m[0] != 'X' ? m[0] : v->value[base][0];
}

static double weight_av(char c)
{
    return c == 'N' ? 0.85 : c == 'A' ? 0.62 : c == 'L' ? 0.55 : 0.2;
}

static double weight_pr(char c, bool changed)
{
    return c == 'N' ? 0.85 : c == 'L' ? (changed ? 0.68 : 0.62) : (changed ? 0.5 : 0.27);
}

static double weight_cia(char c)
{
    return c == 'H' ? 0.56 : c == 'L' ? 0.22 : 0.0;
}

static double weight_req(const char *s)
{
    return !s || s[0] == 'X' || s[0] == 'M' ? 1.0 : s[0] == 'H' ? 1.5 : 0.5;
}

static double temporal_factor(const struct tsn_cvss *v)
{
    const char *e = v->value[E], *rl = v->value[RL], *rc = v->value[RC];
    double f = !e || *e == 'X' || *e == 'H' ? 1.0 : *e == 'F' ? 0.97 : *e == 'P' ? 0.94 : 0.91;
    f *= !rl || *rl == 'X' || *rl == 'U' ? 1.0 : *rl == 'W' ? 0.97 : *rl == 'T' ? 0.96 : 0.95;
    f *= !rc || *rc == 'X' || *rc == 'C' ? 1.0 : *rc == 'R' ? 0.96 : 0.92;
    return f;
}

static double exploitability(char av, char ac, char pr, char ui, bool changed)
{
    return 8.22 * weight_av(av) * (ac == 'L' ? 0.77 : 0.44) * weight_pr(pr, changed) *
           (ui == 'N' ? 0.85 : 0.62);
}

static double capped(double x)
{
    return x < 10.0 ? x : 10.0;
}

static int base_score(const struct tsn_cvss *v)
{
    bool changed = v->value[S][0] == 'C';
    double iss = 1.0 - (1.0 - weight_cia(v->value[C][0])) * (1.0 - weight_cia(v->value[I][0])) *
                           (1.0 - weight_cia(v->value[A][0]));
    double impact = changed ? 7.52 * (iss - 0.029) - 3.25 * power(iss - 0.02, 15) : 6.42 * iss;
    if (impact <= 0) {
        return 0;
    }
    double ex = exploitability(v->value[AV][0], v->value[AC][0], v->value[PR][0],
                               v->value[UI][0], changed);
    return roundup(v->version, capped(changed ? 1.08 * (impact + ex) : impact + ex));
}

static int environmental_score(const struct tsn_cvss *v)
{
    bool changed = pick(v, MS, S) == 'C';
    double miss = 1.0 - (1.0 - weight_req(v->value[CR]) * weight_cia(pick(v, MC, C))) *
                            (1.0 - weight_req(v->value[IR]) * weight_cia(pick(v, MI, I))) *
                            (1.0 - weight_req(v->value[AR]) * weight_cia(pick(v, MA, A)));
    if (miss > 0.915) {
        miss = 0.915;
    }
    double impact;
    if (!changed) {
        impact = 6.42 * miss;
    } else if (v->version == TSN_CVSS_31) {
        impact = 7.52 * (miss - 0.029) - 3.25 * power(miss * 0.9731 - 0.02, 13);
    } else {
        impact = 7.52 * (miss - 0.029) - 3.25 * power(miss - 0.02, 15);
    }
    if (impact <= 0) {
        return 0;
    }
    double ex = exploitability(pick(v, MAV, AV), pick(v, MAC, AC), pick(v, MPR, PR),
                               pick(v, MUI, UI), changed);
    int inner = roundup(v->version, capped(changed ? 1.08 * (impact + ex) : impact + ex));
    return roundup(v->version, inner / 10.0 * temporal_factor(v));
}

void tsn_cvss3_score(struct tsn_cvss *v)
{
    v->base = base_score(v);
    v->temporal = roundup(v->version, v->base / 10.0 * temporal_factor(v));
    v->environmental = environmental_score(v);
}
