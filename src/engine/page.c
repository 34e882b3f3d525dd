/* page.c - mails that call people to a question that waits too long. Each once.
 *
 * A reminder or escalation leaves one row for each person in its own transaction: an outbox. A row is
 * settled like a step: an entry before the mail goes out (task.paging), one for its outcome (task.paged),
 * and only then it is gone. After a crash it goes out again with the same key, by which mail.send makes
 * the same Message-ID. Nothing of a question is looked at before that moment, so that what is said and to
 * whom is judged then: who may not see the case gets nothing; where the gate refuses the mail (an embargo
 * ...), the person gets words that name the question and nothing else. Not covered by a checkpoint as steps that
 * cannot be taken back are: it is for our own people. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define MAIL       "mail.send"
#define TIMEOUT_MS 60000

/* One mail under way. `pub` is what the action holds. */
struct tsn_page {
    struct tsn_call pub;
    struct tsn_engine *e;
    struct tsn_page *next;
    struct tsn_timer *timer;
    char *strings[5];
    bool starting, completed;
};

/* --- who is called: store thread */

static bool may_decide(const struct tsn_rec_task *t, const json_t *spec,
                       const struct tsn_person *p, const char *role)
{
    struct tsn_actor who = {.person = p->id, .roles = p->roles};
    const char *const *r = p->roles;
    json_t *votes = NULL;
    bool may;

    while (role && *r && strcmp(*r, role) != 0)
        r++;
    if (role && !*r)
        return false;
    if (t->votes)
        (void)tsn_json_parse(t->votes, strlen(t->votes), &votes, NULL);
    may = tsn_engine_may_decide(t->role, spec, votes, &who);
    json_decref(votes);
    return may;
}

static void page_id(char out[TSN_IDEM_LEN + 1], const struct tsn_rec_task *t, const char *kind,
                    int64_t number, const char *person)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%lld/%s", kind, (long long)number, person);
    tsn_run_idem(out, t->id, path);
}

tsn_err tsn_page_put(const struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                     const struct tsn_rec_task *t, const json_t *spec, const char *kind,
                     int64_t number, const char *role, int64_t now_ms)
{
    const struct tsn_engine_config *c = &e->config;
    tsn_err err = 0;

    if (c->dry || !tsn_registry_find(c->registry, MAIL))
        return 0;
    for (size_t i = 0; i < c->npeople && !err; i++) {
        char id[TSN_IDEM_LEN + 1];

        if (!c->people[i].mail || !may_decide(t, spec, &c->people[i], role))
            continue;
        page_id(id, t, kind, number, c->people[i].id);
        err = tsn_store_put(st, &tsn_table_page,
                            &(struct tsn_rec_page){.id = tsn_arena_strdup(a, id),
                                                   .task = t->id,
                                                   .run = t->run,
                                                   .person = c->people[i].id,
                                                   .kind = kind,
                                                   .state = "due",
                                                   .next_at = now_ms});
    }
    return err;
}

tsn_err tsn_pages_recover(struct tsn_store *st, struct tsn_arena *a, int64_t now_ms)
{
    struct tsn_filter f = {"next_at", TSN_CMP_EQ, NULL, 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = TSN_PAGES_MAX * 4};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_page, &how, &rows, &n);

    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_rec_page *p = &((struct tsn_rec_page *)rows)[i];

        p->state = "due";
        p->next_at = now_ms;
        err = tsn_store_put(st, &tsn_table_page, p);
    }
    return err;
}

/* --- what is said */

/* What everything about one page is made of; store thread. */
struct letter {
    struct tsn_store *st;
    struct tsn_arena *a;
    const struct tsn_engine *e;
    struct tsn_rec_page row;
    struct tsn_rec_task task;
    struct tsn_rec_run run;
    const struct tsn_person *person;
    json_t *spec;
    int64_t now_ms;
};

static const char *when(struct tsn_arena *a, int64_t ms)
{
    char at[25];

    tsn_time_format(at, ms);
    return tsn_arena_strdup(a, at);
}

static json_t *to_person(const struct letter *l, const char *subject, const char *text)
{
    return json_pack("{s:s, s:s, s:s, s:s*}", "to", l->person->mail, "subject", subject, "text",
                     text, "encrypt", l->person->key);
}

static json_t *full_text(const struct letter *l, const char *case_name)
{
    bool up = strcmp(l->row.kind, "escalated") == 0;
    const char *title = tsn_json_str(l->spec, "title", l->task.name);
    const char *due = l->task.due_at ? when(l->a, l->task.due_at) : NULL;
    json_t *v = to_person(
        l,
        tsn_arena_printf(l->a, "[%s] %s: %s", case_name, up ? "Escalated to you" : "Reminder",
                         title),
        tsn_arena_printf(l->a,
                         "%s\n\n%s waits since %s for the role %s.%s%s%s\n\nLook at it and "
                         "decide:\n\n  tocsin show %s\n",
                         title, l->task.name, when(l->a, l->task.opened_at), l->task.role,
                         due ? "\nIts time is up at " : "", due ? due : "", due ? "." : "",
                         l->task.name));

    json_object_set_new(v, "case", json_string(case_name));
    return v;
}

