/* tlog.c - see tlog.h. Owns nothing but what the header says. Any thread. */
#include "audit/tlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "core/mem.h"
#include "core/text.h"

#define PROOF_HEAD "c2sp.org/tlog-proof@v1\n"
#define HASH_TEXT  (4 * ((TSN_HASH_LEN + 2) / 3))
#define EXTRA_MAX  ((size_t)1 << 17)

static tsn_err put_base64(struct tsn_buf *out, const void *p, size_t n)
{
    char *text = tsn_alloc(4 * ((n + 2) / 3) + 1);
    tsn_err err;

    tsn_base64(text, p, n);
    err = tsn_buf_puts(out, text);
    free(text);
    return err;
}

/* The line at *p without its end, and *p behind it; false = no whole line is left. */
static bool take_line(const char **p, const char *end, const char **line, size_t *len)
{
    const char *stop = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;

    if (!stop)
        return false;
    *line = *p;
    *len = (size_t)(stop - *p);
    *p = stop + 1;
    return true;
}

/* Decimal without sign and leading zeros. */
static bool take_number(const char *s, size_t len, int64_t *out)
{
    char text[24];

    if (len == 0 || len >= sizeof(text) || (len > 1 && s[0] == '0') || s[0] < '0' || s[0] > '9')
        return false;
    memcpy(text, s, len);
    text[len] = '\0';
    return tsn_parse_int(text, 0, INT64_MAX, out) == 0;
}

static bool prefix(const char *s, size_t len, const char *word)
{
    size_t n = strlen(word);

    return len >= n && memcmp(s, word, n) == 0;
}

static bool take_hash(uint8_t out[TSN_HASH_LEN], const char *s, size_t len)
{
    size_t n;

    return len == HASH_TEXT && tsn_unbase64(out, TSN_HASH_LEN, &n, s, len) == 0 &&
           n == TSN_HASH_LEN;
}

/* --- proofs -------------------------------------------------------------------------------- */

tsn_err tsn_tlog_proof_print(struct tsn_buf *out, const void *extra, size_t extra_len,
                             uint64_t index, const struct tsn_proof *proof, const char *note)
{
    (void)tsn_buf_puts(out, PROOF_HEAD);
    if (extra) {
        (void)tsn_buf_puts(out, "extra ");
        (void)put_base64(out, extra, extra_len);
        (void)tsn_buf_putc(out, '\n');
    }
    (void)tsn_buf_printf(out, "index %llu\n", (unsigned long long)index);
    for (size_t i = 0; i < proof->n; i++) {
        (void)put_base64(out, proof->hash[i], TSN_HASH_LEN);
        (void)tsn_buf_putc(out, '\n');
    }
    (void)tsn_buf_putc(out, '\n');
    (void)tsn_buf_puts(out, note);
    return out->err;
}

void tsn_tlog_proof_free(struct tsn_tlog_proof *p)
{
    free((void *)(uintptr_t)p->extra);
    p->extra = NULL;
}

static bool take_extra(struct tsn_tlog_proof *out, const char *text, size_t len)
{
    char *bytes;

    if (len > EXTRA_MAX)
        return false;
    bytes = tsn_alloc(len + 1);
    out->extra = bytes;
    return tsn_unbase64(bytes, len, &out->extra_len, text, len) == 0;
}

static bool parse_proof(struct tsn_tlog_proof *out, const char *p, const char *end)
{
    const char *line;
    size_t len;
    int64_t index;

    if (!take_line(&p, end, &line, &len))
        return false;
    if (prefix(line, len, "extra ")) {
        if (!take_extra(out, line + 6, len - 6) || !take_line(&p, end, &line, &len))
            return false;
    }
    if (!prefix(line, len, "index ") || !take_number(line + 6, len - 6, &index))
        return false;
    out->index = (uint64_t)index;
    for (;;) {
        if (!take_line(&p, end, &line, &len))
            return false;
        if (len == 0)
            break;
        if (out->proof.n == TSN_PROOF_MAX - 1 ||
            !take_hash(out->proof.hash[out->proof.n++], line, len))
            return false;
    }
    out->note = p;
    out->note_len = (size_t)(end - p);
    return true;
}

