/* export.c - see export.h. One read transaction. */
#include "store/export.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"
#include "store/store_int.h"

struct exporter {
    tsn_err (*fn)(const char *line, size_t len, void *user);
    void *user;
};

static tsn_err put(struct exporter *x, json_t *v)
{
    char *line = tsn_json_text(v);
    tsn_err err = x->fn(line, strlen(line), x->user);

    free(line);
    json_decref(v);
    return err;
}

static tsn_err one(int64_t seq, int64_t prev, const char *text, size_t len, const uint8_t *leaf,
                   const struct tsn_blob *blob, const uint8_t *key, void *user)
{
    struct exporter *x = user;
    char hex[2 * TSN_HASH_LEN + 1] = "";
    json_t *entry = json_stringn(text, len);

    json_t *line;

    (void)key;
    if (leaf)
        tsn_hex(hex, leaf, TSN_HASH_LEN);
    /* A text that is not even UTF-8 was changed by somebody: shown as what it is, bytes. */
    if (!entry) {
        char *raw = tsn_alloc(2 * len + 1);

        tsn_hex(raw, text, len);
        entry = json_pack("{s:s}", "hex", raw);
        free(raw);
    }
    line = json_pack("{s:I, s:I, s:o, s:s}", "seq", (json_int_t)seq, "prev", (json_int_t)prev,
                     "entry", entry, "leaf", hex);
    if (blob->len == 0 && memmem(text, len, "\nc.", 3))
        json_object_set_new(line, "gone", json_true());
    return put(x, line);
}

tsn_err tsn_store_export(struct tsn_store *st,
                         tsn_err (*fn)(const char *line, size_t len, void *user), void *user)
{
    struct exporter x = {.fn = fn, .user = user};
    char hex[2 * TSN_HASH_LEN + 1];
    uint8_t root[TSN_HASH_LEN];
    uint64_t size;
    bool own = sqlite3_get_autocommit(st->db) != 0; /* else the caller's transaction serves */
    tsn_err err = own ? tsn_store_begin(st) : 0;

    if (err)
        return err;
    err = tsn_store_stored_head(st, &size, root);
    if (!err)
        err = tsn_log_scan(st, 0, one, &x);
    if (!err) {
        tsn_hex(hex, root, TSN_HASH_LEN);
        err = put(&x, json_pack("{s:I, s:s}", "size", (json_int_t)size, "root", hex));
    }
    if (own)
        tsn_store_rollback(st);
    return err;
}
