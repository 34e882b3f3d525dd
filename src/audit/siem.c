/* siem.c - picks the format; JSON Lines and CSV. Pure. See siem.h. */
#include <stdio.h>
#include <string.h>

#include "audit/siem_int.h"
#include "core/clock.h"
#include "core/csv.h"
#include "core/json.h"
#include "core/text.h"

static const char *const names[] = {
    [TSN_SIEM_JSONL] = "jsonl",   [TSN_SIEM_CSV] = "csv",   [TSN_SIEM_CEF] = "cef",
    [TSN_SIEM_SYSLOG] = "syslog", [TSN_SIEM_OCSF] = "ocsf",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

tsn_err tsn_siem_find(const char *name, enum tsn_siem *out, struct tsn_diag *diag)
{
    const char *near;

    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum tsn_siem)i;
            return 0;
        }
    }
    near = tsn_suggest(name, names, NAMES);
    tsn_diag_hint(diag, near ? "did you mean %s?" : "jsonl, csv, cef, syslog or ocsf", near);
    return tsn_diag_set(diag, TSN_EINPUT, "U100", "there is no format `%.40s`", name);
}

const char *tsn_siem_name(enum tsn_siem format)
{
    return names[format];
}

int tsn_siem_severity(const struct tsn_entry *e)
{
    const char *o = e->outcome ? e->outcome : "";

    if (strcmp(o, "unknown") == 0)
        return 3;
    if (strcmp(o, "fail") == 0 || strcmp(o, "denied") == 0 || strcmp(o, "timeout") == 0)
        return 4;
    return strcmp(o, "cancelled") == 0 ? 5 : 6;
}

void tsn_siem_leaf(const struct tsn_siem_row *row, char hex[2 * TSN_HASH_LEN + 1])
{
    uint8_t leaf[TSN_HASH_LEN];

    tsn_entry_leaf(leaf, row->text, row->text_len);
    tsn_hex(hex, leaf, sizeof(leaf));
}

void tsn_siem_message(const struct tsn_entry *e, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s%s%s", e->kind, e->outcome ? " " : "",
                   e->outcome ? e->outcome : "");
}

/* --- JSON Lines: the entry's own keys ------------------------------------------------------- */

static bool is_number(const char *key, size_t n)
{
    static const char *const keys[] = {"seq", "rseq", "ref", "attempt", "rlen"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i]) == n && memcmp(keys[i], key, n) == 0)
            return true;
    }
    return false;
}

/* Past 2^53 a reader with doubles would round: then text. */
static json_t *number(const char *text)
{
    int64_t v;

    return tsn_parse_int(text, 0, INT64_C(1) << 53, &v) ? json_string(text) : json_integer(v);
}

static json_t *when(int64_t ms)
{
    char text[25];

    if (ms < 0)
        return json_null();
    tsn_time_format(text, ms);
    return json_string(text);
}

static tsn_err jsonl(struct tsn_buf *out, const struct tsn_siem_row *row)
{
    json_t *v = json_object();
    const char *at = row->text, *end = row->text + row->text_len;
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_err err;

    at = memchr(at, '\n', (size_t)(end - at)); /* the first line is the version */
    for (at = at ? at + 1 : end; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *space = memchr(at, ' ', (size_t)(end - at));
        char key[32], value[TSN_ENTRY_VALUE_MAX + 1];

        if (!line_end || !space || space > line_end)
            break;
        (void)snprintf(key, sizeof(key), "%.*s", (int)(space - at), at);
        (void)snprintf(value, sizeof(value), "%.*s", (int)(line_end - space - 1), space + 1);
        json_object_set_new(v, key,
                            is_number(key, strlen(key)) ? number(value) : json_string(value));
        at = line_end + 1;
    }
    tsn_siem_leaf(row, hex);
    json_object_set_new(v, "leaf", json_string(hex));
    json_object_set_new(v, "checkpoint_size",
                        row->checkpoint < 0 ? json_null() : json_integer(row->checkpoint));
    json_object_set_new(v, "bracket",
                        json_pack("[o, o]", when(row->after_ms), when(row->before_ms)));
    if (row->open)
        json_object_set(v, "open", (json_t *)(uintptr_t)row->open);
    err = tsn_json_write(out, v);
    json_decref(v);
    return err;
}

/* --- CSV -------------------------------------------------------------------------------------- */

static void cell(struct tsn_buf *out, const char *text)
{
    tsn_buf_putc(out, ',');
    if (text)
        tsn_csv_cell(out, text, strlen(text));
}

static void time_cell(struct tsn_buf *out, int64_t ms)
{
    char text[25];

    if (ms >= 0)
        tsn_time_format(text, ms);
    cell(out, ms >= 0 ? text : NULL);
}

static tsn_err csv(struct tsn_buf *out, const struct tsn_siem_row *row)
{
    const struct tsn_entry *e = row->entry;
    char hex[2 * TSN_HASH_LEN + 1], n[24];

    tsn_siem_leaf(row, hex);
    tsn_buf_printf(out, "%lld", (long long)e->seq);
    time_cell(out, e->time_ms);
    time_cell(out, row->after_ms);
    time_cell(out, row->before_ms);
    cell(out, e->kind);
    cell(out, e->actor);
    cell(out, e->auth);
    cell(out, e->case_id);
    cell(out, e->run);
    cell(out, e->step);
    (void)snprintf(n, sizeof(n), "%lld", (long long)e->attempt);
    cell(out, e->attempt > 0 ? n : NULL);
    cell(out, e->outcome);
    cell(out, e->reason);
    cell(out, e->from);
    cell(out, e->to);
    cell(out, e->tlp);
    cell(out, e->node);
    cell(out, hex);
    (void)snprintf(n, sizeof(n), "%lld", (long long)row->checkpoint);
    cell(out, row->checkpoint >= 0 ? n : NULL);
    return out->err;
}

tsn_err tsn_siem_head(struct tsn_buf *out, enum tsn_siem format)
{
    if (format != TSN_SIEM_CSV)
        return 0;
    return tsn_buf_puts(out,
                        "seq,time,bracket_from,bracket_to,kind,actor,auth,case,run,step,"
                        "attempt,outcome,reason,from,to,tlp,node,leaf,checkpoint_size\r\n");
}

tsn_err tsn_siem_row(struct tsn_buf *out, enum tsn_siem format,
                     const struct tsn_siem_site *site, const struct tsn_siem_row *row)
{
    switch (format) {
    case TSN_SIEM_JSONL:
        return jsonl(out, row);
    case TSN_SIEM_CSV:
        return csv(out, row);
    case TSN_SIEM_CEF:
        return tsn_siem_cef(out, site, row);
    case TSN_SIEM_SYSLOG:
        return tsn_siem_syslog(out, site, row);
    case TSN_SIEM_OCSF:
        return tsn_siem_ocsf(out, site, row);
    }
    return TSN_EBUG;
}
