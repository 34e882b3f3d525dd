/* case_work.c - opening and closing a change, and moving on tracks. Store thread. */
#include "casework/case_work.h"

#include <string.h>
#include "casework/phase.h"
#include "casework/retention.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

#define FORCED_MAX 12

tsn_err tsn_case_work_open(struct tsn_case_work *w, struct tsn_store *st,
                           struct tsn_arena *arena, const struct tsn_casework_config *config,
                           const char *case_id, const struct tsn_case_by *by, int64_t now_ms,
                           struct tsn_diag *diag)
{
    *w = (struct tsn_case_work){
        .st = st, .arena = arena, .config = config, .by = *by, .now_ms = now_ms, .seq = -1};
    tsn_err err = tsn_case_load(st, arena, case_id, &w->c, diag);
    if (!err)
        w->facts = tsn_case_facts(&w->c);
    return err;
}

tsn_err tsn_case_log(struct tsn_case_work *w, const char *kind, const char *reason,
                     const char *from, const char *to, const char *field, const char *text)
{
    struct tsn_field f = {.name = field, .data = text, .len = text ? strlen(text) : 0};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = kind;
    a.reason = reason;
    a.from = from;
    a.to = to;
    a.fields = &f;
    a.nfields = text ? 1 : 0;
    w->dirty = true;
    return tsn_case_append(w->st, w->arena, &w->c, &w->by, &a, &w->seq);
}

/* --- rows --------------------------------------------------------------------------------------- */

static const char *row_id(struct tsn_case_work *w, enum tsn_track t, const char *subject)
{
    return tsn_arena_printf(w->arena, "%s:%s:%s", w->c.id, tsn_automata[t].name, subject);
}

tsn_err tsn_track_get(struct tsn_case_work *w, enum tsn_track t, const char *subject,
                      struct tsn_rec_track *out)
{
    const char *id = row_id(w, t, subject);
    tsn_err err = tsn_store_get(w->st, w->arena, &tsn_table_track, id, out);
    if (err != TSN_ENOTFOUND)
        return err;
    *out = (struct tsn_rec_track){.id = id,
                                  .case_id = w->c.id,
                                  .track = tsn_automata[t].name,
                                  .subject = tsn_arena_strdup(w->arena, subject),
                                  .state = tsn_automata[t].states[0],
                                  .seq = -1};
    return 0;
}

tsn_err tsn_track_list(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                       enum tsn_track t, struct tsn_rec_track **out, size_t *n)
{
    struct tsn_filter f[2] = {{.column = "case_id", .cmp = TSN_CMP_EQ, .text = case_id},
                              {.column = "track",
                               .cmp = TSN_CMP_EQ,
                               .text = t == TSN_TRACKS ? NULL : tsn_automata[t].name}};
    struct tsn_list how = {.filters = f, .nfilters = t == TSN_TRACKS ? 1 : 2, .limit = 20000};
    void *rows = NULL;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_track, &how, &rows, n);
    *out = rows;
    return err;
}

json_t *tsn_track_data(const struct tsn_rec_track *r)
{
    json_t *data = NULL;
    if (r->data && tsn_json_parse(r->data, strlen(r->data), &data, NULL) == 0 &&
        json_is_object(data))
        return data;
    json_decref(data);
    return json_object();
}

const char *tsn_track_subject(struct tsn_case_work *w, const char *label)
{
    uint8_t hash[TSN_HASH_LEN];
    char hex[25];
    const char *text = tsn_arena_printf(w->arena, "tocsin-subject/v1\n%s\n%s", w->c.id, label);
    tsn_sha256_once(hash, text, strlen(text));
    tsn_hex(hex, hash, 12);
    return tsn_arena_printf(w->arena, "v-%s", hex);
}

static tsn_err write_row(struct tsn_case_work *w, struct tsn_rec_track *r, const char *state,
                         const struct tsn_track_how *how)
{
    r->state = tsn_arena_strdup(w->arena, state);
    if (how->label)
        r->label = how->label;
    if (how->data) {
        char *text = tsn_json_text(how->data);
        r->data = tsn_arena_strdup(w->arena, text);
        free(text);
    }
    r->next_at = how->next_at;
    r->updated_at = w->now_ms;
    if (w->seq >= 0) /* what only follows from another row has no entry of its own */
        r->seq = w->seq;
    w->dirty = true;
    return tsn_store_put(w->st, &tsn_table_track, r);
}

tsn_err tsn_track_put(struct tsn_case_work *w, enum tsn_track t, const char *subject,
                      const char *state, const struct tsn_track_how *how)
{
    struct tsn_rec_track r;
    tsn_err err = tsn_track_get(w, t, subject, &r);
    return err ? err : write_row(w, &r, state, how);
}

