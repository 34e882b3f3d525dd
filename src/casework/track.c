/* track.c - the automata as data and the machine over them. Pure; any thread. */
#include "casework/track.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "core/text.h"

#define LIST(...)                                                                              \
    (const char *const[])                                                                      \
    {                                                                                          \
        __VA_ARGS__, NULL                                                                      \
    }

/* clang-format off: tables */
const struct tsn_automaton tsn_automata[TSN_TRACKS] = {
    [TSN_TRACK_REPORT] = {"report",
                          LIST("start", "received", "valid", "invalid", "accepted", "deferred",
                               "closed"),
                          LIST("start>received", "received>valid", "received>invalid",
                               "invalid>valid", "invalid>closed", "valid>accepted",
                               "valid>deferred", "accepted>deferred", "deferred>accepted",
                               "accepted>closed", "deferred>closed")},
    [TSN_TRACK_FACTS] = {"facts", LIST("vfdpxa"), NULL},
    [TSN_TRACK_EMBARGO] = {"embargo", LIST("none", "proposed", "active", "revise", "exited"),
                           LIST("none>proposed", "proposed>none", "proposed>active",
                                "active>revise", "active>exited", "revise>active",
                                "revise>exited")},
    [TSN_TRACK_DOCUMENT] =
        {"document",
         LIST("draft", "in_review", "changes_requested", "approved", "scheduled", "publishing",
              "interim", "final", "updating", "withdrawn", "superseded"),
         LIST("draft>in_review", "in_review>changes_requested", "in_review>approved",
              "changes_requested>draft", "approved>scheduled", "approved>draft",
              "scheduled>approved", "scheduled>draft", "scheduled>publishing",
              "publishing>interim", "publishing>final", "interim>final", "interim>updating",
              "final>updating", "interim>withdrawn", "final>withdrawn", "interim>superseded",
              "final>superseded", "updating>in_review")},
    [TSN_TRACK_CVE] = {"cve",
                       LIST("none", "reserved", "published", "updated", "disputed", "rejected"),
                       LIST("none>reserved", "reserved>published", "reserved>rejected",
                            "published>updated", "updated>updated", "published>disputed",
                            "updated>disputed", "disputed>updated", "published>rejected",
                            "updated>rejected", "disputed>rejected")},
    [TSN_TRACK_INCIDENT] =
        {"incident",
         LIST("start", "received", "acknowledged", "product-caused", "misuse",
              "customer-environment", "not-an-incident", "containing", "eradicating",
              "recovering", "monitoring", "closed", "lessons"),
         LIST("start>received", "received>acknowledged", "acknowledged>product-caused",
              "acknowledged>misuse", "acknowledged>customer-environment",
              "acknowledged>not-an-incident", "misuse>product-caused",
              "customer-environment>product-caused", "not-an-incident>product-caused",
              "product-caused>misuse", "product-caused>customer-environment",
              "product-caused>not-an-incident", "product-caused>containing",
              "misuse>containing", "customer-environment>containing", "misuse>closed",
              "customer-environment>closed", "not-an-incident>closed", "containing>eradicating",
              "eradicating>containing", "eradicating>recovering", "recovering>containing",
              "recovering>monitoring", "monitoring>containing", "monitoring>closed",
              "closed>lessons")},
    [TSN_TRACK_OBLIGATION] =
        {"obligation",
         LIST("not_applicable", "armed", "running", "met", "missed", "waived", "superseded"),
         LIST("not_applicable>armed", "armed>not_applicable", "armed>running", "armed>waived",
              "armed>superseded", "running>met", "running>missed", "running>waived",
              "running>superseded", "running>armed", "not_applicable>running",
              "not_applicable>waived", "not_applicable>superseded", "missed>running",
              "missed>met", "met>running", "missed>superseded", "met>superseded")},
    [TSN_TRACK_BOUNTY] = {"bounty",
                          LIST("candidate", "not_eligible", "duplicate", "rated", "approved",
                               "offered", "paid", "declined", "donated"),
                          LIST("candidate>not_eligible", "candidate>duplicate",
                               "candidate>rated", "not_eligible>candidate",
                               "duplicate>candidate", "rated>candidate", "rated>not_eligible",
                               "rated>duplicate", "rated>approved", "approved>not_eligible",
                               "approved>duplicate", "approved>offered", "offered>paid",
                               "offered>declined", "offered>donated")},
    [TSN_TRACK_UPSTREAM] =
        {"upstream",
         LIST("seen", "parsed", "no_product", "candidate", "confirmed", "affected",
              "not_affected", "under_investigation", "fixed", "opened", "closed"),
         LIST("seen>parsed", "parsed>no_product", "parsed>candidate", "parsed>confirmed",
              "candidate>confirmed", "candidate>no_product", "no_product>candidate",
              "confirmed>under_investigation", "confirmed>affected", "confirmed>not_affected",
              "confirmed>fixed", "under_investigation>affected",
              "under_investigation>not_affected", "under_investigation>fixed", "affected>fixed",
              "affected>opened", "fixed>opened", "opened>closed", "fixed>closed",
              "not_affected>closed", "no_product>closed")},
    [TSN_TRACK_LINK] = {"link", LIST("detached", "attached"),
                        LIST("detached>attached", "attached>detached")},
    [TSN_TRACK_MEMBER] = {"member", LIST("out", "in"), LIST("out>in", "in>out")},
    [TSN_TRACK_PARTICIPANT] = {"participant",
                               LIST("outside", "invited", "accepted", "declined", "left"),
                               LIST("outside>invited", "invited>accepted", "invited>declined",
                                    "invited>outside", "declined>invited", "accepted>left",
                                    "left>invited")},
    [TSN_TRACK_FILING] = {"filing", LIST("draft", "approved", "sent", "receipted"),
                          LIST("draft>approved", "approved>draft", "approved>sent",
                               "sent>receipted", "sent>draft", "receipted>draft")},
    [TSN_TRACK_RETENTION] = {"retention", LIST("none", "kept", "held", "due"),
                             LIST("none>kept", "kept>none", "kept>held", "kept>due", "held>due",
                                  "held>kept", "held>none", "due>held", "due>kept",
                                  "due>none")},
    [TSN_TRACK_ALIKE] = {"alike", LIST("none", "proposed", "same", "different"),
                         LIST("none>proposed", "proposed>same", "proposed>different",
                              "same>different", "different>same", "none>same",
                              "none>different")},
    [TSN_TRACK_ATTACHMENT] = {"attachment", LIST("start", "kept", "erased"),
                              LIST("start>kept", "kept>erased")},
    [TSN_TRACK_NOTICE] = {"notice", LIST("none", "sent", "failed", "bounced"),
                          LIST("none>sent", "none>failed", "failed>sent", "sent>bounced",
                               "bounced>sent", "bounced>failed")},
};

