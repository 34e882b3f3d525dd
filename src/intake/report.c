/* report.c - the shape of a report: what a reporter may send, checked and put into one form.
 *
 * Pure; any thread. The normal form has only known members, absent ones left out, so that the
 * digest over it says whether two submissions are the same. Errors carry a JSON pointer. */
#include "intake/intake.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "casework/cvss.h"
#include "core/crypto.h"
#include "core/cve_id.h"
#include "core/cwe.h"
#include "core/json.h"
#include "core/text.h"

#define TITLE_CHARS 200
#define TEXT_BYTES  (64u << 10)
#define WORD_BYTES  200
#define LIST_ITEMS  1000
#define ITEM_BYTES  2000

static tsn_err bad(struct tsn_diag *diag, tsn_err err, const char *code, const char *pointer,
                   const char *what, const char *hint)
{
    tsn_diag_set(diag, err, code, "%s %s", pointer, what);
    tsn_diag_at(diag, pointer, 0, 0);
    tsn_diag_hint(diag, "%s", hint);
    return err;
}

/* Control characters tear mails and terminals apart; text may have lines and tabs. */
static bool has_control(const char *s, bool lines)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == 0x7f || (c < 0x20 && !(lines && (c == '\n' || c == '\r' || c == '\t'))))
            return true;
    }
    return false;
}

static size_t chars_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

enum form { FORM_TITLE, FORM_TEXT, FORM_SOME, FORM_WORD, FORM_ITEM, FORM_MAIL };

static tsn_err check_text(const char *s, enum form form, const char *pointer,
                          struct tsn_diag *diag)
{
    size_t n = strlen(s);
    if (form == FORM_TITLE && chars_of(s) > TITLE_CHARS)
        return bad(diag, TSN_ETOOBIG, "H016", pointer, "is longer than 200 characters",
                   "put the details into /text");
    if (form == FORM_TEXT && n > TEXT_BYTES)
        return bad(diag, TSN_ETOOBIG, "H016", pointer, "is longer than 65536 bytes",
                   "send long material as a link under /references");
    if ((form == FORM_WORD && n > WORD_BYTES) ||
        ((form == FORM_ITEM || form == FORM_SOME) && n > ITEM_BYTES))
        return bad(diag, TSN_ETOOBIG, "H016", pointer,
                   form == FORM_WORD ? "is longer than 200 bytes" : "is longer than 2000 bytes",
                   "shorten it");
    if (has_control(s, form == FORM_TEXT || form == FORM_SOME))
        return bad(diag, TSN_EINPUT, "H015", pointer, "has control characters in it",
                   form == FORM_TEXT || form == FORM_SOME
                       ? "lines and tabs are fine, other control characters are not"
                       : "it is one line of plain text");
    if (form == FORM_MAIL && !tsn_mail_ok(s))
        return bad(diag, TSN_EINPUT, "H015", pointer, "is not a mail address",
                   "write local@domain, nothing around it");
    return 0;
}

/* Text member of `in` at `base`/key into `out`; an empty optional one counts as absent. */
static tsn_err take_text(const json_t *in, json_t *out, const char *base, const char *key,
                         bool need, enum form form, struct tsn_diag *diag)
{
    char pointer[64];
    snprintf(pointer, sizeof pointer, "%s/%s", base, key);
    const json_t *v = json_object_get(in, key);
    if (!v || json_is_null(v))
        return need ? bad(diag, TSN_EINPUT, "H013", pointer, "is missing", "it is text") : 0;
    if (!json_is_string(v))
        return bad(diag, TSN_EINPUT, "H013", pointer, "must be text", "write it in quotes");
    const char *s = json_string_value(v);
    if (!s[strspn(s, " \t\r\n")])
        return need ? bad(diag, TSN_EINPUT, "H013", pointer, "is empty", "say what happened")
                    : 0;
    tsn_err err = check_text(s, form, pointer, diag);
    if (!err)
        json_object_set_new(out, key, json_string(s));
    return err;
}

static tsn_err take_choice(const json_t *in, json_t *out, const char *key, bool need,
                           const char *const *words, size_t n, struct tsn_diag *diag)
{
    char pointer[64], hint[160] = "one of";
    snprintf(pointer, sizeof pointer, "/%s", key);
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(hint);
        snprintf(hint + at, sizeof hint - at, "%s %s", i ? "," : "", words[i]);
    }
    const json_t *v = json_object_get(in, key);
    if (!v || json_is_null(v))
        return need ? bad(diag, TSN_EINPUT, "H013", pointer, "is missing", hint) : 0;
    if (!json_is_string(v))
        return bad(diag, TSN_EINPUT, "H013", pointer, "must be text", hint);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(json_string_value(v), words[i])) {
            json_object_set_new(out, key, json_string(words[i]));
            return 0;
        }
    return bad(diag, TSN_EINPUT, "H015", pointer, "is not a value that is known here", hint);
}

