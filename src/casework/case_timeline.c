/* case_timeline.c - the story of a case: its chain and the chains of its runs, merged and put into
 * words. Reader's thread (or an offline command's); reads only. What does not open (erased, or no
 * key) is told without its words. */
#include "casework/case_int.h"

#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

#define QUOTE_MAX 200

/* What a step's opening entry said, for the result that comes later. */
struct opening {
    const char *run, *step;
    json_t *request; /* { args, kind, name, opts } */
    json_t
        *told; /* the opening's own line, borrowed from the list; NULL once there is a result */
};

struct telling {
    struct tsn_store *st;
    struct tsn_arena *arena;
    const struct tsn_rec_case *c;
    struct opening *open;
    size_t nopen;
    const struct tsn_rec_task *tasks; /* of the case */
    size_t ntasks;
    json_t *out;
};

/* One entry being told. */
struct line {
    const struct tsn_logged *logged;
    const struct tsn_entry *e;
    const char *word;
    struct tsn_buf text;
    bool quiet;
    struct opening *opening; /* of its step; NULL = none seen */
    json_t *args, *result;   /* opened fields as JSON; NULL = absent or sealed */
};

/* --- words -------------------------------------------------------------------------------- */

static const char *person_of(const char *actor)
{
    return actor && !strncmp(actor, "u:", 2) ? actor + 2 : actor ? actor : "";
}

