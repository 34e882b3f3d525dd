/* The query language of the log: whatever is typed, an answer or a place inside the text. */
#include "fuzz.h"

#include "core/mem.h"
#include "store/log_query.h"

static const char *const seeds[] = {
    "kind:step.result -outcome:ok actor:u:resp1 since:7d",
    "seq:5..9 ref:#12 attempt:>=2 tlp:<=amber+strict time:2026-11-24..2026-11-25",
    "\"edge gw\" text:\"a\\\"b\\\\c\" case:PSIRT-2026-0142,x* !run:r-7k3m",
    "until:2026-11-24T09:15:00Z kind:a,b,c* reason:\"*\"",
};

const char *fuzz_seed(size_t i, size_t *len)
{
    if (i >= sizeof(seeds) / sizeof(seeds[0]))
        return NULL;
    *len = strlen(seeds[i]);
    return seeds[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tsn_arena *a = tsn_arena_new();
    const char *text = tsn_arena_strndup(a, (const char *)data, size);
    struct tsn_log_query q;
    struct tsn_diag d;
    tsn_err err;

    tsn_diag_init(&d);
    err = tsn_log_query_parse(a, text, 1764000000000, &q, &d);
    FUZZ_CHECK(err || q.nterms <= TSN_LOG_TERMS_MAX);
    FUZZ_CHECK(!err || strcmp(d.code, "V202") == 0);
    FUZZ_CHECK(!err || err == TSN_ETOOBIG || (d.col >= 1 && d.col <= (int)strlen(text) + 1));
    for (size_t i = 0; !err && i < q.nterms; i++) {
        const struct tsn_log_term *t = &q.terms[i];

        FUZZ_CHECK(t->ranged || (t->nvalues >= 1 && t->nvalues <= TSN_LOG_VALUES_MAX));
        for (size_t k = 0; k < t->nvalues; k++)
            FUZZ_CHECK(t->values[k].text[0]);
    }
    tsn_arena_destroy(a);
    return 0;
}