static tsn_err take_list(const json_t *in, json_t *out, const char *key, struct tsn_diag *diag)
{
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/%s", key);
    const json_t *v = json_object_get(in, key);
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_array(v))
        return bad(diag, TSN_EINPUT, "H013", pointer, "must be a list of texts",
                   "write it in square brackets");
    if (json_array_size(v) > LIST_ITEMS)
        return bad(diag, TSN_ETOOBIG, "H016", pointer, "has more than 1000 items",
                   "send several reports, or a link under /references");
    if (json_array_size(v) == 0)
        return 0;
    json_t *list = json_array(), *item;
    size_t i;
    json_array_foreach(v, i, item)
    {
        snprintf(pointer, sizeof pointer, "/%s/%zu", key, i);
        tsn_err err = 0;
        if (!json_is_string(item) || !json_string_length(item))
            err = bad(diag, TSN_EINPUT, "H013", pointer, "must be text that is not empty",
                      "write each item in quotes");
        else
            err = check_text(json_string_value(item), FORM_ITEM, pointer, diag);
        if (err) {
            json_decref(list);
            return err;
        }
        json_array_append_new(list, json_string(json_string_value(item)));
    }
    json_object_set_new(out, key, list);
    return 0;
}

/* Ids are looked for and compared later, so a misspelt one is refused here. */
static tsn_err check_ids(const json_t *out, struct tsn_diag *diag)
{
    char pointer[64];
    size_t i;
    json_t *item;
    const char *cwe = tsn_json_str(out, "cwe", NULL), *cvss = tsn_json_str(out, "cvss", NULL);
    struct tsn_diag inner;
    struct tsn_cvss v;
    tsn_diag_init(&inner);
    json_array_foreach(json_object_get(out, "cves"), i, item)
    {
        snprintf(pointer, sizeof pointer, "/cves/%zu", i);
        if (!tsn_cve_id_ok(json_string_value(item)))
            return bad(diag, TSN_EINPUT, "H015", pointer, "is not a CVE id",
                       "CVE-2026-12345, in capitals");
    }
    if (cwe && !tsn_cwe_number(cwe))
        return bad(diag, TSN_EINPUT, "H015", "/cwe", "is not a CWE id", "CWE-787, in capitals");
    if (cvss && tsn_cvss_parse(cvss, &v, &inner)) {
        tsn_diag_set(diag, TSN_EINPUT, "H015", "/cvss is not a CVSS vector: %.120s (column %d)",
                     inner.what, inner.col);
        tsn_diag_at(diag, "/cvss", 0, 0);
        tsn_diag_hint(diag, "`tocsin cvss VECTOR` reads 2.0, 3.0, 3.1 and 4.0");
        return TSN_EINPUT;
    }
    return 0;
}

/* Absent: an anonymous report, which is accepted. */
static tsn_err take_contact(const json_t *in, json_t *out, struct tsn_diag *diag)
{
    static const char *const known[] = {"mail", "phone", "name", "organisation"};
    const json_t *v = json_object_get(in, "contact");
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_object(v))
        return bad(diag, TSN_EINPUT, "H013", "/contact", "must be an object",
                   "{ \"mail\": \"...\", \"name\": \"...\" }");
    tsn_err err = tsn_json_known(v, known, 4, diag);
    if (err) {
        /* The helper knows the member but not that it stands inside contact. */
        char inner[160];
        if (diag && diag->file[0] == '/' && strncmp(diag->file, "/contact", 8) != 0) {
            tsn_copy(inner, sizeof inner, diag->file);
            snprintf(diag->file, sizeof diag->file, "/contact%s", inner);
        }
        return err;
    }
    json_t *contact = json_object();
    err = take_text(v, contact, "/contact", "phone", false, FORM_WORD, diag);
    if (!err)
        err = take_text(v, contact, "/contact", "name", false, FORM_WORD, diag);
    if (!err) /* one of the three */
        err = take_text(v, contact, "/contact", "mail", json_object_size(contact) == 0,
                        FORM_MAIL, diag);
    if (!err)
        err = take_text(v, contact, "/contact", "organisation", false, FORM_WORD, diag);
    json_object_set_new(out, "contact", contact);
    return err;
}

