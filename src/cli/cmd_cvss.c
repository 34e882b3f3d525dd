/* cmd_cvss.c - `tocsin cvss`: scores of vectors, one line each; a bad one does not stop the rest.
 *
 * Needs no daemon and no memory that grows with the input. Owns nothing. One thread.
 */
#include <string.h>
#include "casework/cvss.h"
#include "cli/out.h"
#include "core/text.h"

struct scoring {
    struct tsn_cli *cli;
    const char *place; /* "standard input", or "argument" */
    int line;          /* of it, from 1 */
    bool tsv, headed;
    unsigned long long good, bad;
};

/* A score, or "-" where the vector defines no such metric. */
static const char *shown(char out[16], bool has, int tenths)
{
    char *p = out;
    if (!has)
        return "-";
    if (tenths >= 100)
        *p++ = '1';
    *p++ = (char)('0' + tenths / 10 % 10);
    *p++ = '.';
    *p++ = (char)('0' + tenths % 10);
    *p = '\0';
    return out;
}

static void header(struct scoring *s)
{
    if (s->headed || s->cli->json)
        return;
    s->headed = true;
    if (s->tsv) {
        (void)printf("line\tversion\tvector\tbase\ttemporal_or_threat\tenvironmental\toverall\t"
                     "severity\tcode\tcolumn\n");
        return;
    }
    tsn_out_text(s->cli, stdout, TSN_DIM,
                 "CVSS  base  temporal/threat  environmental  overall  severity  vector");
    (void)putchar('\n');
}

static json_t *real(int tenths)
{
    return json_real(tenths / 10.0);
}

static void good_json(struct scoring *s, const char *vector, const char *canonical,
                      const struct tsn_cvss *v)
{
    const char *temporal = v->version == TSN_CVSS_40 ? "threat" : "temporal";
    json_t *o = json_pack(
        "{s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "line", s->line, "vector", vector,
        "canonical", canonical, "version", tsn_cvss_version_text(v->version), "base",
        real(v->base), temporal, v->has_temporal ? real(v->temporal) : json_null(),
        "environmental", v->has_environmental ? real(v->environmental) : json_null(), "overall",
        real(v->overall), "severity", tsn_cvss_band(v->version, v->overall));
    if (v->version == TSN_CVSS_40)
        json_object_set_new(o, "name", json_string(tsn_cvss_nomenclature(v)));
    tsn_out_json(s->cli, o);
    json_decref(o);
}

/* Without printf: a million lines a second go through here. */
static void tsv_line(int number, const char *const cells[7])
{
    static const char tail[] = "\t-\t-\n"; /* no code, no column */
    char line[TSN_CVSS_VECTOR_MAX + 128], digits[16];
    size_t at = 0, n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (n > 0)
        line[at++] = digits[--n];
    for (int i = 0; i < 7; i++) {
        size_t len = strlen(cells[i]);
        line[at++] = '\t';
        (void)memcpy(line + at, cells[i], len);
        at += len;
    }
    (void)memcpy(line + at, tail, sizeof tail);
    (void)fwrite(line, 1, at + sizeof tail - 1, stdout);
}

static void good(struct scoring *s, const char *vector, const struct tsn_cvss *v)
{
    char canonical[TSN_CVSS_VECTOR_MAX], base[16], temporal[16], environmental[16], overall[16];
    tsn_cvss_canonical(v, canonical);
    s->good++;
    header(s);
    if (s->cli->json) {
        good_json(s, vector, canonical, v);
        return;
    }
    const char *version = tsn_cvss_version_text(v->version), *b = shown(base, true, v->base),
               *t = shown(temporal, v->has_temporal, v->temporal),
               *e = shown(environmental, v->has_environmental, v->environmental),
               *o = shown(overall, true, v->overall),
               *severity = tsn_cvss_band(v->version, v->overall);
    if (s->tsv) {
        const char *const cells[] = {version, canonical, b, t, e, o, severity};
        tsv_line(s->line, cells);
        return;
    }
    char word[16] = "";
    for (size_t i = 0; severity[i]; i++)
        word[i] = (char)(severity[i] | 0x20);
    (void)printf("%-4s  %4s  %15s  %13s  %7s  ", version, b, t, e, o);
    tsn_out_text(s->cli, stdout, tsn_out_style_of(word), word);
    (void)printf("%*s  %s\n", (int)(8 - strlen(word)), "", canonical);
}

/* `vector` may hold anything. */
static void bad(struct scoring *s, const char *vector, struct tsn_diag *d)
{
    s->bad++;
    if (s->cli->json) {
        const char *title = tsn_code_title(d->code);
        json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:i}", "line", s->line, "code",
                              d->code, "title", title ? title : "", "detail", d->what, "hint",
                              d->hint, "column", d->col);
        json_t *text = json_string(vector); /* NULL when it is not UTF-8 */
        json_object_set_new(o, "vector", text ? text : json_null());
        tsn_out_json_not_ok(s->cli, o, TSN_EXIT_FAILED);
        json_decref(o);
        return;
    }
    if (s->tsv) {
        header(s);
        (void)printf("%d\t-\t-\t-\t-\t-\t-\t-\t%s\t%d\n", s->line, d->code, d->col);
    }
    (void)fflush(stdout); /* so that both streams read in order on a terminal */
    tsn_diag_at(d, s->place, s->line, d->col);
    (void)tsn_copy(d->source, sizeof(d->source), vector);
    (void)tsn_out_fail(s->cli, TSN_EXIT_FAILED, d);
}

static void one(struct scoring *s, const char *vector)
{
    struct tsn_cvss v;
    struct tsn_diag d;
    tsn_diag_init(&d);
    if (tsn_cvss_parse(vector, &v, &d))
        bad(s, vector, &d);
    else
        good(s, vector, &v);
}

static void one_line(void *user, const char *line, int number)
{
    struct scoring *s = user;
    s->line = number;
    one(s, line);
}

static int from_stdin(struct scoring *s)
{
    s->place = "standard input";
    return tsn_cli_lines(s->cli, TSN_CVSS_VECTOR_MAX + 1, one_line, s);
}

int tsn_cmd_cvss(struct tsn_cli *cli)
{
    struct scoring s = {.cli = cli, .tsv = (cli->given & TSN_BIT(TSN_FLAG_TSV)) != 0};
    int rc = cli->nargs == 0 ? from_stdin(&s) : 0;
    for (size_t i = 0; !rc && i < cli->nargs; i++) {
        s.place = "argument";
        s.line = (int)i + 1;
        if (strcmp(cli->arg[i], "-") == 0)
            rc = from_stdin(&s);
        else
            one(&s, cli->arg[i]);
    }
    if (rc)
        return rc;
    return s.bad == 0 ? TSN_EXIT_OK : s.good > 0 ? TSN_EXIT_PARTLY : TSN_EXIT_FAILED;
}
