/* mail_report.c - a mail as a report: intake's normal form, and `mail` with what only mail has.
 *
 * Every mail becomes one, readable or not: what is missing is said in words, because the form wants
 * a title and a text. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "mail/mail_int.h"
#include "mail/mail_read.h"

#define TITLE_CHARS 200
#define TEXT_BYTES  65536
#define WORD_BYTES  200

static bool blank(const char *s)
{
    return !s || s[strspn(s, " \t\r\n")] == '\0';
}

/* The first value of a field that the text offered. */
static const char *offered(const json_t *found, const char *name)
{
    const json_t *list = json_object_get(found, "fields"), *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(tsn_json_str(one, "name", ""), name) == 0)
            return tsn_json_str(one, "value", NULL);
    }
    return NULL;
}

static void put_word(json_t *out, const char *key, const char *value)
{
    if (!blank(value))
        json_object_set_new(out, key, tsn_json_clean(value, WORD_BYTES, WORD_BYTES, false));
}

static json_t *contact(const json_t *found)
{
    const json_t *from = json_object_get(found, "from");
    const char *mail = tsn_json_str(from, "mail", NULL);
    json_t *out;

    if (!mail || !tsn_mail_ok(mail))
        return NULL;
    out = json_pack("{s:s}", "mail", mail);
    put_word(out, "name", tsn_json_str(from, "name", NULL));
    return out;
}

static json_t *cves(const json_t *found)
{
    const json_t *list = json_object_get(found, "fields"), *one;
    json_t *out = json_array();
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(tsn_json_str(one, "name", ""), "cve") == 0 && json_array_size(out) < 100)
            json_array_append(out, json_object_get(one, "value"));
    }
    return out;
}

/* What the case shows of the mail, and what an answer to it needs. */
static json_t *mail_part(const json_t *found, const char *our_key, const char *mail_id,
                         const char *answer)
{
    static const char *const kept[] = {
        "message_id", "in_reply_to", "references",       "signature", "signer_fpr",  "signer",
        "encrypted",  "decryptable", "reason",           "automatic", "attachments", "fields",
        "problems",   "inline",      "signature_covers", "key_fpr",   "key_problem"};
    const char *signature = tsn_json_str(found, "signature", "none");
    json_t *out = json_pack("{s:s}", "id", mail_id);

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *v = json_object_get(found, kept[i]);

        if (v && !json_is_null(v))
            json_object_set(out, kept[i], v);
    }
    json_object_set_new(out, "answer", json_boolean(answer == NULL));
    if (answer)
        json_object_set_new(out, "no_answer", json_string(answer));
    if (our_key &&
        (tsn_json_str(found, "reason", NULL) || tsn_json_str(found, "key_problem", NULL) ||
         (strcmp(signature, "none") != 0 && strcmp(signature, "good") != 0)))
        json_object_set_new(out, "our_key", json_string(our_key));
    return out;
}

json_t *tsn_mail_report(const json_t *found, const char *our_key, const char *mail_id,
                        const char *answer)
{
    const char *subject = tsn_json_str(found, "subject", NULL),
               *text = tsn_json_str(found, "text", NULL),
               *reason = tsn_json_str(found, "reason", NULL),
               *product = offered(found, "known_product");
    json_t *out = json_object(), *who = contact(found), *ids = cves(found), *title, *body;
    char words[300];

    json_object_set_new(out, "kind", json_string(tsn_json_str(found, "kind", "weakness")));
    title = tsn_json_clean(subject, 800, TITLE_CHARS, false);
    if (blank(json_string_value(title))) { /* also one of control characters alone */
        json_decref(title);
        title = json_string("(mail without a subject)");
    }
    json_object_set_new(out, "title", title);
    body = tsn_json_clean(text, TEXT_BYTES, TEXT_BYTES, true);
    if (blank(json_string_value(body))) {
        (void)snprintf(words, sizeof(words), "(no text could be read: %s)",
                       reason ? reason : "the mail has none");
        json_decref(body);
        body = json_string(words);
    }
    if (!reason && tsn_mail_language(json_string_value(body)))
        json_object_set_new(out, "language",
                            json_string(tsn_mail_language(json_string_value(body))));
    json_object_set_new(out, "text", body);
    put_word(out, "product", product ? product : offered(found, "product"));
    put_word(out, "version", offered(found, "version"));
    if (who)
        json_object_set_new(out, "contact", who);
    if (json_array_size(ids))
        json_object_set(out, "cves", ids);
    json_decref(ids);
    put_word(out, "cwe", offered(found, "cwe"));
    put_word(out, "cvss", offered(found, "cvss"));
    json_object_set_new(out, "mail", mail_part(found, our_key, mail_id, answer));
    return out;
}
