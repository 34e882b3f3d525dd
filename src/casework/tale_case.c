/* tale_case.c - entries of a case's own chain in words: report, severity, notes, clocks, close.
 * Reader's thread. */
#include "casework/case_tale.h"

#include <string.h>
#include "core/json.h"
#include "core/text.h"

#define QUOTE_MAX 200

const char *tsn_tale_person(const char *actor)
{
    return actor && !strncmp(actor, "u:", 2) ? actor + 2 : actor ? actor : "";
}

/* One line, in quotes, cut at a character. */
void tsn_tale_quote(struct tsn_buf *b, const char *s)
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

void tsn_tale_value(struct tsn_buf *b, const json_t *v)
{
    if (json_is_string(v)) {
        const char *s = json_string_value(v);
        if (tsn_word_ok(s, 40))
            tsn_buf_puts(b, s);
        else
            tsn_tale_quote(b, s);
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

const char *tsn_tale_text(struct tsn_tale *t, const struct tsn_logged *e, const char *name)
{
    const char *s = NULL;
    size_t n;
    for (size_t i = 0; i < e->entry.ncommits; i++)
        if (!strcmp(e->entry.commits[i].name, name) &&
            tsn_store_open_field(t->st, t->arena, e, name, &s, &n) == 0)
            return s;
    return NULL;
}

json_t *tsn_tale_json(struct tsn_tale *t, const struct tsn_logged *e, const char *name)
{
    const char *s = tsn_tale_text(t, e, name);
    json_t *v = NULL;
    if (!s || tsn_json_parse(s, strlen(s), &v, NULL))
        return NULL;
    return v;
}

static void tell_created(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *title = tsn_tale_text(t, l->logged, "subject");
    l->word = "opened";
    /* A reported case begins with its report, told by its own entry. */
    l->quiet = l->e->reason && strcmp(l->e->reason, "upstream") != 0;
    tsn_buf_puts(&l->text, t->c->name);
    if (title) {
        tsn_buf_puts(&l->text, " ");
        tsn_tale_quote(&l->text, title);
    }
}

static void tell_report(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *source = tsn_tale_text(t, l->logged, "src");
    const json_t *contact = json_object_get(l->args, "contact");
    const char *who = tsn_json_str(contact, "name", tsn_json_str(contact, "mail", NULL));
    const char *title = tsn_json_str(l->args, "title", NULL);
    l->word = "report";
    tsn_buf_printf(&l->text, "%s", who ? who : l->args ? "anonymous" : "a reporter");
    if (source)
        tsn_buf_printf(&l->text, " by %s", source);
    if (title) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, title);
    }
}

static void tell_updated(struct tsn_tale *t, struct tsn_tale_line *l)
{
    json_t *diff = tsn_tale_json(t, l->logged, "diff"), *pair;
    const char *key, *why = NULL;
    bool first = true;
    l->word = l->e->reason && strcmp(l->e->reason, "facts") != 0 ? l->e->reason : "changed";
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
        tsn_tale_value(&l->text, to);
        first = false;
    }
    if (why) {
        tsn_buf_puts(&l->text, first ? "" : ": ");
        tsn_tale_quote(&l->text, why);
    }
    json_decref(diff);
}

static void tell_note(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *note = tsn_tale_text(t, l->logged, "note");
    l->word = "note";
    if (!strncmp(l->e->actor, "u:", 2))
        tsn_buf_printf(&l->text, "%s: ", tsn_tale_person(l->e->actor));
    tsn_tale_quote(&l->text, note ? note : "");
}

static void tell_linked(struct tsn_tale *t, struct tsn_tale_line *l)
{
    json_t *link = tsn_tale_json(t, l->logged, "note");
    const char *name = json_is_string(link) ? json_string_value(link) : NULL;
    l->word = "link";
    if (!name)
        name =
            tsn_json_str(link, "key", tsn_json_str(link, "id", tsn_json_str(link, "url", "")));
    tsn_buf_puts(&l->text, name);
    json_decref(link);
}

static void tell_closed(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *note = tsn_tale_text(t, l->logged, "note");
    l->word = "closed";
    tsn_buf_puts(&l->text, l->e->reason ? l->e->reason : "");
    if (note) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, note);
    }
}

static void tell_report_update(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *note = tsn_tale_text(t, l->logged, "note");
    l->word = "update";
    if (l->e->to)
        tsn_buf_printf(&l->text, "report %s → %s", l->e->from ? l->e->from : "none", l->e->to);
    else
        tsn_buf_puts(&l->text, "report");
    if (note) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, note);
    }
}

