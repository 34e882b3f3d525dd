/* access.c - the one judgement. Pure; any thread. Sources: TLP 2.0 (FIRST, August 2022); Vultron
 * embargo management: only those who accepted the terms take part. */
#include "casework/access.h"

#include <string.h>
#include <strings.h>

static bool among(const char *const *list, const char *word)
{
    for (; list && *list; list++)
        if (!strcasecmp(*list, word))
            return true;
    return false;
}

static bool shares(const char *const *roles, const char *const *with)
{
    for (; roles && *roles; roles++)
        if (among(with, *roles))
            return true;
    return false;
}

/* "a@b.example" or "b.example" under one of these domains, or one of these addresses itself. */
static bool under(const char *const *domains, const char *name)
{
    const char *at = strrchr(name, '@'), *host = at ? at + 1 : name;
    size_t n = strlen(host);
    for (; domains && *domains; domains++) {
        size_t len = strlen(*domains);
        if (strchr(*domains, '@')) {
            if (!strcasecmp(*domains, name))
                return true;
            continue;
        }
        if (len <= n && !strcasecmp(host + n - len, *domains) &&
            (len == n || host[n - len - 1] == '.'))
            return true;
    }
    return false;
}

static bool tlp_is(const struct tsn_access_case *c, const char *word)
{
    return c->tlp && !strcmp(c->tlp, word);
}

static bool embargo_on(const struct tsn_access_case *c)
{
    return c->embargo && (!strcmp(c->embargo, "active") || !strcmp(c->embargo, "revise") ||
                          !strcmp(c->embargo, "proposed"));
}

bool tsn_access_closed(const struct tsn_access_case *c)
{
    return c->restricted || embargo_on(c) || tlp_is(c, "red");
}

static const struct tsn_role_rule *rule_of(const struct tsn_access_ask *ask, const char *role)
{
    for (size_t i = 0; i < ask->nrules; i++)
        if (!strcmp(ask->rules[i].role, role))
            return &ask->rules[i];
    return NULL;
}

enum tsn_role_sees tsn_access_level(const struct tsn_access_ask *ask)
{
    enum tsn_role_sees best = TSN_SEES_ASSIGNED;
    if (ask->owner || !ask->roles || !ask->roles[0])
        return TSN_SEES_OPEN; /* nobody in particular: what the house sees */
    for (const char *const *r = ask->roles; *r; r++) {
        const struct tsn_role_rule *rule = rule_of(ask, *r);
        enum tsn_role_sees sees = rule ? rule->sees : TSN_SEES_OPEN;
        best = sees > best ? sees : best;
    }
    return best;
}

static bool in_domain(const char *operation, const char *word)
{
    size_t n = strlen(word);
    return !strncmp(operation, word, n) && (operation[n] == 0 || operation[n] == '.');
}

const char *tsn_access_may(const struct tsn_access_ask *ask, const char *operation)
{
    const char *last = NULL;
    if (ask->owner)
        return NULL;
    for (const char *const *r = ask->roles; r && *r; r++) {
        const struct tsn_role_rule *rule = rule_of(ask, *r);
        if (!rule || !rule->may)
            return NULL;
        for (const char *const *word = rule->may; *word; word++)
            if (in_domain(operation, *word))
                return NULL;
        last = *r;
    }
    return last;
}

static const char *judge_person(const struct tsn_access_ask *ask,
                                const struct tsn_access_case *c)
{
    static const char *const auditors[] = {"auditor", NULL};
    if (ask->owner || shares(ask->roles, auditors) || shares(ask->roles, ask->lead_roles))
        return NULL;
    if (ask->person && among(c->members, ask->person))
        return NULL;
    if (shares(ask->roles, c->plan_roles))
        return NULL;
    enum tsn_role_sees level = tsn_access_level(ask);
    if (level == TSN_SEES_ALL)
        return NULL;
    if (tsn_access_closed(c))
        return "members-only";
    if (level == TSN_SEES_OPEN)
        return NULL;
    const char *const owner[] = {c->owner_role, NULL};
    return level == TSN_SEES_PRODUCT && shares(ask->roles, owner) ? NULL : "not-assigned";
}

/* Who may get content, from the widest circle to the narrowest. */
static const char *judge_name(const struct tsn_access_ask *ask, const struct tsn_access_case *c)
{
    bool participant = among(c->participants, ask->name);
    bool reporter = among(c->reporters, ask->name), house = under(ask->house, ask->name);
    /* They know that there is something: a person asked them for the terms, or they are of the house and
     * learn no more than that a case wants them. */
    bool asked = ask->neutral && (reporter || house || among(c->invited, ask->name));
    bool tool = ask->kind == TSN_ASKER_HOST && house; /* our own systems, not a person */
    if (embargo_on(c))
        return participant || tool || asked ? NULL : "embargo";
    if (asked)
        return NULL;
    if (tlp_is(c, "red") || c->restricted)
        return participant || tool || reporter ? NULL
               : c->restricted                 ? "members-only"
                                               : "tlp-red";
    if (tlp_is(c, "amber+strict"))
        return participant || house || reporter ? NULL : "tlp-amber-strict";
    if (tlp_is(c, "amber"))
        return participant || house || reporter || among(c->customers, ask->name) ? NULL
                                                                                  : "tlp-amber";
    return NULL; /* green and clear may go on; none: nobody has said anything */
}

const char *tsn_access_judge(const struct tsn_access_ask *ask, const struct tsn_access_case *c)
{
    switch (ask->kind) {
    case TSN_ASKER_PERSON:
        return judge_person(ask, c);
    case TSN_ASKER_ADDRESS:
    case TSN_ASKER_HOST:
        return judge_name(ask, c);
    case TSN_ASKER_PUBLIC:
        if (embargo_on(c))
            return "embargo";
        if (c->restricted)
            return "members-only";
        return c->tlp && !tlp_is(c, "clear") ? "tlp" : NULL;
    }
    return "unknown";
}