/* Says that there is a question; neither case nor what it is about. */
static json_t *neutral_text(const struct letter *l)
{
    return to_person(
        l, tsn_arena_printf(l->a, "A question waits for you: %s", l->task.name),
        tsn_arena_printf(l->a,
                         "%s waits since %s. This mail may not say more.\n\n  tocsin "
                         "show %s\n",
                         l->task.name, when(l->a, l->task.opened_at), l->task.name));
}

/* --- taking what is due */

struct taken {
    const char *id, *run, *case_id, *path;
    json_t *args;
    int64_t attempt;
};
struct take_op {
    struct tsn_eop o;
    size_t room;
    /* out */
    struct taken taken[TSN_PAGES_MAX];
    size_t n;
    bool more;
};

static tsn_err note(const struct letter *l, const char *kind, const char *outcome,
                    const char *reason, int64_t *seq)
{
    struct tsn_append e = tsn_run_entry(l->a, &l->run, kind);

    /* The run may be over before the mail is out: its case's chain goes on. */
    e.case_chain = true;
    e.step = l->task.path;
    e.to = l->person ? l->person->id : l->row.person;
    e.idem = l->row.id;
    e.attempt = l->row.attempts;
    e.outcome = outcome;
    e.reason = reason;
    e.ref = tsn_json_int(l->spec, "seq", -1);
    return tsn_store_append(l->st, &e, seq);
}

static tsn_err drop(struct letter *l)
{
    return tsn_store_delete(l->st, &tsn_table_page, l->row.id);
}

/* Nobody waits for it any more. What was tried gets an end. */
static tsn_err give_up(struct letter *l, const char *why)
{
    tsn_err err = l->row.attempts > 0 ? note(l, "task.paged", "na", why, NULL) : 0;

    return err ? err : drop(l);
}

static tsn_err refuse(struct letter *l, const char *why)
{
    tsn_err err;

    l->row.attempts++;
    err = note(l, "task.paged", "denied", why, NULL);
    return err ? err : drop(l);
}

/* TSN_ENOTFOUND: its question or run is gone from the store. */
static tsn_err read_letter(struct letter *l)
{
    const struct tsn_engine_config *c = &l->e->config;
    tsn_err err = tsn_store_get(l->st, l->a, &tsn_table_task, l->row.task, &l->task);

    if (!err)
        err = tsn_store_get(l->st, l->a, &tsn_table_run, l->task.run, &l->run);
    if (!err && l->task.spec)
        (void)tsn_json_parse(l->task.spec, strlen(l->task.spec), &l->spec, NULL);
    for (size_t i = 0; i < c->npeople; i++)
        if (strcmp(c->people[i].id, l->row.person) == 0 && c->people[i].mail)
            l->person = &c->people[i];
    return err;
}

static tsn_err words(struct letter *l, json_t **args, const char **case_id)
{
    const struct tsn_engine_config *c = &l->e->config;
    struct tsn_rec_case row;
    struct tsn_diag diag;
    tsn_err err = tsn_store_get(l->st, l->a, &tsn_table_case, l->task.case_id, &row);

    tsn_diag_init(&diag);
    *case_id = NULL;
    if (!err) {
        *args = full_text(l, row.name);
        err = tsn_registry_gate(c->registry, l->st, l->a, tsn_registry_find(c->registry, MAIL),
                                row.id, *args, l->now_ms, &diag);
        if (!err)
            *case_id = row.id;
    }
    if (err != TSN_EDENIED && err != TSN_ENOTFOUND)
        return err;
    json_decref(*args);
    *args = neutral_text(l);
    return 0;
}

