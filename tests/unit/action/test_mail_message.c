/* test_mail_message.c - messages as another reader of RFC 5322 and MIME sees them (Python's email
 * package), what is refused, and templates. */
#include "action_lab.h"

#include <signal.h>
#include <sys/wait.h>

#include "action/mail_message.h"

static const char *const one[] = {"bob@b.example", NULL};

static struct tsn_mail_message plain(void)
{
    return (struct tsn_mail_message){.from = "Acme PSIRT <psirt@acme.example>",
                                     .to = one,
                                     .subject = "Hello",
                                     .text = "Hi\n",
                                     .id = "0123456789abcdef0123456789abcdef",
                                     .date_ms = INT64_C(1795511702123)};
}

/* Reads messages as hex lines, answers each with one JSON line. */
static const char reader_script[] =
    "import email, email.policy, json, sys\n"
    "def read(raw):\n"
    "    bare = raw.replace(b'\\r\\n', b'')\n"
    "    assert b'\\n' not in bare and b'\\r' not in bare, 'a bare line end'\n"
    "    raw.decode('ascii')\n"
    "    m = email.message_from_bytes(raw, policy=email.policy.default)\n"
    "    assert not m.defects, m.defects\n"
    "    parts = [p for p in m.walk() if not p.is_multipart()]\n"
    "    sender = m['from'].addresses[0]\n"
    "    texts = [p.get_payload(decode=True).decode() for p in parts]\n"
    "    return {\n"
    "        'subject': m['subject'], 'from': sender.addr_spec, 'name': sender.display_name,\n"
    "        'to': [a.addr_spec for a in m['to'].addresses], 'id': m['message-id'],\n"
    "        'auto': m['auto-submitted'], 'date': m['date'].datetime.isoformat(),\n"
    "        'texts': [t.replace('\\r\\n', '\\n') for t in texts],\n"
    "        'names': [p.get_filename() for p in parts],\n"
    "        'types': [p.get_content_type() for p in parts],\n"
    "        'kinds': [p.get_content_type() for p in m.walk() if p.is_multipart()],\n"
    "        'longest': max(len(l) for l in raw.split(b'\\r\\n'))}\n"
    "for line in sys.stdin:\n"
    "    print(json.dumps(read(bytes.fromhex(line))), flush=True)\n";

static FILE *to_reader, *from_reader;
static pid_t reader;