/* One line, in quotes, cut at a character. */
static void say_quoted(struct tsn_buf *b, const char *s)
{
    size_t n = strlen(s);
    bool cut = n > QUOTE_MAX;
    if (cut)
        for (n = QUOTE_MAX; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
            continue;
    tsn_buf_putc(b, '"');
    for (size_t i = 0; i < n; i++)
        tsn_buf_putc(b, (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? ' ' : s[i]);
    tsn_buf_puts(b, cut ? "…\"" : "\"");
}

static void say_value(struct tsn_buf *b, const json_t *v)
{
    if (json_is_string(v)) {
        const char *s = json_string_value(v);
        if (tsn_word_ok(s, 40))
            tsn_buf_puts(b, s);
        else
            say_quoted(b, s);
        return;
    }
    if (!v || json_is_null(v)) {
        tsn_buf_puts(b, "none");
        return;
    }
    if (json_is_array(v) || json_is_object(v)) {
        size_t n = json_is_array(v) ? json_array_size(v) : json_object_size(v);
        tsn_buf_printf(b, "(%zu)", n);
        return;
    }
    char *text = tsn_json_text(v);
    tsn_buf_puts(b, text);
    free(text);
}

static const char *field_text(struct telling *t, const struct tsn_logged *e, const char *name)
{
    const char *s = NULL;
    size_t n;
    for (size_t i = 0; i < e->entry.ncommits; i++)
        if (!strcmp(e->entry.commits[i].name, name) &&
            tsn_store_open_field(t->st, t->arena, e, name, &s, &n) == 0)
            return s;
    return NULL;
}

static json_t *field_json(struct telling *t, const struct tsn_logged *e, const char *name)
{
    const char *s = field_text(t, e, name);
    json_t *v = NULL;
    if (!s || tsn_json_parse(s, strlen(s), &v, NULL))
        return NULL;
    return v;
}

/* --- case chain --------------------------------------------------------------------------- */

static void tell_created(struct telling *t, struct line *l)
{
    const char *title = field_text(t, l->logged, "subject");
    l->word = "opened";
    /* A reported case begins with its report, told by its own entry. */
    l->quiet = l->e->reason && strcmp(l->e->reason, "upstream") != 0;
    tsn_buf_puts(&l->text, t->c->name);
    if (title) {
        tsn_buf_puts(&l->text, " ");
        say_quoted(&l->text, title);
    }
}

static void tell_report(struct telling *t, struct line *l)
{
    const char *source = field_text(t, l->logged, "src");
    const json_t *contact = json_object_get(l->args, "contact");
    const char *who = tsn_json_str(contact, "name", tsn_json_str(contact, "mail", NULL));
    const char *title = tsn_json_str(l->args, "title", NULL);
    l->word = "report";
    tsn_buf_printf(&l->text, "%s", who ? who : l->args ? "anonymous" : "a reporter");
    if (source)
        tsn_buf_printf(&l->text, " by %s", source);
    if (title) {
        tsn_buf_puts(&l->text, ": ");
        say_quoted(&l->text, title);
    }
}

static void tell_updated(struct telling *t, struct line *l)
{
    json_t *diff = field_json(t, l->logged, "diff"), *pair;
    const char *key, *why = NULL;
    bool first = true;
    l->word = l->e->reason && strcmp(l->e->reason, "facts") ? l->e->reason : "changed";
    if (l->e->from && l->e->to) {
        tsn_buf_printf(&l->text, "%s → %s", l->e->from, l->e->to);
        first = false;
    }
    json_object_foreach(diff, key, pair)
    {
        const json_t *to = json_object_get(pair, "to");
        if (!strcmp(key, "reason") && json_is_string(to)) {
            why = json_string_value(to);
            continue;
        }
        if (!strcmp(key, l->word))
            continue;
        tsn_buf_printf(&l->text, "%s%s ", first ? "" : ", ", key);
        say_value(&l->text, to);
        first = false;
    }
    if (why) {
        tsn_buf_puts(&l->text, first ? "" : ": ");
        say_quoted(&l->text, why);
    }
    json_decref(diff);
}

static void tell_note(struct telling *t, struct line *l)
{
    const char *note = field_text(t, l->logged, "note");
    l->word = "note";
    if (!strncmp(l->e->actor, "u:", 2))
        tsn_buf_printf(&l->text, "%s: ", person_of(l->e->actor));
    say_quoted(&l->text, note ? note : "");
}

static void tell_linked(struct telling *t, struct line *l)
{
    json_t *link = field_json(t, l->logged, "note");
    const char *name = json_is_string(link) ? json_string_value(link) : NULL;
    l->word = "link";
    if (!name)
        name =
            tsn_json_str(link, "key", tsn_json_str(link, "id", tsn_json_str(link, "url", "")));
    tsn_buf_puts(&l->text, name);
    json_decref(link);
}

static void tell_closed(struct telling *t, struct line *l)
{
    const char *note = field_text(t, l->logged, "note");
    l->word = "closed";
    tsn_buf_puts(&l->text, l->e->reason ? l->e->reason : "");
    if (note) {
        tsn_buf_puts(&l->text, ": ");
        say_quoted(&l->text, note);
    }
}

static void tell_report_update(struct telling *t, struct line *l)
{
    const char *note = field_text(t, l->logged, "note");
    l->word = "update";
    if (l->e->to)
        tsn_buf_printf(&l->text, "report %s → %s", l->e->from ? l->e->from : "none", l->e->to);
    else
        tsn_buf_puts(&l->text, "report");
    if (note) {
        tsn_buf_puts(&l->text, ": ");
        say_quoted(&l->text, note);
    }
}

static void tell_clock(struct telling *t, struct line *l)
{
    bool started = !strcmp(l->e->kind, "clock.started");
    (void)t;
    l->word = "clock";
    tsn_buf_printf(&l->text, "%s %s", l->e->reason ? l->e->reason : "clock",
                   started ? "started" : "met");
    if (!started && l->e->outcome && !strcmp(l->e->outcome, "timeout"))
        tsn_buf_puts(&l->text, " too late");
    if (l->e->to)
        tsn_buf_printf(&l->text, ", due %.16sZ", l->e->to);
}

static void tell_advisory(struct telling *t, struct line *l)
{
    static const char *const names[] = {"subject", "args", "result", "note"};
    l->word = "advisory";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *s = field_text(t, l->logged, names[i]);
        json_t *v = NULL;
        if (!s)
            continue;
        if (s[0] == '{' && tsn_json_parse(s, strlen(s), &v, NULL) == 0) {
            const char *name = tsn_json_str(v, "name", tsn_json_str(v, "id", NULL));
            if (name)
                tsn_buf_printf(&l->text, "%s ", name);
            if (json_object_get(v, "version"))
                tsn_buf_printf(&l->text, "version %lld ",
                               (long long)tsn_json_int(v, "version", 0));
        } else {
            tsn_buf_printf(&l->text, "%.100s ", s);
        }
        json_decref(v);
        break;
    }
    tsn_buf_puts(&l->text, strrchr(l->e->kind, '.') + 1);
}

/* --- runs --------------------------------------------------------------------------------- */

/* "customer-incident@1" of "customer-incident@1@9f8e..." */
static void say_playbook(struct line *l)
{
    const char *p = l->e->playbook ? l->e->playbook : "the run";
    const char *hash = strrchr(p, '@');
    size_t n = hash && strchr(p, '@') != hash ? (size_t)(hash - p) : strlen(p);
    tsn_buf_put(&l->text, p, n);
}

static void tell_run(struct telling *t, struct line *l)
{
    const char *what = strchr(l->e->kind, '.') + 1;
    const char *why = tsn_json_str(l->args, "reason", NULL);
    bool fine = !l->e->outcome || !strcmp(l->e->outcome, "ok");
    (void)t;
    l->word = "run";
    /* Opening and a good end are bookkeeping; whatever needs somebody is not. The run chain's own
     * last entry repeats what the case's chain says. */
    l->quiet = !strcmp(what, "opened") || !strcmp(what, "started") || !strcmp(what, "closed") ||
               (!strcmp(what, "ended") && fine);
    say_playbook(l);
    if (!strcmp(what, "ended") && !fine)
        tsn_buf_printf(&l->text, " ended: %s", l->e->outcome);
    else
        tsn_buf_printf(&l->text, " %s", what);
    if (l->e->reason)
        tsn_buf_printf(&l->text, " (%s)", l->e->reason);
    if (!strcmp(what, "cancelled"))
        tsn_buf_printf(&l->text, " by %s", person_of(l->e->actor));
    if (!why)
        why = field_text(t, l->logged, "note");
    if (why) {
        tsn_buf_puts(&l->text, ": ");
        say_quoted(&l->text, why);
    }
}

static const json_t *request_of(const struct line *l)
{
    if (json_object_get(l->args, "name"))
        return l->args;
    return l->opening ? l->opening->request : NULL;
}

static const char *step_name(const struct line *l)
{
    const char *name = tsn_json_str(request_of(l), "name", NULL);
    return name && name[0] ? name : l->e->step ? l->e->step : "step";
}

static void say_to(struct tsn_buf *b, const json_t *to)
{
    if (json_is_string(to))
        tsn_buf_printf(b, " to %s", json_string_value(to));
    else if (json_array_size(to) == 1 && json_is_string(json_array_get(to, 0)))
        tsn_buf_printf(b, " to %s", json_string_value(json_array_get(to, 0)));
    else if (json_array_size(to) > 1)
        tsn_buf_printf(b, " to %zu addresses", json_array_size(to));
}

static void tell_mail(struct line *l, const json_t *args)
{
    const char *template = tsn_json_str(args, "template", NULL);
    const char *subject = tsn_json_str(args, "subject", NULL);
    if (template && !strncmp(template, "ack", 3)) {
        l->word = "ack";
        tsn_buf_puts(&l->text, "receipt sent");
    } else {
        l->word = "mail";
        if (subject)
            say_quoted(&l->text, subject);
        else
            tsn_buf_puts(&l->text, template ? template : "mail");
    }
    say_to(&l->text, json_object_get(args, "to"));
}

static void tell_result(struct telling *t, struct line *l)
{
    const json_t *request = request_of(l);
    const char *kind = tsn_json_str(request, "kind", "call"), *name = step_name(l);
    const char *outcome = l->e->outcome ? l->e->outcome : "ok";
    const char *message = tsn_json_str(json_object_get(l->result, "error"), "message", NULL);
    bool external = l->opening != NULL;
    (void)t;
    if (l->opening)
        l->opening->told = NULL;
    if (strcmp(kind, "call")) {
        /* Questions are told by their own entries, waits by what ends them. */
        l->word = strcmp(kind, "wait") ? kind : "waited";
        l->quiet = strcmp(kind, "wait") != 0;
        tsn_buf_printf(&l->text, "%s%s%s", name, strcmp(outcome, "ok") ? ": " : "",
                       strcmp(outcome, "ok") ? outcome : "");
        return;
    }
    if (!strcmp(outcome, "ok")) {
        l->word = "done";
        l->quiet = !external; /* look-ups, and changes that have an entry of their own */
        if (!strcmp(name, "mail.send"))
            tell_mail(l, json_object_get(request, "args"));
        else
            tsn_buf_puts(&l->text, name);
        return;
    }
    l->word = !strcmp(outcome, "unknown") ? "unknown"
              : !strcmp(outcome, "fail")  ? "failed"
                                          : outcome;
    tsn_buf_puts(&l->text, name);
    if (message) {
        tsn_buf_puts(&l->text, ": ");
        tsn_buf_puts(&l->text, message);
    } else if (l->e->reason) {
        tsn_buf_printf(&l->text, ": %s", l->e->reason);
    }
}

static const struct tsn_rec_task *task_of(const struct telling *t, const struct tsn_entry *e)
{
    for (size_t i = 0; i < t->ntasks && e->run && e->step; i++) {
        const struct tsn_rec_task *task = &t->tasks[i];
        if (task->run && task->path && strcmp(task->kind ? task->kind : "", "resolve") &&
            !strcmp(task->run, e->run) && !strcmp(task->path, e->step))
            return task;
    }
    return NULL;
}

static void tell_asked(struct telling *t, struct line *l)
{
    const json_t *args = json_object_get(request_of(l), "args");
    const char *role = tsn_json_str(args, "role", NULL),
               *title = tsn_json_str(args, "title", NULL);
    int64_t quorum = tsn_json_int(args, "quorum", 1),
            within = tsn_json_int(args, "within_ms", 0);
    bool approval = !strcmp(l->e->kind, "approval.requested");
    const struct tsn_rec_task *task = task_of(t, l->e);
    char span[32];
    l->word = "asked";
    if (task && task->role)
        role = task->role; /* the playbook's word for it is not the person's role */
    if (quorum > 1)
        tsn_buf_printf(&l->text, "%lld of ", (long long)quorum);
    tsn_buf_printf(&l->text, "%s %s %s", role ? role : "somebody",
                   approval ? "may approve" : "for", step_name(l));
    if (title) {
        tsn_buf_puts(&l->text, " ");
        say_quoted(&l->text, title);
    }
    if (within > 0) {
        tsn_duration_format(span, within);
        tsn_buf_printf(&l->text, ", %s", span);
    }
    if (task && task->name)
        tsn_buf_printf(&l->text, " (%s)", task->name);
}

/* An answer or a vote: whatever the entry's fields say about why. */
static const json_t *decision(const struct line *l)
{
    return json_is_object(l->result) ? l->result : l->args;
}

static void tell_answered(struct telling *t, struct line *l)
{
    const json_t *v = decision(l), *answers = json_object_get(v, "answer");
    const char *key;
    json_t *value;
    (void)t;
    l->word = "answered";
    tsn_buf_printf(&l->text, "%s %s", person_of(l->e->actor), step_name(l));
    if (!json_is_object(answers))
        answers = v;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)answers, key, value)
    {
        static const char *const skip[] = {"by", "at", "task", "kind", "opts", "args", "name"};
        bool known = false;
        for (size_t i = 0; i < sizeof skip / sizeof skip[0]; i++)
            known = known || !strcmp(key, skip[i]);
        if (known)
            continue;
        tsn_buf_printf(&l->text, "%s%s ", first ? ": " : ", ", key);
        say_value(&l->text, value);
        first = false;
    }
}

