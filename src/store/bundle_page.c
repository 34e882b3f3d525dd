/* bundle_page.c - index.html and README.txt of a bundle: for reading, not for proof. Pure. */
#include "store/bundle_out.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"

#define OPENING_MAX 4000

/* Control characters say nothing to a reader and much to some terminals. */
static void put_text(struct tsn_buf *out, const char *s, size_t n)
{
    tsn_buf_markup(out, s, n, '.', "\n");
}

static void put_cell(struct tsn_buf *out, const char *s)
{
    (void)tsn_buf_puts(out, "<td>");
    if (s)
        put_text(out, s, strlen(s));
    (void)tsn_buf_puts(out, "</td>");
}

void tsn_bundle_page_begin(struct tsn_buf *out, const struct tsn_bundle_head *head,
                           const char *title)
{
    (void)tsn_buf_puts(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    put_text(out, title, strlen(title));
    (void)tsn_buf_puts(
        out, "</title>\n<style>body{font:15px/1.4 sans-serif;margin:2em auto;max-width:75em;"
             "padding:0 1em}table{border-collapse:collapse;width:100%}th,td{text-align:left;"
             "padding:.25em .6em;border-bottom:1px solid #bbb;vertical-align:top}"
             "pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2em 0;background:#f3f3f3;"
             "padding:.4em}code{overflow-wrap:anywhere}</style></head>\n<body><main>\n<h1>");
    put_text(out, title, strlen(title));
    (void)tsn_buf_puts(
        out,
        "</h1>\n<p><strong>This page proves nothing.</strong> It shows what the entries "
        "say; whether they are complete and unchanged is what <code>python3 verify.py . "
        "--trust KEY</code> in this folder tells, or <code>tocsin audit verify</code>. Get "
        "the key from a person, not from this folder.</p>\n<p>Log <code>");
    put_text(out, head->origin, strlen(head->origin));
    (void)tsn_buf_printf(out,
                         "</code>, checkpoint of %llu entries.</p>\n<table><thead><tr>"
                         "<th scope=\"col\">#</th><th scope=\"col\">UTC</th>"
                         "<th scope=\"col\">Who</th><th scope=\"col\">What</th>"
                         "<th scope=\"col\">Step</th><th scope=\"col\">Outcome</th>"
                         "<th scope=\"col\">From, to</th></tr></thead><tbody>\n",
                         (unsigned long long)head->size);
}

void tsn_bundle_page_entry(struct tsn_buf *out, const struct tsn_entry *e)
{
    char time[25];

    tsn_time_format(time, e->time_ms);
    (void)tsn_buf_printf(out, "<tr id=\"e%lld\"><td>%lld</td>", (long long)e->seq,
                         (long long)e->seq);
    put_cell(out, time);
    put_cell(out, e->actor);
    (void)tsn_buf_puts(out, "<td>");
    put_text(out, e->kind, strlen(e->kind));
    if (e->reason) {
        (void)tsn_buf_puts(out, " <small>");
        put_text(out, e->reason, strlen(e->reason));
        (void)tsn_buf_puts(out, "</small>");
    }
    (void)tsn_buf_puts(out, "</td>");
    put_cell(out, e->step);
    put_cell(out, e->outcome);
    (void)tsn_buf_puts(out, "<td>");
    if (e->from)
        put_text(out, e->from, strlen(e->from));
    if (e->from && e->to)
        (void)tsn_buf_puts(out, " → ");
    if (e->to)
        put_text(out, e->to, strlen(e->to));
    (void)tsn_buf_puts(out, "</td></tr>\n");
}

void tsn_bundle_page_opening(struct tsn_buf *out, const char *field, const char *p, size_t n)
{
    (void)tsn_buf_puts(out, "<tr><td></td><td colspan=\"6\"><details><summary>");
    put_text(out, field, strlen(field));
    (void)tsn_buf_puts(out, "</summary><pre>");
    if (tsn_utf8_valid(p, n))
        put_text(out, p, n < OPENING_MAX ? n : OPENING_MAX);
    else
        (void)tsn_buf_printf(out, "%zu bytes that are no text", n);
    (void)tsn_buf_puts(out, "</pre></details></td></tr>\n");
}

void tsn_bundle_page_end(struct tsn_buf *out)
{
    (void)tsn_buf_puts(out, "</tbody></table>\n</main></body></html>\n");
}

void tsn_bundle_readme(struct tsn_buf *out, const struct tsn_bundle_head *head)
{
    (void)tsn_buf_printf(
        out,
        "Part of the audit log %s, covered by its checkpoint of %llu entries.\n\n"
        "Check it without trusting whoever gave it to you, and without a network:\n\n"
        "    python3 verify.py . --trust KEY      (Python 3 alone)\n"
        "    tocsin-verify . --trust KEY          (C, libcrypto alone)\n"
        "    tocsin audit verify . --trust KEY\n\n"
        "KEY is the log's verifier key. Get it from a person or a place you trust, not from "
        "this\nfolder: `policy` only says what whoever made the folder claims.\n"
        "Exit codes: 0 verified, 20 tampered, 21 cannot tell, 22 unusable.\n\n"
        "manifest     every other file with its SHA-256\n"
        "checkpoint   size and root of the log, signed (C2SP tlog-checkpoint)\n"
        "entries/     one proof an entry, the entry inside (C2SP tlog-proof)\n"
        "tile/        the whole log instead (C2SP tlog-tiles)\n"
        "openings     what you may see of the sealed payloads: SEQ FIELD SALT PAYLOAD;\n"
        "             SEQ gone: erased, as a later audit.erase entry says\n"
        "index.html   for reading; nothing of it is proved\n",
        head->origin, (unsigned long long)head->size);
}
