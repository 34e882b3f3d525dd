/* form_status.c - what a receipt opens: how far the report is, by when the next word comes, messages.
 *
 * Reading happens on the reader, writing in one transaction: message, files, entry, and the event
 * `report.reply` that playbooks wait for. Nothing of the case is shown but what was said to the
 * reporter, five plain stages, and their own words. */
#include <stdlib.h>
#include <string.h>

#include "casework/case_reporter.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/id.h"
#include "core/text.h"
#include "form/form_int.h"
#include "store/record_case.h"
#include "store/reader.h"
#include "store/writer.h"

#define MESSAGE_MAX 20000

const char *tsn_receipt_of(struct tsn_arena *arena, const char *typed)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char plain[20];
    size_t n = 0;

    for (; *typed; typed++) {
        char c = *typed;

        if (c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        c = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
        if (n >= 2) /* Crockford: what is easily misread */
            c = (char)(c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c);
        if (n == 18 || (n >= 2 && !strchr(alphabet, c)))
            return NULL;
        plain[n++] = c;
    }
    if (n != 18 || plain[0] != 'T' || plain[1] != 'R')
        return NULL;
    return tsn_arena_printf(arena, "TR-%.4s-%.4s-%.4s-%.4s", plain + 2, plain + 6, plain + 10,
                            plain + 14);
}

/* --- the page --- */

static void stages(struct tsn_buf *b, const struct tsn_ask *a, const json_t *seen)
{
    static const char *const names[] = {"received", "read", "working", "fixed", "published"};
    bool closed = tsn_json_bool(seen, "closed", false), now_given = false;

    tsn_buf_puts(b, "<h2>");
    tsn_page_escape(b, tsn_ask_text(a, "stages"));
    tsn_buf_puts(b, "</h2>\n<ol class=\"stages\">");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool done = tsn_json_bool(seen, names[i], false), now = false;

        if (closed && !done)
            continue; /* it will not come any more */
        if (!done && !now_given)
            now = now_given = i > 0;
        tsn_buf_printf(b, "<li><span class=\"mark\">%s ",
                       done  ? "\xe2\x9c\x94"
                       : now ? "\xe2\x96\xb8"
                             : "\xe2\x97\x8b");
        tsn_page_escape(b, tsn_ask_text(a, done ? "done" : now ? "now" : "open"));
        tsn_buf_puts(b, now ? "</span> <span class=\"now\">" : "</span> <span>");
        tsn_page_escape(b, tsn_ask_text(a, names[i]));
        tsn_buf_puts(b, "</span></li>");
    }
    if (closed) {
        tsn_buf_puts(b, "<li><span class=\"mark\">\xe2\x9c\x94 ");
        tsn_page_escape(b, tsn_ask_text(a, "done"));
        tsn_buf_puts(b, "</span> <span>");
        tsn_page_escape(b, tsn_ask_text(a, "closed"));
        tsn_buf_puts(b, "</span></li>");
    }
    tsn_buf_puts(b, "</ol>\n");
}

/* The promise of a clock of the case, else of the configuration; said also when it was missed. */
static void promise(struct tsn_buf *b, const struct tsn_ask *a, const json_t *seen)
{
    const struct tsn_form_config *cfg = &a->form->cfg;
    int64_t due = tsn_json_int(seen, "due", 0), now = tsn_clock_wall_ms();
    struct tsn_buf when;
    bool missed;

    if (tsn_json_bool(seen, "closed", false))
        return;
    if (due == 0 && !tsn_json_bool(seen, "read", false))
        due = tsn_json_int(seen, "at", 0) + cfg->answer_ms;
    else if (due == 0)
        due = tsn_json_int(seen, "last_word", 0) + cfg->update_ms;
    missed = due < now;
    tsn_buf_init(&when, 64);
    tsn_page_time(&when, due);
    tsn_buf_puts(b, missed ? "<p class=\"bad\">" : "<p>");
    tsn_page_fill(b, a, missed ? "missed" : "next", when.data);
    tsn_buf_puts(b, "</p>\n");
    tsn_buf_free(&when);
}

