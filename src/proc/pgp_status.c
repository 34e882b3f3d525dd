/* pgp_status.c - what gpg's status lines mean. Pure. Source: doc/DETAILS of GnuPG 2.2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "proc/pgp.h"

const char *tsn_pgp_signature_text(enum tsn_pgp_signature s)
{
    switch (s) {
    case TSN_PGP_NONE:
        return "none";
    case TSN_PGP_GOOD:
        return "good";
    case TSN_PGP_BAD:
        return "bad";
    case TSN_PGP_UNKNOWN_KEY:
        return "unknown-key";
    case TSN_PGP_EXPIRED_KEY:
        return "expired-key";
    case TSN_PGP_REVOKED_KEY:
        return "revoked-key";
    case TSN_PGP_EXPIRED:
        return "expired";
    case TSN_PGP_ERROR:
        break;
    }
    return "error";
}

/* Of several signatures the worst counts: a reader must not be told "good" of a whole that holds
 * a bad one. */
static unsigned badness(enum tsn_pgp_signature s)
{
    switch (s) {
    case TSN_PGP_NONE:
        return 0;
    case TSN_PGP_GOOD:
        return 1;
    case TSN_PGP_EXPIRED:
        return 2;
    case TSN_PGP_EXPIRED_KEY:
        return 3;
    case TSN_PGP_UNKNOWN_KEY:
        return 4;
    case TSN_PGP_ERROR:
        return 5;
    case TSN_PGP_REVOKED_KEY:
        return 6;
    case TSN_PGP_BAD:
        break;
    }
    return 7;
}

static bool named(const char *line, const char *word, const char **rest)
{
    size_t n = strlen(word);

    if (strncmp(line, word, n) != 0 || (line[n] != ' ' && line[n] != '\0'))
        return false;
    *rest = line[n] == ' ' ? line + n + 1 : line + n;
    return true;
}

/* The i-th word (from 0) of `rest` into out; "" when there are fewer. */
static void word(const char *rest, int i, char *out, size_t cap)
{
    size_t n;

    for (; i > 0 && *rest; i--) {
        rest += strcspn(rest, " ");
        rest += strspn(rest, " ");
    }
    n = strcspn(rest, " ");
    if (n >= cap)
        n = cap - 1;
    memcpy(out, rest, n);
    out[n] = '\0';
}

static bool all_hex(const char *s)
{
    return *s && s[strspn(s, "0123456789ABCDEF")] == '\0';
}

static void signature(struct tsn_pgp_status *s, enum tsn_pgp_signature what, const char *rest)
{
    const char *uid = strchr(rest, ' ');
    char id[65];

    s->r->signatures++;
    if (badness(what) < badness(s->r->signature))
        return;
    s->r->signature = what;
    word(rest, 0, id, sizeof(id));
    if (all_hex(id)) {
        size_t n = strlen(id);

        (void)tsn_copy(s->r->keyid, sizeof(s->r->keyid), n > 16 ? id + n - 16 : id);
    }
    /* Who signed is known from VALIDSIG alone, which follows; a bad signature has none, and says
     * only which key it claims. */
    (void)tsn_copy(s->r->fpr, sizeof(s->r->fpr), what == TSN_PGP_BAD ? s->considered : "");
    free(s->r->signer);
    s->r->signer = NULL;
    if (what != TSN_PGP_UNKNOWN_KEY && what != TSN_PGP_ERROR && uid &&
        tsn_utf8_valid(uid + 1, strlen(uid + 1)))
        s->r->signer = tsn_strdup(uid + 1);
}

static void failed_signature(struct tsn_pgp_status *s, const char *rest)
{
    char rc[8], fpr[65];

    word(rest, 5, rc, sizeof(rc));
    signature(s, strcmp(rc, "9") == 0 ? TSN_PGP_UNKNOWN_KEY : TSN_PGP_ERROR, rest);
    word(rest, 6, fpr, sizeof(fpr));
    if (all_hex(fpr) && s->r->signature != TSN_PGP_BAD)
        (void)tsn_copy(s->r->fpr, sizeof(s->r->fpr), fpr);
}