static void tell_vote(struct telling *t, struct line *l)
{
    const char *what = strchr(l->e->kind, '.') + 1;
    const char *why = tsn_json_str(decision(l), "reason", NULL);
    l->word = !strcmp(what, "granted")  ? "approved"
              : !strcmp(what, "denied") ? "rejected"
                                        : what;
    if (!why)
        why = field_text(t, l->logged, "note");
    if (strcmp(what, "expired"))
        tsn_buf_printf(&l->text, "%s, ", person_of(l->e->actor));
    tsn_buf_puts(&l->text, step_name(l));
    if (!strcmp(what, "expired"))
        tsn_buf_puts(&l->text, ": nobody decided in time");
    if (why) {
        tsn_buf_puts(&l->text, ": ");
        say_quoted(&l->text, why);
    }
}

static void tell_intent(struct telling *t, struct line *l)
{
    const char *kind = tsn_json_str(request_of(l), "kind", "call");
    (void)t;
    l->word = strcmp(kind, "call") ? "waits" : "doing";
    l->quiet = true; /* until the end of the list shows that no result came */
    tsn_buf_puts(&l->text, step_name(l));
}

static void tell_doubt(struct telling *t, struct line *l)
{
    (void)t;
    l->word = "unknown";
    if (l->opening)
        l->opening->told = NULL;
    tsn_buf_printf(&l->text, "%s: may have happened; a person must look", step_name(l));
}

