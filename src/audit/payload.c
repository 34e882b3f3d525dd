/* payload.c - seals, opens and walks what stands beside an entry.
 *
 * Owns nothing. Any thread. Plaintext buffers are wiped before they are freed.
 */
#include "audit/payload.h"

#include <stdlib.h>
#include <string.h>
#include "core/mem.h"
#include "core/rand.h"
#include "core/text.h"

#define SALT_LEN    32
#define PAYLOAD_MAX ((size_t)64 << 20)

/* Decimal, without printf: this runs once a sealed field. */
static size_t put_number(char *out, int64_t v)
{
    char text[24];
    size_t at = sizeof text;

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    memcpy(out, text + at, sizeof text - at);
    return sizeof text - at;
}

/* The caller has seen to it that seq >= 0 and that the name is shorter than 16 bytes. */
static size_t put_aad(char out[64], int64_t seq, const char *field)
{
    static const char head[] = "tocsin-payload/v1\n";
    size_t n = sizeof head - 1;

    memcpy(out, head, n);
    n += put_number(out + n, seq);
    out[n++] = '\n';
    (void)tsn_copy(out + n, 64 - n, field);
    return n + strlen(field);
}

#define COMMIT_HEAD     "tocsin-commit/v1\n"
#define COMMIT_HEAD_MAX (sizeof COMMIT_HEAD + 16)

/* What stands before the salt in a commitment; its length. */
static size_t put_commit_head(char out[COMMIT_HEAD_MAX], const char *field)
{
    size_t n = sizeof COMMIT_HEAD - 1;

    memcpy(out, COMMIT_HEAD, n);
    (void)tsn_copy(out + n, COMMIT_HEAD_MAX - n, field);
    n += strlen(field);
    out[n] = '\n';
    return n + 1;
}

static void wipe_free(struct tsn_buf *b)
{
    if (b->data != NULL)
        tsn_wipe(b->data, b->len);
    tsn_buf_free(b);
}

/* The commitment over `salted` = salt || payload. */
tsn_err tsn_payload_commit(uint8_t out[TSN_HASH_LEN], const char *field, const void *salted,
                           size_t n)
{
    char head[COMMIT_HEAD_MAX];
    struct tsn_buf in;
    tsn_err err = 0;

    if (strlen(field) >= sizeof((struct tsn_commit *)0)->name)
        return TSN_EINPUT;
    tsn_buf_init(&in, n + sizeof head);
    tsn_buf_put(&in, head, put_commit_head(head, field));
    err = tsn_buf_put(&in, salted, n);
    if (err == 0)
        tsn_sha256_once(out, in.data, in.len);
    wipe_free(&in);
    return err;
}

/* One piece of memory, `in`, holds what is hashed; its end, salt || payload, is what is sealed. */
static tsn_err seal_one(struct tsn_entry *e, struct tsn_buf *blob,
                        const uint8_t key[TSN_KEY_LEN], const struct tsn_field *f)
{
    struct tsn_commit *c = &e->commits[e->ncommits];
    char small[1024], aad[64], *in = small;
    uint8_t size[4];
    size_t name_len = strlen(f->name), head, box_len, len;
    tsn_err err = 0;

    if (f->len > PAYLOAD_MAX)
        return TSN_ETOOBIG;
    if (COMMIT_HEAD_MAX + SALT_LEN + f->len > sizeof small)
        in = tsn_alloc(COMMIT_HEAD_MAX + SALT_LEN + f->len);
    head = put_commit_head(in, f->name);
    tsn_rand_bytes(in + head, SALT_LEN);
    if (f->len > 0)
        memcpy(in + head + SALT_LEN, f->data, f->len);
    len = head + SALT_LEN + f->len;
    tsn_sha256_once(c->value, in, len);
    box_len = SALT_LEN + f->len + TSN_SEAL_OVERHEAD;
    for (int i = 0; i < 4; i++)
        size[i] = (uint8_t)(box_len >> (24 - 8 * i));
    tsn_buf_putc(blob, (char)name_len);
    tsn_buf_put(blob, f->name, name_len);
    tsn_buf_put(blob, size, sizeof size);
    err = tsn_seal(blob, key, aad, put_aad(aad, e->seq, f->name), in + head, len - head);
    if (err == 0) {
        tsn_copy(c->name, sizeof c->name, f->name);
        e->ncommits++;
    }
    tsn_wipe(in, len);
    if (in != small)
        free(in);
    return err;
}

