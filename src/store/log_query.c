/* log_query.c - parses the query language of the log. Pure. See log_query.h. */
#include "store/log_query.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"
#include "store/log_index.h"

#define DAY_MS 86400000

enum shape { SHAPE_WORD, SHAPE_NUMBER, SHAPE_TIME, SHAPE_MARK };

static const struct {
    const char *name;
    enum shape shape;
} fields[TSN_LOG_FIELDS] = {
    [TSN_LOG_SEQ] = {"seq", SHAPE_NUMBER},     [TSN_LOG_TIME] = {"time", SHAPE_TIME},
    [TSN_LOG_KIND] = {"kind", SHAPE_WORD},     [TSN_LOG_ACTOR] = {"actor", SHAPE_WORD},
    [TSN_LOG_AUTH] = {"auth", SHAPE_WORD},     [TSN_LOG_CASE] = {"case", SHAPE_WORD},
    [TSN_LOG_RUN] = {"run", SHAPE_WORD},       [TSN_LOG_CHAIN] = {"chain", SHAPE_WORD},
    [TSN_LOG_REF] = {"ref", SHAPE_NUMBER},     [TSN_LOG_PLAYBOOK] = {"playbook", SHAPE_WORD},
    [TSN_LOG_STEP] = {"step", SHAPE_WORD},     [TSN_LOG_ATTEMPT] = {"attempt", SHAPE_NUMBER},
    [TSN_LOG_IDEM] = {"idem", SHAPE_WORD},     [TSN_LOG_OUTCOME] = {"outcome", SHAPE_WORD},
    [TSN_LOG_REASON] = {"reason", SHAPE_WORD}, [TSN_LOG_FROM] = {"from", SHAPE_WORD},
    [TSN_LOG_TO] = {"to", SHAPE_WORD},         [TSN_LOG_TLP] = {"tlp", SHAPE_MARK},
    [TSN_LOG_NODE] = {"node", SHAPE_WORD},     [TSN_LOG_TEXT] = {"text", SHAPE_WORD},
};

