/* sealer.c - what is signed and what is refused. See sealer.h. One thread. */
#include "sealer/sealer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/frame.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "sealer/seal_state.h"

struct tsn_sealer {
    struct tsn_note_key key;
    uint8_t seed[TSN_SIGN_KEY_LEN];
    bool overlap; /* the next key signs too */
    struct tsn_note_key next;
    uint8_t next_seed[TSN_SIGN_KEY_LEN];
    char key_file[PATH_MAX], next_file[PATH_MAX + 8];
    struct tsn_seal_state state;
};

tsn_err tsn_sealer_create(const char *key_file, const char *state_file, const char *origin,
                          struct tsn_buf *public_out, struct tsn_diag *diag)
{
    struct tsn_note_key key;
    struct tsn_seal_state state;
    uint8_t seed[TSN_SIGN_KEY_LEN];
    tsn_err err;

    tsn_seal_state_init(&state);
    err = tsn_seal_key_make(&key, seed, origin, diag);
    /* The key comes last: a key without a state would look like a state that was taken away. */
    if (!err && access(key_file, F_OK) == 0)
        err = tsn_diag_set(diag, TSN_EDUP, "V023", "%s exists; a new key needs a new file",
                           key_file);
    if (!err)
        err = tsn_seal_state_create(&state, state_file, &key, seed, diag);
    if (!err)
        err = tsn_seal_key_write(key_file, &key, seed, diag);
    if (!err)
        err = tsn_note_key_print(public_out, &key);
    tsn_seal_state_free(&state);
    tsn_wipe(seed, sizeof(seed));
    return err;
}

tsn_err tsn_sealer_new(struct tsn_sealer **out, const char *key_file, struct tsn_diag *diag)
{
    struct tsn_sealer *s = tsn_alloc(sizeof(*s));
    tsn_err err = tsn_seal_key_read(&s->key, s->seed, key_file, diag);

    tsn_seal_state_init(&s->state);
    (void)tsn_copy(s->key_file, sizeof(s->key_file), key_file);
    (void)snprintf(s->next_file, sizeof(s->next_file), "%s.next", key_file);
    if (!err && access(s->next_file, F_OK) == 0) {
        s->overlap = true;
        err = tsn_seal_key_read(&s->next, s->next_seed, s->next_file, diag);
    }
    if (err) {
        tsn_sealer_destroy(s);
        s = NULL;
    }
    *out = s;
    return err;
}

/* The next key is the only one. The state is its own already, so this can be done again. */
static tsn_err replace_key(struct tsn_sealer *s, struct tsn_diag *diag)
{
    if (rename(s->next_file, s->key_file) != 0)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "V023",
                            "%s cannot take its place: %s", s->next_file,
                            tsn_err_text(tsn_err_from_errno(errno)));
    s->key = s->next;
    memcpy(s->seed, s->next_seed, sizeof(s->seed));
    tsn_wipe(s->next_seed, sizeof(s->next_seed));
    s->overlap = false;
    return 0;
}

tsn_err tsn_sealer_open(struct tsn_sealer *s, const char *state_file, struct tsn_diag *diag)
{
    tsn_err err = tsn_seal_state_open(&s->state, state_file, &s->key, s->seed, diag);
    struct tsn_diag second;

    if (err != TSN_ETAMPERED || !s->overlap)
        return err;
    tsn_seal_state_free(&s->state);
    tsn_seal_state_init(&s->state);
    tsn_diag_init(&second);
    if (tsn_seal_state_open(&s->state, state_file, &s->next, s->next_seed, &second) != 0)
        return err;
    return replace_key(s, diag);
}

void tsn_sealer_destroy(struct tsn_sealer *s)
{
    if (!s)
        return;
    tsn_seal_state_free(&s->state);
    tsn_wipe(s, sizeof(*s));
    free(s);
}

/* --- answers ------------------------------------------------------------------------------ */

static tsn_err put_frame(struct tsn_buf *out, enum tsn_frame_type type, json_t *v)
{
    char *text = tsn_json_text(v);
    tsn_err err = tsn_frame_put(out, (uint8_t)type, text, strlen(text));

    free(text);
    json_decref(v);
    return err;
}