static void tell_signal(struct telling *t, struct line *l)
{
    (void)t;
    l->word = "event";
    tsn_buf_puts(&l->text, l->e->reason ? l->e->reason : "");
}

static void tell_retry(struct telling *t, struct line *l)
{
    (void)t;
    l->word = "retry";
    l->quiet = true;
    tsn_buf_puts(&l->text, step_name(l));
    if (l->e->reason)
        tsn_buf_printf(&l->text, " (%s)", l->e->reason);
}

/* --- all of them -------------------------------------------------------------------------- */

static const struct {
    const char *kind; /* ending in '.': every kind that begins so */
    void (*tell)(struct telling *t, struct line *l);
} tellers[] = {
    {"case.created", tell_created},
    {"case.updated", tell_updated},
    {"case.note", tell_note},
    {"case.linked", tell_linked},
    {"case.closed", tell_closed},
    {"report.received", tell_report},
    {"report.updated", tell_report_update},
    {"clock.", tell_clock},
    {"advisory.", tell_advisory},
    {"run.", tell_run},
    {"step.intent", tell_intent},
    {"step.result", tell_result},
    {"step.retry", tell_retry},
    {"step.in_doubt", tell_doubt},
    {"signal.received", tell_signal},
    {"task.asked", tell_asked},
    {"task.answered", tell_answered},
    {"task.expired", tell_vote},
    {"approval.requested", tell_asked},
    {"approval.", tell_vote},
};