/* A letter, what must be there before it, and what it brings along. */
static const struct {
    unsigned bit, needs, brings;
    char small;
    const char *word;
} letters[] = {
    {TSN_FACT_V, 0, 0, 'v', "vendor_aware"},
    {TSN_FACT_F, TSN_FACT_V, 0, 'f', "fix_ready"},
    {TSN_FACT_D, TSN_FACT_F, 0, 'd', "fix_deployed"},
    {TSN_FACT_P, 0, TSN_FACT_V, 'p', "public_aware"},
    {TSN_FACT_X, 0, TSN_FACT_P, 'x', "exploit_public"},
    {TSN_FACT_A, 0, 0, 'a', "attacks_observed"},
};
#define LETTERS (sizeof letters / sizeof letters[0])

/* Moves that the world forbids. */
static const struct {
    enum tsn_track track;
    const char *to, *from; /* from NULL: any */
    unsigned facts;        /* any of these forbids it */
    bool embargo;          /* an embargo in force forbids it */
    const char *why;
} guards[] = {
    {TSN_TRACK_EMBARGO, "proposed", NULL, TSN_FACT_F | TSN_FACT_P | TSN_FACT_X | TSN_FACT_A,
     false,
     "no new embargo once a fix is ready, the public knows, an exploit is public or attacks "
     "are "
     "seen"},
    {TSN_TRACK_EMBARGO, "active", "proposed", TSN_FACT_F | TSN_FACT_P | TSN_FACT_X | TSN_FACT_A,
     false,
     "no new embargo once a fix is ready, the public knows, an exploit is public or attacks "
     "are "
     "seen"},
    {TSN_TRACK_DOCUMENT, "publishing", NULL, 0, true, "the embargo has not ended"},
    {TSN_TRACK_CVE, "published", NULL, 0, true, "the embargo has not ended"},
};
/* clang-format on */

int tsn_track_of(const char *name)
{
    for (int i = 0; i < TSN_TRACKS; i++)
        if (!strcmp(tsn_automata[i].name, name))
            return i;
    return -1;
}

int tsn_track_state(enum tsn_track t, const char *state)
{
    if (t == TSN_TRACK_FACTS) {
        for (size_t i = 0; i < LETTERS; i++)
            if ((state[i] | 0x20) != letters[i].small)
                return -1;
        return state[LETTERS] ? -1 : (int)tsn_facts_bits(state);
    }
    for (int i = 0; tsn_automata[t].states[i]; i++)
        if (!strcmp(tsn_automata[t].states[i], state))
            return i;
    return -1;
}

bool tsn_track_edge(enum tsn_track t, const char *from, const char *to)
{
    if (t == TSN_TRACK_FACTS)
        return tsn_track_state(t, from) >= 0 && tsn_track_state(t, to) >= 0 &&
               tsn_facts_step(tsn_facts_bits(from), tsn_facts_bits(to));
    size_t n = strlen(from);
    for (const char *const *e = tsn_automata[t].edges; *e; e++)
        if (!strncmp(*e, from, n) && (*e)[n] == '>' && !strcmp(*e + n + 1, to))
            return true;
    return false;
}

/* --- facts ------------------------------------------------------------------------------------- */