tsn_err tsn_tlog_proof_parse(struct tsn_tlog_proof *out, const char *p, size_t n)
{
    memset(out, 0, sizeof(*out));
    if (prefix(p, n, PROOF_HEAD) && parse_proof(out, p + sizeof(PROOF_HEAD) - 1, p + n))
        return 0;
    tsn_tlog_proof_free(out);
    return TSN_EINPUT;
}

/* --- consistency --------------------------------------------------------------------------- */

tsn_err tsn_earlier_print(struct tsn_buf *out, const struct tsn_earlier *e)
{
    (void)tsn_buf_printf(out, "%llu ", (unsigned long long)e->size);
    (void)put_base64(out, e->root, TSN_HASH_LEN);
    (void)tsn_buf_putc(out, '\n');
    for (size_t i = 0; i < e->proof.n; i++) {
        (void)put_base64(out, e->proof.hash[i], TSN_HASH_LEN);
        (void)tsn_buf_putc(out, '\n');
    }
    return out->err;
}

tsn_err tsn_earlier_parse(struct tsn_earlier *out, const char **at, const char *end)
{
    const char *line, *space, *next;
    size_t len;
    int64_t size;

    memset(out, 0, sizeof(*out));
    if (!take_line(at, end, &line, &len) || !(space = memchr(line, ' ', len)) ||
        !take_number(line, (size_t)(space - line), &size) || size == 0 ||
        !take_hash(out->root, space + 1, len - (size_t)(space + 1 - line)))
        return TSN_EINPUT;
    out->size = (uint64_t)size;
    /* A line without a space is a hash of this one. */
    for (next = *at; take_line(&next, end, &line, &len) && !memchr(line, ' ', len);
         *at = next) {
        if (out->proof.n == TSN_PROOF_MAX ||
            !take_hash(out->proof.hash[out->proof.n++], line, len))
            return TSN_EINPUT;
    }
    return 0;
}

/* --- tiles --------------------------------------------------------------------------------- */

void tsn_tile_path(char out[96], int level, uint64_t n, unsigned width)
{
    unsigned parts[8];
    int count = 0, at;

    do {
        parts[count++] = (unsigned)(n % 1000);
        n /= 1000;
    } while (n > 0 && count < 8);
    at = level < 0 ? snprintf(out, 96, "tile/entries") : snprintf(out, 96, "tile/%d", level);
    while (count-- > 0)
        at +=
            snprintf(out + at, 96 - (size_t)at, "/%s%03u", count > 0 ? "x" : "", parts[count]);
    if (width < TSN_TILE_WIDTH)
        (void)snprintf(out + at, 96 - (size_t)at, ".p/%u", width);
}

/* --- the manifest -------------------------------------------------------------------------- */

tsn_err tsn_bundle_head_print(struct tsn_buf *out, const struct tsn_bundle_head *h)
{
    (void)tsn_buf_puts(out, TSN_BUNDLE_HEAD);
    switch (h->scope) {
    case TSN_BUNDLE_ALL:
        (void)tsn_buf_puts(out, "scope all\n");
        break;
    case TSN_BUNDLE_CASE:
        (void)tsn_buf_printf(out, "scope case %s\n", h->case_id);
        break;
    case TSN_BUNDLE_RANGE:
        (void)tsn_buf_printf(out, "scope range %lld %lld\n", (long long)h->from,
                             (long long)h->to);
        break;
    }
    return tsn_buf_printf(out, "origin %s\nsize %llu\n", h->origin,
                          (unsigned long long)h->size);
}

static bool parse_scope(struct tsn_bundle_head *out, const char *line, size_t len)
{
    const char *space;

    if (len == 9 && prefix(line, len, "scope all")) {
        out->scope = TSN_BUNDLE_ALL;
        return true;
    }
    if (len == 11 + TSN_ULID_LEN && prefix(line, len, "scope case ")) {
        out->scope = TSN_BUNDLE_CASE;
        memcpy(out->case_id, line + 11, TSN_ULID_LEN);
        out->case_id[TSN_ULID_LEN] = '\0';
        return tsn_id_valid(out->case_id);
    }
    if (!prefix(line, len, "scope range "))
        return false;
    out->scope = TSN_BUNDLE_RANGE;
    space = memchr(line + 12, ' ', len - 12);
    return space && take_number(line + 12, (size_t)(space - line) - 12, &out->from) &&
           take_number(space + 1, len - (size_t)(space + 1 - line), &out->to);
}