/* One Python for all messages: it takes a while to start. */
static int start_reader(void **state)
{
    int in[2], out[2];

    (void)state;
    if (pipe(in) || pipe(out))
        return -1;
    reader = fork();
    if (reader == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execlp("python3", "python3", "-c", reader_script, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_reader = fdopen(in[1], "w");
    from_reader = fdopen(out[0], "r");
    return reader > 0 && to_reader && from_reader ? 0 : -1;
}

static int stop_reader(void **state)
{
    int status;

    (void)state;
    fclose(to_reader);
    fclose(from_reader);
    return waitpid(reader, &status, 0) == reader && status == 0 ? 0 : -1;
}

/* The message as Python reads it: an object with its headers, parts and the longest line. */
static json_t *as_read(const struct tsn_mail_message *m)
{
    static char line[1 << 16];
    struct tsn_buf b;
    json_t *v;

    tsn_buf_init(&b, sizeof(line) / 2 - 1);
    assert_int_equal(tsn_mail_build(&b, m, NULL), 0);
    tsn_hex(line, b.data, b.len);
    tsn_buf_free(&b);
    assert_true(fprintf(to_reader, "%s\n", line) > 0);
    assert_int_equal(fflush(to_reader), 0);
    assert_non_null(fgets(line, sizeof(line), from_reader)); /* else Python said why */
    v = json_loads(line, 0, NULL);
    assert_non_null(v);
    return v;
}

static const char *nth(const json_t *v, const char *list, size_t i)
{
    return json_string_value(json_array_get(json_object_get(v, list), i));
}

static void test_plain(void **state)
{
    struct tsn_mail_message m = plain();
    json_t *v = as_read(&m);

    (void)state;
    assert_string_equal(tsn_json_str(v, "subject", ""), "Hello");
    assert_string_equal(tsn_json_str(v, "from", ""), "psirt@acme.example");
    assert_string_equal(tsn_json_str(v, "name", ""), "Acme PSIRT");
    assert_string_equal(nth(v, "to", 0), "bob@b.example");
    assert_string_equal(tsn_json_str(v, "id", ""),
                        "<0123456789abcdef0123456789abcdef@acme.example>");
    assert_string_equal(tsn_json_str(v, "auto", ""), "auto-generated");
    assert_string_equal(tsn_json_str(v, "date", ""), "2026-11-24T09:15:02+00:00");
    assert_string_equal(nth(v, "texts", 0), "Hi\n");
    json_decref(v);
}

static void subject_survives(const char *subject)
{
    struct tsn_mail_message m = plain();
    json_t *v;

    m.subject = subject;
    v = as_read(&m);
    assert_string_equal(tsn_json_str(v, "subject", ""), subject);
    if (tsn_json_int(v, "longest", 0) > 78)
        fail_msg("a line of %d characters", (int)tsn_json_int(v, "longest", 0));
    json_decref(v);
}

static void test_subjects(void **state)
{
    char lengths[400], ascii[600];

    (void)state;
    subject_survives("Gr\xc3\xbc\xc3\x9f"
                     "e aus M\xc3\xbcnchen");
    subject_survives("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac \xf0\x9f\x98\x80 tail");
    subject_survives("=?utf-8?B?SGVsbG8=?="); /* what looks encoded stays what it was */
    /* Characters of two, three and four bytes across every cut. */
    for (size_t skew = 0; skew < 4; skew++) {
        size_t n = skew;

        memset(lengths, 'a', skew);
        while (n < 300) {
            memcpy(lengths + n, "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4", 9);
            n += 9;
        }
        lengths[n] = '\0';
        subject_survives(lengths);
    }
    for (size_t i = 0; i + 1 < sizeof(ascii); i++)
        ascii[i] = "word "[i % 5];
    ascii[sizeof(ascii) - 1] = '\0';
    ascii[sizeof(ascii) - 2] = 'x';
    subject_survives(ascii);
}

static void text_survives(const char *text)
{
    struct tsn_mail_message m = plain();
    json_t *v;

    m.text = text;
    v = as_read(&m);
    assert_string_equal(nth(v, "texts", 0), text);
    assert_true(tsn_json_int(v, "longest", 0) <= 78);
    json_decref(v);
}

static void test_texts(void **state)
{
    char big[3000];

    (void)state;
    text_survives("");
    text_survives(".\n..\n.hidden\nFrom the start\n");
    text_survives("blank at the end \ntab\t\n = equals =3D\n");
    text_survives("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n\n\nend\n");
    for (size_t i = 0; i + 1 < sizeof(big); i++)
        big[i] = "abc =."[i % 6];
    big[sizeof(big) - 2] = '\n';
    big[sizeof(big) - 1] = '\0';
    text_survives(big);
}

static void test_names(void **state)
{
    static const struct {
        const char *from, *name;
    } rows[] = {
        {"psirt@acme.example", ""},
        {"<psirt@acme.example>", ""},
        {"Acme, Inc. <psirt@acme.example>", "Acme, Inc."},
        {"\"Acme, Inc.\" <psirt@acme.example>", "Acme, Inc."},
        {"Acme \"the\" \\ Firm <psirt@acme.example>", "Acme \"the\" \\ Firm"},
        {"\xc3\x84"
         "cme GmbH <psirt@acme.example>",
         "\xc3\x84"
         "cme GmbH"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tsn_mail_message m = plain();
        json_t *v;

        m.from = rows[i].from;
        v = as_read(&m);
        assert_string_equal(tsn_json_str(v, "from", ""), "psirt@acme.example");
        assert_string_equal(tsn_json_str(v, "name", ""), rows[i].name);
        json_decref(v);
    }
}

static void test_attachments(void **state)
{
    struct tsn_mail_message m = plain();
    json_t *v, *attach = json_pack("[{s:s,s:s,s:s},{s:s,s:s}]", "name", "acme-sa-1.json",
                                   "type", "application/json", "text", "{\"a\":\"\xc3\xa4\"}\n",
                                   "name", "note.txt", "text", "--=_x--");

    (void)state;
    m.attach = attach;
    v = as_read(&m);
    assert_int_equal(json_array_size(json_object_get(v, "types")), 3);
    assert_string_equal(nth(v, "texts", 0), "Hi\n");
    assert_string_equal(nth(v, "names", 1), "acme-sa-1.json");
    assert_string_equal(nth(v, "types", 1), "application/json");
    assert_string_equal(nth(v, "texts", 1), "{\"a\":\"\xc3\xa4\"}\n");
    assert_string_equal(nth(v, "texts", 2), "--=_x--"); /* byte for byte: digests must fit */
    json_decref(v);
    json_decref(attach);
}

static void refused(const struct tsn_mail_message *m)
{
    struct tsn_buf b;
    struct tsn_diag d;

    tsn_diag_init(&d);
    tsn_buf_init(&b, 1 << 20);
    assert_int_equal(tsn_mail_build(&b, m, &d), TSN_EINPUT);
    assert_string_equal(d.code, "R040");
    assert_true(d.what[0] != '\0');
    tsn_buf_free(&b);
}

/* Text and HTML are one part in two forms, alone and beside attachments. */
static void test_html(void **state)
{
    struct tsn_mail_message m = plain();
    json_t *v, *attach = json_pack("[{s:s,s:s}]", "name", "a.txt", "text", "beside");

    (void)state;
    m.html = "<p>Hi &amp; \xc3\xa4 =a_x</p>\n--=a_0123456789abcdef0123456789abcdef--\n";
    v = as_read(&m);
    assert_int_equal(json_array_size(json_object_get(v, "types")), 2);
    assert_string_equal(nth(v, "types", 0), "text/plain");
    assert_string_equal(nth(v, "texts", 0), "Hi\n");
    assert_string_equal(nth(v, "types", 1), "text/html");
    assert_string_equal(nth(v, "texts", 1), m.html);
    assert_string_equal(nth(v, "kinds", 0), "multipart/alternative");
    json_decref(v);
    m.attach = attach;
    v = as_read(&m);
    assert_string_equal(nth(v, "kinds", 0), "multipart/mixed");
    assert_string_equal(nth(v, "kinds", 1), "multipart/alternative");
    assert_string_equal(nth(v, "texts", 1), m.html);
    assert_string_equal(nth(v, "texts", 2), "beside");
    json_decref(v);
    json_decref(attach);
    m.attach = NULL;
    m.html = "bad \xff";
    refused(&m);
}

/* What a reporter writes is text in our HTML, never markup. */
static void test_html_values(void **state)
{
    json_t *vars = json_pack("{s:s, s:i}", "name", "<b>O'Neil</b> & \"co\"", "n", 7);
    struct tsn_buf b;

    (void)state;
    tsn_buf_init(&b, 1000);
    assert_int_equal(
        tsn_mail_expand_html(&b, "<p title=\"{{name}}\">{{n}}</p>", vars, "t", NULL), 0);
    assert_string_equal(b.data,
                        "<p title=\"&lt;b&gt;O&#39;Neil&lt;/b&gt; &amp; &quot;co&quot;\">"
                        "7</p>");
    assert_int_equal(tsn_mail_expand_html(&b, "{{none}}", vars, "t", NULL), TSN_EINPUT);
    tsn_buf_free(&b);
    json_decref(vars);
}

static void test_refused(void **state)
{
    static const char *const addresses[] = {
        "",
        "bob",
        "bob@",
        "@b.example",
        "a@b@c",
        "bob @b.example",
        "bob@b.example\r\nBcc: x@y",
        "bob@b.example>",
        "bob@b.example, eve@e.example",
        "b\xc3\xb6"
        "b@b.example",
        "a\n@b",
    };
    static const char *const lines[] = {"a\r\nBcc: x@y.example", "a\nb", "a\rb",
                                        "a\x01"
                                        "b",
                                        "\x7f"};
    struct tsn_mail_message m;

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        const char *const to[] = {"ok@b.example", addresses[i], NULL};

        m = plain();
        m.to = to;
        refused(&m);
        m = plain();
        m.from = addresses[i];
        refused(&m);
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char from[100];

        m = plain();
        m.subject = lines[i];
        refused(&m);
        m = plain();
        snprintf(from, sizeof(from), "%s <a@b.example>", lines[i]);
        m.from = from;
        refused(&m);
    }
    m = plain();
    m.text = "bad \xff";
    refused(&m);
    static const char *const attachments[] = {
        "[{\"name\":\"a\\\"b\",\"text\":\"\"}]",
        "[{\"name\":\"../etc\",\"text\":\"\"}]",
        "[{\"name\":\"a\\r\\nX: y\",\"text\":\"\"}]",
        "[{\"text\":\"\"}]",
        "[{\"name\":\"a\"}]",
        "[{\"name\":\"a\",\"text\":\"\",\"type\":\"text/plain\\r\\nX: y\"}]",
        "[7]",
        "{}",
        "\"x\"",
    };
    for (size_t i = 0; i < sizeof(attachments) / sizeof(attachments[0]); i++) {
        json_t *v = json_loads(attachments[i], JSON_DECODE_ANY, NULL);

        assert_non_null(v);
        m = plain();
        m.attach = v;
        refused(&m);
        json_decref(v);
    }
    static const char *const nobody[] = {NULL};
    m = plain();
    m.to = nobody;
    refused(&m);
}

static void expands(const char *text, const char *want)
{
    json_t *vars = json_pack("{s:s,s:i,s:f,s:b,s:s}", "name", "Bob", "n", 7, "r", 9.8, "yes", 1,
                             "trick", "{{name}}");
    struct tsn_buf b;
    struct tsn_diag d;

    tsn_diag_init(&d);
    tsn_buf_init(&b, 1000);
    if (want) {
        assert_int_equal(tsn_mail_expand(&b, text, vars, "t", &d), 0);
        assert_string_equal(b.data, want);
    } else {
        assert_int_equal(tsn_mail_expand(&b, text, vars, "t", &d), TSN_EINPUT);
        assert_string_equal(d.code, "R044");
    }
    tsn_buf_free(&b);
    json_decref(vars);
}

static void test_templates(void **state)
{
    (void)state;
    expands("", "");
    expands("Hello {{name}}, {{n}} {{r}} {{yes}}!", "Hello Bob, 7 9.8 yes!");
    expands("{{trick}}", "{{name}}"); /* values are never expanded again */
    expands("{ {name} } }}", "{ {name} } }}");
    expands("{{nobody}}", NULL);
    expands("{{name", NULL);
    expands("{{}}", NULL);
    expands("{{a name that is much longer than any name that could stand in such a template}}",
            NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),       cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_texts),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_attachments), cmocka_unit_test(test_html),
        cmocka_unit_test(test_html_values), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_templates),
    };
    (void)lab_open, (void)lab_close, (void)lab_expect, (void)lab_for, (void)lab_write;
    (void)lab_call_free;
    tsn_json_init();
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, start_reader, stop_reader);
}
