/* Signatures of inbound webhooks: published vectors, every bit flipped, lists, times, headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "core/crypto.h"
#include "core/text.h"
#include "intake/hook.h"

/* The vector of the Standard Webhooks libraries. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define TIME   "1614265330"
#define BODY   "{\"test\": 2432232314}"
#define GOOD   "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define NOW    (INT64_C(1614265330) * 1000)

struct headers {
    const char *pairs[9]; /* name, value ... NULL */
};

static const char *header(void *user, const char *name)
{
    const struct headers *h = user;
    for (int i = 0; h->pairs[i]; i += 2)
        if (strcasecmp(h->pairs[i], name) == 0)
            return h->pairs[i + 1];
    return NULL;
}

/* "" when it is accepted, else the code. */
static const char *check(const struct tsn_hook *hook, const struct headers *h, const char *body,
                         size_t len, int64_t now, char id[80])
{
    static char code[8];
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_diag d;
    struct tsn_hook_seen seen;
    const struct tsn_hook_message m = {.header = header,
                                       .user = (void *)(uintptr_t)h,
                                       .body = body,
                                       .len = len,
                                       .now_ms = now};
    tsn_diag_init(&d);
    tsn_err err = tsn_hook_check(a, hook, &m, &seen, &d);
    assert_int_equal(err == 0, d.code[0] == '\0');
    if (!err && id)
        (void)snprintf(id, 80, "%s", seen.id);
    memcpy(code, d.code, sizeof code);
    tsn_arena_destroy(a);
    return code;
}

static struct tsn_hook_key key_of(const char *text)
{
    struct tsn_hook_key k;
    struct tsn_diag d;
    tsn_diag_init(&d);
    assert_int_equal(tsn_hook_key_parse(text, strlen(text), &k, &d), 0);
    return k;
}

static void standard(void **state)
{
    struct tsn_hook_key keys[2] = {key_of(SECRET), key_of("another key of 16 bytes")};
    struct tsn_hook hook = {.name = "h", .keys = keys, .nkeys = 1};
    struct headers h = {
        {"webhook-id", ID, "webhook-timestamp", TIME, "webhook-signature", GOOD}};
    char id[80], body[] = BODY;

    (void)state;
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW, id), "");
    assert_string_equal(id, ID);
    for (size_t bit = 0; bit < 8 * strlen(BODY); bit++) {
        body[bit / 8] ^= (char)(1 << bit % 8);
        assert_string_equal(check(&hook, &h, body, strlen(BODY), NOW, NULL), "H081");
        body[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t n = 0; n < strlen(BODY); n++)
        assert_string_equal(check(&hook, &h, BODY, n, NOW, NULL), "H081");
    /* Time: 300 s either way and no more. */
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW + 300000, NULL), "");
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW - 300000, NULL), "");
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW + 300001, NULL), "H082");
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW - 300001, NULL), "H082");
    /* Keys in rotation; without the right one. */
    hook.nkeys = 2;
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW, NULL), "");
    hook.keys = keys + 1;
    hook.nkeys = 1;
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW, NULL), "H081");
}

