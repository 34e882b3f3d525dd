/* phase.c - workflows as data. Pure; any thread. */
#include "casework/phase.h"

#include <stdbool.h>
#include <stddef.h>

struct state {
    const char *name;
    uint32_t needs;
};

static const struct state rejected[] = {
    {"NEW", 0}, {"REJECTED", TSN_HAVE_REJECTED}, {"DONE", TSN_HAVE_APPROVAL}, {NULL, 0}};
#define TRIAGE (TSN_HAVE_SOURCE | TSN_HAVE_TIME | TSN_HAVE_PRODUCT | TSN_HAVE_CONTACT)
#define WORK                                                                                   \
    {"NEW", 0}, {"TRIAGE", TRIAGE},                                                            \
        {"ANALYSIS", TSN_HAVE_REPRODUCED | TSN_HAVE_CWE | TSN_HAVE_CVSS | TSN_HAVE_OWNER},     \
        {"PLAN", TSN_HAVE_AFFECTED | TSN_HAVE_SSVC | TSN_HAVE_TARGET}, {"FIX", TSN_HAVE_ETA},  \
    {                                                                                          \
        "READY", TSN_HAVE_FIX | TSN_HAVE_ADVISORY | TSN_HAVE_CVE | TSN_HAVE_NOTICES            \
    }
static const struct state embargoed[] = {WORK, {NULL, 0}};
static const struct state manual[] = {{"NEW", 0},
                                      {"TRIAGE", TSN_HAVE_OWNER},
                                      {"POST", TSN_HAVE_PUBLISHED},
                                      {"DONE", TSN_HAVE_APPROVAL},
                                      {NULL, 0}};
static const struct state ordinary[] = {WORK,
                                        {"PUBLISHED", TSN_HAVE_PUBLISHED},
                                        {"POST", TSN_HAVE_DEPLOYED},
                                        {"DONE", TSN_HAVE_APPROVAL},
                                        {NULL, 0}};

static const struct {
    const char *name;
    uint32_t when, unless;
    const struct state *states;
} workflows[] = {
    {"rejected", TSN_HAVE_REJECTED, TSN_HAVE_EMBARGO, rejected},
    {"embargoed", TSN_HAVE_EMBARGO, 0, embargoed},
    {"manual", TSN_HAVE_MANUAL, 0, manual},
    {"default", 0, 0, ordinary},
};

void tsn_phase_of(uint32_t have, struct tsn_phase *out)
{
    size_t w = 0, i = 0;
    while ((workflows[w].when & have) != workflows[w].when || (workflows[w].unless & have))
        w++;
    const struct state *s = workflows[w].states;
    while (s[i + 1].name && (s[i + 1].needs & have) == s[i + 1].needs)
        i++;
    out->workflow = workflows[w].name;
    out->name = s[i].name;
    out->missing = s[i + 1].name ? s[i + 1].needs & ~have : 0;
}

const char *tsn_phase_bit_name(uint32_t bit)
{
    static const char *const names[TSN_PHASE_BITS] = {"source",
                                                      "time received",
                                                      "product",
                                                      "contact",
                                                      "reproduced or disputed",
                                                      "cwe",
                                                      "cvss",
                                                      "owner",
                                                      "affected set closed",
                                                      "ssvc outcome",
                                                      "target date",
                                                      "fix eta",
                                                      "fix ready",
                                                      "advisory approved",
                                                      "cve drafted or not needed",
                                                      "notices drafted",
                                                      "published",
                                                      "deployed or feedback",
                                                      "approval of a person",
                                                      "rejected",
                                                      "embargo",
                                                      "manual"};
    for (size_t i = 0; i < TSN_PHASE_BITS; i++)
        if (bit >> i & 1)
            return names[i];
    return "";
}