/* { name, type?, data: base64 } each; the form keeps { name, type, size, sha256 }. */
static tsn_err take_file(const json_t *in, json_t *out, size_t i, size_t *total,
                         struct tsn_diag *diag)
{
    static const char *const known[] = {"name", "type", "data"};
    char pointer[64], hex[2 * TSN_HASH_LEN + 1];
    uint8_t hash[TSN_HASH_LEN], *bytes;
    size_t n = 0;
    snprintf(pointer, sizeof pointer, "/files/%zu", i);
    if (!json_is_object(in))
        return bad(diag, TSN_EINPUT, "H013", pointer, "must be an object",
                   "{ \"name\": \"...\", \"type\": \"...\", \"data\": base64 }");
    tsn_err err = tsn_json_known(in, known, 3, diag);
    json_t *file = json_object();
    if (!err)
        err = take_text(in, file, pointer, "name", true, FORM_WORD, diag);
    if (!err)
        err = take_text(in, file, pointer, "type", false, FORM_WORD, diag);
    const char *name = tsn_json_str(file, "name", ""), *data = tsn_json_str(in, "data", NULL);
    if (!err && (name[0] == '.' || strchr(name, '/')))
        err = bad(diag, TSN_EINPUT, "H015", pointer, "has no plain name",
                  "a file name without a folder, not beginning with a dot");
    if (!err && !data)
        err = bad(diag, TSN_EINPUT, "H013", pointer, "has no data", "its bytes as base64");
    if (err) {
        json_decref(file);
        return err;
    }
    size_t len = strlen(data);
    bytes = tsn_alloc(len / 4 * 3 + 4);
    err = tsn_unbase64(bytes, len / 4 * 3 + 4, &n, data, len);
    if (err)
        err = bad(diag, TSN_EINPUT, "H015", pointer, "has data that is not base64",
                  "standard base64 with padding");
    else if (n > TSN_REPORT_FILE_MAX || (*total += n) > TSN_REPORT_FILES_MAX)
        err = bad(diag, TSN_ETOOBIG, "H016", pointer, "is too large",
                  "8 MiB a file, 12 MiB together; send more by mail");
    if (!err) {
        tsn_sha256_once(hash, bytes, n);
        tsn_hex(hex, hash, sizeof hash);
        json_object_set_new(file, "size", json_integer((json_int_t)n));
        json_object_set_new(file, "sha256", json_string(hex));
        json_array_append(json_object_get(out, "files"), file);
    }
    free(bytes);
    json_decref(file);
    return err;
}

static tsn_err take_files(const json_t *in, json_t *out, struct tsn_diag *diag)
{
    const json_t *list = json_object_get(in, "files"), *one;
    size_t i, total = 0;
    tsn_err err = 0;
    if (!list || json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0))
        return 0;
    if (!json_is_array(list) || json_array_size(list) > TSN_REPORT_FILES)
        return bad(diag, json_is_array(list) ? TSN_ETOOBIG : TSN_EINPUT,
                   json_is_array(list) ? "H016" : "H013", "/files",
                   "must be a list of at most 10 files", "pack them into one archive");
    json_object_set_new(out, "files", json_array());
    json_array_foreach(list, i, one)
    {
        if (!err)
            err = take_file(one, out, i, &total, diag);
    }
    return err;
}

/* What the form asks for besides, and what other systems tell. */
static tsn_err take_more(const json_t *report, json_t *out, struct tsn_diag *diag)
{
    static const char *const words[] = {"occurred", "disclose_at", "credit",
                                        "cwe",      "language",    "foreign_id"};
    static const char *const items[] = {"impact", "known_by"};
    static const char *const lists[] = {"indicators", "cves", "versions", "references",
                                        "noise"};
    tsn_err err = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0] && !err; i++)
        err = take_text(report, out, "", words[i], false, FORM_WORD, diag);
    for (size_t i = 0; i < sizeof items / sizeof items[0] && !err; i++)
        err = take_text(report, out, "", items[i], false, FORM_SOME, diag);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && !err; i++)
        err = take_list(report, out, lists[i], diag);
    if (!err)
        err = take_text(report, out, "", "cvss", false, FORM_ITEM, diag);
    return err ? err : take_files(report, out, diag);
}

tsn_err tsn_report_check(const json_t *report, json_t **normal, struct tsn_diag *diag)
{
    static const char *const known[] = {
        "kind",     "title",      "text",   "product",    "version",     "contact",
        "severity", "indicators", "cves",   "references", "versions",    "cwe",
        "cvss",     "occurred",   "impact", "known_by",   "disclose_at", "credit",
        "language", "foreign_id", "noise",  "files"};
    static const char *const kinds[] = {"incident", "weakness"};
    static const char *const severities[] = {"none", "low", "medium", "high", "critical"};
    *normal = NULL;
    if (!json_is_object(report))
        return bad(diag, TSN_EINPUT, "H013", "", "the report must be a JSON object",
                   "{ \"kind\": \"incident\", \"title\": \"...\", \"text\": \"...\" }");
    tsn_err err = tsn_json_known(report, known, sizeof known / sizeof known[0], diag);
    if (err)
        return err;
    json_t *out = json_object();
    err = take_choice(report, out, "kind", true, kinds, 2, diag);
    if (!err)
        err = take_text(report, out, "", "title", true, FORM_TITLE, diag);
    if (!err)
        err = take_text(report, out, "", "text", true, FORM_TEXT, diag);
    if (!err)
        err = take_text(report, out, "", "product", false, FORM_WORD, diag);
    if (!err)
        err = take_text(report, out, "", "version", false, FORM_WORD, diag);
    if (!err)
        err = take_contact(report, out, diag);
    if (!err)
        err = take_choice(report, out, "severity", false, severities, 5, diag);
    if (!err)
        err = take_more(report, out, diag);
    if (!err)
        err = check_ids(out, diag);
    if (err) {
        json_decref(out);
        return err;
    }
    *normal = out;
    return 0;
}
