/* cvss4.c - scores of CVSS 4.0 (FIRST, specification, section 8). Pure; any thread.
 *
 * Six equivalence sets of metrics (EQ1 to EQ6) give the MacroVector, whose score is looked up. EQ3
 * and EQ6 depend on each other and count as one. Then, for each set with a next lower MacroVector:
 *
 *   available   = score - score of the next lower MacroVector
 *   proportion  = severity distance to the highest vectors of the set / depth of the set
 *   score      -= mean of available x proportion, rounded half up to one decimal
 *
 * A severity distance is a sum of steps, one for each level of each metric. All highest vectors of
 * a set have the same sum of levels, and one of them is never below the vector in any metric, so
 * the distance is the vector's own sum less that constant. EQ5 has one metric with one level in
 * each set: it takes part in the mean with distance 0. All is exact: 840 is a multiple of every
 * depth. */
#include <stdint.h>
#include "casework/cvss.h"

enum {
    AV,
    AC,
    AT,
    PR,
    UI,
    VC,
    VI,
    VA,
    SC,
    SI,
    SA,
    E,
    CR,
    IR,
    AR,
    MAV,
    MAC,
    MAT,
    MPR,
    MUI,
    MVC,
    MVI,
    MVA,
    MSC,
    MSI,
    MSA
};

/* Tenths by MacroVector: a row for EQ1 EQ2 EQ3; in it EQ4, EQ5, EQ6, the last fastest. 0: there is
 * none (EQ3 = 2 with EQ6 = 0). The 270 values that FIRST publishes with the specification. */
/* clang-format off */
static const uint8_t macro_score[18 * 18] = {
    /* 000 */ 100, 99, 98, 95, 95, 92, 100, 96, 93, 87, 91, 81, 93, 90, 89, 80, 81, 68,
    /* 001 */ 98, 95, 95, 92, 90, 84, 93, 92, 89, 81, 81, 65, 88, 80, 78, 70, 69, 48,
    /* 002 */  0, 92,  0, 82,  0, 72,  0, 79,  0, 69,  0, 50,  0, 69,  0, 55,  0, 27,
    /* 010 */ 99, 97, 95, 92, 92, 85, 95, 91, 90, 83, 84, 71, 92, 81, 82, 71, 72, 53,
    /* 011 */ 95, 93, 92, 85, 85, 73, 92, 82, 80, 72, 70, 59, 84, 70, 71, 52, 50, 30,
    /* 012 */  0, 86,  0, 75,  0, 52,  0, 71,  0, 52,  0, 29,  0, 63,  0, 29,  0, 17,
    /* 100 */ 98, 95, 94, 87, 91, 81, 94, 89, 86, 74, 77, 64, 87, 75, 74, 63, 63, 49,
    /* 101 */ 94, 89, 88, 77, 76, 67, 86, 76, 74, 58, 59, 50, 72, 57, 57, 52, 52, 25,
    /* 102 */  0, 83,  0, 70,  0, 54,  0, 65,  0, 58,  0, 26,  0, 53,  0, 21,  0, 13,
    /* 110 */ 95, 90, 88, 76, 76, 70, 90, 77, 75, 62, 61, 53, 77, 66, 68, 59, 52, 30,
    /* 111 */ 89, 78, 76, 67, 62, 58, 74, 59, 57, 57, 47, 23, 61, 52, 57, 29, 24, 16,
    /* 112 */  0, 71,  0, 59,  0, 30,  0, 58,  0, 26,  0, 15,  0, 23,  0, 13,  0,  6,
    /* 200 */ 93, 87, 86, 72, 75, 58, 86, 74, 74, 61, 56, 34, 70, 54, 52, 40, 40, 22,
    /* 201 */ 85, 75, 74, 55, 62, 51, 72, 57, 55, 41, 46, 19, 53, 36, 34, 19, 19,  8,
    /* 202 */  0, 64,  0, 51,  0, 20,  0, 47,  0, 21,  0, 11,  0, 24,  0,  9,  0,  4,
    /* 210 */ 88, 75, 73, 53, 60, 50, 73, 55, 59, 40, 41, 20, 54, 43, 45, 22, 20, 11,
    /* 211 */ 75, 55, 58, 45, 40, 21, 61, 51, 48, 18, 20,  9, 46, 18, 17,  7,  8,  2,
    /* 212 */  0, 53,  0, 24,  0, 14,  0, 24,  0, 12,  0,  5,  0, 10,  0,  3,  0,  1,
};
/* clang-format on */

/* Sum of levels of the highest vectors of each set, and its depth: the largest distance inside the
 * set plus one. */
static const uint8_t top1[] = {0, 1, 3}, depth1[] = {1, 4, 5};
static const uint8_t top2[] = {0, 1}, depth2[] = {1, 2};
static const uint8_t top36[3][2] = {{0, 3}, {1, 3}, {0, 3}},
                     depth36[3][2] = {{7, 6}, {8, 8}, {1, 10}};
static const uint8_t top4[] = {1, 3, 6}, depth4[] = {6, 5, 4};

/* How far each metric is from its worst value. */
struct levels {
    int av, pr, ui, ac, at, vc, vi, va, sc, si, sa, cr, ir, ar, e;
};

static int level_av(char c)
{
    return c == 'N' ? 0 : c == 'A' ? 1 : c == 'L' ? 2 : 3;
}

static int level_pr(char c)
{
    return c == 'N' ? 0 : c == 'L' ? 1 : 2;
}

static int level_ui(char c)
{
    return c == 'N' ? 0 : c == 'P' ? 1 : 2;
}

static int level_impact(char c)
{
    return c == 'H' ? 0 : c == 'L' ? 1 : 2;
}

