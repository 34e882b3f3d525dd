/* plugin_express.c - see plugin_express.h. Owns nothing; what held a secret is wiped. */
#include "action/plugin_express.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/text.h"

#define TEXT_MAX  ((size_t)1 << 20)
#define DEPTH_MAX 16

struct look {
    const json_t *settings;
    const char *body;
    struct tsn_diag *diag;
};

static tsn_err evaluate(const struct look *l, const json_t *e, struct tsn_buf *out, int depth);

bool tsn_plugin_names(const json_t *settings, const char *handle)
{
    size_t i;
    json_t *one;
    bool found = false;

    if (json_is_string(settings))
        return strcmp(json_string_value(settings), handle) == 0;
    if (json_is_array(settings)) {
        json_array_foreach(settings, i, one) found = found || tsn_plugin_names(one, handle);
    } else {
        for (void *at = json_object_iter((json_t *)(uintptr_t)settings); at && !found;
             at = json_object_iter_next((json_t *)(uintptr_t)settings, at))
            found = tsn_plugin_names(json_object_iter_value(at), handle);
    }
    return found;
}

static tsn_err bad(const struct look *l, const char *what)
{
    return tsn_diag_set(l->diag, TSN_EINPUT, "R057", "%s", what);
}

static void wipe(struct tsn_buf *b)
{
    if (b->len)
        tsn_wipe(b->data, b->len);
    tsn_buf_free(b);
}

static tsn_err secret(const struct look *l, const char *handle, struct tsn_buf *out)
{
    const char *value;
    size_t n;

    if (!tsn_secret_is_handle(handle) || !tsn_plugin_names(l->settings, handle))
        return tsn_diag_set(l->diag, TSN_EDENIED, "K004", "the settings do not name `%.80s`",
                            handle);
    value = tsn_secret_get(handle, &n);
    return value ? tsn_buf_put(out, value, n) : tsn_secret_missing(handle, l->diag);
}

static tsn_err base64(const struct tsn_buf *in, struct tsn_buf *out)
{
    char *text = tsn_alloc(4 * ((in->len + 2) / 3) + 1);
    size_t n = tsn_base64(text, in->data ? in->data : "", in->len);
    tsn_err err = tsn_buf_put(out, text, n);

    tsn_wipe(text, n);
    free(text);
    return err;
}