static bool opens_step(const char *kind)
{
    return !strcmp(kind, "step.intent") || !strcmp(kind, "task.asked") ||
           !strcmp(kind, "approval.requested");
}

static struct opening *find_opening(struct telling *t, const struct tsn_entry *e)
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

static void tell(struct telling *t, const struct tsn_logged *logged)
{
    struct line l = {.logged = logged, .e = &logged->entry};
    bool run_chain = logged->entry.chain && !strncmp(logged->entry.chain, "run:", 4);
    char at[25];
    tsn_buf_init(&l.text, 4096);
    l.args = field_json(t, logged, "args");
    l.result = field_json(t, logged, "result");
    if (run_chain)
        l.opening = find_opening(t, l.e);
    if (run_chain && l.e->step && opens_step(l.e->kind)) {
        if (!l.opening) {
            l.opening = &t->open[t->nopen++];
            *l.opening = (struct opening){.run = l.e->run, .step = l.e->step};
        }
        if (l.args && !l.opening->request)
            l.opening->request = json_incref(l.args);
    }
    for (size_t i = 0; i < sizeof tellers / sizeof tellers[0] && !l.word; i++) {
        size_t n = strlen(tellers[i].kind);
        bool prefix = tellers[i].kind[n - 1] == '.';
        if (prefix ? !strncmp(l.e->kind, tellers[i].kind, n)
                   : !strcmp(l.e->kind, tellers[i].kind))
            tellers[i].tell(t, &l);
    }
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
    struct telling t = {.st = st, .arena = arena, .c = c, .out = json_array()};
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
