/* The automata and the phase, enumerated: what is reachable, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "casework/phase.h"
#include "casework/track.h"

/* The whole of what ties tracks together: facts, embargo and one document. */
#define EMBARGOES 5
#define DOCUMENTS 11
#define WORLDS    (64 * EMBARGOES * DOCUMENTS)

static const char *embargo(int i)
{
    return tsn_automata[TSN_TRACK_EMBARGO].states[i];
}

static const char *document(int i)
{
    return tsn_automata[TSN_TRACK_DOCUMENT].states[i];
}

struct world {
    unsigned facts;
    int embargo, document;
};

static int index_of(struct world w)
{
    return ((int)w.facts * EMBARGOES + w.embargo) * DOCUMENTS + w.document;
}

static struct tsn_tracks_now now_of(struct world w)
{
    return (struct tsn_tracks_now){.facts = w.facts,
                                   .embargo = embargo(w.embargo),
                                   .publishing = tsn_document_out(document(w.document))};
}

/* What close does: forced moves until there are none; each must be an edge that is allowed. */
static struct world settled(struct world w)
{
    for (int i = 0;; i++) {
        struct tsn_tracks_now now = now_of(w);
        enum tsn_track t;
        const char *to, *why;
        assert_true(i < 8);
        if (!tsn_track_forced(&now, &t, &to, &why))
            return w;
        char from[7];
        tsn_facts_name(from, w.facts);
        assert_int_equal(tsn_track_judge(t, t == TSN_TRACK_FACTS ? from : embargo(w.embargo),
                                         to, &now, NULL),
                         0);
        if (t == TSN_TRACK_FACTS)
            w.facts = tsn_facts_bits(to);
        else
            w.embargo = tsn_track_state(t, to);
    }
}

static bool allowed(struct world w, enum tsn_track t, const char *from, const char *to)
{
    struct tsn_tracks_now now = now_of(w);
    return tsn_track_judge(t, from, to, &now, NULL) == 0;
}

static size_t reach(bool seen[WORLDS])
{
    static struct world queue[WORLDS];
    size_t head = 0, tail = 0;
    memset(seen, 0, WORLDS);
    queue[tail++] = (struct world){0, 0, 0};
    seen[0] = true;
    while (head < tail) {
        struct world w = queue[head++], next[64 + EMBARGOES + DOCUMENTS];
        size_t n = 0;
        char from[7], to[7];
        tsn_facts_name(from, w.facts);
        for (unsigned f = 0; f < 64; f++) {
            tsn_facts_name(to, f);
            if (allowed(w, TSN_TRACK_FACTS, from, to))
                next[n++] = (struct world){f, w.embargo, w.document};
        }
        for (int e = 0; e < EMBARGOES; e++)
            if (allowed(w, TSN_TRACK_EMBARGO, embargo(w.embargo), embargo(e)))
                next[n++] = (struct world){w.facts, e, w.document};
        for (int d = 0; d < DOCUMENTS; d++)
            if (allowed(w, TSN_TRACK_DOCUMENT, document(w.document), document(d)))
                next[n++] = (struct world){w.facts, w.embargo, d};
        for (size_t i = 0; i < n; i++) {
            struct world s = settled(next[i]);
            if (!seen[index_of(s)]) {
                seen[index_of(s)] = true;
                queue[tail++] = s;
            }
        }
    }
    return tail;
}

static bool forbidden(struct world w)
{
    unsigned f = w.facts;
    bool on = tsn_embargo_on(embargo(w.embargo)), out = tsn_document_out(document(w.document));
    return ((f & TSN_FACT_F) && !(f & TSN_FACT_V)) || ((f & TSN_FACT_D) && !(f & TSN_FACT_F)) ||
           ((f & TSN_FACT_X) && !(f & TSN_FACT_P)) || ((f & TSN_FACT_P) && !(f & TSN_FACT_V)) ||
           (on && (f & (TSN_FACT_P | TSN_FACT_X))) || (on && out) ||
           (out && !(f & TSN_FACT_P)) ||
           (!strcmp(embargo(w.embargo), "proposed") &&
            (f & (TSN_FACT_P | TSN_FACT_X | TSN_FACT_A)));
}

static void test_worlds(void **state)
{
    static bool seen[WORLDS];
    (void)state;
    size_t n = reach(seen), open = 0;
    for (unsigned f = 0; f < 64; f++)
        for (int e = 0; e < EMBARGOES; e++)
            for (int d = 0; d < DOCUMENTS; d++) {
                struct world w = {f, e, d};
                if (seen[index_of(w)] && forbidden(w))
                    fail_msg("facts %02x, embargo %s, document %s can be reached", f,
                             embargo(e), document(d));
                open += !forbidden(w);
            }
    /* Nor do the tables forbid more than they must. */
    assert_int_equal(n, open);
    /* Attacks alone leave the embargo to a person. */
    struct world attacked = {TSN_FACT_V | TSN_FACT_A,
                             tsn_track_state(TSN_TRACK_EMBARGO, "active"), 0};
    assert_true(seen[index_of(attacked)]);
    struct tsn_tracks_now now = now_of(attacked);
    assert_true(tsn_embargo_should_end(&now));
}

