/* test_sealer_state.c - what the sealer signs and refuses, and that its state file is the truth:
 * every honest step up to 40, every fork below it, and the file cut and changed at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/text.h"
#include "sealer/sealer.h"

#define N      40
#define ORIGIN "psirt.example.com/tocsin/test/audit/1"

/* A checkpoint with a line that no monitor could audit. */
static const char extended[] =
    "{\"old\":0,\"proof\":[],\"body\":\"" ORIGIN
    "\\n0\\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\\nextension\\n\"}";
static char dir[64], key_file[96], state_file[96];
static struct tsn_note_key public_key;
/* Two histories: the second differs from entry 20 on. */
static uint8_t leaves[2][N][TSN_HASH_LEN];

static void mth(uint8_t out[TSN_HASH_LEN], int history, size_t begin, size_t n)
{
    uint8_t in[65] = {1};
    size_t k = 1;

    if (n <= 1) {
        if (n == 1)
            memcpy(out, leaves[history][begin], TSN_HASH_LEN);
        else
            tsn_sha256_once(out, "", 0);
        return;
    }
    while (k * 2 < n)
        k *= 2;
    mth(in + 1, history, begin, k);
    mth(in + 33, history, begin + k, n - k);
    tsn_sha256_once(out, in, sizeof(in));
}

static tsn_err get(void *user, int level, uint64_t index, uint8_t out[TSN_HASH_LEN])
{
    mth(out, *(const int *)user, (size_t)(index << level), (size_t)1 << level);
    return 0;
}