static void standard_headers(void **state)
{
    struct tsn_hook_key key = key_of(SECRET);
    struct tsn_hook hook = {.name = "h", .keys = &key, .nkeys = 1};
    static const struct {
        const char *id, *time, *signature, *code;
    } rows[] = {
        {ID, TIME, "v1,AAAA " GOOD, ""},
        {ID, TIME, "v2,AAAA v1a,AAAA garbage  " GOOD, ""},
        {ID, TIME, "a b c d e f g " GOOD, ""},
        {ID, TIME, "a b c d e f g h " GOOD, "H081"}, /* too long a list */
        {ID, TIME, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", "H081"},
        {ID, TIME, "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "H081"},
        {ID, TIME, "v1,", "H081"},
        {ID, TIME, "v1", "H081"},
        {ID, TIME, "", "H083"},
        {ID, TIME, NULL, "H083"},
        {NULL, TIME, GOOD, "H083"},
        {"", TIME, GOOD, "H083"},
        {"a.b", TIME, GOOD, "H083"},
        {ID, NULL, GOOD, "H083"},
        {ID, "-1", GOOD, "H083"},
        {ID, "1614265330.0", GOOD, "H083"},
        {ID, "161426533000000", GOOD, "H083"},
        {ID "x", TIME, GOOD, "H081"},
        {ID, "1614265331", GOOD, "H081"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct headers h = {{NULL}};
        size_t n = 0;
        const char *const names[] = {"webhook-id", "webhook-timestamp", "webhook-signature"};
        const char *const values[] = {rows[i].id, rows[i].time, rows[i].signature};
        for (int k = 0; k < 3; k++)
            if (values[k]) {
                h.pairs[n++] = names[k];
                h.pairs[n++] = values[k];
            }
        if (strcmp(check(&hook, &h, BODY, strlen(BODY), NOW, NULL), rows[i].code) != 0)
            fail_msg("row %zu: %s", i, rows[i].code);
    }
}

static void ed25519(void **state)
{
    uint8_t seed[TSN_SIGN_KEY_LEN] = {7}, pub[TSN_SIGN_KEY_LEN], sig[TSN_SIGN_LEN];
    char text[128], coded[96], list[256];

    (void)state;
    tsn_crypto_init();
    tsn_sign_public(pub, seed);
    (void)tsn_base64(coded, pub, sizeof pub);
    (void)snprintf(text, sizeof text, "whpk_%s", coded);
    struct tsn_hook_key key = key_of(text);
    assert_true(key.is_public);
    struct tsn_hook hook = {.name = "h", .keys = &key, .nkeys = 1};
    tsn_sign(sig, seed, ID "." TIME "." BODY, strlen(ID "." TIME "." BODY));
    (void)tsn_base64(coded, sig, sizeof sig);
    (void)snprintf(list, sizeof list, "%s v1a,%s", GOOD, coded);
    struct headers h = {
        {"webhook-id", ID, "webhook-timestamp", TIME, "webhook-signature", list}};
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW, NULL), "");
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY) - 1, NOW, NULL), "H081");
    /* A public key never passes for a shared one. */
    (void)snprintf(list, sizeof list, "%s", GOOD);
    assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW, NULL), "H081");
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_hook_header out[4];
    struct tsn_diag d;
    size_t n;
    tsn_diag_init(&d);
    assert_int_equal(tsn_hook_sign(a, &hook, ID, BODY, strlen(BODY), NOW, out, &n, &d),
                     TSN_EUNSUPPORTED);
    assert_string_equal(d.code, "H086");
    tsn_arena_destroy(a);
}

static void of_the_body(void **state)
{
    /* GitHub's documentation has this one. */
    struct tsn_hook_key key = key_of("It's a Secret to Everybody");
    struct tsn_hook hook = {.name = "h",
                            .scheme = TSN_HOOK_GITHUB,
                            .keys = &key,
                            .nkeys = 1,
                            .type_header = "X-GitHub-Event"};
    struct headers h = {
        {"X-Hub-Signature-256",
         "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
         "X-GitHub-Delivery", "one"}};
    char first[80], second[80];

    (void)state;
    assert_string_equal(check(&hook, &h, "Hello, World!", 13, NOW, first), "");
    /* Nobody makes a repeated message new with a header that is not signed. */
    h.pairs[3] = "two";
    assert_string_equal(check(&hook, &h, "Hello, World!", 13, NOW, second), "");
    assert_string_equal(first, second);
    assert_string_equal(check(&hook, &h, "Hello, World?", 13, NOW, NULL), "H081");
    h.pairs[1] = "sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_string_equal(check(&hook, &h, "Hello, World!", 13, NOW, NULL), "H081");
    h.pairs[1] = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_string_equal(check(&hook, &h, "Hello, World!", 13, NOW, NULL), "H081");
    hook.scheme = TSN_HOOK_HMAC;
    hook.header = "X-Hub-Signature-256";
    assert_string_equal(check(&hook, &h, "Hello, World!", 13, NOW, NULL), "");
    hook.base64 = true;
    h.pairs[1] = "dXEH6g6yUJ/CESIczphLijdXC21nWG4ixk9DecmLBD4X"; /* of 33 bytes */
    assert_string_equal(check(&hook, &h, "Hello, World!", 13, NOW, NULL), "H081");
}