static tsn_err take_one(struct take_op *x, struct letter *l)
{
    const struct tsn_engine_config *c = &l->e->config;
    const struct tsn_action *mail = tsn_registry_find(c->registry, MAIL);
    struct taken *out = &x->taken[x->n];
    bool sees = true;
    int64_t seq;
    tsn_err err = read_letter(l);

    if (err == TSN_ENOTFOUND)
        return drop(l);
    if (err)
        return err;
    if (strcmp(l->task.state, "open") != 0)
        return give_up(l, "decided");
    if (!l->person || !may_decide(&l->task, l->spec, l->person, NULL))
        return give_up(l, "nobody");
    if (c->sees)
        err = c->sees(c->sees_user, l->st, l->a, l->task.case_id, l->person, &sees);
    if (err)
        return err;
    if (!sees)
        return refuse(l, "members-only");
    err = words(l, &out->args, &out->case_id);
    if (err)
        return err;
    l->row.attempts++;
    l->row.state = "sending";
    l->row.next_at = 0;
    err = note(l, "task.paging", NULL, out->case_id ? l->row.kind : "neutral", &seq);
    out->id = l->row.id;
    out->run = l->run.id;
    out->path = l->task.path;
    out->attempt = l->row.attempts;
    if (!err && l->row.attempts == 1 && mail->intended)
        err = mail->intended(l->st, l->a,
                             &(struct tsn_call){.action = mail,
                                                .run = out->run,
                                                .case_id = out->case_id,
                                                .path = out->path,
                                                .idem = out->id,
                                                .args = out->args},
                             seq, l->now_ms);
    if (!err)
        err = tsn_store_put(l->st, &tsn_table_page, &l->row);
    x->n += !err;
    return err;
}

static void forget(struct take_op *x)
{
    for (size_t i = 0; i < TSN_PAGES_MAX; i++) {
        json_decref(x->taken[i].args);
        x->taken[i] = (struct taken){0};
    }
    x->n = 0;
}

static tsn_err take_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct take_op *x = (struct take_op *)op;
    struct tsn_filter f[] = {{"next_at", TSN_CMP_GT, NULL, 0},
                             {"next_at", TSN_CMP_LT, NULL, x->o.now_ms + 1}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .order = "next_at", .limit = x->room};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, op->arena, &tsn_table_page, &how, &rows, &n);

    forget(x);
    for (size_t i = 0; i < n && !err; i++) {
        struct letter l = {.st = st,
                           .a = op->arena,
                           .e = x->o.e,
                           .row = ((struct tsn_rec_page *)rows)[i],
                           .now_ms = x->o.now_ms};

        err = take_one(x, &l);
        json_decref(l.spec);
    }
    x->more = n == x->room;
    return err;
}

/* --- one mail, from its start to its outcome on record */

static void page_free(struct tsn_page *p)
{
    struct tsn_engine *e = p->e;

    tsn_timer_destroy(p->timer);
    for (size_t i = 0; i < sizeof(p->strings) / sizeof(p->strings[0]); i++)
        free(p->strings[i]);
    json_decref(p->pub.args);
    free(p);
    tsn_engine_unref(e);
}

static void page_unlist(struct tsn_page *p)
{
    struct tsn_page **at = &p->e->pages;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    p->e->npages--;
    p->e->stats.in_flight--;
}

struct end_op {
    struct tsn_eop o;
    const char *id, *reason;
    enum tsn_outcome outcome;
    struct tsn_retry policy;
    int64_t wait_ms;
    int64_t next_at; /* out */
};

static tsn_err end_apply(struct tsn_op *op, struct tsn_store *st)
{
    static const char *const outcomes[] = {[TSN_OUTCOME_OK] = "ok",
                                           [TSN_OUTCOME_FAIL] = "fail",
                                           [TSN_OUTCOME_RETRY] = "fail",
                                           [TSN_OUTCOME_UNKNOWN] = "unknown"};
    struct end_op *x = (struct end_op *)op;
    struct letter l = {.st = st, .a = op->arena, .e = x->o.e, .now_ms = x->o.now_ms};
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_page, x->id, &l.row);

    x->next_at = 0;
    if (!err)
        err = read_letter(&l);
    if (!err)
        err = note(&l, "task.paged", outcomes[x->outcome], x->reason, NULL);
    /* mail.send is safe to repeat: the key makes the same Message-ID. */
    if (!err && (x->outcome == TSN_OUTCOME_RETRY || x->outcome == TSN_OUTCOME_UNKNOWN) &&
        l.row.attempts < x->policy.attempts) {
        l.row.state = "due";
        l.row.next_at = x->next_at = x->o.now_ms + x->wait_ms;
        err = tsn_store_put(st, &tsn_table_page, &l.row);
    } else if (!err) {
        err = drop(&l);
    }
    json_decref(l.spec);
    return err == TSN_ENOTFOUND ? 0 : err;
}

static void ended(struct tsn_eop *o)
{
    struct end_op *x = (struct end_op *)o;

    tsn_fault("engine.paged.committed");
    if (o->op.err)
        tsn_log(TSN_LOG_ERROR, "task.not_paged", "error", tsn_err_name(o->op.err), NULL);
    else if (x->outcome != TSN_OUTCOME_OK)
        tsn_log(TSN_LOG_WARN, "task.not_paged", "page", x->id, "reason", x->reason, NULL);
    tsn_sweep_at(o->e, x->next_at);
    tsn_pages_run(o->e);
}