/* What stands in the entry: the subject by its name, the reason in words, the data. */
static tsn_err log_move(struct tsn_case_work *w, const struct tsn_rec_track *r, const char *to,
                        const struct tsn_track_how *how)
{
    struct tsn_field fields[3];
    size_t n = 0;
    char *data = how->data ? tsn_json_text(how->data) : NULL;
    const char *subject = how->label ? how->label : r->label ? r->label : r->subject;
    if (data)
        fields[n++] = (struct tsn_field){.name = "args", .data = data, .len = strlen(data)};
    if (how->note)
        fields[n++] =
            (struct tsn_field){.name = "note", .data = how->note, .len = strlen(how->note)};
    if (subject && subject[0])
        fields[n++] =
            (struct tsn_field){.name = "subject", .data = subject, .len = strlen(subject)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = tsn_arena_printf(w->arena, "track.%s", r->track);
    a.reason = how->reason;
    a.from = r->state;
    a.to = to;
    a.fields = fields;
    a.nfields = n;
    tsn_err err = tsn_case_append(w->st, w->arena, &w->c, &w->by, &a, &w->seq);
    free(data);
    return err;
}

/* Tracks whose states are facts that clocks may count from. */
static bool keeps_instants(enum tsn_track t)
{
    return t == TSN_TRACK_REPORT || t == TSN_TRACK_EMBARGO || t == TSN_TRACK_DOCUMENT ||
           t == TSN_TRACK_CVE || t == TSN_TRACK_INCIDENT;
}

tsn_err tsn_track_move(struct tsn_case_work *w, enum tsn_track t, const char *subject,
                       const char *to, const struct tsn_track_how *how, struct tsn_diag *diag)
{
    static const struct tsn_track_how plain = {0};
    struct tsn_rec_track r;
    struct tsn_tracks_now now;
    if (!how)
        how = &plain;
    tsn_err err = tsn_track_get(w, t, subject, &r);
    if (!err)
        err = tsn_tracks_now(w, &now);
    if (!err)
        err = tsn_track_judge(t, r.state, to, &now, diag);
    if (!err)
        err = log_move(w, &r, to, how);
    if (!err)
        err = write_row(w, &r, to, how);
    if (err)
        return err;
    int64_t at = how->at_ms ? how->at_ms : w->now_ms;
    if (t == TSN_TRACK_EMBARGO)
        w->c.embargo = tsn_arena_strdup(w->arena, to);
    if (keeps_instants(t))
        err = tsn_case_instant(w, tsn_arena_printf(w->arena, "%s.%s", r.track, to), at, NULL,
                               false, diag);
    return err;
}

tsn_err tsn_facts_raise(struct tsn_case_work *w, const char *vendor, unsigned letter,
                        const struct tsn_track_how *how, struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    struct tsn_track_how full = how ? *how : (struct tsn_track_how){0};
    char to[7];
    const char *subject = vendor && vendor[0] ? tsn_track_subject(w, vendor) : "";
    if (subject[0])
        full.label = vendor;
    tsn_err err = tsn_track_get(w, TSN_TRACK_FACTS, subject, &r);
    unsigned have = err ? 0 : tsn_facts_bits(r.state);
    if (err || (have & letter))
        return err;
    tsn_facts_name(to, have | letter);
    full.next_at =
        full.next_at ? full.next_at : r.next_at; /* what the ticker has to tell stays */
    err = tsn_track_move(w, TSN_TRACK_FACTS, subject, to, &full, diag);
    if (!err && !subject[0])
        err = tsn_case_instant(w, tsn_facts_word(letter), full.at_ms ? full.at_ms : w->now_ms,
                               full.note, false, diag);
    return err;
}

tsn_err tsn_tracks_now(struct tsn_case_work *w, struct tsn_tracks_now *out)
{
    struct tsn_rec_track facts, embargo, *docs = NULL;
    size_t n = 0;
    tsn_err err = tsn_track_get(w, TSN_TRACK_FACTS, "", &facts);
    if (!err)
        err = tsn_track_get(w, TSN_TRACK_EMBARGO, "", &embargo);
    if (!err)
        err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_DOCUMENT, &docs, &n);
    if (err)
        return err;
    *out =
        (struct tsn_tracks_now){.facts = tsn_facts_bits(facts.state), .embargo = embargo.state};
    for (size_t i = 0; i < n; i++)
        out->publishing = out->publishing || tsn_document_out(docs[i].state);
    return 0;
}