tsn_err tsn_payload_seal(struct tsn_entry *e, struct tsn_buf *blob,
                         const uint8_t key[TSN_KEY_LEN], const struct tsn_field *fields,
                         size_t n)
{
    const struct tsn_field *sorted[TSN_ENTRY_FIELDS_MAX];

    e->ncommits = 0;
    if (n > TSN_ENTRY_FIELDS_MAX)
        return TSN_ETOOBIG;
    for (size_t i = 0; i < n; i++) { /* insertion sort: n is at most six */
        size_t at = i;

        if (fields[i].name == NULL || fields[i].name[0] == '\0' ||
            strlen(fields[i].name) >= sizeof e->commits[0].name)
            return TSN_EINPUT;
        for (; at > 0 && strcmp(sorted[at - 1]->name, fields[i].name) > 0; at--)
            sorted[at] = sorted[at - 1];
        if (at > 0 && strcmp(sorted[at - 1]->name, fields[i].name) == 0)
            return TSN_EDUP;
        sorted[at] = &fields[i];
    }
    for (size_t i = 0; i < n; i++) {
        tsn_err err = seal_one(e, blob, key, sorted[i]);

        if (err != 0)
            return err;
    }
    return 0;
}

tsn_err tsn_payload_next(const void *blob, size_t len, size_t *at, struct tsn_payload_box *out)
{
    const uint8_t *p = (const uint8_t *)blob + *at;
    size_t left = len - *at, name_len = 0, box_len = 0;

    memset(out, 0, sizeof *out);
    if (left == 0)
        return TSN_ENOTFOUND;
    name_len = p[0];
    if (name_len == 0 || name_len >= sizeof out->name || left < 1 + name_len + 4)
        return TSN_ETAMPERED;
    memcpy(out->name, p + 1, name_len);
    if (strlen(out->name) != name_len)
        return TSN_ETAMPERED;
    p += 1 + name_len;
    left -= 1 + name_len + 4;
    for (int i = 0; i < 4; i++)
        box_len = box_len << 8 | p[i];
    if (box_len > left || box_len < SALT_LEN + TSN_SEAL_OVERHEAD)
        return TSN_ETAMPERED;
    out->box = p + 4;
    out->len = box_len;
    *at += 1 + name_len + 4 + box_len;
    return 0;
}

tsn_err tsn_payload_open_salted(const struct tsn_entry *e, const struct tsn_commit *c,
                                const struct tsn_payload_box *box,
                                const uint8_t key[TSN_KEY_LEN], struct tsn_buf *out)
{
    struct tsn_buf plain;
    uint8_t value[TSN_HASH_LEN];
    char aad[64];
    size_t aad_len = put_aad(aad, e->seq, c->name);
    tsn_err err = 0;

    tsn_buf_init(&plain, box->len);
    err = tsn_unseal(&plain, key, aad, aad_len, box->box, box->len);
    if (err != 0)
        goto out;
    if (plain.len < SALT_LEN) {
        err = TSN_ETAMPERED;
        goto out;
    }
    err = tsn_payload_commit(value, c->name, plain.data, plain.len);
    if (err != 0)
        goto out;
    if (!tsn_equal_ct(value, c->value, sizeof value)) {
        err = TSN_ETAMPERED;
        goto out;
    }
    if (out != NULL)
        err = tsn_buf_put(out, plain.data, plain.len);
out:
    wipe_free(&plain);
    return err;
}

tsn_err tsn_payload_open_box(const struct tsn_entry *e, const struct tsn_commit *c,
                             const struct tsn_payload_box *box, const uint8_t key[TSN_KEY_LEN],
                             struct tsn_buf *out)
{
    struct tsn_buf salted;
    tsn_err err;

    if (out == NULL)
        return tsn_payload_open_salted(e, c, box, key, NULL);
    tsn_buf_init(&salted, box->len);
    err = tsn_payload_open_salted(e, c, box, key, &salted);
    if (err == 0)
        err = tsn_buf_put(out, salted.data + SALT_LEN, salted.len - SALT_LEN);
    wipe_free(&salted);
    return err;
}

tsn_err tsn_payload_open(const struct tsn_entry *e, const void *blob, size_t len,
                         const uint8_t key[TSN_KEY_LEN], const char *field, struct tsn_buf *out)
{
    const struct tsn_commit *c = NULL;
    struct tsn_payload_box box;
    size_t at = 0;
    tsn_err err = 0;

    for (size_t i = 0; i < e->ncommits; i++)
        if (strcmp(e->commits[i].name, field) == 0)
            c = &e->commits[i];
    if (c == NULL)
        return TSN_ENOTFOUND;
    while ((err = tsn_payload_next(blob, len, &at, &box)) == 0)
        if (strcmp(box.name, field) == 0)
            return tsn_payload_open_box(e, c, &box, key, out);
    return err; /* TSN_ENOTFOUND at the end: erased */
}