static json_t *base64_json(const uint8_t hash[TSN_HASH_LEN])
{
    char text[4 * ((TSN_HASH_LEN + 2) / 3) + 1];

    tsn_base64(text, hash, TSN_HASH_LEN);
    return json_string(text);
}

tsn_err tsn_sealer_hello(const struct tsn_sealer *s, struct tsn_buf *out, const char *weaker)
{
    struct tsn_buf key, next;
    json_t *v;

    tsn_buf_init(&key, 1024);
    tsn_buf_init(&next, 1024);
    (void)tsn_note_key_print(&key, &s->key);
    if (s->overlap)
        (void)tsn_note_key_print(&next, &s->next);
    v = json_pack("{s:i, s:i, s:s, s:s, s:s, s:I, s:o}", "protocol", TSN_FRAME_VERSION, "pid",
                  (int)getpid(), "weaker", weaker, "key", key.data, "origin", s->key.name,
                  "size", (json_int_t)s->state.size, "root", base64_json(s->state.root));
    if (next.len)
        json_object_set_new(v, "next", json_string(next.data));
    tsn_buf_free(&key);
    tsn_buf_free(&next);
    return put_frame(out, TSN_FRAME_HELLO, v);
}

/* The status is that of C2SP's add-checkpoint, so that the witness can answer alike. */
static tsn_err refuse(const struct tsn_sealer *s, struct tsn_buf *out, int status,
                      const char *code, const char *why)
{
    return put_frame(out, TSN_FRAME_SEAL_REFUSED,
                     json_pack("{s:i, s:s, s:s, s:I, s:o}", "status", status, "code", code,
                               "why", why, "size", (json_int_t)s->state.size, "root",
                               base64_json(s->state.root)));
}

/* --- requests ----------------------------------------------------------------------------- */

struct request {
    uint64_t old_size;
    struct tsn_proof proof;
    struct tsn_checkpoint to; /* borrows from the JSON value */
};

/* NULL, or what is wrong with it. */
static const char *parse_request(struct request *r, const json_t *v)
{
    static const char *const known[] = {"body", "old", "proof"};
    const json_t *old = json_object_get(v, "old"), *proof = json_object_get(v, "proof"),
                 *body = json_object_get(v, "body"), *item;
    size_t i, n;

    if (!json_is_object(v) || tsn_json_known(v, known, 3, NULL) != 0)
        return "it is not an object of old, proof and body";
    if (!json_is_integer(old) || json_integer_value(old) < 0)
        return "the old size is not a size";
    r->old_size = (uint64_t)json_integer_value(old);
    if (!json_is_array(proof) || json_array_size(proof) > TSN_PROOF_MAX)
        return "the proof is not a list of hashes";
    json_array_foreach(proof, i, item)
    {
        if (!json_is_string(item) ||
            tsn_unbase64(r->proof.hash[i], TSN_HASH_LEN, &n, json_string_value(item),
                         json_string_length(item)) != 0 ||
            n != TSN_HASH_LEN)
            return "the proof is not a list of hashes";
    }
    r->proof.n = json_array_size(proof);
    if (!json_is_string(body) ||
        tsn_checkpoint_parse(&r->to, json_string_value(body), json_string_length(body)) != 0 ||
        r->to.extended)
        return "the body is not the three lines of a checkpoint";
    if (r->old_size > r->to.size)
        return "the old size is larger than the new one";
    return NULL;
}

/* Signs what the state holds: by now it is on disk. */
static tsn_err answer_sealed(const struct tsn_sealer *s, struct tsn_buf *out)
{
    struct tsn_buf body, note;
    tsn_err err;

    tsn_buf_init(&body, TSN_NOTE_MAX);
    tsn_buf_init(&note, TSN_NOTE_MAX);
    err = tsn_checkpoint_print(&body, s->key.name, s->state.size, s->state.root);
    if (!err) {
        (void)tsn_buf_put(&note, body.data, body.len);
        (void)tsn_buf_putc(&note, '\n');
        err = tsn_note_sign(&note, &s->key, s->seed, body.data, body.len, 0);
    }
    if (!err && s->overlap)
        err = tsn_note_sign(&note, &s->next, s->next_seed, body.data, body.len, 0);
    if (!err)
        err = put_frame(out, TSN_FRAME_SEALED,
                        json_pack("{s:I, s:s%}", "size", (json_int_t)s->state.size, "note",
                                  note.data, note.len));
    tsn_buf_free(&body);
    tsn_buf_free(&note);
    return err;
}

