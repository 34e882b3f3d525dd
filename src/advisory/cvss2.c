/* cvss2.c - scores of CVSS v2.0 (FIRST guide, section 3.2). Pure; any thread. */
#include "advisory/cvss.h"

#include <string.h>

enum { AV, AC, AU, C, I, A, E, RL, RC, CDP, TD, CR, IR, AR };

static bool is(const char *value, const char *want)
{
    return value && strcmp(value, want) == 0;
}

/* Half up to one decimal; the small term absorbs the binary error of exact halves. */
static int tenths(double x)
{
    return x <= 0 ? 0 : (int)(x * 10.0 + 0.5 + 1e-9);
}

static double weight_cia(const char *s)
{
    return is(s, "C") ? 0.660 : is(s, "P") ? 0.275 : 0.0;
}

static double weight_req(const char *s)
{
    return is(s, "L") ? 0.5 : is(s, "H") ? 1.51 : 1.0;
}

static double temporal_factor(const struct tsn_cvss *v)
{
    const char *e = v->value[E], *rl = v->value[RL], *rc = v->value[RC];
    double f = is(e, "U") ? 0.85 : is(e, "POC") ? 0.9 : is(e, "F") ? 0.95 : 1.0;
    f *= is(rl, "OF") ? 0.87 : is(rl, "TF") ? 0.90 : is(rl, "W") ? 0.95 : 1.0;
    f *= is(rc, "UC") ? 0.90 : is(rc, "UR") ? 0.95 : 1.0;
    return f;
}

static int base_with(const struct tsn_cvss *v, double impact)
{
    const char *av = v->value[AV], *ac = v->value[AC], *au = v->value[AU];
    double ex = 20.0 *
                (is(av, "N")   ? 1.0
                 : is(av, "A") ? 0.646
                               : 0.395) *
                (is(ac, "L")   ? 0.71
                 : is(ac, "M") ? 0.61
                               : 0.35) *
                (is(au, "N")   ? 0.704
                 : is(au, "S") ? 0.56
                               : 0.45);
    double f = impact > 0 ? 1.176 : 0.0;
    return tenths((0.6 * impact + 0.4 * ex - 1.5) * f);
}

void tsn_cvss2_score(struct tsn_cvss *v)
{
    double c = weight_cia(v->value[C]), i = weight_cia(v->value[I]),
           a = weight_cia(v->value[A]);
    v->base = base_with(v, 10.41 * (1 - (1 - c) * (1 - i) * (1 - a)));
    v->temporal = tenths(v->base / 10.0 * temporal_factor(v));

    double adjusted =
        10.41 * (1 - (1 - c * weight_req(v->value[CR])) * (1 - i * weight_req(v->value[IR])) *
                         (1 - a * weight_req(v->value[AR])));
    if (adjusted > 10.0) {
        adjusted = 10.0;
    }
    double at = tenths(base_with(v, adjusted) / 10.0 * temporal_factor(v)) / 10.0;
    const char *cdp = v->value[CDP], *td = v->value[TD];
    double damage = is(cdp, "L")    ? 0.1
                    : is(cdp, "LM") ? 0.3
                    : is(cdp, "MH") ? 0.4
                    : is(cdp, "H")  ? 0.5
                                    : 0.0;
    double spread = is(td, "N") ? 0.0 : is(td, "L") ? 0.25 : is(td, "M") ? 0.75 : 1.0;
    v->environmental = tenths((at + (10.0 - at) * damage) * spread);
}