/* Vultron: 32 states of the six letters are reachable, one letter at a time. */
static void test_facts(void **state)
{
    bool seen[64] = {true};
    unsigned queue[64], n = 0, reachable = 1;
    (void)state;
    queue[n++] = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned to = 0; to < 64; to++)
            if (tsn_facts_step(queue[i], to) && !seen[to]) {
                seen[to] = true;
                queue[n++] = to;
                reachable++;
            }
    for (unsigned f = 0; f < 64; f++) {
        char name[7];
        tsn_facts_name(name, f);
        assert_int_equal(tsn_track_state(TSN_TRACK_FACTS, name), (int)f);
        assert_int_equal(tsn_facts_bits(name), f);
        bool impossible =
            ((f & TSN_FACT_F) && !(f & TSN_FACT_V)) || ((f & TSN_FACT_D) && !(f & TSN_FACT_F));
        if (seen[f])
            assert_false(impossible);
        for (unsigned to = 0; to < 64; to++) {
            unsigned added = to & ~f;
            if (tsn_facts_step(f, to))
                assert_true(!(f & ~to) && added && !(added & (added - 1)));
        }
    }
    assert_int_equal(reachable, 32);
    assert_int_equal(tsn_facts_letter("exploit_public"), TSN_FACT_X);
    assert_int_equal(tsn_facts_letter("A"), TSN_FACT_A);
    assert_int_equal(tsn_facts_letter("weather"), 0);
    assert_int_equal(tsn_track_state(TSN_TRACK_FACTS, "vfdpx"), -1);
    assert_int_equal(tsn_track_state(TSN_TRACK_FACTS, "vfdpxaa"), -1);
}

/* Every table is well formed: edges name states, every state can be reached, and the pairs that are
 * no edges are refused with the code that says so. */
static void test_tables(void **state)
{
    const struct tsn_tracks_now calm = {.embargo = "none"};
    (void)state;
    for (int t = 0; t < TSN_TRACKS; t++) {
        const struct tsn_automaton *a = &tsn_automata[t];
        bool seen[32] = {true};
        int n = 0;
        assert_int_equal(tsn_track_of(a->name), t);
        if (!a->edges)
            continue;
        while (a->states[n])
            n++;
        for (const char *const *e = a->edges; *e; e++) {
            char from[32], to[32];
            assert_int_equal(sscanf(*e, "%31[^>]>%31s", from, to), 2);
            assert_true(tsn_track_state((enum tsn_track)t, from) >= 0);
            assert_true(tsn_track_state((enum tsn_track)t, to) >= 0);
        }
        for (int round = 0; round < n; round++)
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++)
                    if (seen[i] &&
                        tsn_track_edge((enum tsn_track)t, a->states[i], a->states[j]))
                        seen[j] = true;
        for (int i = 0; i < n; i++) {
            if (!seen[i])
                fail_msg("%s: %s cannot be reached", a->name, a->states[i]);
            for (int j = 0; j < n; j++) {
                struct tsn_diag d;
                tsn_diag_init(&d);
                tsn_err err =
                    tsn_track_judge((enum tsn_track)t, a->states[i], a->states[j], &calm, &d);
                if (tsn_track_edge((enum tsn_track)t, a->states[i], a->states[j]))
                    assert_int_equal(err, 0);
                else
                    assert_string_equal(d.code, "W001");
            }
        }
        struct tsn_diag d;
        tsn_diag_init(&d);
        assert_int_equal(
            tsn_track_judge((enum tsn_track)t, a->states[0], "nonsense", &calm, &d),
            TSN_EINPUT);
        assert_string_equal(d.code, "W003");
    }
    assert_int_equal(tsn_track_of("nothing"), -1);
}

/* All 4,194,304 combinations of what a case can have. */
static void test_phase(void **state)
{
    static const char *const order[] = {"NEW",   "TRIAGE",    "ANALYSIS", "PLAN", "FIX",
                                        "READY", "PUBLISHED", "POST",     "DONE"};
    (void)state;
    for (uint32_t have = 0; have < 1u << TSN_PHASE_BITS; have++) {
        struct tsn_phase p;
        tsn_phase_of(have, &p);
        bool done = !strcmp(p.name, "DONE");
        if (have & TSN_HAVE_EMBARGO) {
            assert_false(done || !strcmp(p.name, "PUBLISHED") || !strcmp(p.name, "POST") ||
                         !strcmp(p.name, "REJECTED"));
            assert_string_equal(p.workflow, "embargoed");
        } else if (have & TSN_HAVE_REJECTED) {
            assert_string_equal(p.workflow, "rejected");
        }
        if (done)
            assert_true(have & TSN_HAVE_APPROVAL);
        assert_true((p.missing & have) == 0);
        /* More data never takes a case back within a workflow. */
        if (!strcmp(p.workflow, "default") && p.missing) {
            struct tsn_phase more;
            int at = 0, then = 0;
            tsn_phase_of(have | p.missing, &more);
            while (strcmp(order[at], p.name) != 0)
                at++;
            while (strcmp(order[then], more.name) != 0)
                then++;
            assert_true(then > at);
        }
    }
    struct tsn_phase p;
    tsn_phase_of(0, &p);
    assert_string_equal(p.name, "NEW");
    uint32_t all = (1u << TSN_PHASE_BITS) - 1;
    all &= ~(uint32_t)(TSN_HAVE_EMBARGO | TSN_HAVE_REJECTED | TSN_HAVE_MANUAL);
    tsn_phase_of(all, &p);
    assert_string_equal(p.name, "DONE");
    assert_int_equal(p.missing, 0);
    tsn_phase_of(all & ~(uint32_t)TSN_HAVE_CWE, &p); /* withdrawn: falls back by itself */
    assert_string_equal(p.name, "TRIAGE");
    assert_string_equal(tsn_phase_bit_name(TSN_HAVE_CWE), "cwe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worlds),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