tsn_err tsn_bundle_head_parse(struct tsn_bundle_head *out, const char *p, size_t n,
                              size_t *used)
{
    const char *at = p, *end = p + n, *line;
    size_t len;
    int64_t size;

    memset(out, 0, sizeof(*out));
    if (!prefix(p, n, TSN_BUNDLE_HEAD))
        return TSN_EINPUT;
    at += sizeof(TSN_BUNDLE_HEAD) - 1;
    if (!take_line(&at, end, &line, &len) || !parse_scope(out, line, len) ||
        !take_line(&at, end, &line, &len) || !prefix(line, len, "origin ") ||
        !tsn_note_name_ok(line + 7, len - 7))
        return TSN_EINPUT;
    memcpy(out->origin, line + 7, len - 7);
    if (!take_line(&at, end, &line, &len) || !prefix(line, len, "size ") ||
        !take_number(line + 5, len - 5, &size))
        return TSN_EINPUT;
    out->size = (uint64_t)size;
    *used = (size_t)(at - p);
    return 0;
}

/* --- openings ------------------------------------------------------------------------------ */

tsn_err tsn_opening_print(struct tsn_buf *out, int64_t seq, const char *field,
                          const struct tsn_buf *salted)
{
    (void)tsn_buf_printf(out, "%lld %s ", (long long)seq, field);
    (void)put_base64(out, salted->data, TSN_SALT_LEN);
    (void)tsn_buf_putc(out, ' ');
    (void)put_base64(out, salted->data + TSN_SALT_LEN, salted->len - TSN_SALT_LEN);
    return tsn_buf_putc(out, '\n');
}

tsn_err tsn_opening_print_gone(struct tsn_buf *out, int64_t seq)
{
    return tsn_buf_printf(out, "%lld gone\n", (long long)seq);
}

tsn_err tsn_opening_parse(struct tsn_opening *out, const char *line, size_t len)
{
    const char *end = line + len, *field = memchr(line, ' ', len);
    const char *salt = field ? memchr(field + 1, ' ', (size_t)(end - field - 1)) : NULL;
    const char *payload = salt ? memchr(salt + 1, ' ', (size_t)(end - salt - 1)) : NULL;
    size_t n;
    char *bytes;
    tsn_err err;

    if (!field || !take_number(line, (size_t)(field - line), &out->seq))
        return TSN_EINPUT;
    field++;
    if (end - field == 4 && memcmp(field, "gone", 4) == 0) {
        out->field[0] = '\0';
        tsn_buf_clear(&out->salted);
        return 0;
    }
    if (!payload)
        return TSN_EINPUT;
    n = (size_t)(salt - field);
    if (n == 0 || n >= sizeof(out->field))
        return TSN_EINPUT;
    memcpy(out->field, field, n);
    out->field[n] = '\0';
    if (strspn(out->field, "abcdefghijklmnopqrstuvwxyz0123456789") != n)
        return TSN_EINPUT;
    tsn_buf_clear(&out->salted);
    bytes = tsn_alloc(TSN_SALT_LEN + (size_t)(end - payload) + 1);
    err = tsn_unbase64(bytes, TSN_SALT_LEN, &n, salt + 1, (size_t)(payload - salt - 1));
    if (!err && n != TSN_SALT_LEN)
        err = TSN_EINPUT;
    if (!err)
        err = tsn_unbase64(bytes + TSN_SALT_LEN, (size_t)(end - payload), &n, payload + 1,
                           (size_t)(end - payload - 1));
    if (!err)
        err = tsn_buf_put(&out->salted, bytes, TSN_SALT_LEN + n);
    free(bytes);
    return err ? TSN_EINPUT : 0;
}