static tsn_err judge(struct tsn_sealer *s, const struct request *r, struct tsn_buf *out)
{
    struct tsn_diag diag;
    tsn_err err;

    if (r->to.origin_len != strlen(s->key.name) ||
        memcmp(r->to.origin, s->key.name, r->to.origin_len) != 0)
        return refuse(s, out, 404, "V025", "this sealer signs another log");
    if (r->old_size != s->state.size)
        return refuse(s, out, 409, "V021", "the last checkpoint signed has another size");
    if (r->old_size == r->to.size && memcmp(r->to.root, s->state.root, TSN_HASH_LEN) != 0)
        return refuse(s, out, 409, "V020", "another root of this size was signed");
    if (tsn_proof_check_consistency(&r->proof, s->state.size, s->state.root, r->to.size,
                                    r->to.root) != 0)
        return refuse(s, out, 422, "V020", "the proof does not show that the log continues");
    if (r->to.size > s->state.size) {
        tsn_diag_init(&diag);
        err = tsn_seal_state_keep(&s->state, &s->key, r->to.size, r->to.root, &diag);
        if (err == TSN_EOUTCOME)
            return err;
        if (err)
            return refuse(s, out, 503, "V024", diag.what);
    }
    return answer_sealed(s, out);
}

tsn_err tsn_sealer_request(struct tsn_sealer *s, const char *p, size_t n, struct tsn_buf *out)
{
    struct request r;
    json_t *v = NULL;
    const char *wrong;
    tsn_err err;

    memset(&r, 0, sizeof(r));
    if (tsn_json_parse(p, n, &v, NULL) != 0)
        return refuse(s, out, 400, "V025", "it is not JSON");
    wrong = parse_request(&r, v);
    err = wrong ? refuse(s, out, 400, "V025", wrong) : judge(s, &r, out);
    json_decref(v);
    return err;
}

/* --- another key ------------------------------------------------------------------------------- */

static tsn_err begin_overlap(struct tsn_sealer *s, struct tsn_diag *diag)
{
    tsn_err err = 0;

    if (s->overlap)
        return 0; /* asked again: the same key */
    err = tsn_seal_key_make(&s->next, s->next_seed, s->key.name, diag);
    if (!err)
        err = tsn_seal_key_write(s->next_file, &s->next, s->next_seed, diag);
    s->overlap = !err;
    return err;
}

static tsn_err end_overlap(struct tsn_sealer *s, struct tsn_diag *diag)
{
    tsn_err err;

    if (!s->overlap)
        return tsn_diag_set(diag, TSN_ECONFLICT, "V107", "no key is being changed");
    err = tsn_seal_state_hand_over(&s->state, &s->next, s->next_seed, diag);
    return err ? err : replace_key(s, diag);
}

tsn_err tsn_sealer_rotate(struct tsn_sealer *s, const char *p, size_t n, struct tsn_buf *out)
{
    struct tsn_buf key;
    struct tsn_diag diag;
    json_t *v = NULL, *answer = json_object();
    tsn_err err;

    tsn_diag_init(&diag);
    if (tsn_json_parse(p, n, &v, NULL) != 0 || !json_is_boolean(json_object_get(v, "end")))
        err = tsn_diag_set(&diag, TSN_EINPUT, "V025", "it is not a request");
    else if (tsn_json_bool(v, "end", false))
        err = end_overlap(s, &diag);
    else
        err = begin_overlap(s, &diag);
    json_decref(v);
    if (err == TSN_EOUTCOME) {
        json_decref(answer);
        return err;
    }
    tsn_buf_init(&key, 1024);
    if (err) {
        json_object_set_new(answer, "why", json_string(diag.what));
    } else {
        (void)tsn_note_key_print(&key, &s->key);
        json_object_set_new(answer, "key", json_string(key.data));
        tsn_buf_clear(&key);
        if (s->overlap) {
            (void)tsn_note_key_print(&key, &s->next);
            json_object_set_new(answer, "next", json_string(key.data));
        }
    }
    tsn_buf_free(&key);
    return put_frame(out, TSN_FRAME_ROTATED, answer);
}