static void make(void)
{
    struct tsn_buf key;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    snprintf(dir, sizeof(dir), "/tmp/tocsin-sealer-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(key_file, sizeof(key_file), "%s/sealer.key", dir);
    snprintf(state_file, sizeof(state_file), "%s/sealer.state", dir);
    tsn_buf_init(&key, 1024);
    assert_int_equal(tsn_sealer_create(key_file, state_file, ORIGIN, &key, &diag), 0);
    assert_int_equal(tsn_note_key_parse(&public_key, key.data, key.len), 0);
    assert_string_equal(public_key.name, ORIGIN);
    tsn_buf_free(&key);
}

static int setup(void **state)
{
    (void)state;
    tsn_crypto_init();
    tsn_json_init();
    for (size_t i = 0; i < N; i++)
        for (size_t h = 0; h < 2; h++) {
            size_t seed[2] = {i, i >= 20 ? h : 0};

            tsn_entry_leaf(leaves[h][i], (const char *)seed, sizeof(seed));
        }
    make();
    return 0;
}

static int teardown(void **state)
{
    char temp[128];

    (void)state;
    snprintf(temp, sizeof(temp), "%s.new", state_file);
    unlink(temp);
    unlink(key_file);
    unlink(state_file);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

static struct tsn_sealer *open_sealer(tsn_err want)
{
    struct tsn_sealer *s = NULL;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    assert_int_equal(tsn_sealer_new(&s, key_file, &diag), 0);
    assert_int_equal(tsn_sealer_open(s, state_file, &diag), want);
    if (want) {
        assert_string_equal(diag.code, "V022");
        tsn_sealer_destroy(s);
        s = NULL;
    }
    return s;
}

static char *state_text(size_t *len)
{
    struct tsn_buf b;

    tsn_buf_init(&b, 65536);
    assert_int_equal(tsn_buf_read_file(&b, state_file), 0);
    return tsn_buf_take(&b, len);
}

static void write_state(const char *p, size_t n)
{
    FILE *f = fopen(state_file, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Sends a payload; the answer's JSON. */
static json_t *ask_text(struct tsn_sealer *s, const char *p, size_t n, int *type)
{
    struct tsn_buf out;
    struct tsn_frame f;
    json_t *v = NULL;
    size_t used;

    tsn_buf_init(&out, 65536);
    assert_int_equal(tsn_sealer_request(s, p, n, &out), 0);
    assert_int_equal(tsn_frame_get(&out, &f, &used), 0);
    assert_int_equal(used, out.len);
    assert_int_equal(tsn_json_parse(f.payload, f.len, &v, NULL), 0);
    *type = f.type;
    tsn_buf_free(&out);
    return v;
}

static json_t *request(int history, size_t old, size_t proof_from, size_t size)
{
    struct tsn_proof p = {.n = 0};
    struct tsn_nodes nodes = {.get = get, .user = &history};
    uint8_t root[TSN_HASH_LEN];
    struct tsn_buf body;
    json_t *v, *list = json_array();

    if (proof_from <= size)
        assert_int_equal(tsn_proof_consistency(&p, &nodes, proof_from, size), 0);
    for (size_t i = 0; i < p.n; i++) {
        char text[64];

        tsn_base64(text, p.hash[i], TSN_HASH_LEN);
        json_array_append_new(list, json_string(text));
    }
    mth(root, history, 0, size);
    tsn_buf_init(&body, 1024);
    assert_int_equal(tsn_checkpoint_print(&body, ORIGIN, size, root), 0);
    v = json_pack("{s:I, s:o, s:s}", "old", (json_int_t)old, "proof", list, "body", body.data);
    tsn_buf_free(&body);
    return v;
}

/* 0 = signed and the note is good; else the status of the refusal, with the state untouched. */
static int ask(struct tsn_sealer *s, json_t *v, size_t *size_out)
{
    size_t before_len, after_len;
    char *before = state_text(&before_len), *text = tsn_json_text(v), *after;
    struct tsn_checkpoint c;
    struct tsn_note note;
    int type, status = 0;
    json_t *answer = ask_text(s, text, strlen(text), &type);

    *size_out = (size_t)tsn_json_int(answer, "size", -1);
    after = state_text(&after_len);
    if (type == TSN_FRAME_SEALED) {
        const char *p = tsn_json_str(answer, "note", "");

        assert_int_equal(tsn_checkpoint_open(&c, &note, p, strlen(p), &public_key), 0);
        assert_int_equal(c.size, *size_out);
        assert_non_null(strstr(after, tsn_json_str(v, "body", "?")));
    } else {
        assert_int_equal(type, TSN_FRAME_SEAL_REFUSED);
        status = (int)tsn_json_int(answer, "status", 0);
        assert_true(status >= 400);
        assert_int_equal(before_len, after_len);
        assert_memory_equal(before, after, after_len);
    }
    free(before);
    free(after);
    free(text);
    json_decref(answer);
    json_decref(v);
    return status;
}

/* Every step from every size, each from a state written anew; then the same step again. */
static void test_honest(void **state)
{
    size_t len, size;
    char *empty = state_text(&len);

    (void)state;
    for (size_t old = 0; old <= N; old++)
        for (size_t n = old; n <= N; n += n < old + 3 ? 1 : 7) {
            struct tsn_sealer *s;

            write_state(empty, len);
            s = open_sealer(0);
            assert_int_equal(ask(s, request(0, 0, 0, old), &size), 0);
            assert_int_equal(ask(s, request(0, old, old, n), &size), 0);
            assert_int_equal(size, n);
            assert_int_equal(ask(s, request(0, n, n, n), &size), 0);
            tsn_sealer_destroy(s);
            /* A new process stands where the old one stood. */
            s = open_sealer(0);
            assert_int_equal(ask(s, request(0, n, n, n), &size), 0);
            assert_int_equal(size, n);
            tsn_sealer_destroy(s);
        }
    write_state(empty, len);
    free(empty);
}

/* From 30 entries of one history: the other one, shorter ones, wrong proofs. */
static void test_fork_and_rollback(void **state)
{
    struct tsn_sealer *s = open_sealer(0);
    size_t size;

    (void)state;
    assert_int_equal(ask(s, request(0, 0, 0, 30), &size), 0);
    for (size_t n = 0; n <= N; n++) {
        if (n >= 30) { /* the forked history, with its own proof */
            assert_int_equal(ask(s, request(1, 30, 30, n), &size), n == 30 ? 409 : 422);
            assert_int_equal(size, 30);
        } else { /* rolled back: asks onward from an older size, or for an older size */
            assert_int_equal(ask(s, request(0, n, n, N), &size), 409);
            assert_int_equal(size, 30);
            assert_int_equal(ask(s, request(0, n, n, n), &size), 409);
            assert_int_equal(ask(s, request(0, 30, 30, n), &size), 400);
        }
        if (n != 30) { /* a proof from another size; an old size that is not its own */
            assert_int_equal(ask(s, request(0, 30, n, N), &size), 422);
            assert_int_equal(ask(s, request(0, n > 30 ? n : 31, 30, N), &size), 409);
        }
    }
    /* After all that it still signs what continues. */
    assert_int_equal(ask(s, request(0, 30, 30, 37), &size), 0);
    assert_int_equal(size, 37);
    assert_int_equal(ask(s, request(0, 30, 30, 37), &size), 409);
    tsn_sealer_destroy(s);
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"old\":0}",
        "{\"old\":-1,\"proof\":[],\"body\":\"o\\n0\\n\"}",
        "{\"old\":0.5,\"proof\":[],\"body\":\"o\"}",
        "{\"old\":0,\"proof\":{},\"body\":\"o\"}",
        "{\"old\":0,\"proof\":[1],\"body\":\"o\"}",
        "{\"old\":0,\"proof\":[\"AAAA\"],\"body\":\"o\"}",
        "{\"old\":0,\"proof\":[],\"body\":\"o\",\"more\":1}",
        "{\"old\":0,\"proof\":[],\"body\":7}",
        "{\"old\":0,\"old\":0,\"proof\":[],\"body\":\"o\"}",
        extended,
    };
    struct tsn_sealer *s = open_sealer(0);
    json_t *v, *list;
    size_t size, before_len, after_len;
    char *before = state_text(&before_len), *after;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int type;

        v = ask_text(s, bad[i], strlen(bad[i]), &type);
        assert_int_equal(type, TSN_FRAME_SEAL_REFUSED);
        assert_int_equal(tsn_json_int(v, "status", 0), 400);
        assert_string_equal(tsn_json_str(v, "code", ""), "V025");
        json_decref(v);
    }
    /* More hashes than a proof can have, and another log. */
    v = request(0, 37, 37, N);
    list = json_object_get(v, "proof");
    for (int i = 0; i < TSN_PROOF_MAX + 1; i++)
        json_array_append(list, json_array_get(list, 0));
    assert_int_equal(ask(s, v, &size), 400);
    v = request(0, 37, 37, N);
    json_object_set_new(v, "body",
                        json_string("example.com/other\n37\n"
                                    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"));
    assert_int_equal(ask(s, v, &size), 404);
    after = state_text(&after_len);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, after_len);
    free(before);
    free(after);
    tsn_sealer_destroy(s);
}

/* A file that is cut, longer, changed in any bit, of another key, or gone: never taken. */
static void test_torn_state(void **state)
{
    size_t len;
    char *good = state_text(&len), *text = malloc(len + 1);
    char other_key[128], moved[128];
    struct tsn_buf public_out;
    struct tsn_diag diag;

    (void)state;
    memcpy(text, good, len);
    for (size_t n = 0; n < len; n++) {
        write_state(text, n);
        open_sealer(TSN_ETAMPERED);
    }
    text[len] = '\n';
    write_state(text, len + 1);
    open_sealer(TSN_ETAMPERED);
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit += 1 + (int)(i % 3)) {
            text[i] = (char)(good[i] ^ (1 << bit));
            write_state(text, len);
            open_sealer(TSN_ETAMPERED);
        }
        text[i] = good[i];
    }
    memset(text, 0, len); /* what a lost write leaves */
    write_state(text, len);
    open_sealer(TSN_ETAMPERED);
    unlink(state_file);
    open_sealer(TSN_ENOTFOUND);
    /* The state of another key of the same log. */
    snprintf(other_key, sizeof(other_key), "%s/other.key", dir);
    snprintf(moved, sizeof(moved), "%s/moved", dir);
    tsn_diag_init(&diag);
    tsn_buf_init(&public_out, 1024);
    assert_int_equal(tsn_sealer_create(other_key, state_file, ORIGIN, &public_out, &diag), 0);
    open_sealer(TSN_ETAMPERED);
    /* Nothing that is there is ever made anew. */
    assert_int_equal(tsn_sealer_create(other_key, moved, ORIGIN, &public_out, &diag), TSN_EDUP);
    assert_int_equal(access(moved, F_OK), -1);
    assert_int_equal(tsn_sealer_create(moved, state_file, ORIGIN, &public_out, &diag),
                     TSN_EDUP);
    assert_int_equal(access(moved, F_OK), -1);
    assert_int_equal(tsn_sealer_create(moved, moved, "two words", &public_out, &diag),
                     TSN_EINPUT);
    tsn_buf_free(&public_out);
    unlink(other_key);
    write_state(good, len);
    tsn_sealer_destroy(open_sealer(0));
    free(good);
    free(text);
}

static void test_key_and_lock(void **state)
{
    struct tsn_sealer *s = open_sealer(0), *other = NULL;
    struct tsn_diag diag;
    char bad[128];
    FILE *f;

    (void)state;
    open_sealer(TSN_EBUSY);
    tsn_sealer_destroy(s);
    tsn_sealer_destroy(open_sealer(0));
    tsn_diag_init(&diag);
    assert_int_equal(chmod(key_file, 0640), 0);
    assert_int_equal(tsn_sealer_new(&other, key_file, &diag), TSN_EDENIED);
    assert_null(other);
    assert_string_equal(diag.code, "V023");
    assert_int_equal(chmod(key_file, 0600), 0);
    snprintf(bad, sizeof(bad), "%s/bad.key", dir);
    assert_int_equal(tsn_sealer_new(&other, bad, &diag), TSN_ENOTFOUND);
    f = fopen(bad, "w");
    assert_non_null(f);
    fputs("PRIVATE+KEY+x+00000000+AAAA\n", f);
    fclose(f);
    assert_int_equal(chmod(bad, 0600), 0);
    assert_int_equal(tsn_sealer_new(&other, bad, &diag), TSN_EINPUT);
    unlink(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),       cmocka_unit_test(test_fork_and_rollback),
        cmocka_unit_test(test_malformed),    cmocka_unit_test(test_torn_state),
        cmocka_unit_test(test_key_and_lock),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