/* Its outcome is known here; the row says the rest. */
static void page_end(struct tsn_page *p, enum tsn_outcome outcome, const struct tsn_diag *diag)
{
    struct end_op *x = tsn_eop_new(p->e, sizeof(*x), NULL, end_apply, ended);

    tsn_fault("engine.page.sent");
    x->id = tsn_arena_strdup(x->o.op.arena, p->pub.idem);
    x->outcome = outcome;
    x->reason = tsn_arena_strdup(
        x->o.op.arena, outcome == TSN_OUTCOME_OK
                           ? NULL
                           : tsn_code_word(diag && diag->what[0] ? diag->code : NULL, "R033"));
    x->policy = tsn_retry_of(p->pub.action, NULL);
    x->wait_ms = tsn_retry_wait(p->e, &x->policy, p->pub.attempt);
    if (x->wait_ms < p->pub.retry_after_ms)
        x->wait_ms = p->pub.retry_after_ms;
    page_unlist(p);
    tsn_eop_submit(&x->o);
}

static void page_done(struct tsn_call *call, enum tsn_outcome outcome, const json_t *result,
                      const struct tsn_diag *diag)
{
    struct tsn_page *p = (struct tsn_page *)call;

    (void)result;
    if (p->completed) { /* let go before */
        page_free(p);
        return;
    }
    p->completed = true;
    page_end(p, outcome, diag);
    if (!p->starting)
        page_free(p);
}

/* Without a cancel the action still holds it, and calls done some time. */
static void let_go(struct tsn_page *p)
{
    p->completed = true;
    if (p->pub.action->cancel) {
        p->pub.action->cancel(&p->pub);
        page_free(p);
    }
}

static void page_late(void *page)
{
    struct tsn_page *p = page;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    (void)tsn_diag_set(&diag, TSN_ETIMEOUT, "R034", "the mail gave no answer in time");
    page_end(p, TSN_OUTCOME_UNKNOWN, &diag);
    let_go(p);
}

static void page_start(struct tsn_engine *e, struct taken *t)
{
    const struct tsn_action *mail = tsn_registry_find(e->config.registry, MAIL);
    struct tsn_page *p = tsn_alloc(sizeof(*p));
    struct tsn_diag diag;
    tsn_err err;

    p->e = e;
    tsn_engine_ref(e);
    p->pub = (struct tsn_call){.action = mail, .attempt = t->attempt, .done = page_done};
    p->pub.run = p->strings[0] = tsn_strdup(t->run);
    p->pub.case_id = p->strings[1] = t->case_id ? tsn_strdup(t->case_id) : NULL;
    p->pub.path = p->strings[2] = tsn_strdup(t->path);
    p->pub.idem = p->strings[3] = tsn_strdup(t->id);
    p->pub.run_name = p->pub.run;
    p->pub.args = t->args;
    t->args = NULL;
    p->next = e->pages;
    e->pages = p;
    e->npages++;
    e->stats.in_flight++;
    p->timer = tsn_timer_new(e->config.loop, page_late, p);
    tsn_timer_arm(p->timer, mail->timeout_ms > 0 ? mail->timeout_ms : TIMEOUT_MS);
    tsn_diag_init(&diag);
    p->starting = true;
    err = mail->start(&p->pub, &diag);
    p->starting = false;
    if (err && !p->completed)
        page_end(p, TSN_OUTCOME_FAIL, &diag);
    if (err || p->completed)
        page_free(p);
}

static void taken_up(struct tsn_eop *o)
{
    struct take_op *x = (struct take_op *)o;
    struct tsn_engine *e = o->e;

    tsn_fault("engine.page.committed");
    e->paging = false;
    if (o->op.err) {
        tsn_log(TSN_LOG_ERROR, "task.not_paged", "error", tsn_err_name(o->op.err), NULL);
        tsn_sweep_at(e, tsn_clock_wall_ms() + TIMEOUT_MS);
        return;
    }
    for (size_t i = 0; i < x->n; i++)
        page_start(e, &x->taken[i]);
    if (x->more)
        tsn_pages_run(e);
}

static void take_freed(void *op)
{
    forget(op);
}

void tsn_pages_run(struct tsn_engine *e)
{
    struct take_op *x;

    if (e->paging || e->closing || !e->ready || e->config.npeople == 0 ||
        e->npages >= TSN_PAGES_MAX)
        return;
    e->paging = true;
    x = tsn_eop_new(e, sizeof(*x), NULL, take_apply, taken_up);
    x->room = TSN_PAGES_MAX - e->npages;
    tsn_arena_defer(x->o.op.arena, take_freed, x);
    tsn_eop_submit(&x->o);
}

void tsn_pages_close(struct tsn_engine *e)
{
    struct tsn_page *p;

    while ((p = e->pages) != NULL) {
        page_unlist(p);
        let_go(p);
    }
}
