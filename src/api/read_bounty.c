/* read_bounty.c - submissions of bounty programmes and the announcement of a month. Reader's thread; what
 * the caller may not see is not there (the reader's view). */
#include "api/api_case.h"

#include <stdlib.h>
#include <string.h>
#include "casework/bounty.h"
#include "casework/track.h"
#include "core/clock.h"
#include "store/record_case.h"

#define ROWS_MAX 20000

static tsn_err rows_of(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_rec_track **rows, size_t *n)
{
    struct tsn_filter f = {"track", TSN_CMP_EQ, "bounty", 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = ROWS_MAX};
    void *list;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_track, &how, &list, n);
    *rows = list;
    return err;
}

tsn_err tsn_read_bounty(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const struct tsn_rec_track *rows;
    size_t n;
    const char *state = rd->param[TSN_PARAM_STATE];
    tsn_err err = rows_of(st, rd->op.arena, &rows, &n);
    if (err)
        return err;
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++) {
        struct tsn_rec_case c;
        if ((state && strcmp(state, rows[i].state) != 0) ||
            tsn_store_get(st, rd->op.arena, &tsn_table_case, rows[i].case_id, &c))
            continue;
        json_t *item = tsn_view_parsed(rows[i].data);
        if (!json_is_object(item))
            continue;
        json_object_set_new(item, "report", json_string(rows[i].subject));
        json_object_set_new(item, "name", tsn_view_text(rows[i].label));
        json_object_set_new(item, "state", json_string(rows[i].state));
        json_object_set_new(item, "case_name", json_string(c.name));
        json_array_append_new(items, item);
    }
    *out = tsn_view_list(items, NULL);
    return 0;
}

static int64_t param_ms(const struct tsn_read *rd, enum tsn_param which, int64_t otherwise)
{
    const char *text = rd->param[which];
    int64_t ms;
    if (!text)
        return otherwise;
    if (strlen(text) == 10)
        text = tsn_arena_printf(rd->op.arena, "%sT00:00:00Z", text);
    return tsn_time_parse(text, &ms) ? -1 : ms;
}

static bool is_month(const char *text)
{
    return strlen(text) == 7 && text[4] == '-' && strspn(text, "0123456789-") == 7;
}

/* Of "2026-10", or with `on` 1 of the month behind it. */
static const char *first_day(struct tsn_read *rd, const char *text, int on)
{
    long y = strtol(text, NULL, 10), m = strtol(text + 5, NULL, 10) + on;
    return tsn_arena_printf(rd->op.arena, "%04ld-%02ld-01", m > 12 ? y + 1 : y, m > 12 ? 1 : m);
}

/* A programme in force that does not say `announce: monthly` keeps silent. */
static bool announces(const struct tsn_read *rd, const char *name)
{
    const struct tsn_casework_config *c = rd->casework;
    const struct tsn_policy_set *set = tsn_policies_now(c ? c->policies : NULL);
    for (size_t i = 0; i < set->n; i++)
        if (set->docs[i]->programme && !strcmp(set->docs[i]->name, name))
            return set->docs[i]->programme->monthly;
    return true;
}

/* Nobody is named who did not agree, and nothing of a case that is not public is told. */
tsn_err tsn_read_bounty_announcement(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const struct tsn_rec_track *rows;
    size_t n;
    const char *text = rd->param[TSN_PARAM_SINCE];
    if (text && is_month(text)) { /* the announcement of that month */
        if (!rd->param[TSN_PARAM_UNTIL])
            rd->param[TSN_PARAM_UNTIL] = first_day(rd, text, 1);
        rd->param[TSN_PARAM_SINCE] = first_day(rd, text, 0);
    }
    int64_t since = param_ms(rd, TSN_PARAM_SINCE, 0);
    int64_t until = param_ms(rd, TSN_PARAM_UNTIL, tsn_clock_wall_ms());
    struct tsn_buf table;
    if (since < 0 || until < 0)
        return tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033",
                            "since and until are dates: 2026-11-01, or since is a month");
    tsn_err err = rows_of(st, rd->op.arena, &rows, &n);
    if (err)
        return err;
    json_t *items = json_array();
    tsn_buf_init(&table, (size_t)1 << 20);
    (void)tsn_buf_puts(&table, "| programme | finder | severity |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        struct tsn_rec_case c;
        const struct tsn_rec_track *r = &rows[i];
        bool settled = !strcmp(r->state, "paid") || !strcmp(r->state, "donated");
        if (!settled || r->updated_at < since || r->updated_at >= until ||
            tsn_store_get(st, rd->op.arena, &tsn_table_case, r->case_id, &c) ||
            (c.embargo && strcmp(c.embargo, "none") != 0 && strcmp(c.embargo, "exited") != 0))
            continue;
        json_t *data = tsn_view_parsed(r->data);
        if (!announces(rd, tsn_json_str(data, "programme", ""))) {
            json_decref(data);
            continue;
        }
        const char *consent = tsn_json_str(data, "consent", "none");
        const char *finder = !strcmp(consent, "none") || !consent[0] ? "anonymous" : consent;
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s}", "programme",
                                               tsn_json_str(data, "programme", ""), "finder",
                                               finder, "band", tsn_json_str(data, "band", ""),
                                               "state", r->state));
        (void)tsn_buf_printf(&table, "| %s | ", tsn_json_str(data, "programme", ""));
        for (const char *p = finder; *p; p++) { /* a name must not break the table */
            if (strchr("|\\`*_<>[]", *p))
                (void)tsn_buf_putc(&table, '\\');
            (void)tsn_buf_putc(&table, *p);
        }
        (void)tsn_buf_printf(&table, " | %s |\n", tsn_json_str(data, "band", ""));
        json_decref(data);
    }
    *out = tsn_view_list(items, NULL);
    json_object_set_new(*out, "markdown", json_string(table.data ? table.data : ""));
    tsn_buf_free(&table);
    return 0;
}