static void coordinator(struct tsn_buf *b, const struct tsn_ask *a)
{
    const struct tsn_form_config *cfg = &a->form->cfg;

    if (!cfg->coordinator)
        return;
    tsn_buf_puts(b, "<p>");
    tsn_page_fill(b, a, "coordinator", cfg->coordinator);
    if (cfg->coordinator_url) {
        tsn_buf_puts(b, " <a href=\"");
        tsn_page_escape(b, cfg->coordinator_url);
        tsn_buf_puts(b, "\">");
        tsn_page_escape(b, cfg->coordinator_url);
        tsn_buf_puts(b, "</a>");
    }
    tsn_buf_puts(b, "</p>\n");
}

static void messages(struct tsn_buf *b, const struct tsn_ask *a, const json_t *seen)
{
    const json_t *list = json_object_get(seen, "messages"), *one;
    size_t i;

    tsn_buf_puts(b, "<h2>");
    tsn_page_escape(b, tsn_ask_text(a, "messages"));
    tsn_buf_puts(b, "</h2>\n");
    if (json_array_size(list) == 0) {
        tsn_buf_puts(b, "<p>");
        tsn_page_escape(b, tsn_ask_text(a, "no_messages"));
        tsn_buf_puts(b, "</p>\n");
        return;
    }
    tsn_buf_puts(b, "<ol class=\"messages\">");
    json_array_foreach(list, i, one)
    {
        tsn_buf_puts(b, "<li><strong>");
        tsn_page_escape(
            b, tsn_ask_text(a, tsn_json_bool(one, "ours", false) ? "from_us" : "from_you"));
        tsn_buf_puts(b, "</strong> <span class=\"hint\">");
        tsn_page_time(b, tsn_json_int(one, "at", 0));
        tsn_buf_puts(b, "</span><p>");
        tsn_page_escape(b, tsn_json_str(one, "text", ""));
        tsn_buf_puts(b, "</p></li>");
    }
    tsn_buf_puts(b, "</ol>\n");
}

/* A form whose hidden fields carry the receipt on. */
static void begin_form(struct tsn_buf *b, const struct tsn_ask *a, const char *action,
                       const char *more)
{
    tsn_buf_printf(b,
                   "<form method=\"post\" action=\"%s\"%s><input type=\"hidden\" "
                   "name=\"receipt\" value=\"%s\"><input type=\"hidden\" name=\"lang\" "
                   "value=\"%s\">",
                   action, more, a->receipt, a->lang);
}

static void end_form(struct tsn_buf *b, const struct tsn_ask *a, const char *label)
{
    tsn_buf_puts(b, "<p><button type=\"submit\">");
    tsn_page_escape(b, tsn_ask_text(a, label));
    tsn_buf_puts(b, "</button></p></form>\n");
}

static void write_back(struct tsn_buf *b, const struct tsn_ask *a, const json_t *seen)
{
    const char *credit = tsn_json_str(seen, "credit", "");
    bool bad = a->field && strcmp(a->field, "message") == 0;

    begin_form(b, a, "/status/message", " enctype=\"multipart/form-data\"");
    tsn_buf_puts(b, "<p><label for=\"message\">");
    tsn_page_escape(b, tsn_ask_text(a, "message"));
    tsn_buf_printf(b,
                   "</label><textarea id=\"message\" name=\"message\" rows=\"5\" "
                   "maxlength=\"20000\" required%s></textarea></p><p><label for=\"files\">",
                   bad ? " aria-invalid=\"true\" aria-describedby=\"error\"" : "");
    tsn_page_escape(b, tsn_ask_text(a, "files"));
    tsn_buf_puts(b, " <span class=\"hint\">");
    tsn_page_escape(b, tsn_ask_text(a, "files_hint"));
    tsn_buf_puts(b, "</span></label><input type=\"file\" id=\"files\" name=\"files\" multiple>"
                    "</p>");
    end_form(b, a, "message_send");
    tsn_buf_puts(b, "<p>");
    tsn_page_fill(b, a, *credit ? "credit_now" : "credit_none", credit);
    tsn_buf_puts(b, "</p>\n");
    begin_form(b, a, "/status/credit", "");
    tsn_buf_puts(b, "<p><label for=\"credit\">");
    tsn_page_escape(b, tsn_ask_text(a, "credit_new"));
    tsn_buf_puts(b, "</label><input id=\"credit\" name=\"credit\" maxlength=\"200\" "
                    "autocomplete=\"off\" value=\"");
    tsn_page_escape(b, credit);
    tsn_buf_puts(b, "\"></p>");
    end_form(b, a, "credit_save");
}