static int level_sub(char c)
{
    return c == 'S' ? 0 : c == 'H' ? 1 : c == 'L' ? 2 : 3;
}

/* Absent and X are High. */
static int level_req(const char *s)
{
    return !s ? 0 : s[0] == 'M' ? 1 : s[0] == 'L' ? 2 : 0;
}

/* Absent and X are Attacked. */
static int level_e(const char *s)
{
    return !s ? 0 : s[0] == 'P' ? 1 : s[0] == 'U' ? 2 : 0;
}

static char pick(const struct tsn_cvss *v, int modified, int base, bool environmental)
{
    const char *m = environmental ? v->value[modified] : NULL;
    return m && m[0] != 'X' ? m[0] : v->value[base][0];
}

static void levels_of(const struct tsn_cvss *v, bool threat, bool env, struct levels *l)
{
    l->av = level_av(pick(v, MAV, AV, env));
    l->pr = level_pr(pick(v, MPR, PR, env));
    l->ui = level_ui(pick(v, MUI, UI, env));
    l->ac = pick(v, MAC, AC, env) == 'H';
    l->at = pick(v, MAT, AT, env) == 'P';
    l->vc = level_impact(pick(v, MVC, VC, env));
    l->vi = level_impact(pick(v, MVI, VI, env));
    l->va = level_impact(pick(v, MVA, VA, env));
    l->sc = level_sub(pick(v, MSC, SC, env));
    l->si = level_sub(pick(v, MSI, SI, env));
    l->sa = level_sub(pick(v, MSA, SA, env));
    l->cr = env ? level_req(v->value[CR]) : 0;
    l->ir = env ? level_req(v->value[IR]) : 0;
    l->ar = env ? level_req(v->value[AR]) : 0;
    l->e = threat ? level_e(v->value[E]) : 0;
}

static int macro(int eq1, int eq2, int eq3, int eq4, int eq5, int eq6)
{
    return macro_score[((((eq1 * 2 + eq2) * 3 + eq3) * 3 + eq4) * 3 + eq5) * 2 + eq6];
}

/* One set's share: adds available x proportion in 840ths of a tenth; `lower` 0 = no next one. */
static void share(int value, int lower, int distance, int depth, int *sum, int *count)
{
    if (lower > 0 && value >= lower) {
        *sum += (value - lower) * distance * (840 / depth);
        *count += 1;
    }
}

/* Score of the next lower MacroVector of EQ3 and EQ6 together; two ways down: the higher. */
static int lower36(int eq1, int eq2, int eq3, int eq4, int eq5, int eq6)
{
    int left = eq6 == 0 ? macro(eq1, eq2, eq3, eq4, eq5, 1) : 0;
    int right =
        eq3 < 2 && !(eq3 == 1 && eq6 == 0) ? macro(eq1, eq2, eq3 + 1, eq4, eq5, eq6) : 0;
    return left > right ? left : right;
}

static int score(const struct levels *l)
{
    if (l->vc + l->vi + l->va == 6 && l->sc + l->si + l->sa == 9) {
        return 0; /* no impact on any system */
    }
    int zeros = (l->av == 0) + (l->pr == 0) + (l->ui == 0);
    int eq1 = zeros == 3 ? 0 : zeros > 0 && l->av != 3 ? 1 : 2;
    int eq2 = l->ac + l->at > 0;
    int eq3 = l->vc == 0 && l->vi == 0 ? 0 : l->vc == 0 || l->vi == 0 || l->va == 0 ? 1 : 2;
    int eq4 = l->si == 0 || l->sa == 0 ? 0 : l->sc == 1 || l->si == 1 || l->sa == 1 ? 1 : 2;
    int eq5 = l->e;
    int eq6 = !((l->cr == 0 && l->vc == 0) || (l->ir == 0 && l->vi == 0) ||
                (l->ar == 0 && l->va == 0));
    int value = macro(eq1, eq2, eq3, eq4, eq5, eq6);
    int sum = 0, count = 0;
    share(value, eq1 < 2 ? macro(eq1 + 1, eq2, eq3, eq4, eq5, eq6) : 0,
          l->av + l->pr + l->ui - top1[eq1], depth1[eq1], &sum, &count);
    share(value, eq2 < 1 ? macro(eq1, 1, eq3, eq4, eq5, eq6) : 0, l->ac + l->at - top2[eq2],
          depth2[eq2], &sum, &count);
    share(value, lower36(eq1, eq2, eq3, eq4, eq5, eq6),
          l->vc + l->vi + l->va + l->cr + l->ir + l->ar - top36[eq3][eq6], depth36[eq3][eq6],
          &sum, &count);
    share(value, eq4 < 2 ? macro(eq1, eq2, eq3, eq4 + 1, eq5, eq6) : 0,
          l->sc + l->si + l->sa - top4[eq4], depth4[eq4], &sum, &count);
    share(value, eq5 < 2 ? macro(eq1, eq2, eq3, eq4, eq5 + 1, eq6) : 0, 0, 1, &sum, &count);
    if (count == 0) {
        return value;
    }
    int whole = 840 * count;
    int left = value * whole - sum;
    return left <= 0 ? 0 : (2 * left + whole) / (2 * whole);
}

static int score_with(const struct tsn_cvss *v, bool threat, bool env)
{
    struct levels l;
    levels_of(v, threat, env, &l);
    return score(&l);
}

void tsn_cvss4_score(struct tsn_cvss *v)
{
    v->base = score_with(v, false, false);
    v->temporal = v->has_temporal ? score_with(v, true, false) : v->base;
    v->environmental = v->has_environmental ? score_with(v, false, true) : v->base;
    v->overall = v->has_temporal && v->has_environmental ? score_with(v, true, true)
                 : v->has_environmental                  ? v->environmental
                                                         : v->temporal;
}
