/* mail_terms.c - an answer to the terms of an embargo: whoever was asked by mail answers that mail.
 *
 * Only clear words of the asked address, with the reference that our mail carried, count by themselves;
 * everything else waits for a person. What the answer says besides is never taken for a report. Store
 * thread, but for tsn_mail_terms_answer (pure). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "casework/access.h"
#include "core/json.h"
#include "mail/mail_int.h"
#include "mail/mail_read.h"

#define LINE_MAX_ 200
#define LINES_MAX 12 /* of their own words: more than a yes is for a person to read */

/* Lower case, letters, digits and apostrophes with one blank between; what is longer is no plain word. */
static void plain(char out[LINE_MAX_], const char *s, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (at + 2 >= LINE_MAX_)
            break;
        if (isalnum(c) || c == '\'' || c >= 0x80)
            out[at++] = (char)tolower(c);
        else if (at && out[at - 1] != ' ')
            out[at++] = ' ';
    }
    while (at && out[at - 1] == ' ')
        at--;
    out[at] = '\0';
}

static bool one_of(const char *line, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(line, *list) == 0)
            return true;
    }
    return false;
}

static bool greets(const char *line)
{
    static const char *const words[] = {"hello", "hi",           "dear",      "good morning",
                                        "hallo", "sehr geehrte", "guten tag", NULL};

    for (const char *const *w = words; *w; w++) {
        if (strncmp(line, *w, strlen(*w)) == 0)
            return strlen(line) < 60;
    }
    return false;
}

/* Where what they quote begins: "> ...", "On ... wrote:", "-----Original Message-----". */
static bool quotes(const char *s, size_t n)
{
    return (n > 0 && s[0] == '>') || (n > 1 && s[n - 1] == ':') ||
           (n > 4 && (strncmp(s, "-----", 5) == 0 || strncmp(s, "_____", 5) == 0)) ||
           (n >= 5 && strncasecmp(s, "From:", 5) == 0);
}

/* A word that takes back or narrows what was said. */
static bool doubts(const char *line)
{
    static const char *const words[] = {
        "not",     "n't",  "but",   "unless", "except", "if",  "until", "provided",
        "however", "only", "nicht", "aber",   "wenn",   "nur", "kein",  NULL};
    char padded[LINE_MAX_ + 3];

    (void)snprintf(padded, sizeof(padded), " %s ", line);
    for (const char *const *w = words; *w; w++) {
        const char *hit = padded;

        while ((hit = strstr(hit, *w)) != NULL) {
            size_t n = strlen(*w);

            if (hit[n] == ' ' && (hit[-1] == ' ' || **w == 'n'))
                return true;
            hit += n;
        }
    }
    return false;
}

enum tsn_terms_answer tsn_mail_terms_answer(const char *text)
{
    static const char *const yes[] = {"we accept",
                                      "i accept",
                                      "yes we accept",
                                      "yes i accept",
                                      "accepted",
                                      "we accept the terms",
                                      "we accept your terms",
                                      "we accept these terms",
                                      "i accept the terms",
                                      "we agree",
                                      "wir akzeptieren",
                                      "wir nehmen an",
                                      "wir stimmen zu",
                                      NULL};
    static const char *const no[] = {"we decline",      "i decline",       "we do not accept",
                                     "i do not accept", "we don't accept", "declined",
                                     "no we decline",   "wir lehnen ab",   NULL};
    enum tsn_terms_answer said = TSN_TERMS_DOUBT;
    size_t lines = 0;
    char line[LINE_MAX_];

    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\r\n"), room = strspn(p, " \t");

        if (room > n)
            room = n;
        if (quotes(p + room, n - room))
            break;
        if (n - room == 2 && strncmp(p, "--", 2) == 0)
            break; /* their signature */
        if (n - room >= LINE_MAX_ - 4 || memchr(p, '?', n))
            return TSN_TERMS_DOUBT;
        plain(line, p + room, n - room);
        p += n;
        p += strspn(p, "\r\n");
        if (!*line || (lines == 0 && greets(line)))
            continue;
        if (++lines > LINES_MAX)
            return TSN_TERMS_DOUBT;
        if (lines == 1)
            said = one_of(line, yes)  ? TSN_TERMS_YES
                   : one_of(line, no) ? TSN_TERMS_NO
                                      : TSN_TERMS_DOUBT;
        else if (doubts(line) || one_of(line, yes) || one_of(line, no))
            return TSN_TERMS_DOUBT;
    }
    return said;
}

tsn_err tsn_mail_terms_asked(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_mail_settle *s, const char *case_id, bool *asked)
{
    const char *from = tsn_json_str(json_object_get(s->found, "from"), "mail", "");
    struct tsn_rec_case c;
    struct tsn_access_case access;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id, &c);

    *asked = false;
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    err = tsn_access_load(st, arena, s->cfg->casework, &c, &access);
    for (size_t i = 0; !err && access.invited[i]; i++)
        *asked = *asked || strcasecmp(access.invited[i], from) == 0;
    return err;
}

tsn_err tsn_mail_terms_say(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_mail_settle *s, const char *case_id,
                           const char *answer, struct tsn_diag *diag)
{
    const char *evidence = tsn_arena_printf(arena, "mail %s%s%s", s->id, s->by ? ": " : "",
                                            s->by && s->reason ? s->reason : "");
    json_t *result = NULL,
           *args = json_pack("{s:s, s:s, s:s}", "party",
                             tsn_json_str(json_object_get(s->found, "from"), "mail", ""),
                             "answer", answer, "evidence", evidence);
    const struct tsn_case_act act = {.case_id = case_id,
                                     .op = "embargo.terms",
                                     .args = args,
                                     .by = s->by,
                                     .service = s->by ? NULL : "svc:mail",
                                     .now_ms = s->now_ms};
    tsn_err err = tsn_case_act(st, arena, s->cfg->casework, &act, &result, NULL, diag);

    json_decref(result);
    json_decref(args);
    return err;
}