static void show(struct tsn_ask *a, const json_t *seen)
{
    struct tsn_buf b, when;

    tsn_page_begin(&b, a, "status");
    tsn_buf_init(&when, 64);
    tsn_page_time(&when, tsn_json_int(seen, "at", 0));
    tsn_buf_puts(&b, "<p>");
    tsn_page_fill(&b, a, "case", tsn_json_str(seen, "case", ""));
    tsn_buf_puts(&b, " \xc2\xb7 ");
    tsn_page_fill(&b, a, "sent", when.data);
    tsn_buf_free(&when);
    tsn_buf_puts(&b, "</p>\n");
    stages(&b, a, seen);
    promise(&b, a, seen);
    coordinator(&b, a);
    messages(&b, a, seen);
    write_back(&b, a, seen);
    tsn_page_send(&b, a, a->error ? 422 : 200);
}

/* --- reading --- */

struct look_op {
    struct tsn_op op;
    struct tsn_ask *ask;
    json_t *seen;
};

static tsn_err look_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct look_op *x = (struct look_op *)op;

    json_decref(x->seen);
    x->seen = NULL;
    return tsn_reporter_view(st, op->arena, x->ask->receipt, &x->seen);
}

/* No such receipt: it counts against who asks. */
static void unknown(struct tsn_ask *a)
{
    tsn_form_limit_count(a->form->limit, a->network, TSN_KNOCK_RECEIPT, tsn_clock_mono_ms());
    a->error = "status_unknown";
    tsn_page_find(a, 404);
}

static void look_done(struct tsn_op *op)
{
    struct look_op *x = (struct look_op *)op;
    struct tsn_ask *a = x->ask;
    struct tsn_form *f = a->form;

    if (op->err == TSN_ENOTFOUND) {
        unknown(a);
    } else if (op->err) {
        tsn_page_plain(a, 503, "busy");
    } else {
        show(a, x->seen);
    }
    json_decref(x->seen);
    tsn_op_destroy(op);
    tsn_form_op_done(f);
}

static void look(struct tsn_ask *a)
{
    struct look_op *x = tsn_op_new(sizeof(*x), look_apply, look_done, NULL);

    x->ask = a;
    a->form->under_way++;
    if (tsn_reader_submit(a->form->cfg.reader, &x->op) != 0) {
        struct tsn_form *f = a->form;

        tsn_op_destroy(&x->op);
        tsn_page_plain(a, 503, "busy");
        tsn_form_op_done(f);
    }
}

/* The receipt of this request, or the answer that it is none. */
static bool have_receipt(struct tsn_ask *a)
{
    if (!tsn_form_limit_ok(a->form->limit, a->network, TSN_KNOCK_RECEIPT,
                           tsn_clock_mono_ms())) {
        a->error = "status_limit";
        tsn_page_find(a, 429);
        return false;
    }
    a->receipt = tsn_receipt_of(a->arena, tsn_form_field(&a->data, "receipt"));
    if (a->receipt)
        return true;
    a->error = "status_unknown";
    tsn_page_find(a, 404);
    return false;
}