tsn_err tsn_log_query_wrong(const struct tsn_log_query *q, int col, struct tsn_diag *diag,
                            tsn_err err, const char *fmt, ...)
{
    char what[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    if (diag) {
        tsn_diag_at(diag, "query", 1, col);
        (void)tsn_copy(diag->source, sizeof(diag->source), q->text);
    }
    return tsn_diag_set(diag, err, "V202", "%s", what);
}

struct parse {
    struct tsn_arena *arena;
    struct tsn_log_query *q;
    struct tsn_diag *diag;
    const char *at; /* in q->text */
    int64_t now_ms;
};

/* In characters, as carets are placed. */
static int col_of(const struct parse *p, const char *at)
{
    int col = 1;

    for (const char *c = p->q->text; c < at; c++)
        col += ((unsigned char)*c & 0xc0) != 0x80;
    return col;
}

#define WRONG(p, at, ...)                                                                      \
    tsn_log_query_wrong((p)->q, col_of(p, at), (p)->diag, TSN_EINPUT, __VA_ARGS__)

/* One value: up to a space or a comma, or in quotes with \" and \\. */
static tsn_err take_value(struct parse *p, const char **out, bool *quoted)
{
    const char *from = p->at;
    char *text = tsn_arena_alloc(p->arena, strlen(from) + 1);
    size_t n = 0;

    *quoted = *p->at == '"';
    if (!*quoted) {
        while (*p->at && *p->at != ' ' && *p->at != ',')
            text[n++] = *p->at++;
    } else {
        for (p->at++; *p->at != '"'; p->at++) {
            if (*p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\'))
                p->at++;
            if (!*p->at)
                return WRONG(p, from, "this quotation mark is not closed");
            text[n++] = *p->at;
        }
        p->at++;
        if (*p->at && *p->at != ' ' && *p->at != ',')
            return WRONG(p, p->at, "a space or a comma must follow a closing quotation mark");
    }
    text[n] = '\0';
    if (n == 0)
        return WRONG(p, from, "a value is missing here");
    *out = text;
    return 0;
}

/* --- numbers, times, markings --------------------------------------------------------------- */

/* A date is the day from its first to its last millisecond; a duration is that long ago. */
static bool parse_time(const struct parse *p, const char *text, int64_t *lo, int64_t *hi)
{
    char full[40];
    int64_t ago;

    if (strlen(text) == 10 && text[4] == '-') {
        (void)snprintf(full, sizeof(full), "%sT00:00:00Z", text);
        if (tsn_time_parse(full, lo))
            return false;
        *hi = *lo + DAY_MS - 1;
        return true;
    }
    if (tsn_time_parse(text, lo) == 0) {
        *hi = *lo;
        return true;
    }
    if (tsn_duration_parse(text, &ago) == 0) {
        *lo = *hi = p->now_ms - ago;
        return true;
    }
    return false;
}

static tsn_err parse_bound(struct parse *p, enum tsn_log_field field, const char *text,
                           const char *at, int64_t *lo, int64_t *hi)
{
    switch (fields[field].shape) {
    case SHAPE_TIME:
        if (parse_time(p, text, lo, hi))
            return 0;
        return WRONG(p, at, "`%.60s` is no time: 2026-11-24, 2026-11-24T09:15:00Z or 7d", text);
    case SHAPE_MARK:
        *lo = *hi = tsn_tlp_rank(text);
        if (*lo >= 0)
            return 0;
        return WRONG(p, at, "`%.60s` is no marking: clear, green, amber, amber+strict or red",
                     text);
    case SHAPE_NUMBER:
        if (tsn_parse_int(text[0] == '#' ? text + 1 : text, 0, INT64_MAX, lo) == 0) {
            *hi = *lo;
            return 0;
        }
        return WRONG(p, at, "`%.60s` is no number", text);
    case SHAPE_WORD:
        break;
    }
    return WRONG(p, at, "%s has no order to compare by", fields[field].name);
}

/* "<=5" ">x" "a..b" "a.." "..b", or one plain value. */
static tsn_err parse_range(struct parse *p, struct tsn_log_term *t, const char *text,
                           const char *at)
{
    const char *dots = strstr(text, "..");
    int64_t lo = 0, hi = 0;
    bool below = text[0] == '<', equal;
    tsn_err err;

    t->ranged = true;
    t->lo = INT64_MIN;
    t->hi = INT64_MAX;
    if (below || text[0] == '>') {
        equal = text[1] == '=';
        err = parse_bound(p, t->field, text + 1 + equal, at + 1 + equal, &lo, &hi);
        if (below)
            t->hi = equal ? hi : lo - 1;
        else
            t->lo = equal ? lo : hi + 1;
        return err;
    }
    if (!dots) {
        err = parse_bound(p, t->field, text, at, &t->lo, &t->hi);
        return err;
    }
    if (dots != text) {
        err = parse_bound(p, t->field, tsn_arena_strndup(p->arena, text, (size_t)(dots - text)),
                          at, &t->lo, &hi);
        if (err)
            return err;
    }
    if (dots[2]) {
        err = parse_bound(p, t->field, dots + 2, at + (dots - text) + 2, &lo, &t->hi);
        if (err)
            return err;
    }
    return t->lo > t->hi ? WRONG(p, at, "the end is before the beginning") : 0;
}

/* --- terms ---------------------------------------------------------------------------------- */

static tsn_err parse_values(struct parse *p, struct tsn_log_term *t)
{
    t->values = tsn_arena_alloc(p->arena, TSN_LOG_VALUES_MAX * sizeof(*t->values));
    for (;;) {
        const char *from = p->at, *text = "";
        bool quoted = false, number = fields[t->field].shape != SHAPE_WORD;
        size_t len;
        tsn_err err = take_value(p, &text, &quoted);

        if (err)
            return err;
        if (number) {
            if (*p->at == ',')
                return WRONG(p, p->at, "%s takes one value, or a range A..B",
                             fields[t->field].name);
            return parse_range(p, t, text, from + quoted);
        }
        if (t->nvalues == TSN_LOG_VALUES_MAX)
            return WRONG(p, from, "more than %d values", TSN_LOG_VALUES_MAX);
        len = strlen(text);
        t->values[t->nvalues].begins = !quoted && len > 1 && text[len - 1] == '*';
        t->values[t->nvalues].text =
            t->values[t->nvalues].begins ? tsn_arena_strndup(p->arena, text, len - 1) : text;
        if (!quoted && t->field != TSN_LOG_TEXT && memchr(text, '*', len - 1))
            return WRONG(p, from + (strchr(text, '*') - text),
                         "`*` stands at the end of a value only");
        t->nvalues++;
        if (*p->at != ',')
            return 0;
        p->at++;
    }
}

static bool is_field(const char *name, size_t n)
{
    for (int i = 0; i < TSN_LOG_FIELDS; i++) {
        if (strlen(fields[i].name) == n && strncmp(fields[i].name, name, n) == 0)
            return true;
    }
    return n == 5 && (strncmp(name, "since", n) == 0 || strncmp(name, "until", n) == 0);
}

static tsn_err unknown_field(struct parse *p, const char *name, const char *at)
{
    const char *names[TSN_LOG_FIELDS + 2], *near;

    for (int i = 0; i < TSN_LOG_FIELDS; i++)
        names[i] = fields[i].name;
    names[TSN_LOG_FIELDS] = "since";
    names[TSN_LOG_FIELDS + 1] = "until";
    near = tsn_suggest(name, names, TSN_LOG_FIELDS + 2);
    if (near)
        tsn_diag_hint(p->diag, "did you mean %s: ?", near);
    else
        tsn_diag_hint(p->diag, "text with a colon in it goes into quotation marks; fields: "
                               "tocsin help query");
    return WRONG(p, at, "there is no field `%.40s`", name);
}

static tsn_err parse_since(struct parse *p, struct tsn_log_term *t, bool until)
{
    const char *from = p->at, *text = "";
    bool quoted = false;
    int64_t lo = 0, hi = 0;
    tsn_err err = take_value(p, &text, &quoted);

    t->field = TSN_LOG_TIME;
    t->ranged = true;
    t->lo = INT64_MIN;
    t->hi = INT64_MAX;
    if (!err)
        err = parse_bound(p, TSN_LOG_TIME, text, from + quoted, &lo, &hi);
    if (!err && until)
        t->hi = hi;
    else if (!err)
        t->lo = lo;
    return err;
}

static tsn_err parse_term(struct parse *p, struct tsn_log_term *t)
{
    const char *from = p->at, *name;
    size_t n = 0;

    t->col = col_of(p, from);
    while (isalpha((unsigned char)p->at[n]))
        n++;
    if (p->at[n] == '=' && is_field(p->at, n)) { /* as text it would find nothing, silently */
        tsn_diag_hint(p->diag, "write %.*s:VALUE; text with = in it goes into quotation marks",
                      (int)n, p->at);
        return WRONG(p, from + n, "a field and its value are parted by a colon");
    }
    if (n == 0 || p->at[n] != ':') {
        t->field = TSN_LOG_TEXT; /* a word alone */
        return parse_values(p, t);
    }
    name = tsn_arena_strndup(p->arena, p->at, n);
    p->at += n + 1;
    if (strcmp(name, "since") == 0 || strcmp(name, "until") == 0)
        return parse_since(p, t, name[0] == 'u');
    for (int i = 0; i < TSN_LOG_FIELDS; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            t->field = (enum tsn_log_field)i;
            return parse_values(p, t);
        }
    }
    return unknown_field(p, name, from);
}

tsn_err tsn_log_query_parse(struct tsn_arena *arena, const char *text, int64_t now_ms,
                            struct tsn_log_query *out, struct tsn_diag *diag)
{
    struct parse p = {.arena = arena, .q = out, .diag = diag, .now_ms = now_ms};
    tsn_err err;

    memset(out, 0, sizeof(*out));
    out->text = tsn_arena_strdup(arena, text ? text : "");
    p.at = out->text;
    if (strlen(out->text) > TSN_LOG_QUERY_MAX)
        return tsn_diag_set(diag, TSN_ETOOBIG, "V202", "the query is over %d bytes",
                            TSN_LOG_QUERY_MAX);
    for (const char *c = out->text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return WRONG(&p, c, "a control character");
    }
    out->terms = tsn_arena_alloc(arena, TSN_LOG_TERMS_MAX * sizeof(*out->terms));
    for (;;) {
        struct tsn_log_term *t = &out->terms[out->nterms];

        p.at += strspn(p.at, " ");
        if (!*p.at)
            return 0;
        if (out->nterms == TSN_LOG_TERMS_MAX)
            return WRONG(&p, p.at, "more than %d terms", TSN_LOG_TERMS_MAX);
        t->no = (*p.at == '-' || *p.at == '!') && p.at[1] && p.at[1] != ' ';
        p.at += t->no;
        err = parse_term(&p, t);
        if (err)
            return err;
        if (*p.at == ',')
            return WRONG(&p, p.at, "a comma without values before it");
        out->nterms++;
    }
}
