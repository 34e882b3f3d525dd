/* pgp_keys.c - the keys of a gpg home: listed, made, vouched for, given out. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "proc/pgp_int.h"

#define FIELDS 21

void tsn_pgp_list(struct tsn_loop *loop, const char *home, tsn_pgp_done *done, void *user)
{
    tsn_pgp_look(loop, home, NULL, done, user);
}

void tsn_pgp_look(struct tsn_loop *loop, const char *home, const char *fpr, tsn_pgp_done *done,
                  void *user)
{
    const char *const words[] = {
        "--with-colons", "--fixed-list-mode", "--with-secret", "--list-keys", fpr, NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->lines = true;
    j->status.made = true; /* an empty home has no lines: the caller looks at reason */
    tsn_pgp_start(j, home, words);
}

/* --- the listing --- */

/* Splits a line in place; what is missing is "". */
static void split(char *line, const char *out[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++) {
        size_t n = strcspn(line, ":");

        out[i] = line;
        line += n;
        if (*line)
            *line++ = '\0';
    }
}

static int64_t ms_of(const char *seconds)
{
    int64_t s = 0;

    return tsn_parse_int(seconds, 0, INT64_C(1) << 40, &s) == 0 ? s * 1000 : 0;
}

static const char *algorithm(const char *number, const char *curve)
{
    static const struct {
        const char *number, *name;
    } rows[] = {{"1", "RSA"},   {"17", "DSA"},   {"16", "ElGamal"},
                {"18", "ECDH"}, {"19", "ECDSA"}, {"22", "EdDSA"}};

    if (*curve)
        return curve;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].number, number) == 0)
            return rows[i].name;
    }
    return number;
}

/* "\x3a" is how a colon stands in a user id. */
static json_t *uid_of(const char *raw)
{
    char *text = tsn_strdup(raw), *at = text;
    json_t *out;

    for (const char *c = text; *c; c++, at++) {
        int high = c[0] == '\\' && c[1] == 'x' ? tsn_hex_digit(c[2]) : -1,
            low = high >= 0 ? tsn_hex_digit(c[3]) : -1;

        *at = low > 0 || (low == 0 && high > 0) ? (char)(high << 4 | low) : *c;
        c += low >= 0 ? 3 : 0;
    }
    *at = '\0';
    out = json_string(text);
    free(text);
    return out ? out : json_string("(not UTF-8)");
}

static json_t *key_of(const char *const f[FIELDS])
{
    int64_t bits = 0;
    const char *state = f[1][0] == 'r'                         ? "revoked"
                        : f[1][0] == 'e'                       ? "expired"
                        : f[1][0] == 'd' || strchr(f[11], 'D') ? "disabled"
                                                               : "valid";

    (void)tsn_parse_int(f[2], 0, 100000, &bits);
    return json_pack("{s:s, s:I, s:I, s:b, s:s, s:s, s:I, s:[]}", "keyid", f[4], "created_ms",
                     (json_int_t)ms_of(f[5]), "expires_ms", (json_int_t)ms_of(f[6]), "secret",
                     f[14][0] != '\0' && f[14][0] != '#', "state", state, "algorithm",
                     algorithm(f[3], f[16]), "bits", (json_int_t)bits, "uids");
}

json_t *tsn_pgp_keys_json(const char *listing)
{
    json_t *out = json_array(), *key = NULL;
    char *text = tsn_strdup(listing ? listing : ""), *save = NULL;
    bool primary = false;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *f[FIELDS];

        split(line, f);
        if (strcmp(f[0], "pub") == 0) {
            key = key_of(f);
            primary = true;
            json_array_append_new(out, key);
        } else if (strcmp(f[0], "sub") == 0) {
            primary = false;
        } else if (strcmp(f[0], "fpr") == 0 && key && primary) {
            json_object_set_new(key, "fpr", json_string(f[9]));
        } else if (strcmp(f[0], "uid") == 0 && key) {
            json_array_append_new(json_object_get(key, "uids"), uid_of(f[9]));
        }
    }
    free(text);
    return out;
}

/* --- making and giving --- */

void tsn_pgp_generate(struct tsn_loop *loop, const char *home, const char *uid, int days,
                      tsn_pgp_done *done, void *user)
{
    char life[16];
    /* --yes: a key for this user id is there already. */
    const char *const words[] = {
        "--yes", "--pinentry-mode", "loopback", "--passphrase", "",  "--quick-generate-key",
        uid,     "future-default",  "default",  life,           NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    (void)snprintf(life, sizeof(life), "%dd", days);
    j->lines = true;
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_certify(struct tsn_loop *loop, const char *home, const char *signer,
                     const char *fpr, tsn_pgp_done *done, void *user)
{
    const char *const words[] = {"--local-user",     signer, "--yes",
                                 "--quick-sign-key", fpr,    NULL};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    j->lines = true;
    j->status.imported = true; /* gpg says nothing of it but its end */
    tsn_pgp_start(j, home, words);
}

void tsn_pgp_export_wkd(struct tsn_loop *loop, const char *home, const char *const *fprs,
                        const char *address, tsn_pgp_done *done, void *user)
{
    char filter[300];
    const char *words[8 + TSN_PGP_TO_MAX + 1] = {
        "--output",        "-&3",  "--export-options", "export-minimal",
        "--export-filter", filter, "--export",         "--"};
    struct tsn_pgp_job *j = tsn_pgp_job_new(loop, done, user);

    for (size_t i = 0; i < TSN_PGP_TO_MAX && fprs[i]; i++)
        words[8 + i] = fprs[i];
    (void)snprintf(filter, sizeof(filter), "keep-uid=mbox = %s", address);
    j->fds[0] = tsn_pgp_memory_file("pgp-out", NULL, 0);
    j->output = 0;
    j->status.made = true;
    tsn_pgp_start(j, home, words);
}