/* A key: its text, or what base64 stands for behind a prefix. */
static tsn_err key_of(const struct look *l, const json_t *spec, struct tsn_buf *out, int depth)
{
    const json_t *after = json_object_get(spec, "base64_after");
    const char *prefix = json_string_value(after);
    struct tsn_buf text;
    size_t n = 0;
    tsn_err err;

    if (!prefix)
        return evaluate(l, json_object_get(spec, "key"), out, depth + 1);
    tsn_buf_init(&text, TEXT_MAX);
    err = evaluate(l, json_object_get(spec, "key"), &text, depth + 1);
    if (!err) {
        size_t skip =
            text.data && strncmp(text.data, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
        uint8_t *raw = tsn_alloc(text.len + 1);

        if (tsn_unbase64(raw, text.len, &n, text.data ? text.data + skip : "",
                         text.len - skip) ||
            n == 0)
            err = bad(l, "the key of a signature is not base64");
        else
            err = tsn_buf_put(out, raw, n);
        tsn_wipe(raw, text.len);
        free(raw);
    }
    wipe(&text);
    return err;
}

static tsn_err signature(const struct look *l, const json_t *spec, bool ed25519,
                         struct tsn_buf *out, int depth)
{
    const char *as = json_string_value(json_object_get(spec, "as"));
    struct tsn_buf key, over, sum;
    uint8_t mac[TSN_SIGN_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_err err;

    tsn_buf_init(&key, TEXT_MAX);
    tsn_buf_init(&over, TEXT_MAX);
    tsn_buf_init(&sum, sizeof(mac));
    err = key_of(l, spec, &key, depth);
    if (!err)
        err = evaluate(l, json_object_get(spec, "over"), &over, depth + 1);
    /* The seed; the 64 bytes that others store are the seed and the public key. */
    if (!err && ed25519 && key.len != TSN_SIGN_KEY_LEN && key.len != 2 * TSN_SIGN_KEY_LEN)
        err = bad(l, "an Ed25519 key has 32 bytes (the seed) or 64");
    if (!err && ed25519) {
        tsn_sign(mac, (const uint8_t *)key.data, over.data ? over.data : "", over.len);
        (void)tsn_buf_put(&sum, mac, TSN_SIGN_LEN);
        err = base64(&sum, out);
    } else if (!err) {
        tsn_hmac_sha256(mac, key.data, key.len, over.data ? over.data : "", over.len);
        tsn_hex(hex, mac, TSN_HASH_LEN);
        (void)tsn_buf_put(&sum, mac, TSN_HASH_LEN);
        err = as && strcmp(as, "base64") == 0 ? base64(&sum, out) : tsn_buf_puts(out, hex);
    }
    wipe(&key);
    wipe(&over);
    tsn_buf_free(&sum);
    return err;
}

static tsn_err join(const struct look *l, const json_t *parts, struct tsn_buf *out, int depth)
{
    size_t i;
    json_t *part;
    tsn_err err = json_is_array(parts) ? 0 : bad(l, "$join takes a list");

    json_array_foreach(parts, i, part)
    {
        if (!err)
            err = evaluate(l, part, out, depth + 1);
    }
    return err;
}

static tsn_err evaluate(const struct look *l, const json_t *e, struct tsn_buf *out, int depth)
{
    void *at = json_is_object(e) ? json_object_iter((json_t *)(uintptr_t)e) : NULL;
    const char *name = at ? json_object_iter_key(at) : "";
    const json_t *of = at ? json_object_iter_value(at) : NULL;
    struct tsn_buf inner;
    tsn_err err;

    if (json_is_string(e))
        return tsn_buf_put(out, json_string_value(e), json_string_length(e));
    if (depth > DEPTH_MAX || json_object_size(e) != 1)
        return bad(l, "an expression has one name and is not nested deeply");
    if (strcmp(name, "$secret") == 0 && json_is_string(of))
        return secret(l, json_string_value(of), out);
    if (strcmp(name, "$join") == 0)
        return join(l, of, out, depth);
    if (strcmp(name, "$body") == 0)
        return l->body ? tsn_buf_puts(out, l->body)
                       : bad(l, "the body cannot be part of itself");
    if (strcmp(name, "$hmac_sha256") == 0 || strcmp(name, "$ed25519") == 0)
        return signature(l, of, name[1] == 'e', out, depth);
    if (strcmp(name, "$base64") != 0)
        return tsn_diag_set(l->diag, TSN_EINPUT, "R057", "there is no expression `%.40s`",
                            name);
    tsn_buf_init(&inner, TEXT_MAX);
    err = evaluate(l, of, &inner, depth + 1);
    if (!err)
        err = base64(&inner, out);
    wipe(&inner);
    return err;
}

static bool is_expression(const json_t *v)
{
    void *at = json_is_object(v) ? json_object_iter((json_t *)(uintptr_t)v) : NULL;

    return at && json_object_iter_key(at)[0] == '$' && json_object_iter_key(at)[1] != '$';
}

static tsn_err expand(const struct look *l, const json_t *v, json_t **out, int depth)
{
    struct tsn_buf text;
    size_t i;
    json_t *one, *made = NULL;
    tsn_err err = 0;

    *out = NULL;
    if (depth > 2 * DEPTH_MAX)
        return bad(l, "the request is nested too deeply");
    if (is_expression(v)) {
        tsn_buf_init(&text, TEXT_MAX);
        err = evaluate(l, v, &text, 0);
        if (!err && !(*out = json_stringn(text.data ? text.data : "", text.len)))
            err = bad(l, "what an expression gives is not UTF-8 text");
        wipe(&text);
        return err;
    }
    if (json_is_array(v)) {
        *out = json_array();
        json_array_foreach(v, i, one)
        {
            if (!err)
                err = expand(l, one, &made, depth + 1);
            if (!err)
                json_array_append_new(*out, made);
        }
    } else if (json_is_object(v)) {
        *out = json_object();
        for (void *at = json_object_iter((json_t *)(uintptr_t)v); at && !err;
             at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
            const char *name = json_object_iter_key(at);

            err = expand(l, json_object_iter_value(at), &made, depth + 1);
            if (!err) /* $$name is a name that begins with $ */
                json_object_set_new(*out, name + (name[0] == '$' && name[1] == '$'), made);
        }
    } else {
        *out = json_deep_copy(v);
    }
    if (err) {
        json_decref(*out);
        *out = NULL;
    }
    return err;
}

tsn_err tsn_plugin_express(const json_t *value, const json_t *settings, const char *body,
                           json_t **out, struct tsn_diag *diag)
{
    const struct look l = {settings, body, diag};

    return expand(&l, value, out, 0);
}
