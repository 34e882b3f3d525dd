/* cve_id.c - see cve_id.h. Pure; any thread. */
#include "core/cve_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGITS "0123456789"

/* Digits at *s, moved past them; `least` of them, no zeros in front beyond that. */
static bool number(const char **s, size_t least, int64_t *out)
{
    size_t n = strspn(*s, DIGITS);
    if (n < least || n > 18 || (n > least && **s == '0'))
        return false;
    *out = 0;
    for (; n; n--, (*s)++)
        *out = *out * 10 + (**s - '0');
    return true;
}

static const char *read_id(const char *s, struct tsn_cve_id *out, const char **why)
{
    int64_t year = 0;
    *why = "it begins with CVE- in capitals";
    if (strncmp(s, "CVE-", 4) != 0)
        return NULL;
    s += 4;
    *why = "the year has four digits, and ids begin with 1999";
    if (strspn(s, DIGITS) != 4 || !number(&s, 4, &year) || year < 1999 || *s != '-')
        return NULL;
    s++;
    *why = "the number has at least four digits, and no zeros in front beyond that";
    if (!number(&s, 4, &out->number) || out->number == 0)
        return NULL;
    out->year = (int)year;
    return s;
}

static tsn_err refuse(const char *s, const char *why, struct tsn_diag *diag)
{
    tsn_diag_set(diag, TSN_EINPUT, "W080", "`%.64s` is not a CVE id: %s", s, why);
    tsn_diag_hint(diag, "CVE-2026-12345; a block of them: CVE-2026-1000..1099");
    return TSN_EINPUT;
}

tsn_err tsn_cve_id_parse(const char *s, struct tsn_cve_id *out, struct tsn_diag *diag)
{
    const char *why, *end = read_id(s, out, &why);
    return end && !*end ? 0 : refuse(s, end ? "something stands behind it" : why, diag);
}

bool tsn_cve_id_ok(const char *s)
{
    struct tsn_cve_id id;
    const char *why, *end = read_id(s, &id, &why);
    return end && !*end;
}

void tsn_cve_id_print(const struct tsn_cve_id *id, char out[TSN_CVE_ID_MAX])
{
    (void)snprintf(out, TSN_CVE_ID_MAX, "CVE-%d-%04" PRId64, id->year % 10000, id->number);
}

tsn_err tsn_cve_block_parse(const char *s, struct tsn_cve_block *out, struct tsn_diag *diag)
{
    struct tsn_cve_id first, last;
    const char *why, *end = read_id(s, &first, &why);
    if (!end)
        return refuse(s, why, diag);
    last = first;
    if (!strncmp(end, "..", 2)) {
        const char *p = end + 2;
        why = "behind `..` stands a number of four or more digits, or an id";
        end = strncmp(p, "CVE-", 4) != 0 ? number(&p, 4, &last.number) ? p : NULL
                                         : read_id(p, &last, &why);
        if (!end)
            return refuse(s, why, diag);
    }
    if (*end)
        return refuse(s, "something stands behind it", diag);
    if (last.year != first.year || last.number < first.number)
        return refuse(s, "a block has one year and its last number is not below the first",
                      diag);
    *out = (struct tsn_cve_block){first.year, first.number, last.number};
    return 0;
}

bool tsn_cve_block_has(const struct tsn_cve_block *b, const struct tsn_cve_id *id)
{
    return b->year == id->year && id->number >= b->first && id->number <= b->last;
}
