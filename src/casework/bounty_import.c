/* bounty_import.c - exports of bounty platforms in one neutral form. Pure.
 *
 * Sources: HackerOne's CSV export and API v1 (GET /reports), Bugcrowd's submissions CSV. CSV as in RFC
 * 4180: quotes, doubled quotes, line ends inside quotes. */
#include "casework/bounty.h"

#include <stdlib.h>
#include <string.h>
#include "core/json.h"

#define COLUMNS_MAX 64
#define ROWS_MAX    100000

struct csv {
    const char *p, *end;
    int line;
};

static tsn_err bad(struct tsn_diag *diag, int line, const char *what)
{
    tsn_diag_at(diag, "export", line, 1);
    tsn_diag_set(diag, TSN_EINPUT, "W050", "line %d: %s", line, what);
    tsn_diag_hint(diag, "HackerOne (CSV or API JSON) and Bugcrowd (CSV) exports are read");
    return TSN_EINPUT;
}

static void free_row(char *cells[COLUMNS_MAX], size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(cells[i]);
}

/* One row into malloc'ed cells; *n 0 at the end. */
static tsn_err next_row(struct csv *c, char *cells[COLUMNS_MAX], size_t *n,
                        struct tsn_diag *diag)
{
    int began = c->line;
    *n = 0;
    if (c->p >= c->end)
        return 0;
    for (;;) {
        struct tsn_buf b;
        bool quoted = c->p < c->end && *c->p == '"';
        tsn_buf_init(&b, (size_t)4 << 20);
        if (quoted)
            c->p++;
        while (c->p < c->end) {
            char ch = *c->p;
            if (quoted && ch == '"') {
                if (c->p + 1 < c->end && c->p[1] == '"') {
                    c->p++;
                } else {
                    c->p++;
                    quoted = false;
                    continue;
                }
            } else if (!quoted && (ch == ',' || ch == '\n' || ch == '\r')) {
                break;
            }
            c->line += ch == '\n';
            (void)tsn_buf_putc(&b, ch);
            c->p++;
        }
        if (quoted || b.err || *n == COLUMNS_MAX) {
            tsn_buf_free(&b);
            free_row(cells, *n);
            *n = 0;
            return bad(diag, began, quoted ? "a quote is not closed" : "a row is too large");
        }
        cells[(*n)++] = tsn_buf_take(&b, NULL);
        if (c->p < c->end && *c->p == ',') {
            c->p++;
            continue;
        }
        if (c->p < c->end && *c->p == '\r')
            c->p++;
        if (c->p < c->end && *c->p == '\n') {
            c->p++;
            c->line++;
        }
        return 0;
    }
}

static void put(json_t *o, const char *key, const char *value)
{
    json_t *v = value && value[0] ? json_string(value) : NULL;
    if (v)
        json_object_set_new(o, key, v);
}

/* "2024-05-12 04:05:27 UTC" to RFC 3339. */
static void put_time(json_t *o, const char *key, const char *value)
{
    char text[40];
    if (!value || strlen(value) < 19)
        return;
    (void)snprintf(text, sizeof text, "%.10sT%.8sZ", value, value + 11);
    put(o, key, text);
}

static void put_amount(json_t *o, const char *value)
{
    char *end = NULL;
    double d = value && value[0] ? strtod(value, &end) : 0;
    if (d > 0 && end && !*end)
        json_object_set_new(o, "amount", json_integer((json_int_t)(d + 0.5)));
}

/* Columns of a platform and the member each becomes. */
struct column {
    const char *name, *member;
};
static const struct column hackerone[] = {{"id", "external_id"},
                                          {"title", "title"},
                                          {"severity_rating", "severity"},
                                          {"weakness", "weakness"},
                                          {"reporter", "reporter"},
                                          {"structured_scope", "target"},
                                          {"cve_ids", "cve"},
                                          {"original_report_id", "duplicate_of"},
                                          {NULL, NULL}};
static const struct column bugcrowd[] = {{"reference_number", "external_id"},
                                         {"title", "title"},
                                         {"description", "text"},
                                         {"vrt_lineage", "weakness"},
                                         {"username", "reporter"},
                                         {"target_name", "target"},
                                         {NULL, NULL}};

static const char *cell(char *names[], char *cells[], size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return cells[i];
    return "";
}