/* What we sign for a test is what we accept, in every scheme. */
static void round_trip(void **state)
{
    struct tsn_hook_key key = key_of(SECRET);

    (void)state;
    for (int scheme = 0; scheme < 4; scheme++) {
        struct tsn_arena *a = tsn_arena_new();
        struct tsn_hook hook = {.name = "h",
                                .scheme = scheme == 3 ? TSN_HOOK_HMAC : scheme,
                                .keys = &key,
                                .nkeys = 1,
                                .header = "X-Sig",
                                .prefix = "p=",
                                .base64 = scheme == 3};
        struct tsn_hook_header made[4];
        struct headers h = {{NULL}};
        struct tsn_diag d;
        size_t n;
        tsn_diag_init(&d);
        assert_int_equal(tsn_hook_sign(a, &hook, "one", BODY, strlen(BODY), NOW, made, &n, &d),
                         0);
        for (size_t i = 0; i < n; i++) {
            h.pairs[2 * i] = made[i].name;
            h.pairs[2 * i + 1] = made[i].value;
        }
        assert_string_equal(check(&hook, &h, BODY, strlen(BODY), NOW, NULL), "");
        assert_string_equal(check(&hook, &h, BODY "x", strlen(BODY) + 1, NOW, NULL), "H081");
        tsn_arena_destroy(a);
    }
}

/* The operator is told what a proxy did. */
static void says_why(void **state)
{
    struct tsn_hook_key key = key_of(SECRET);
    struct tsn_hook hook = {.name = "h", .keys = &key, .nkeys = 1};
    static const struct {
        const char *sent, *came, *hint;
    } rows[] = {{"{\"a\":1}", "{ \"a\": 1 }", "written compactly"},
                {"{\"a\": 1}", "{\"a\":1}", "written with spaces"},
                {"{ \"a\": 1}\n", "{ \"a\": 1}", "with a line end"},
                {"{ \"a\": 1}", "{ \"a\": 1}\r\n", "without the line end"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tsn_arena *a = tsn_arena_new();
        struct tsn_hook_header made[4];
        struct tsn_hook_seen seen;
        struct headers h = {{NULL}};
        struct tsn_diag d;
        size_t n;
        tsn_diag_init(&d);
        assert_int_equal(tsn_hook_sign(a, &hook, "one", rows[i].sent, strlen(rows[i].sent), NOW,
                                       made, &n, &d),
                         0);
        for (size_t k = 0; k < n; k++) {
            h.pairs[2 * k] = made[k].name;
            h.pairs[2 * k + 1] = made[k].value;
        }
        const struct tsn_hook_message m = {.header = header,
                                           .user = &h,
                                           .body = rows[i].came,
                                           .len = strlen(rows[i].came),
                                           .now_ms = NOW};
        assert_int_equal(tsn_hook_check(a, &hook, &m, &seen, &d), TSN_EUNAUTH);
        assert_string_equal(d.code, "H081");
        if (!strstr(d.hint, rows[i].hint))
            fail_msg("%s: %s", rows[i].hint, d.hint);
        tsn_arena_destroy(a);
    }
}

static void keys(void **state)
{
    static const char *const bad[] = {"",
                                      "short",
                                      "whsec_",
                                      "whsec_!!!!",
                                      "whsec_AAAA",
                                      "whpk_AAAA",
                                      "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
    struct tsn_hook_key k;
    struct tsn_diag d;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tsn_diag_init(&d);
        if (!tsn_hook_key_parse(bad[i], strlen(bad[i]), &k, &d))
            fail_msg("%s is a key", bad[i]);
    }
    k = key_of(SECRET);
    assert_int_equal(k.len, 24);
    k = key_of("0123456789abcdef");
    assert_int_equal(k.len, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard),   cmocka_unit_test(standard_headers),
        cmocka_unit_test(ed25519),    cmocka_unit_test(of_the_body),
        cmocka_unit_test(round_trip), cmocka_unit_test(says_why),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
