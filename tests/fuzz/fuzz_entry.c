/* Entries: what the parser takes, the printer gives back byte for byte, the second verifier's parser takes
 * too, and every export format can write; what the printer writes, the parser reads as it was. */
#include "fuzz.h"

#include "audit/siem.h"
#include "core/json.h"
#include "core/mem.h"
#include "verify/tocsin_verify.h"

#define ID    "01JDG3V0A0ABCDEFGHJKMNPQRS"
#define HASH0 "0000000000000000000000000000000000000000000000000000000000000000"
#define HASHF "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define HEAD                                                                                   \
    "tocsin-audit/v1\nseq 7\nid " ID "\ntime 2026-11-24T09:15:02.123000000Z\n"                 \
    "clock s,500,0a1b2c3d,1234567890\nnode node1,3\nkind step.intent\nactor svc:engine\n"      \
    "auth none\n"

static const char *const seeds[] = {
    HEAD "case " ID "\nrun " ID "\nchain run:" ID "\nrseq 0\nrprev " HASH0 "\n",
    HEAD "chain sys\nrseq 9\nrprev " HASHF "\nref 3\noutcome ok\nc.args " HASHF "\n",
    HEAD "case " ID "\nrun " ID "\nchain case:" ID "\nrseq 1\nrprev " HASHF
         "\nref 3\nplaybook contain@4@0123456789abcdef\nstep 0.4b2.1\nattempt 2\nidem "
         "a\"b]c\\d|e=f\n"
         "outcome unknown\nreason =cmd()\nfrom open\nto a,b\nrlen 9\nrlast " HASHF
         "\ntlp amber+strict\nret years7\nc.args " HASHF "\nc.result " HASH0 "\n",
    "tocsin-audit/v1\nseq 0\nid 7ZZZZZZZZZZZZZZZZZZZZZZZZZ\ntime "
    "1970-01-01T00:00:00.000000000Z\n"
    "clock u,0,00000000,0\nnode n,0\nkind a\nactor a\nauth a\nchain sys\nrseq 0\nrprev " HASH0
    "\n",
};

const char *fuzz_seed(size_t i, size_t *len)
{
    if (i >= sizeof(seeds) / sizeof(seeds[0]))
        return NULL;
    *len = strlen(seeds[i]);
    return seeds[i];
}

static void formats(const struct tsn_entry *e, const char *text, size_t len)
{
    const struct tsn_siem_site site = {.host = "h", .version = "0", .pen = 32473};
    const struct tsn_siem_row row = {.entry = e,
                                     .text = text,
                                     .text_len = len,
                                     .checkpoint = 8,
                                     .after_ms = 0,
                                     .before_ms = -1};

    for (int f = TSN_SIEM_JSONL; f <= TSN_SIEM_OCSF; f++) {
        struct tsn_buf b;
        json_t *v = NULL;

        tsn_buf_init(&b, (size_t)1 << 20);
        FUZZ_CHECK(tsn_siem_row(&b, (enum tsn_siem)f, &site, &row) == 0 && b.len > 0);
        FUZZ_CHECK(!memchr(b.data, '\n', b.len) && !memchr(b.data, '\r', b.len));
        if (f == TSN_SIEM_JSONL || f == TSN_SIEM_OCSF)
            FUZZ_CHECK(tsn_json_parse(b.data, b.len, &v, NULL) == 0);
        json_decref(v);
        tsn_buf_free(&b);
    }
}

/* Text in: taken by both parsers or by none, and printed as it was. */
static void text_way(const uint8_t *data, size_t size)
{
    struct tsn_arena *a = tsn_arena_new();
    char *copy =
        tsn_arena_memdup(a, data, size ? size : 1); /* exactly as long: ASan sees past it */
    struct entry *second = tsn_arena_alloc(a, sizeof(*second));
    struct tsn_entry e;
    struct tsn_buf b;
    bool ours = tsn_entry_parse(a, copy, size, &e, NULL) == 0;

    FUZZ_CHECK(ours == (entry_parse(second, copy, size) == NULL));
    if (ours) {
        tsn_buf_init(&b, TSN_ENTRY_MAX);
        FUZZ_CHECK(tsn_entry_print(&b, &e, NULL) == 0);
        FUZZ_CHECK(b.len == size && memcmp(b.data, data, size) == 0);
        tsn_buf_free(&b);
        formats(&e, copy, size);
    }
    tsn_arena_destroy(a);
}