void tsn_form_status(struct tsn_ask *a)
{
    if (!have_receipt(a))
        return;
    if (strcmp(a->in->path, "/report/receipt") == 0) {
        const char *last =
            tsn_receipt_of(a->arena, tsn_arena_printf(a->arena, "%.18s%.10s", a->receipt,
                                                      tsn_form_field(&a->data, "last")));

        if (!last || strcmp(last, a->receipt) != 0) {
            a->error = "receipt_wrong";
            tsn_page_receipt(a, 422);
            return;
        }
    }
    look(a);
}

/* --- writing --- */

struct say_op {
    struct tsn_op op;
    struct tsn_ask *ask;
    struct tsn_reporter_word word;
    json_t *files;
    int64_t now_ms, epoch;
    const char *woken;
};

static tsn_err say_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct say_op *x = (struct say_op *)op;

    return tsn_reporter_say(st, op->arena, x->ask->form->cfg.casework, &x->word, x->epoch,
                            x->now_ms, &x->woken, &op->diag);
}

static void say_done(struct tsn_op *op)
{
    struct say_op *x = (struct say_op *)op;
    struct tsn_ask *a = x->ask;
    struct tsn_form *f = a->form;

    if (op->err == TSN_ENOTFOUND) {
        unknown(a);
    } else if (op->err) {
        bool input = tsn_err_class(op->err) == TSN_CLASS_INPUT;

        tsn_page_plain(a, input ? 422 : 503, input ? "error_form" : "busy");
    } else {
        if (x->woken && !f->closed)
            tsn_engine_wake(f->cfg.engine, x->woken);
        a->note = x->word.credit ? "credit_saved" : "message_sent";
        look(a);
    }
    json_decref(x->files);
    tsn_op_destroy(op);
    tsn_form_op_done(f);
}

/* The limits of a report's files. */
static bool files_ok(const struct tsn_form_data *d)
{
    size_t n = 0, total = 0;
    bool good = true;

    for (size_t i = 0; i < d->n && good; i++) {
        if (!d->part[i].filename || d->part[i].len == 0)
            continue;
        total += d->part[i].len;
        good = ++n <= TSN_REPORT_FILES && d->part[i].len <= TSN_REPORT_FILE_MAX &&
               total <= TSN_REPORT_FILES_MAX;
    }
    return good;
}

void tsn_form_message(struct tsn_ask *a, bool credit)
{
    struct tsn_form *f = a->form;
    const char *text = tsn_form_field(&a->data, credit ? "credit" : "message");
    int64_t now = tsn_clock_mono_ms();
    struct say_op *x;
    bool good;

    if (!have_receipt(a))
        return;
    if (!tsn_form_limit_ok(f->limit, a->network, TSN_KNOCK_REPORT, now)) {
        tsn_page_plain(a, 429, "limit");
        return;
    }
    good = files_ok(&a->data);
    if (!good || strlen(text) > (credit ? 200 : MESSAGE_MAX) ||
        (!credit && !text[strspn(text, " \t\r\n")])) {
        a->error = good ? "message_empty" : "error_files";
        a->field = "message";
        look(a);
        return;
    }
    tsn_form_limit_count(f->limit, a->network, TSN_KNOCK_REPORT, now);
    x = tsn_op_new(sizeof(*x), say_apply, say_done, NULL);
    x->ask = a;
    x->files = tsn_form_files(&a->data);
    x->word = (struct tsn_reporter_word){
        .receipt = a->receipt, .text = text, .credit = credit, .files = x->files};
    x->now_ms = tsn_clock_wall_ms();
    x->epoch = tsn_engine_epoch(f->cfg.engine);
    f->under_way++;
    if (tsn_writer_submit(f->cfg.writer, &x->op, TSN_LANE_RUNS) != 0) {
        json_decref(x->files);
        tsn_op_destroy(&x->op);
        tsn_page_plain(a, 503, "busy");
        tsn_form_op_done(f);
    }
}
