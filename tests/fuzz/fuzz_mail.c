/* The whole way from the bytes of a mail to its report: GMime's walk, the object of docs/mail.md, what the
 * text says, the report that intake takes. An odd first byte plays a gpg that gives back what it was given
 * for every encrypted part, so that the insides are walked too.
 *
 * Whatever comes in: a report of the normal form with a title and a text, no control characters, no text
 * of outside joined to that of inside, places of fields inside the text, and nothing over its limit. */
#include "fuzz.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "intake/intake.h"
#include "mail/mail_int.h"
#include "mail/mail_read.h"
#include "parser/mime.h"

#define DEPTH_MAX 4

static const char *const seeds[] = {
    "0From: Alice <alice@x.example>\r\nTo: psirt@acme.example\r\nSubject: "
    "=?utf-8?B?RmzDpGNoZQ==?= in "
    "Edge\r\nMessage-ID: <1@x>\r\nReferences: <a@b> <c@d>\r\nMIME-Version: "
    "1.0\r\nContent-Type: text/plain; "
    "charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nCVE-2026-1234, "
    "CWE-787, "
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H in version 9.4=\r\n, credit: Rita\r\n"
    "We publish on 2026-12-24.\r\n",
    "0From: a@b.example\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: "
    "text/html\n\n"
    "<p>Hello <script>no</script>&amp; <b>you</b></p>\n--x\nContent-Type: "
    "application/octet-stream; "
    "name*=utf-8''a%20b\nContent-Transfer-Encoding: base64\nContent-Disposition: "
    "attachment\n\nAAECAwQ=\n"
    "--x\nContent-Type: message/rfc822\n\nSubject: inner\n\nbody\n--x--\n",
    "1From: c@d.example\nSubject: ...\nContent-Type: multipart/encrypted; "
    "protocol=\"application/pgp-encrypt"
    "ed\"; boundary=y\n\n--y\nContent-Type: application/pgp-encrypted\n\nVersion: "
    "1\n\n--y\nContent-Type: "
    "application/octet-stream\n\nContent-Type: text/plain; protected-headers=\"v1\"\nSubject: "
    "hidden\n\n"
    "inside\n-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n--y--\n",
    "1Subject: x\nContent-Type: text/plain\n\nBefore\n-----BEGIN PGP "
    "MESSAGE-----\n\nhF4DAAAA\n=abcd\n-----END "
    "PGP MESSAGE-----\nafter\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n-----END PGP "
    "PUBLIC KEY BLOCK-----\n",
    "0Return-Path: <>\nAuto-Submitted: auto-replied\nContent-Type: multipart/report; "
    "report-type=delivery-"
    "status; boundary=z\n\n--z\n\nno\n--z\nContent-Type: "
    "message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
    "Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; "
    "550\n--z\n"
    "Content-Type: text/rfc822-headers\n\nMessage-ID: <q@w>\nReferences: <r@t>\n--z--\n",
    "1From: a@b.example\nContent-Type: multipart/signed; micalg=pgp-sha256; "
    "protocol=\"application/pgp-signa"
    "ture\"; boundary=s\n\n--s\nContent-Type: text/plain\n\nsigned words\n--s\nContent-Type: "
    "application/pgp-"
    "signature\n\n-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n--s--\n",
};

const char *fuzz_seed(size_t i, size_t *len)
{
    if (i >= sizeof(seeds) / sizeof(seeds[0]))
        return NULL;
    *len = strlen(seeds[i]);
    return seeds[i];
}

/* What gpg would have said of every part: that it has no key, or the very bytes back. */
static void play_gpg(json_t *doc, bool opens, int depth)
{
    json_t *list = json_object_get(doc, "crypto"), *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        const char *text = tsn_json_str(entry, "data", "");
        size_t cap = strlen(text) / 4 * 3 + 4, n = 0;
        char *bytes = malloc(cap);

        if (opens && depth < DEPTH_MAX && i < 10 &&
            tsn_unbase64(bytes, cap, &n, text, strlen(text)) == 0) {
            json_t *inside = tsn_mime_parse(TSN_MIME_ENTITY, false, bytes, n);

            play_gpg(inside, opens, depth + 1);
            json_object_set_new(entry, "decrypted", json_true());
            json_object_set_new(entry, "inside", inside);
            json_object_set_new(entry, "signature", json_string("good"));
        } else {
            json_object_set_new(entry, "reason", json_string("no-keys"));
            json_object_set_new(entry, "signature", json_string("none"));
        }
        free(bytes);
    }
}