void tsn_facts_name(char out[7], unsigned facts)
{
    for (size_t i = 0; i < LETTERS; i++)
        out[i] = (char)(facts & letters[i].bit ? letters[i].small - 32 : letters[i].small);
    out[LETTERS] = 0;
}

unsigned tsn_facts_bits(const char *name)
{
    unsigned bits = 0;
    for (size_t i = 0; i < LETTERS && name[i]; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            bits |= letters[i].bit;
    return bits;
}

unsigned tsn_facts_letter(const char *word)
{
    for (size_t i = 0; i < LETTERS; i++)
        if (!strcmp(letters[i].word, word) ||
            ((word[0] | 0x20) == letters[i].small && !word[1]))
            return letters[i].bit;
    return 0;
}

const char *tsn_facts_word(unsigned letter)
{
    for (size_t i = 0; i < LETTERS; i++)
        if (letters[i].bit == letter)
            return letters[i].word;
    return "";
}

/* The first letter that this state still owes; 0 = none. */
static unsigned owed(unsigned facts)
{
    for (size_t i = LETTERS; i-- > 0;)
        if ((facts & letters[i].bit) && (letters[i].brings & ~facts))
            return letters[i].brings;
    return 0;
}

bool tsn_facts_step(unsigned from, unsigned to)
{
    unsigned added = to & ~from;
    if ((from & ~to) || !added || (added & (added - 1)))
        return false; /* never back, one letter at a time */
    if (owed(from) && owed(from) != added)
        return false;
    for (size_t i = 0; i < LETTERS; i++)
        if (letters[i].bit == added)
            return (letters[i].needs & ~from) == 0;
    return false;
}

/* --- together ---------------------------------------------------------------------------------- */

bool tsn_embargo_on(const char *state)
{
    return !strcmp(state, "active") || !strcmp(state, "revise");
}

bool tsn_document_out(const char *state)
{
    static const char *const out[] = {"publishing", "interim",   "final",
                                      "updating",   "withdrawn", "superseded"};
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
        if (!strcmp(state, out[i]))
            return true;
    return false;
}

bool tsn_embargo_should_end(const struct tsn_tracks_now *now)
{
    return tsn_embargo_on(now->embargo) && (now->facts & TSN_FACT_A);
}

static void name_ways(enum tsn_track t, const char *from, struct tsn_diag *diag)
{
    char list[240] = "";
    size_t n = strlen(from), at = 0;
    for (const char *const *e = tsn_automata[t].edges; e && *e; e++)
        if (!strncmp(*e, from, n) && (*e)[n] == '>' && at + 40 < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "",
                                   *e + n + 1);
    if (at)
        tsn_diag_hint(diag, "from `%s` it can become: %s", from, list);
    else if (t != TSN_TRACK_FACTS)
        tsn_diag_hint(diag, "`%s` is an end: it stays", from);
}

tsn_err tsn_track_judge(enum tsn_track t, const char *from, const char *to,
                        const struct tsn_tracks_now *now, struct tsn_diag *diag)
{
    const char *name = tsn_automata[t].name;
    if (tsn_track_state(t, to) < 0) {
        tsn_diag_set(diag, TSN_EINPUT, "W003", "`%.40s` is no state of %s", to, name);
        name_ways(t, from, diag);
        return TSN_EINPUT;
    }
    if (!tsn_track_edge(t, from, to)) {
        tsn_diag_set(diag, TSN_ECONFLICT, "W001", "%s cannot go from `%s` to `%.40s`", name,
                     from, to);
        name_ways(t, from, diag);
        return TSN_ECONFLICT;
    }
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        bool fits = guards[i].track == t && !strcmp(guards[i].to, to) &&
                    (!guards[i].from || !strcmp(guards[i].from, from));
        if (fits && ((guards[i].facts & now->facts) ||
                     (guards[i].embargo && tsn_embargo_on(now->embargo))))
            return tsn_diag_set(diag, TSN_ECONFLICT, "W002", "%s cannot become `%s`: %s", name,
                                to, guards[i].why);
    }
    return 0;
}

bool tsn_track_forced(const struct tsn_tracks_now *now, enum tsn_track *t, const char **to,
                      const char **why)
{
    static char names[64][7];
    *t = TSN_TRACK_EMBARGO;
    /* The embargo first: it ends at once, not after the bookkeeping. */
    if ((now->facts & (TSN_FACT_P | TSN_FACT_X)) && tsn_embargo_on(now->embargo)) {
        *to = "exited";
        *why = now->facts & TSN_FACT_X ? "exploit-public" : "public";
        return true;
    }
    if ((now->facts & (TSN_FACT_P | TSN_FACT_X | TSN_FACT_A)) &&
        !strcmp(now->embargo, "proposed")) {
        *to = "none";
        *why = "too-late";
        return true;
    }
    *t = TSN_TRACK_FACTS;
    unsigned next = owed(now->facts);
    *why = "follows";
    if (!next && now->publishing && !(now->facts & TSN_FACT_P)) {
        next = TSN_FACT_P;
        *why = "published";
    }
    if (!next)
        return false;
    tsn_facts_name(names[now->facts | next], now->facts | next);
    *to = names[now->facts | next];
    return true;
}