void tsn_pgp_status_line(struct tsn_pgp_status *s, const char *line)
{
    static const struct {
        const char *word;
        enum tsn_pgp_signature what;
    } sigs[] = {{"GOODSIG", TSN_PGP_GOOD},
                {"BADSIG", TSN_PGP_BAD},
                {"EXPSIG", TSN_PGP_EXPIRED},
                {"EXPKEYSIG", TSN_PGP_EXPIRED_KEY},
                {"REVKEYSIG", TSN_PGP_REVOKED_KEY}};
    const char *rest;
    char w[65];

    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        if (named(line, sigs[i].word, &rest)) {
            signature(s, sigs[i].what, rest);
            return;
        }
    }
    if (named(line, "ERRSIG", &rest)) {
        failed_signature(s, rest);
    } else if (named(line, "VALIDSIG", &rest)) {
        /* Word 9 is the primary key's fingerprint; older gpg gives only the subkey's. */
        word(rest, 9, w, sizeof(w));
        if (!all_hex(w))
            word(rest, 0, w, sizeof(w));
        if (all_hex(w))
            (void)tsn_copy(s->r->fpr, sizeof(s->r->fpr), w);
    } else if (named(line, "KEY_CONSIDERED", &rest)) {
        word(rest, 0, w, sizeof(w));
        if (all_hex(w))
            (void)tsn_copy(s->considered, sizeof(s->considered), w);
    } else if (named(line, "DECRYPTION_OKAY", &rest)) {
        s->okay = true;
    } else if (named(line, "GOODMDC", &rest)) {
        s->integrity = true;
    } else if (named(line, "DECRYPTION_INFO", &rest)) {
        char mdc[8];

        word(rest, 0, mdc, sizeof(mdc));
        word(rest, 2, w, sizeof(w)); /* an AEAD algorithm protects by itself */
        s->integrity = s->integrity || (w[0] && strcmp(w, "0") != 0);
        s->unprotected = !s->integrity && strcmp(mdc, "0") == 0;
    } else if (named(line, "BADMDC", &rest)) {
        s->modified = true;
    } else if (named(line, "DECRYPTION_FAILED", &rest) || named(line, "INV_RECP", &rest) ||
               named(line, "INV_SGNR", &rest)) {
        s->failed = true;
    } else if (named(line, "NO_SECKEY", &rest)) {
        s->no_key = true;
    } else if (named(line, "NODATA", &rest) || named(line, "UNEXPECTED", &rest)) {
        s->no_data = true;
    } else if (named(line, "IMPORT_OK", &rest) || named(line, "KEY_CREATED", &rest)) {
        s->imported = true;
        word(rest, 1, w, sizeof(w));
        if (all_hex(w))
            (void)tsn_copy(s->r->fpr, sizeof(s->r->fpr), w);
    } else if (named(line, "SIG_CREATED", &rest) || named(line, "END_ENCRYPTION", &rest)) {
        s->made = true;
    } else if (named(line, "ERROR", &rest) || named(line, "FAILURE", &rest)) {
        s->failed = s->failed || strncmp(rest, "decrypt", 7) == 0;
    }
}

void tsn_pgp_status_end(struct tsn_pgp_status *s, bool decrypting, int64_t exit_status,
                        int signal)
{
    struct tsn_pgp_result *r = s->r;

    if (!decrypting) {
        r->ok = s->imported ||
                (s->made && !s->failed && exit_status == 0 && !signal && r->plain.len > 0);
        if (!r->ok)
            tsn_buf_free(&r->plain);
        return;
    }
    /* A clear-signed text is no encryption: its words count even when the signature is bad. */
    if (s->okay && s->integrity && !s->failed && !s->modified && exit_status == 0 && !signal) {
        r->decrypted = true;
        return;
    }
    if (r->signatures && !s->okay && !s->failed && !s->no_key)
        return;
    /* A valid decryption inside which only a signature cannot be checked ends with 2. */
    if (s->okay && s->integrity && !s->failed && !s->modified && exit_status == 2 && !signal &&
        r->signatures && r->signature != TSN_PGP_GOOD) {
        r->decrypted = true;
        return;
    }
    tsn_buf_free(&r->plain);
    if (r->reason)
        return; /* timeout, too-large: known better by the caller */
    if (s->modified)
        r->reason = "modified";
    else if (s->unprotected || (s->okay && !s->integrity))
        r->reason = "no-integrity";
    else if (s->no_key && !s->okay)
        r->reason = "no-secret-key";
    else
        r->reason = "damaged";
}