struct supply {
    const uint8_t *at, *end;
};

static uint8_t byte(struct supply *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static int64_t number(struct supply *in)
{
    int64_t v = 0;

    for (int n = byte(in) % 9; n > 0; n--)
        v = (int64_t)((uint64_t)v << 8 | byte(in));
    return v;
}

/* NULL, a good value for this key, or whatever bytes come. */
static const char *value(struct tsn_arena *a, struct supply *in, const char *good)
{
    uint8_t how = byte(in);
    size_t n = byte(in) % 40;
    char *text;

    if (how < 60)
        return NULL;
    if (how < 230)
        return good;
    text = tsn_arena_alloc(a, n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)byte(in);
    return text;
}

/* A struct in: what the printer writes, the parser reads, and it prints the same again. */
static void struct_way(const uint8_t *data, size_t size)
{
    struct supply in = {data, data + size};
    struct tsn_arena *a = tsn_arena_new();
    uint8_t hash[TSN_HASH_LEN];
    struct tsn_entry e, back;
    struct tsn_buf b, again;
    uint8_t where = byte(&in);

    tsn_entry_init(&e);
    memset(hash, byte(&in), sizeof(hash));
    e.seq = number(&in);
    e.id = ID;
    e.time_ms = number(&in);
    e.clock = "u,1,0a1b2c3d,5";
    e.node = "node1,3";
    e.kind = where % 7 ? "case.updated" : value(a, &in, "a.b_c");
    e.actor = where % 5 ? "u:resp1" : value(a, &in, "svc:x");
    e.auth = "none";
    e.case_id = where % 3 ? ID : NULL;
    e.run = where % 2 ? ID : NULL;
    e.chain = where % 2 && where % 4 == 1 ? "run:" ID : where % 3 ? "case:" ID : "sys";
    e.rseq = number(&in);
    memcpy(e.rprev, hash, sizeof(hash));
    e.ref = number(&in);
    e.playbook = value(a, &in, "p@1@0123456789abcdef");
    e.step = value(a, &in, "0.3");
    e.attempt = number(&in);
    e.idem = value(a, &in, "abc");
    e.outcome = value(a, &in, "ok");
    e.reason = value(a, &in, "x");
    e.from = value(a, &in, "open");
    e.to = value(a, &in, "closed");
    if (byte(&in) % 2) {
        e.rlen = number(&in);
        e.rlast = hash;
    }
    e.tlp = value(a, &in, "red");
    e.ret = value(a, &in, "short");
    e.ncommits = byte(&in) % (TSN_ENTRY_FIELDS_MAX + 1);
    for (size_t i = 0; i < e.ncommits; i++) {
        (void)snprintf(e.commits[i].name, sizeof(e.commits[i].name), "%c%d",
                       byte(&in) % 9 ? 'a' + (int)i : (char)byte(&in), (int)i);
        memcpy(e.commits[i].value, hash, sizeof(hash));
    }
    tsn_buf_init(&b, TSN_ENTRY_MAX);
    tsn_buf_init(&again, TSN_ENTRY_MAX);
    if (tsn_entry_print(&b, &e, NULL) == 0) {
        FUZZ_CHECK(tsn_entry_parse(a, b.data, b.len, &back, NULL) == 0);
        FUZZ_CHECK(tsn_entry_print(&again, &back, NULL) == 0);
        FUZZ_CHECK(again.len == b.len && memcmp(again.data, b.data, b.len) == 0);
        FUZZ_CHECK(back.seq == e.seq && back.time_ms == e.time_ms && back.rseq == e.rseq);
        FUZZ_CHECK(!e.reason == !back.reason && (!e.reason || !strcmp(e.reason, back.reason)));
        FUZZ_CHECK(!e.to == !back.to && (!e.to || !strcmp(e.to, back.to)));
        FUZZ_CHECK(back.ncommits == e.ncommits);
    }
    tsn_buf_free(&b);
    tsn_buf_free(&again);
    tsn_arena_destroy(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;

    if (!begun) {
        tsn_crypto_init();
        tsn_json_init();
        begun = true;
    }
    text_way(data, size);
    struct_way(data, size);
    return 0;
}
