/* Secrets: kept by handle, and taken out of texts in every usual form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/diag.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/text.h"

static const char value[] = "s3cr&t/\"Wert\"\\+ 9=?";
static const size_t len = sizeof(value) - 1;

static int clear(void **state)
{
    (void)state;
    tsn_secret_forget();
    return 0;
}

static void kept_by_handle(void **state)
{
    size_t n;

    (void)state;
    assert_null(tsn_secret_get("secret:a", NULL));
    assert_int_equal(tsn_secret_put("secret:a", value, len), 0);
    assert_string_equal(tsn_secret_get("secret:a", &n), value);
    assert_int_equal(n, len);
    assert_int_equal(tsn_secret_put("secret:a", "another one", 11), 0);
    assert_string_equal(tsn_secret_get("secret:a", NULL), "another one");
    tsn_secret_drop("secret:a");
    assert_null(tsn_secret_get("secret:a", NULL));
    tsn_secret_drop("secret:a");
    assert_int_equal(tsn_secret_put("secret:a", "", 0), TSN_EINPUT);
    assert_int_equal(tsn_secret_put("secret:a", "a\0b", 3), TSN_EINPUT);
    assert_true(tsn_secret_is_handle("secret:jira-1.token"));
    assert_true(tsn_secret_is_handle("credential:imap"));
    assert_false(tsn_secret_is_handle("secret:"));
    assert_false(tsn_secret_is_handle("secret:a b"));
    assert_false(tsn_secret_is_handle("secret:../x"));
    assert_false(tsn_secret_is_handle("the secret:jira"));
}

/* `text` holds the secret in some form between two marks: gone, the marks are not. */
static void gone(const char *text)
{
    char before[4096];
    char *copy = strdup(text);
    size_t n;

    snprintf(before, sizeof(before), "%s", text);
    n = tsn_redact(copy, strlen(copy), false);
    if (!strstr(copy, TSN_SECRET_SHOWN) || strncmp(copy, "<<", 2) != 0 ||
        strcmp(copy + n - 2, ">>") != 0)
        fail_msg("%s became %s", before, copy);
    free(copy);
}

static void every_form(void **state)
{
    char text[4096], form[2048];
    json_t *v;
    char *json;

    (void)state;
    assert_int_equal(tsn_secret_put("secret:a", value, len), 0);
    snprintf(text, sizeof(text), "<<%s>>", value);
    gone(text);
    v = json_string(value);
    json = json_dumps(v, JSON_ENCODE_ANY);
    snprintf(text, sizeof(text), "<<%s>>", json);
    gone(text);
    free(json);
    json = json_dumps(v, JSON_ENCODE_ANY | JSON_ESCAPE_SLASH);
    snprintf(text, sizeof(text), "<<%s>>", json);
    gone(text);
    free(json);
    json_decref(v);
    tsn_hex(form, value, len);
    snprintf(text, sizeof(text), "<<%s>>", form);
    gone(text);
    for (char *p = form; *p; p++)
        *p = (char)(*p >= 'a' ? *p - 32 : *p);
    snprintf(text, sizeof(text), "<<%s>>", form);
    gone(text);
    gone("<<s3cr%26t%2F%22Wert%22%5C%2B%209%3D%3F>>");
    gone("<<s3cr%26t%2f%22Wert%22%5c%2b%209%3d%3f>>");
    gone("<<s3cr%26t%2F%22Wert%22%5C%2B+9%3D%3F>>");
    /* Base64 of a longer text, wherever the secret stands in it: nothing of it is left to decode. */
    for (size_t before = 0; before < 6; before++) {
        char plain[256], out[512];
        size_t n;

        snprintf(plain, sizeof(plain), "%.*s%s:end", (int)before, "abcdef", value);
        (void)tsn_base64(out, plain, strlen(plain));
        n = tsn_redact(out, strlen(out), false);
        assert_non_null(strstr(out, TSN_SECRET_SHOWN));
        assert_true(n < strlen(plain));
    }
}

static void replaced_ones_too(void **state)
{
    char text[] = "<<the first one>> <<the second>>";

    (void)state;
    assert_int_equal(tsn_secret_put("secret:a", "the first one", 13), 0);
    assert_int_equal(tsn_secret_put("secret:a", "the second", 10), 0);
    tsn_secret_drop("secret:a");
    (void)tsn_redact(text, strlen(text), false);
    assert_string_equal(text, "<<***>> <<***>>");
}

