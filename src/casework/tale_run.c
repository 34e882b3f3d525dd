/* tale_run.c - entries of runs in words: steps, questions, decisions, ends. What the engine writes
 * into a step's fields stands in docs/audit.md. Reader's thread. */
#include "casework/case_tale.h"

#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "store/record_run.h"

/* "customer-incident@1" of "customer-incident@1@9f8e..." */
static void say_playbook(struct tsn_tale_line *l)
{
    const char *p = l->e->playbook ? l->e->playbook : "the run";
    const char *hash = strrchr(p, '@');
    size_t n = hash && strchr(p, '@') != hash ? (size_t)(hash - p) : strlen(p);
    tsn_buf_put(&l->text, p, n);
}

static void tell_run(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *what = strchr(l->e->kind, '.') + 1;
    const char *why = tsn_json_str(l->args, "message", NULL);
    bool fine = !l->e->outcome || !strcmp(l->e->outcome, "ok");
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
    if (!strncmp(l->e->actor, "u:", 2) && strcmp(what, "opened") != 0 &&
        strcmp(what, "started") != 0)
        tsn_buf_printf(&l->text, " by %s", tsn_tale_person(l->e->actor));
    if (!strcmp(what, "closed"))
        t->failure = tsn_arena_strdup(
            t->arena, tsn_json_str(json_object_get(l->result, "error"), "message", NULL));
    if (!strcmp(what, "ended") && !fine)
        why = t->failure;
    if (!why)
        why = tsn_tale_text(t, l->logged, "note");
    if (why) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, why);
    }
}

static const json_t *request_of(const struct tsn_tale_line *l)
{
    if (json_object_get(l->args, "name"))
        return l->args;
    return l->opening ? l->opening->request : NULL;
}

static const char *step_name(const struct tsn_tale_line *l)
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

static void tell_mail(struct tsn_tale_line *l, const json_t *args)
{
    const char *template = tsn_json_str(args, "template", NULL);
    const char *subject = tsn_json_str(args, "subject", NULL);
    if (template && !strncmp(template, "ack", 3)) {
        l->word = "ack";
        tsn_buf_puts(&l->text, "receipt sent");
    } else {
        l->word = "mail";
        if (subject)
            tsn_tale_quote(&l->text, subject);
        else
            tsn_buf_puts(&l->text, template ? template : "mail");
    }
    say_to(&l->text, json_object_get(args, "to"));
}

static void tell_result(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const json_t *request = request_of(l);
    const char *kind = tsn_json_str(request, "kind", "call"), *name = step_name(l);
    const char *outcome = l->e->outcome ? l->e->outcome : "ok";
    const char *message = tsn_json_str(json_object_get(l->result, "error"), "message", NULL);
    bool external = l->opening != NULL;
    (void)t;
    if (l->opening)
        l->opening->told = NULL;
    if (strcmp(kind, "call") != 0) {
        /* Questions are told by their own entries, waits by what ends them. */
        l->word = strcmp(kind, "wait") != 0 ? kind : "waited";
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

static const struct tsn_rec_task *task_of(const struct tsn_tale *t, const struct tsn_entry *e)
{
    for (size_t i = 0; i < t->ntasks && e->run && e->step; i++) {
        const struct tsn_rec_task *task = &t->tasks[i];
        if (task->run && task->path && strcmp(task->kind ? task->kind : "", "resolve") != 0 &&
            !strcmp(task->run, e->run) && !strcmp(task->path, e->step))
            return task;
    }
    return NULL;
}

static void tell_asked(struct tsn_tale *t, struct tsn_tale_line *l)
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
        tsn_tale_quote(&l->text, title);
    }
    if (within > 0) {
        tsn_duration_format(span, within);
        tsn_buf_printf(&l->text, ", %s", span);
    }
    if (task && task->name)
        tsn_buf_printf(&l->text, " (%s)", task->name);
}

/* An answer or a vote: whatever the entry's fields say about why. */
static const json_t *decision(const struct tsn_tale_line *l)
{
    return json_is_object(l->result) ? l->result : l->args;
}