static void tell_clock(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *what = strrchr(l->e->kind, '.') + 1;
    if (!strcmp(what, "warned") || !strcmp(what, "missed") || !strcmp(what, "recomputed")) {
        l->word = "clock";
        tsn_buf_printf(&l->text, "%s %s", l->e->reason ? l->e->reason : "", what);
        if (l->e->from)
            tsn_buf_printf(&l->text, ", due %.16sZ", l->e->from);
        if (l->e->to)
            tsn_buf_printf(&l->text, " → %.24s", l->e->to);
        return;
    }
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

static void tell_advisory(struct tsn_tale *t, struct tsn_tale_line *l)
{
    static const char *const names[] = {"subject", "args", "result", "note"};
    l->word = "advisory";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *s = tsn_tale_text(t, l->logged, names[i]);
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

/* track.embargo, track.report, ...: what, from where to where, why. */
static void tell_track(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *subject = tsn_tale_text(t, l->logged, "subject");
    const char *note = tsn_tale_text(t, l->logged, "note");
    l->word = strchr(l->e->kind, '.') + 1;
    /* That it came in is told by the report itself. */
    l->quiet = l->e->from && !strcmp(l->e->from, "start");
    if (subject)
        tsn_buf_printf(&l->text, "%s: ", subject);
    tsn_buf_printf(&l->text, "%s → %s", l->e->from ? l->e->from : "", l->e->to ? l->e->to : "");
    if (note && note[0]) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, note);
    }
}

static void tell_phase(struct tsn_tale *t, struct tsn_tale_line *l)
{
    (void)t;
    l->word = "phase";
    tsn_buf_printf(&l->text, "%s → %s", l->e->from ? l->e->from : "", l->e->to ? l->e->to : "");
}

static void tell_instant(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *note = tsn_tale_text(t, l->logged, "note");
    l->word = "when";
    tsn_buf_printf(&l->text, "%s: %s → %s", l->e->reason ? l->e->reason : "",
                   l->e->from ? l->e->from : "", l->e->to ? l->e->to : "");
    if (note && note[0]) {
        tsn_buf_puts(&l->text, ": ");
        tsn_tale_quote(&l->text, note);
    }
}

/* What a reporter wrote, who they want to be, what came back: the words stand sealed in `note`. */
static void tell_word(struct tsn_tale *t, struct tsn_tale_line *l)
{
    const char *note = tsn_tale_text(t, l->logged, "note");
    bool credit = !strcmp(l->e->kind, "report.credit");
    l->word = !strcmp(l->e->kind, "message.bounced") ? "bounced" : "reporter";
    if (credit)
        tsn_buf_puts(&l->text, note && note[0] ? "wants to be named as " : "wants no name");
    if (note && note[0])
        tsn_tale_quote(&l->text, note);
}

/* weakness CWE-20 -> CWE-787, score ..., ssvc ...: the values stand sealed in `diff`. */
static void tell_assessed(struct tsn_tale *t, struct tsn_tale_line *l)
{
    json_t *diff = tsn_tale_json(t, l->logged, "diff");
    const json_t *cwe = json_object_get(diff, "cwe"), *cvss = json_object_get(diff, "cvss");
    const json_t *change = cwe ? cwe : cvss ? cvss : diff;
    const json_t *by = json_object_get(json_object_get(diff, "ssvc"), "table");
    l->word = "assessed";
    tsn_buf_puts(&l->text, l->e->reason ? l->e->reason : "");
    if (json_object_get(diff, "by"))
        tsn_buf_printf(&l->text, " by %s", tsn_json_str(diff, "by", ""));
    if (by)
        tsn_buf_printf(&l->text, " (%s)", json_string_value(by));
    if (change)
        tsn_buf_printf(&l->text, ": %s → %s", tsn_json_str(change, "from", "none"),
                       tsn_json_str(change, "to", "none"));
    if (json_object_get(diff, "warning"))
        tsn_buf_printf(&l->text, " (%s)", tsn_json_str(diff, "warning", ""));
    json_decref(diff);
}

/* The other report is not named: whoever reads this may not see it. */
static void tell_alike(struct tsn_tale *t, struct tsn_tale_line *l)
{
    json_t *data = tsn_tale_json(t, l->logged, "args");
    const char *note = tsn_tale_text(t, l->logged, "note");
    size_t i;
    json_t *why;
    l->word = "alike";
    if (strcmp(l->e->to ? l->e->to : "", "proposed") != 0) {
        tsn_buf_printf(&l->text, "another report is %s", l->e->to ? l->e->to : "");
        if (note && note[0]) {
            tsn_buf_puts(&l->text, ": ");
            tsn_tale_quote(&l->text, note);
        }
    } else {
        tsn_buf_printf(&l->text, "another report may say the same (%lld of 100",
                       (long long)tsn_json_int(data, "score", 0));
        json_array_foreach(json_object_get(data, "reasons"), i, why)
            tsn_buf_printf(&l->text, "%s%s", i ? ", " : ": ", json_string_value(why));
        tsn_buf_puts(&l->text, ")");
    }
    json_decref(data);
}

const struct tsn_tale_teller tsn_tale_case[] = {
    {"case.created", tell_created},
    {"case.updated", tell_updated},
    {"case.note", tell_note},
    {"case.linked", tell_linked},
    {"case.closed", tell_closed},
    {"case.done", tell_closed},
    {"case.phase", tell_phase},
    {"case.instant", tell_instant},
    {"case.assessed", tell_assessed},
    {"track.alike", tell_alike},
    {"track.", tell_track},
    {"report.received", tell_report},
    {"report.updated", tell_report_update},
    {"report.message", tell_word},
    {"report.credit", tell_word},
    {"message.bounced", tell_word},
    {"clock.", tell_clock},
    {"advisory.", tell_advisory},
    {NULL, NULL},
};