static void check_text(const char *s, bool lines)
{
    FUZZ_CHECK(s && tsn_utf8_valid(s, strlen(s)));
    for (; *s; s++)
        FUZZ_CHECK(((unsigned char)*s >= 0x20 && *s != 0x7f) ||
                   (lines && (*s == '\n' || *s == '\t')));
}

static void check_report(const json_t *found)
{
    static const char *const texts[] = {"kind", "title", "text"};
    json_t *report = tsn_mail_report(found, "KEY", "01J", NULL), *bare = json_deep_copy(report),
           *normal = NULL;
    struct tsn_diag diag;

    for (size_t i = 0; i < 3; i++)
        check_text(tsn_json_str(report, texts[i], NULL), i == 2);
    FUZZ_CHECK(*tsn_json_str(report, "title", "") && *tsn_json_str(report, "text", ""));
    /* But for `mail` it is what anybody may hand in. */
    json_object_del(bare, "mail");
    tsn_diag_init(&diag);
    if (tsn_report_check(bare, &normal, &diag) != 0) {
        (void)fprintf(stderr, "%s %s\n", diag.code, diag.what);
        FUZZ_CHECK(!"the report is of the normal form");
    }
    json_decref(normal);
    json_decref(bare);
    json_decref(report);
}

/* A field stands where it says. */
static void check_place(const json_t *found, const json_t *field)
{
    const char *path = tsn_json_str(field, "part", NULL),
               *value = tsn_json_str(field, "value", ""),
               *text = tsn_json_str(
                   found, tsn_json_bool(field, "outside", false) ? "outside_text" : "text", "");
    size_t at = (size_t)tsn_json_int(field, "at", -1), i;
    json_t *part;

    if (tsn_json_int(field, "line", 0) == 0 ||
        strcmp(tsn_json_str(field, "name", ""), "pgp_key") == 0)
        return;
    for (i = 0; path && i < json_array_size(json_object_get(found, "parts")); i++) {
        part = json_array_get(json_object_get(found, "parts"), i);
        if (strcmp(tsn_json_str(part, "path", ""), path) == 0 &&
            tsn_json_str(part, "text", NULL))
            text = tsn_json_str(part, "text", "");
    }
    FUZZ_CHECK(at < strlen(text) && strncasecmp(text + at, value, strlen(value)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const products[] = {"Edge Gateway", NULL};
    static const struct tsn_mail_read_config cfg = {.products = products,
                                                    .case_pattern = "PSIRT"};
    static bool ready;
    char *bytes = malloc(size + 1);
    json_t *doc, *found, *list, *one;
    size_t i;

    if (!ready)
        tsn_mime_init();
    ready = true;
    if (size == 0) {
        free(bytes);
        return 0;
    }
    memcpy(bytes, data + 1, size - 1);
    doc = tsn_mime_parse(TSN_MIME_MESSAGE, false, bytes, size - 1);
    FUZZ_CHECK(doc);
    play_gpg(doc, data[0] & 1, 0);
    found = tsn_mail_form(doc, &cfg, bytes, size - 1);
    FUZZ_CHECK(found && tsn_json_str(found, "sha256", NULL));
    FUZZ_CHECK(json_array_size(json_object_get(found, "parts")) <= TSN_MIME_PARTS_MAX);
    list = json_object_get(found, "fields");
    json_array_foreach(list, i, one)
    {
        FUZZ_CHECK(tsn_json_str(one, "name", NULL) && tsn_json_str(one, "value", NULL));
        FUZZ_CHECK(tsn_json_int(one, "line", -1) >= 0);
        check_place(found, one);
    }
    check_report(found);
    json_decref(found);
    json_decref(doc);
    free(bytes);
    return 0;
}