/* --- instants ------------------------------------------------------------------------------------- */

int64_t tsn_case_instant_at(const json_t *facts, const char *name)
{
    const json_t *one = json_object_get(json_object_get(facts, TSN_FACT_INSTANTS), name);
    int64_t ms = 0;
    const char *at = tsn_json_str(one, "at", NULL);
    return at && tsn_time_parse(at, &ms) == 0 ? ms : 0;
}

static json_t *time_json(int64_t ms)
{
    char text[25];
    tsn_time_format(text, ms);
    return json_string(text);
}

tsn_err tsn_case_instant(struct tsn_case_work *w, const char *name, int64_t at_ms,
                         const char *evidence, bool correct, struct tsn_diag *diag)
{
    json_t *all = json_object_get(w->facts, TSN_FACT_INSTANTS), *old, *was = NULL;
    (void)diag;
    if (!all)
        json_object_set_new(w->facts, TSN_FACT_INSTANTS, all = json_object());
    old = json_object_get(all, name);
    if (old && !correct)
        return 0;
    json_t *fresh = json_object();
    json_object_set_new(fresh, "at", time_json(at_ms));
    json_object_set_new(fresh, "noted_at", time_json(w->now_ms));
    if (evidence)
        json_object_set_new(fresh, "evidence", json_string(evidence));
    if (old) {
        json_t *before = json_copy(old);
        was = json_object_get(before, "was");
        was = was ? json_copy(was) : json_array();
        json_object_del(before, "was");
        json_array_append_new(was, before);
        json_object_set_new(fresh, "was", was);
    }
    const char *from = old ? tsn_arena_strdup(w->arena, tsn_json_str(old, "at", "none")) : NULL;
    json_object_set_new(all, name, fresh);
    w->dirty = true;
    if (!correct)
        return 0; /* the move's own entry tells it */
    return tsn_case_log(w, "case.instant", name, from ? from : "none",
                        tsn_json_str(fresh, "at", NULL), evidence ? "note" : NULL, evidence);
}

/* --- closing -------------------------------------------------------------------------------------- */

static tsn_err forced_moves(struct tsn_case_work *w, struct tsn_diag *diag)
{
    tsn_err err = 0;
    for (int i = 0; i < FORCED_MAX && !err; i++) {
        struct tsn_tracks_now now;
        enum tsn_track t;
        const char *to, *why;
        err = tsn_tracks_now(w, &now);
        if (err || !tsn_track_forced(&now, &t, &to, &why))
            return err;
        struct tsn_track_how how = {.reason = why};
        if (t == TSN_TRACK_FACTS)
            err = tsn_facts_raise(w, "", tsn_facts_bits(to) & ~now.facts, &how, diag);
        else
            err = tsn_track_move(w, t, "", to, &how, diag);
    }
    return err ? err : tsn_diag_set(diag, TSN_EBUG, "W001", "the tracks do not settle");
}

static tsn_err settle_phase(struct tsn_case_work *w)
{
    struct tsn_rec_track *rows = NULL;
    struct tsn_phase phase;
    size_t n = 0;
    tsn_err err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACKS, &rows, &n);
    if (err)
        return err;
    tsn_phase_of(tsn_case_have(w, rows, n), &phase);
    const char *before = w->c.phase ? w->c.phase : "NEW";
    if (!w->c.phase) {
        w->c.phase = "NEW";
        w->dirty = true;
    }
    if (!strcmp(before, phase.name))
        return 0;
    err = tsn_case_log(w, "case.phase", phase.workflow, before, phase.name, NULL, NULL);
    w->c.phase = phase.name;
    return err;
}

tsn_err tsn_case_work_close(struct tsn_case_work *w, tsn_err err, struct tsn_diag *diag)
{
    if (!err)
        err = forced_moves(w, diag);
    if (!err)
        err = tsn_case_settle_clocks(w, diag);
    if (!err)
        err = settle_phase(w);
    if (!err)
        err = tsn_retention_settle(w, diag);
    if (!err && w->dirty)
        err = tsn_case_save(w->st, w->arena, &w->c, w->facts, w->seq, diag);
    json_decref(w->facts);
    w->facts = NULL;
    return err;
}

tsn_err tsn_case_settle(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const char *case_id,
                        const struct tsn_case_by *by, int64_t now_ms, struct tsn_diag *diag)
{
    struct tsn_case_work w;
    tsn_err err = tsn_case_work_open(&w, st, arena, config, case_id, by, now_ms, diag);
    return err ? err : tsn_case_work_close(&w, 0, diag);
}