/* Every cut of a line that ends in a secret, at every place. */
static void cut_texts(void **state)
{
    (void)state;
    assert_int_equal(tsn_secret_put("secret:a", "0123456789abcdefghij", 20), 0);
    for (size_t n = 1; n <= 20; n++) {
        char text[64];

        snprintf(text, sizeof(text), "said: %.*s", (int)n, "0123456789abcdefghij");
        (void)tsn_redact(text, strlen(text), true);
        if (n < 4)
            continue; /* three bytes say nothing */
        assert_string_equal(text, "said: ***");
    }
}

static void in_messages(void **state)
{
    struct tsn_diag d;
    char long_text[1000];

    (void)state;
    assert_int_equal(tsn_secret_put("secret:a", "Bearer-0123456789", 17), 0);
    tsn_diag_init(&d);
    tsn_diag_set(&d, TSN_EREMOTE, "R041", "the server said: %s is wrong", "Bearer-0123456789");
    tsn_diag_hint(&d, "try %s", "Bearer-0123456789");
    assert_string_equal(d.what, "the server said: *** is wrong");
    assert_string_equal(d.hint, "try ***");
    /* The place where the message ends may lie inside of it. */
    for (size_t i = sizeof(d.what) - 30; i < sizeof(d.what) + 5; i++) {
        memset(long_text, '.', sizeof(long_text));
        snprintf(long_text + i, sizeof(long_text) - i, "Bearer-0123456789");
        tsn_diag_set(&d, TSN_EREMOTE, "R041", "%s", long_text);
        assert_null(strstr(d.what, "Bear"));
    }
}

static void in_values(void **state)
{
    json_t *v, *out;

    (void)state;
    assert_null(tsn_redact_json(NULL));
    assert_int_equal(tsn_secret_put("secret:a", "0123456789", 10), 0);
    v = json_pack("{s:[s, {s:s}], s:i, s:s}", "list", "plain", "deep", "a 0123456789 b", "n", 7,
                  "0123456789", "as a name");
    out = tsn_redact_json(v);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(out, "list"), 1), "deep")),
                        "a *** b");
    assert_string_equal(tsn_json_str(out, TSN_SECRET_SHOWN, ""), "as a name");
    assert_int_equal(tsn_json_int(out, "n", 0), 7);
    assert_null(tsn_redact_json(out));
    json_decref(out);
    json_decref(v);
}

static void in_the_log(void **state)
{
    static const char pem[] = "-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n"
                              "CCqGSM49AwEHBG0wawIBAQ==\n-----END KEY-----\n";
    char got[16384];
    char far[6000];
    int fds[2];
    ssize_t n;

    (void)state;
    assert_int_equal(tsn_secret_put("secret:a", value, len), 0);
    assert_int_equal(tsn_secret_put("secret:pem", pem, sizeof(pem) - 1), 0);
    assert_int_equal(pipe(fds), 0);
    tsn_log_open(fds[1]);
    tsn_log(TSN_LOG_INFO, "test.said", "text", value, "more", "x", NULL);
    tsn_log(TSN_LOG_INFO, "test.said", "text", "line: MIGHAgEAMBMGByqGSM49AgEG", NULL);
    for (size_t at = 3800; at < 4100; at++) {
        memset(far, '.', sizeof(far));
        snprintf(far + at, sizeof(far) - at, "%s", value);
        tsn_log(TSN_LOG_INFO, "test.said", "text", far, NULL);
        n = read(fds[0], got, sizeof(got) - 1);
        assert_true(n > 0);
        got[n] = '\0';
        assert_null(strstr(got, "s3cr"));
        assert_null(strstr(got, "MIGHAgEAM"));
        assert_int_equal(got[n - 1], '\n');
    }
    tsn_log_open(2);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(kept_by_handle, clear),
        cmocka_unit_test_teardown(every_form, clear),
        cmocka_unit_test_teardown(replaced_ones_too, clear),
        cmocka_unit_test_teardown(cut_texts, clear),
        cmocka_unit_test_teardown(in_messages, clear),
        cmocka_unit_test_teardown(in_values, clear),
        cmocka_unit_test_teardown(in_the_log, clear),
    };

    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
