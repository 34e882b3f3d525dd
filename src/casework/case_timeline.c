/* case_timeline.c - the story of a case: its chain and the chains of its runs, merged by seq and
 * told by tale_case.c and tale_run.c. Reader's thread (or an offline command's); reads only. What
 * does not open (erased, or no key) is told without its words. */
#include "casework/case_tale.h"

#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "store/record_case.h"
#include "store/record_run.h"

static bool opens_step(const char *kind)
{
    return !strcmp(kind, "step.intent") || !strcmp(kind, "task.asked") ||
           !strcmp(kind, "approval.requested");
}

static struct tsn_tale_opening *find_opening(struct tsn_tale *t, const struct tsn_entry *e)
{
    if (!e->run || !e->step)
        return NULL;
    for (size_t i = t->nopen; i-- > 0;)
        if (!strcmp(t->open[i].step, e->step) && !strcmp(t->open[i].run, e->run))
            return &t->open[i];
    return NULL;
}

static void put(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, json_string(s));
}

static void tell_by(const struct tsn_tale_teller *tellers, struct tsn_tale *t,
                    struct tsn_tale_line *l)
{
    for (; tellers->kind; tellers++) {
        size_t n = strlen(tellers->kind);
        bool prefix = tellers->kind[n - 1] == '.';
        if (prefix ? !strncmp(l->e->kind, tellers->kind, n)
                   : !strcmp(l->e->kind, tellers->kind)) {
            tellers->tell(t, l);
            return;
        }
    }
}

static void tell(struct tsn_tale *t, const struct tsn_logged *logged)
{
    struct tsn_tale_line l = {.logged = logged, .e = &logged->entry};
    bool run_chain = logged->entry.chain && !strncmp(logged->entry.chain, "run:", 4);
    char at[25];
    tsn_buf_init(&l.text, 4096);
    l.args = tsn_tale_json(t, logged, "args");
    l.result = tsn_tale_json(t, logged, "result");
    if (run_chain)
        l.opening = find_opening(t, l.e);
    if (run_chain && l.e->step && opens_step(l.e->kind)) {
        if (!l.opening) {
            l.opening = &t->open[t->nopen++];
            *l.opening = (struct tsn_tale_opening){.run = l.e->run, .step = l.e->step};
        }
        if (l.args && !l.opening->request)
            l.opening->request = json_incref(l.args);
    }
    tell_by(tsn_tale_case, t, &l);
    if (!l.word)
        tell_by(tsn_tale_run, t, &l);
    if (!l.word) {
        /* A kind of a later version: shown by its name, never dropped. */
        l.word = l.e->kind;
        l.quiet = true;
    }
    tsn_time_format(at, l.e->time_ms);
    json_t *o = json_object();
    json_object_set_new(o, "seq", json_integer(l.e->seq));
    json_object_set_new(o, "time", json_string(at));
    json_object_set_new(o, "time_ms", json_integer(l.e->time_ms));
    put(o, "kind", l.e->kind);
    put(o, "word", l.word);
    put(o, "actor", l.e->actor);
    put(o, "text", l.text.data ? l.text.data : "");
    json_object_set_new(o, "quiet", json_boolean(l.quiet));
    put(o, "run", l.e->run);
    put(o, "step", l.e->step);
    put(o, "outcome", l.e->outcome);
    json_array_append_new(t->out, o);
    if (l.opening && !strcmp(l.e->kind, "step.intent"))
        l.opening->told = o;
    tsn_buf_free(&l.text);
    json_decref(l.args);
    json_decref(l.result);
}

static int by_seq(const void *a, const void *b)
{
    int64_t x = (*(const struct tsn_logged *const *)a)->entry.seq;
    int64_t y = (*(const struct tsn_logged *const *)b)->entry.seq;
    return x < y ? -1 : x > y;
}

struct merged {
    const struct tsn_logged **list;
    size_t n, cap;
};

static tsn_err add_chain(struct tsn_store *st, struct tsn_arena *arena, const char *chain,
                         struct merged *m)
{
    struct tsn_logged *entries = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_walk(st, arena, chain, 0, &entries, &n);
    if (err == TSN_ENOTFOUND)
        return 0;
    if (err)
        return err;
    if (m->n + n > m->cap) {
        m->cap = (m->n + n) * 2;
        m->list = tsn_realloc(m->list, m->cap * sizeof *m->list);
    }
    for (size_t i = 0; i < n; i++)
        m->list[m->n++] = &entries[i];
    return 0;
}

static tsn_err collect(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_rec_case *c, struct merged *m)
{
    struct tsn_filter filter = {.column = "case_id", .cmp = TSN_CMP_EQ, .text = c->id};
    struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .limit = 10000, .skip_blobs = true};
    void *rows = NULL;
    size_t nruns = 0;
    tsn_err err = add_chain(st, arena, tsn_arena_printf(arena, "case:%s", c->id), m);
    if (!err)
        err = tsn_store_list(st, arena, &tsn_table_run, &how, &rows, &nruns);
    const struct tsn_rec_run *runs = rows;
    for (size_t i = 0; i < nruns && !err; i++)
        err = add_chain(st, arena, tsn_arena_printf(arena, "run:%s", runs[i].id), m);
    if (!err && m->n > 1)
        qsort(m->list, m->n, sizeof *m->list, by_seq);
    return err;
}

tsn_err tsn_case_timeline(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_rec_case *c, json_t **out)
{
    struct merged m = {0};
    *out = NULL;
    tsn_err err = collect(st, arena, c, &m);
    if (err)
        goto out;
    struct tsn_tale t = {.st = st, .arena = arena, .c = c, .out = json_array()};
    t.open = tsn_arena_alloc(arena, (m.n + 1) * sizeof *t.open);
    struct tsn_filter filter = {.column = "case_id", .cmp = TSN_CMP_EQ, .text = c->id};
    struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .limit = 10000, .skip_blobs = true};
    void *tasks = NULL;
    err = tsn_store_list(st, arena, &tsn_table_task, &how, &tasks, &t.ntasks);
    t.tasks = tasks;
    for (size_t i = 0; i < m.n && !err; i++)
        tell(&t, m.list[i]);
    for (size_t i = 0; i < t.nopen; i++) {
        if (t.open[i].told) /* no result yet: this is what goes on now */
            json_object_set_new(t.open[i].told, "quiet", json_false());
        json_decref(t.open[i].request);
    }
    if (err)
        json_decref(t.out);
    else
        *out = t.out;
out:
    free(m.list);
    return err;
}
