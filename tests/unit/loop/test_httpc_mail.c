/* test_httpc_mail.c - mail through SMTP against a small mail server of our own: what is sent, and
 * what each of its replies, or its silence, means. */
#include "unit/loop/xfer_harness.h"

static int setup(void **state)
{
    (void)state;
    return tsn_loop_open(&loop) || tsn_httpc_open(&client, loop);
}

static int teardown(void **state)
{
    (void)state;
    tsn_httpc_close(client);
    tsn_loop_close(loop);
    return 0;
}

static struct tsn_xfer_request mail_to(const struct raw *r, const char *text)
{
    static char url[64];
    static const char *const rcpt[] = {"one@b.example", "two@b.example", NULL};
    struct tsn_xfer_request req = get_raw(r);
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d/client.example", r->port);
    req.url = url;
    req.mail_from = "psirt@a.example";
    req.rcpt = rcpt;
    req.body = text;
    req.body_len = strlen(text);
    return req;
}

static void a_mail_is_sent_as_it_is(void **state)
{
    (void)state;
    struct raw r;
    raw_start(&r, MAIL, NULL, 0);
    raw_go(&r);
    struct tsn_xfer_request req =
        mail_to(&r, ".first\nSubject: x\r\n\r\nbare\rcr\n.\n..two\nend");
    req.user = "u";
    req.password = "p";
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.status, 250);
    const char *h = r.heard.data;
    assert_non_null(strstr(h, "EHLO client.example\r\n"));
    assert_non_null(strstr(h, "AUTH PLAIN\r\nAHUAcA==\r\n"));
    assert_non_null(strstr(h, "MAIL FROM:<psirt@a.example>"));
    assert_non_null(strstr(h, "RCPT TO:<one@b.example>"));
    assert_non_null(strstr(h, "RCPT TO:<two@b.example>"));
    /* Dots doubled, line ends CRLF, one final dot. */
    assert_non_null(strstr(
        h, "DATA\r\n..first\r\nSubject: x\r\n\r\nbare\r\ncr\r\n..\r\n...two\r\nend\r\n.\r\n"));
    raw_stop(&r);
}

static void the_null_sender(void **state)
{
    (void)state;
    struct raw r;
    raw_start(&r, MAIL, NULL, 0);
    raw_go(&r);
    struct tsn_xfer_request req = mail_to(&r, "x\r\n");
    req.mail_from = "";
    assert_int_equal(run(&req), 0);
    assert_non_null(strstr(r.heard.data, "MAIL FROM:<>"));
    raw_stop(&r);
}

static void what_mail_servers_say(void **state)
{
    (void)state;
    static const struct {
        const char *at_rcpt, *at_end;
        tsn_err err;
        int status;
    } rows[] = {
        {"550 nobody here\r\n", NULL, TSN_EREMOTE, 550},
        {"451 come back\r\n", NULL, TSN_EBUSY, 451},
        {"", NULL, TSN_ENET, 0}, /* gone before the mail: it was not taken */
        {NULL, "552 too large\r\n", TSN_EREMOTE, 552},
        {NULL, "451 come back\r\n", TSN_EBUSY, 451},
        {NULL, "", TSN_EOUTCOME, 354}, /* gone after the final dot: nobody knows */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw r;
        raw_start(&r, MAIL, NULL, 0);
        r.at_rcpt = rows[i].at_rcpt;
        r.at_end = rows[i].at_end;
        raw_go(&r);
        struct tsn_xfer_request req = mail_to(&r, "Subject: x\r\n\r\ntext\r\n");
        tsn_err err = run(&req);
        if (err != rows[i].err || (rows[i].status && got.status != rows[i].status))
            fail_msg("row %zu: %s, status %d, %s", i, tsn_err_name(err), got.status, got.what);
        raw_stop(&r);
    }
    struct raw r;
    raw_start(&r, MAIL, NULL, 0);
    raw_go(&r);
    struct tsn_xfer_request req = mail_to(&r, "x\r\n");
    req.starttls = 1; /* not offered: nothing is sent in the clear */
    assert_int_equal(run(&req), TSN_EREMOTE);
    assert_null(strstr(r.heard.data, "MAIL FROM"));
    raw_stop(&r);
}

int main(void)
{
    tsn_log_level_set(TSN_LOG_ERROR);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_mail_is_sent_as_it_is),
        T(the_null_sender),
        T(what_mail_servers_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
