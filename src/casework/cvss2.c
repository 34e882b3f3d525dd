/* cvss2.c - scores of CVSS 2.0 (FIRST, complete guide, section 3.2). Pure; any thread.
 *
 *   Base          = round((0.6 Impact + 0.4 Exploitability - 1.5) f(Impact))
 *   Impact        = 10.41 (1 - (1-C)(1-I)(1-A))
 *   Exploitability= 20 AV AC Au;   f = 0 where Impact is 0, else 1.176
 *   Temporal      = round(Base E RL RC)
 *   Environmental = round((AT + (10 - AT) CDP) TD), AT = Temporal over
 *   AdjustedImpact= min(10, 10.41 (1 - (1-C CR)(1-I IR)(1-A AR)))
 *
 * round is half up to one decimal, also of Base and Temporal inside AT. No score is below 0. */
#include <stdint.h>
#include "casework/cvss.h"

__extension__ typedef unsigned __int128 wide;

enum { AV, AC, AU, C, I, A, E, RL, RC, CDP, TD, CR, IR, AR };

/* Thousandths. */
static int64_t weight_cia(const char *s)
{
    return s[0] == 'C' ? 660 : s[0] == 'P' ? 275 : 0;
}

/* Hundredths; absent, ND and M are 1. */
static int64_t weight_req(const char *s)
{
    return !s ? 100 : s[0] == 'L' ? 50 : s[0] == 'H' ? 151 : 100;
}

/* Millionths of E RL RC. */
static int64_t temporal_factor(const struct tsn_cvss *v)
{
    const char *e = v->value[E], *rl = v->value[RL], *rc = v->value[RC];
    int64_t f = 100;
    if (e) {
        f = e[0] == 'U' ? 85 : e[0] == 'P' ? 90 : e[0] == 'F' ? 95 : 100;
    }
    int64_t g = 100;
    if (rl) {
        g = rl[0] == 'O' ? 87 : rl[0] == 'T' ? 90 : rl[0] == 'W' ? 95 : 100;
    }
    int64_t h = 100;
    if (rc && rc[0] == 'U') {
        h = rc[1] == 'C' ? 90 : 95;
    }
    return f * g * h;
}

/* `impact` at 10^17. Tenths. */
static int base_with(const struct tsn_cvss *v, int64_t impact)
{
    if (impact == 0) {
        return 0;
    }
    char av = v->value[AV][0], ac = v->value[AC][0], au = v->value[AU][0];
    /* At 10^8, at most 9.996 x 10^8. */
    int64_t ex = (int64_t)20 *
                 (av == 'N'   ? 1000
                  : av == 'A' ? 646
                              : 395) *
                 (ac == 'L'   ? 71
                  : ac == 'M' ? 61
                              : 35) *
                 (au == 'N'   ? 704
                  : au == 'S' ? 560
                              : 450);
    /* At 10^18; 1.5 first, so that 8.8 x 10^18 stays inside 63 bits. */
    int64_t sum = INT64_C(-1500000000000000000) + 6 * impact + 4 * ex * INT64_C(1000000000);
    if (sum <= 0) {
        return 0;
    }
    return (int)(((wide)sum * 1176 + (wide)UINT64_C(50000000000000000) * 1000) /
                 ((wide)UINT64_C(100000000000000000) * 1000));
}

/* tenths x factor, half up. */
static int temporal(int tenths, int64_t factor)
{
    return (int)((tenths * factor + 500000) / 1000000);
}

/* 10.41 (1 - the product) at 10^17. */
static int64_t impact_of(const struct tsn_cvss *v, int64_t cr, int64_t ir, int64_t ar)
{
    int64_t left = (100000 - weight_cia(v->value[C]) * cr) *
                   (100000 - weight_cia(v->value[I]) * ir) *
                   (100000 - weight_cia(v->value[A]) * ar);
    return 1041 * (INT64_C(1000000000000000) - left);
}

static int environmental(const struct tsn_cvss *v, int64_t factor)
{
    int64_t impact = impact_of(v, weight_req(v->value[CR]), weight_req(v->value[IR]),
                               weight_req(v->value[AR]));
    if (impact > INT64_C(1000000000000000000)) {
        impact = INT64_C(1000000000000000000);
    }
    int adjusted = temporal(base_with(v, impact), factor);
    const char *cdp = v->value[CDP], *td = v->value[TD];
    int damage = 0, spread = 100; /* tenths, hundredths */
    if (cdp && cdp[0] != 'N') {
        damage = cdp[0] == 'M' ? 4 : cdp[0] == 'H' ? 5 : cdp[1] == 'M' ? 3 : 1;
    }
    if (td && td[1] != 'D') {
        spread = td[0] == 'N' ? 0 : td[0] == 'L' ? 25 : td[0] == 'M' ? 75 : 100;
    }
    return ((10 * adjusted + (100 - adjusted) * damage) * spread + 500) / 1000;
}

void tsn_cvss2_score(struct tsn_cvss *v)
{
    int64_t factor = temporal_factor(v);
    v->base = base_with(v, impact_of(v, 100, 100, 100));
    v->temporal = temporal(v->base, factor);
    v->environmental = environmental(v, factor);
    v->overall = v->has_environmental ? v->environmental
                 : v->has_temporal    ? v->temporal
                                      : v->base;
}