static json_t *row_json(bool h1, char *names[], char *cells[], size_t n)
{
    static const char *const priorities[] = {"critical", "high", "medium", "low", "none"};
    json_t *o = json_pack("{s:s}", "source", h1 ? "hackerone" : "bugcrowd");
    for (const struct column *c = h1 ? hackerone : bugcrowd; c->name; c++)
        put(o, c->member, cell(names, cells, n, c->name));
    const char *state = cell(names, cells, n, "state"),
               *sub = cell(names, cells, n, "substate");
    put(o, "state", sub[0] ? sub : state);
    if (h1) {
        put_time(o, "arrival", cell(names, cells, n, "reported_at"));
        put_amount(o, cell(names, cells, n, "bounty"));
        json_object_set_new(o, "duplicate", json_boolean(!strcmp(sub, "duplicate")));
    } else {
        const char *priority = cell(names, cells, n, "priority");
        if (priority[0] >= '1' && priority[0] <= '5' && !priority[1])
            put(o, "severity", priorities[priority[0] - '1']);
        put_time(o, "arrival", cell(names, cells, n, "submitted_at"));
        put_amount(o, cell(names, cells, n, "amount"));
        const char *dup = cell(names, cells, n, "duplicate");
        json_object_set_new(o, "duplicate",
                            json_boolean(!strcmp(dup, "TRUE") || !strcmp(dup, "true")));
    }
    return o;
}

static tsn_err read_csv(const char *bytes, size_t len, json_t *out, struct tsn_diag *diag)
{
    struct csv c = {bytes, bytes + len, 1};
    char *names[COLUMNS_MAX], *cells[COLUMNS_MAX];
    size_t nnames = 0, n = 0;
    tsn_err err = next_row(&c, names, &nnames, diag);
    if (err)
        return err;
    bool h1 = cell(names, names, nnames, "reported_at")[0] != 0;
    bool bc = cell(names, names, nnames, "vrt_lineage")[0] != 0;
    if (!h1 && !bc)
        err = bad(diag, 1, "the first line is no header of an export that is known");
    for (size_t rows = 0; !err && rows < ROWS_MAX; rows++) {
        int line = c.line;
        err = next_row(&c, cells, &n, diag);
        if (err || n == 0)
            break;
        if (n == 1 && !cells[0][0]) {
            free_row(cells, n);
            continue;
        }
        if (n != nnames) {
            free_row(cells, n);
            err = bad(diag, line, "the row has not as many columns as the header");
            break;
        }
        json_array_append_new(out, row_json(h1, names, cells, n));
        free_row(cells, n);
    }
    free_row(names, nnames);
    return err;
}

/* HackerOne API v1: { data: [{ id, attributes, relationships }] }. */
static tsn_err read_h1(const json_t *root, json_t *out, struct tsn_diag *diag)
{
    const json_t *data = json_object_get(root, "data");
    size_t i;
    json_t *one;
    if (!json_is_array(data))
        data = json_object_get(root, "findings");
    if (!json_is_array(data))
        return bad(diag, 1, "there is no list of reports");
    json_array_foreach(data, i, one)
    {
        const json_t *a = json_object_get(one, "attributes"),
                     *rel = json_object_get(one, "relationships");
#define REL(name)                                                                              \
    json_object_get(json_object_get(json_object_get(rel, name), "data"), "attributes")
        json_t *o = json_pack("{s:s}", "source", "hackerone");
        put(o, "external_id", tsn_json_str(one, "id", NULL));
        put(o, "title", tsn_json_str(a, "title", NULL));
        put(o, "text", tsn_json_str(a, "vulnerability_information", NULL));
        put(o, "state", tsn_json_str(a, "state", NULL));
        put(o, "arrival", tsn_json_str(a, "created_at", NULL));
        put(o, "reporter", tsn_json_str(REL("reporter"), "username", NULL));
        put(o, "weakness", tsn_json_str(REL("weakness"), "name", NULL));
        put(o, "severity", tsn_json_str(REL("severity"), "rating", NULL));
        put(o, "target", tsn_json_str(REL("structured_scope"), "asset_identifier", NULL));
        json_object_set_new(o, "duplicate",
                            json_boolean(!strcmp(tsn_json_str(a, "state", ""), "duplicate")));
#undef REL
        if (!json_object_get(o, "external_id") || !json_object_get(o, "title")) {
            json_decref(o);
            return bad(diag, 1, "a report has no id or no title");
        }
        json_array_append_new(out, o);
    }
    return 0;
}

tsn_err tsn_bounty_read_export(const char *bytes, size_t len, json_t **out,
                               struct tsn_diag *diag)
{
    size_t at = 0;
    json_t *list = json_array(), *root = NULL;
    tsn_err err;
    if (len >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3))
        at = 3;
    size_t first = at;
    while (first < len && strchr(" \t\r\n", bytes[first]))
        first++;
    if (first < len && bytes[first] == '{') {
        err = tsn_json_parse(bytes + first, len - first, &root, diag);
        if (!err)
            err = read_h1(root, list, diag);
        json_decref(root);
    } else {
        err = read_csv(bytes + at, len - at, list, diag);
    }
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}