static void tell_answered(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const json_t *v = decision(l), *answers = json_object_get(v, "answer");
    const char *key;
    json_t *value;
    (void)t;
    l->word = "answered";
    tsn_buf_printf(&l->text, "%s %s", tsn_tale_person(l->e->actor), step_name(l));
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
        tsn_tale_value(&l->text, value);
        first = false;
    }
}

static void tell_vote(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *what = strchr(l->e->kind, '.') + 1;
    const char *why = tsn_json_str(decision(l), "reason", NULL);
    l->word = !strcmp(what, "granted")  ? "approved"
              : !strcmp(what, "denied") ? "rejected"
                                        : what;
    if (!why)
        why = tsn_tale_text(t, l->logged, "note");
    bool nobody = !strcmp(what, "expired") || !strcmp(what, "voided");
    if (!nobody)
        tsn_buf_printf(&l->text, "%s, ", tsn_tale_person(l->e->actor));
    tsn_buf_puts(&l->text, step_name(l));
    if (!strcmp(what, "voided"))
        tsn_buf_puts(&l->text, ": the plan changed after it was shown, asked again");
    if (!strcmp(what, "expired"))
        tsn_buf_puts(&l->text, ": nobody decided in time");
    if (why) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, why);
    }
}

static void tell_nudge(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *why = tsn_tale_text(t, l->logged, "note");
    l->word = strchr(l->e->kind, '.') + 1;
    l->quiet = !strcmp(l->word, "reminded");
    if (!strcmp(l->word, "delegated"))
        tsn_buf_printf(&l->text, "%s, ", tsn_tale_person(l->e->actor));
    tsn_buf_printf(&l->text, "%s to %s", step_name(l), l->e->to ? l->e->to : "?");
    if (why) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, why);
    }
}

static void tell_page(struct tsn_tale *t, struct tsn_tale_line *l)
{
    (void)t;
    l->word = "mailed";
    l->quiet = !l->e->outcome || strcmp(l->e->outcome, "ok") != 0;
    tsn_buf_printf(&l->text, "%s to %s", step_name(l), l->e->to ? l->e->to : "?");
    if (l->e->outcome && strcmp(l->e->outcome, "ok") != 0)
        tsn_buf_printf(&l->text, ": %s%s%s", l->e->outcome, l->e->reason ? " " : "",
                       l->e->reason ? l->e->reason : "");
}

static void tell_intent(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *kind = tsn_json_str(request_of(l), "kind", "call");
    (void)t;
    l->word = strcmp(kind, "call") ? "waits" : "doing";
    l->quiet = true; /* until the end of the list shows that no result came */
    tsn_buf_puts(&l->text, step_name(l));
}

static void tell_doubt(struct tsn_tale *t, struct tsn_tale_line *l)
{
    (void)t;
    l->word = "unknown";
    if (l->opening)
        l->opening->told = NULL;
    tsn_buf_printf(&l->text, "%s: may have happened; a person must look", step_name(l));
}

static void tell_signal(struct tsn_tale *t, struct tsn_tale_line *l)
{
    (void)t;
    l->word = "event";
    tsn_buf_puts(&l->text, l->e->reason ? l->e->reason : "");
}

static void tell_retry(struct tsn_tale *t, struct tsn_tale_line *l)
{
    (void)t;
    l->word = "retry";
    l->quiet = true;
    tsn_buf_puts(&l->text, step_name(l));
    if (l->e->reason)
        tsn_buf_printf(&l->text, " (%s)", l->e->reason);
}

const struct tsn_tale_teller tsn_tale_run[] = {
    {"run.", tell_run},
    {"step.intent", tell_intent},
    {"step.result", tell_result},
    {"step.retry", tell_retry},
    {"step.in_doubt", tell_doubt},
    {"signal.received", tell_signal},
    {"task.asked", tell_asked},
    {"task.answered", tell_answered},
    {"task.expired", tell_vote},
    {"task.reminded", tell_nudge},
    {"task.escalated", tell_nudge},
    {"task.delegated", tell_nudge},
    {"task.paged", tell_page},
    {"task.paging", tell_page},
    {"approval.requested", tell_asked},
    {"approval.", tell_vote},
    {NULL, NULL},
};
