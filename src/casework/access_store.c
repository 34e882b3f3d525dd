/* access_store.c - asks the judgement with what the rows of a case say. Store thread (either). */
#include "casework/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "casework/customers.h"
#include "casework/policy_plan.h"
#include "core/json.h"
#include "store/record_case.h"

#define FIND_MAX 500

static const char *const default_leads[] = {"psirt-lead", "case-lead", "duty-manager", NULL};

struct names {
    const char **list;
    size_t n, cap;
};

static void push(struct tsn_arena *arena, struct names *to, const char *name)
{
    if (!name || !name[0])
        return;
    if (to->n + 1 >= to->cap) {
        to->cap = to->cap ? to->cap * 2 : 8;
        const char **list = tsn_arena_alloc(arena, to->cap * sizeof *list);
        if (to->n)
            memcpy(list, to->list, to->n * sizeof *list);
        to->list = list;
    }
    to->list[to->n++] = name; /* what is behind it is NULL */
}

/* Who handed in a report: the address, and the receipt that stands for whoever has it. */
static const char *address_of(struct tsn_arena *arena, const struct tsn_rec_report *r)
{
    json_t *body = NULL;
    if (r->body)
        (void)tsn_json_parse(r->body, strlen(r->body), &body, NULL);
    const char *mail = tsn_json_str(json_object_get(body, "contact"), "mail", NULL);
    mail = tsn_arena_strdup(arena, mail);
    json_decref(body);
    return mail;
}

static tsn_err reporters(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_rec_track *rows, size_t n, struct names *out)
{
    for (size_t i = 0; i < n; i++) {
        struct tsn_rec_report r;
        if (strcmp(rows[i].track, "link") != 0 || strcmp(rows[i].state, "attached") != 0)
            continue;
        tsn_err err = tsn_store_get(st, arena, &tsn_table_report, rows[i].subject, &r);
        if (err == TSN_ENOTFOUND)
            continue;
        if (err)
            return err;
        push(arena, out, address_of(arena, &r));
        push(arena, out, r.name);
    }
    return 0;
}

/* Whose page shows what is said to reporters of this case: all whose report came in with it. */
static tsn_err readers(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                       struct names *out)
{
    struct tsn_rec_track *rows;
    size_t n;
    tsn_err err = tsn_track_list(st, arena, case_id, TSN_TRACK_LINK, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_rec_report r;
        err = tsn_store_get(st, arena, &tsn_table_report, rows[i].subject, &r);
        if (!err && r.case_id && !strcmp(r.case_id, case_id)) {
            const char *mail = address_of(arena, &r);
            push(arena, out, mail && mail[0] ? mail : r.name);
        }
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    return err;
}

tsn_err tsn_access_load(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_rec_case *c,
                        struct tsn_access_case *out)
{
    static const char *const none[] = {NULL};
    struct tsn_rec_track *rows;
    struct names members = {0}, participants = {0}, invited = {0}, mails = {0}, customers = {0};
    size_t n;
    *out = (struct tsn_access_case){.tlp = c->tlp,
                                    .embargo = c->embargo,
                                    .restricted = c->access && !strcmp(c->access, "members"),
                                    .members = none,
                                    .participants = none,
                                    .invited = none,
                                    .reporters = none,
                                    .customers = none};
    tsn_err err = tsn_track_list(st, arena, c->id, TSN_TRACKS, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        if (!strcmp(rows[i].track, "member") && !strcmp(rows[i].state, "in"))
            push(arena, &members, rows[i].label);
        if (!strcmp(rows[i].track, "participant") && !strcmp(rows[i].state, "accepted"))
            push(arena, &participants, rows[i].label);
        if (!strcmp(rows[i].track, "participant") && !strcmp(rows[i].state, "invited"))
            push(arena, &invited, rows[i].label);
    }
    if (!err)
        err = reporters(st, arena, rows, n, &mails);
    if (err)
        return err;
    if (c->product) {
        json_t *ids = json_pack("[s]", c->product), *list = tsn_case_customers(config, ids),
               *one;
        size_t i;
        json_array_foreach(list, i, one)
            push(arena, &customers, tsn_arena_strdup(arena, tsn_json_str(one, "mail", NULL)));
        json_decref(list);
        json_decref(ids);
    }
    if (members.n)
        out->members = members.list;
    if (participants.n)
        out->participants = participants.list;
    if (invited.n)
        out->invited = invited.list;
    if (mails.n)
        out->reporters = mails.list;
    if (customers.n)
        out->customers = customers.list;
    return 0;
}

static const char *const *leads(const struct tsn_casework_config *config)
{
    return config && config->lead_roles ? config->lead_roles : default_leads;
}

static struct tsn_access_ask person_of(const struct tsn_casework_config *config,
                                       const struct tsn_viewer *who)
{
    return (struct tsn_access_ask){.kind = TSN_ASKER_PERSON,
                                   .person = who ? who->person : NULL,
                                   .roles = who ? who->roles : NULL,
                                   .owner = who && who->owner,
                                   .lead_roles = leads(config),
                                   .rules = config ? config->roles : NULL,
                                   .nrules = config ? config->nroles : 0};
}

bool tsn_access_sees_every(const struct tsn_casework_config *config,
                           const struct tsn_viewer *who)
{
    static const char *const none[] = {NULL};
    const struct tsn_access_ask ask = person_of(config, who);
    const struct tsn_access_case closed = {.restricted = true, .members = none};
    return tsn_access_judge(&ask, &closed) == NULL;
}

/* The product's owner, and whom the handling plan lets see the case. */
static tsn_err by_role(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_casework_config *config, const struct tsn_rec_case *c,
                       struct tsn_access_case *out)
{
    const struct tsn_policy_set *set = tsn_policies_now(config ? config->policies : NULL);
    const struct tsn_policy *doc;
    struct tsn_rec_case full;
    struct names roles = {0};
    size_t i;
    json_t *role;
    out->owner_role = tsn_json_str(tsn_case_product(config, c->product), "owner", NULL);
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, c->id, &full);
    if (err) /* lists come without facts */
        return err == TSN_ENOTFOUND ? 0 : err;
    struct tsn_case_work w = {.config = config, .c = full, .facts = tsn_case_facts(&full)};
    json_t *values = tsn_case_values(&w);
    const struct tsn_plan *plan = tsn_plan_of(set, values, &doc);
    json_array_foreach(plan ? json_object_get(plan->says, "access") : NULL, i, role)
        push(arena, &roles, tsn_arena_strdup(arena, json_string_value(role)));
    out->plan_roles = roles.list;
    json_decref(values);
    json_decref(w.facts);
    return 0;
}

tsn_err tsn_access_sees(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_viewer *who,
                        const struct tsn_rec_case *c, bool *sees, bool *closed)
{
    /* Most cases are open to the house: no more rows are read then. */
    struct tsn_access_case quick = {.tlp = c->tlp,
                                    .embargo = c->embargo,
                                    .restricted = c->access && !strcmp(c->access, "members")};
    struct tsn_access_case full;
    const struct tsn_access_ask ask = person_of(config, who);
    *closed = tsn_access_closed(&quick);
    *sees = !*closed && tsn_access_level(&ask) >= TSN_SEES_OPEN;
    if (*sees)
        return 0;
    tsn_err err = tsn_access_load(st, arena, config, c, &full);
    if (!err)
        err = by_role(st, arena, config, c, &full);
    if (!err)
        *sees = tsn_access_judge(&ask, &full) == NULL;
    return err;
}

static tsn_err no_case(const char *ref, struct tsn_diag *diag)
{
    tsn_diag_set(diag, TSN_ENOTFOUND, "H023", "there is no case `%s`", ref ? ref : "");
    tsn_diag_hint(diag, "`tocsin case list` shows them");
    return TSN_ENOTFOUND;
}

/* Several cases have this prefix: those that are seen decide, as if there were no others. */
static tsn_err find_seen(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_casework_config *config, const struct tsn_viewer *who,
                         const char *ref, struct tsn_rec_case *out, bool *closed,
                         struct tsn_diag *diag)
{
    char *upper = tsn_arena_strdup(arena, ref);
    for (char *p = upper; *p; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    struct tsn_filter filter = {.column = "name", .cmp = TSN_CMP_PREFIX, .text = upper};
    struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .limit = FIND_MAX, .order = "name"};
    void *rows;
    size_t n, seen = 0;
    const char *names[2] = {"", ""};
    tsn_err err = tsn_store_list(st, arena, &tsn_table_case, &how, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_rec_case *c = &((const struct tsn_rec_case *)rows)[i];
        bool sees, shut;
        err = tsn_access_sees(st, arena, config, who, c, &sees, &shut);
        if (err || !sees)
            continue;
        if (seen < 2)
            names[seen] = c->name;
        if (seen++ == 0) {
            *out = *c;
            *closed = shut;
        }
    }
    if (err || seen == 1)
        return err;
    if (seen == 0)
        return no_case(ref, diag);
    tsn_diag_set(diag, TSN_ECONFLICT, "H024", "`%s` fits more than one case", ref);
    tsn_diag_hint(diag, "write more of it: %s, %s%s", names[0], names[1],
                  seen > 2 ? ", ..." : "");
    return TSN_ECONFLICT;
}

tsn_err tsn_access_find(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_viewer *who,
                        const char *ref, struct tsn_rec_case *out, bool *closed,
                        struct tsn_diag *diag)
{
    struct tsn_diag own;
    bool sees = false;
    tsn_diag_init(&own);
    *closed = false;
    tsn_err err = tsn_case_find(st, arena, ref, out, &own);
    if (err == TSN_ECONFLICT)
        return find_seen(st, arena, config, who, ref, out, closed, diag);
    if (!err)
        err = tsn_access_sees(st, arena, config, who, out, &sees, closed);
    if (err == TSN_ENOTFOUND || (!err && !sees))
        err = no_case(ref, diag);
    return err;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

tsn_err tsn_access_view(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_viewer *who,
                        struct tsn_store_view *out)
{
    static const struct tsn_filter closing[] = {{"embargo", TSN_CMP_EQ, "proposed", 0},
                                                {"embargo", TSN_CMP_EQ, "active", 0},
                                                {"embargo", TSN_CMP_EQ, "revise", 0},
                                                {"tlp", TSN_CMP_EQ, "red", 0},
                                                {"access", TSN_CMP_EQ, "members", 0}};
    struct names hidden = {0}, closed = {0};
    const struct tsn_access_ask ask = person_of(config, who);
    /* Who sees only what is assigned may not see most of the open ones either. */
    bool every = tsn_access_level(&ask) < TSN_SEES_OPEN;
    tsn_err err = 0;
    *out = (struct tsn_store_view){0};
    for (size_t i = 0; i < (every ? 1 : sizeof closing / sizeof closing[0]) && !err; i++) {
        struct tsn_list how = {.filters = &closing[i],
                               .nfilters = every ? 0 : 1,
                               .limit = 100000,
                               .skip_blobs = true};
        void *rows;
        size_t n;
        err = tsn_store_list(st, arena, &tsn_table_case, &how, &rows, &n);
        for (size_t k = 0; k < n && !err; k++) {
            const struct tsn_rec_case *c = &((const struct tsn_rec_case *)rows)[k];
            bool sees, shut;
            err = tsn_access_sees(st, arena, config, who, c, &sees, &shut);
            if (!err && (shut || !sees))
                push(arena, sees ? &closed : &hidden, c->id);
        }
    }
    if (hidden.n)
        qsort(hidden.list, hidden.n, sizeof hidden.list[0], by_id);
    if (closed.n)
        qsort(closed.list, closed.n, sizeof closed.list[0], by_id);
    out->hidden = hidden.list;
    out->nhidden = hidden.n;
    out->closed = closed.list;
    out->nclosed = closed.n;
    return err;
}

/* --- the gate before what goes out ------------------------------------------------------------------ */

static bool neutral(const struct tsn_casework_config *config, const json_t *args)
{
    static const char *const plain[] = {"ack-incident", "ack-report", "embargo-terms",
                                        "case-alert", NULL};
    static const char *const keys[] = {"to",      "template",    "vars",
                                       "case",    "in_reply_to", "references",
                                       "encrypt", "language",    "note"};
    const char *name = tsn_json_str(args, "template", NULL), *key;
    const char *const *t =
        config && config->neutral_templates ? config->neutral_templates : plain;
    json_t *v;
    if (!name || strcmp(tsn_json_str(args, "note", "pgp-note"), "pgp-note") != 0)
        return false;
    json_object_foreach((json_t *)(uintptr_t)args, key, v)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            known = known || !strcmp(keys[i], key);
        if (!known)
            return false;
    }
    for (; *t; t++)
        if (!strcmp(*t, name))
            return true;
    return false;
}

/* "Name <a@b>" to "a@b". */
static const char *bare(struct tsn_arena *arena, const char *to)
{
    const char *open = strrchr(to, '<'), *close = open ? strchr(open, '>') : NULL;
    return close ? tsn_arena_strndup(arena, open + 1, (size_t)(close - open - 1)) : to;
}

static const char *host_of(struct tsn_arena *arena, const char *url)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    size_t n = strcspn(p, "/?#");
    const char *at = memchr(p, '@', n);
    if (at) {
        n -= (size_t)(at + 1 - p);
        p = at + 1;
    }
    size_t len = p[0] == '[' ? strcspn(p, "]") + 1 : strcspn(p, ":");
    return tsn_arena_strndup(arena, p, len < n ? len : n);
}

struct gate {
    const struct tsn_casework_config *config;
    struct tsn_access_case access;
    struct tsn_access_ask ask;
    const char *case_name;
    const json_t *values; /* of the case, for jurisdictions */
    struct names readers; /* of report.update */
};

static tsn_err refuse(struct gate *g, const char *why, struct tsn_diag *diag)
{
    const char *code = !strncmp(why, "embargo", 7) ? "W030" : "W031";
    tsn_diag_set(diag, TSN_EDENIED, code, "%s may not go to %.120s: %s", g->case_name,
                 g->ask.kind == TSN_ASKER_PUBLIC ? "the public" : g->ask.name, why);
    tsn_diag_hint(diag, "`tocsin case tracks %s` shows the embargo and who takes part",
                  g->case_name);
    return TSN_EDENIED;
}

static bool listed(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (!strcasecmp(*list, name))
            return true;
    return false;
}

/* { kind, address, domain, country, contract }: what a jurisdiction can ask about. */
static json_t *recipient_of(const struct gate *g, const char *name)
{
    const char *at = strrchr(name, '@'), *domain = at ? at + 1 : name;
    const char *dot = strrchr(domain, '.');
    const char *kind = g->ask.kind == TSN_ASKER_HOST ? "host" : "other";
    /* AMBER+STRICT for nobody in particular lets through exactly what is our own. */
    struct tsn_access_case strict = {.tlp = "amber+strict"};
    struct tsn_access_ask own = g->ask;
    json_t *r = json_pack("{s:s, s:s}", "address", name, "domain", domain), *one;
    size_t i;
    char country[3] = "";
    own.neutral = false;
    if (tsn_access_judge(&own, &strict) == NULL)
        kind = "house";
    else if (listed(g->access.reporters, name))
        kind = "reporter";
    else if (listed(g->access.participants, name))
        kind = "participant";
    if (dot && strlen(dot) == 3)
        for (int k = 0; k < 2; k++)
            country[k] = (char)(dot[1 + k] | 0x20);
    json_object_set_new(r, "country", json_string(country[0] ? country : "unknown"));
    json_t *customers = tsn_customers_now(g->config);
    json_array_foreach(customers, i, one)
    {
        if (strcasecmp(tsn_json_str(one, "mail", ""), name) != 0)
            continue;
        if (!strcmp(kind, "other"))
            kind = "customer";
        if (json_object_get(one, "country"))
            json_object_set(r, "country", json_object_get(one, "country"));
        if (json_object_get(one, "contract"))
            json_object_set(r, "contract", json_object_get(one, "contract"));
    }
    json_decref(customers);
    json_object_set_new(r, "kind", json_string(kind));
    return r;
}

static tsn_err ask(struct gate *g, enum tsn_asker kind, const char *name, struct tsn_diag *diag)
{
    g->ask.kind = kind;
    g->ask.name = name;
    const char *why = tsn_access_judge(&g->ask, &g->access);
    if (why)
        return refuse(g, why, diag);
    if (kind == TSN_ASKER_PUBLIC || g->ask.neutral)
        return 0;
    json_t *to = recipient_of(g, name);
    const struct tsn_policy_set *set = tsn_policies_now(g->config ? g->config->policies : NULL);
    const struct tsn_juris_rule *rule = tsn_juris_judge(set, g->values, to);
    const struct tsn_policy *doc = NULL;
    const struct tsn_plan *plan = rule ? NULL : tsn_plan_leaves_out(set, g->values, to, &doc);
    json_decref(to);
    if (plan) {
        tsn_diag_set(diag, TSN_EDENIED, "W033",
                     "%s may not go to %.80s: the plan %.40s of %.40s@%lld does not name it",
                     g->case_name, name, plan->id, doc->name, (long long)doc->version);
        tsn_diag_hint(diag,
                      "`tocsin policy explain %s` shows the plan; a changed one is "
                      "proposed with `tocsin policy propose`",
                      g->case_name);
        return TSN_EDENIED;
    }
    if (!rule)
        return 0;
    tsn_diag_set(diag, TSN_EDENIED, "W032", "%s may not go to %.80s: %.120s (rule %.40s)",
                 g->case_name, name, rule->why, rule->id);
    tsn_diag_hint(diag, "`tocsin policy explain %s` shows the rules that apply", g->case_name);
    return TSN_EDENIED;
}

static tsn_err ask_mails(struct gate *g, struct tsn_arena *arena, const json_t *to,
                         struct tsn_diag *diag)
{
    size_t i;
    json_t *one;
    tsn_err err = 0;
    if (json_is_string(to)) {
        /* A list in one text is as many recipients. */
        char *list = tsn_arena_strdup(arena, json_string_value(to)), *save = NULL;
        for (char *p = strtok_r(list, ",;", &save); p && !err;
             p = strtok_r(NULL, ",;", &save)) {
            p += strspn(p, " \t");
            size_t n = strlen(p);
            while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
                p[--n] = 0;
            err = ask(g, TSN_ASKER_ADDRESS, bare(arena, p), diag);
        }
        return err;
    }
    json_array_foreach(to, i, one)
    {
        if (!err)
            err = ask_mails(g, arena, one, diag);
    }
    return err;
}

/* Who gets it stands in one argument: addresses, URLs, or a list of them. Nobody named: everybody. */
static tsn_err ask_named(struct gate *g, struct tsn_arena *arena, const json_t *to,
                         struct tsn_diag *diag)
{
    size_t i;
    json_t *one;
    tsn_err err = 0;
    if (json_is_array(to) && json_array_size(to) > 0) {
        json_array_foreach(to, i, one)
        {
            if (!err)
                err = ask_named(g, arena, one, diag);
        }
        return err;
    }
    const char *text = json_string_value(to);
    if (!text || !text[0])
        return ask(g, TSN_ASKER_PUBLIC, "", diag);
    if (strstr(text, "://"))
        return ask(g, TSN_ASKER_HOST, host_of(arena, text), diag);
    return strchr(text, '@') ? ask_mails(g, arena, to, diag)
                             : ask(g, TSN_ASKER_HOST, text, diag);
}

static tsn_err ask_all(struct gate *g, struct tsn_arena *arena, const struct tsn_action *action,
                       const json_t *args, struct tsn_diag *diag)
{
    tsn_err err = 0;
    if (!strcmp(action->name, "mail.send")) {
        static const char *const fields[] = {"to", "cc", "bcc"};
        for (size_t i = 0; i < 3 && !err; i++)
            err = ask_mails(g, arena, json_object_get(args, fields[i]), diag);
        return err;
    }
    if (!strcmp(action->name, "http.request"))
        return ask(g, TSN_ASKER_HOST, host_of(arena, tsn_json_str(args, "url", "")), diag);
    if (!strcmp(action->name, "report.update")) {
        for (size_t i = 0; i < g->readers.n && !err; i++)
            err = ask(g, TSN_ASKER_ADDRESS, g->readers.list[i], diag);
        return err;
    }
    if (action->recipients)
        return ask_named(g, arena, json_object_get(args, action->recipients), diag);
    if (action->irreversible && !action->sends) /* makes it known, to whoever looks */
        return ask(g, TSN_ASKER_PUBLIC, "", diag);
    if (action->internal || !action->sends)
        return 0; /* a tool of our own */
    return action->goes_to ? ask(g, TSN_ASKER_HOST, host_of(arena, action->goes_to), diag)
                           : ask(g, TSN_ASKER_PUBLIC, "", diag);
}

/* Asks for one case; `as` is the name that a refusal may tell. */
static tsn_err gate_case(struct tsn_store *st, struct tsn_arena *arena, struct gate *g,
                         const struct tsn_rec_case *c, const struct tsn_action *action,
                         const json_t *args, struct tsn_diag *diag)
{
    tsn_err err = tsn_access_load(st, arena, g->config, c, &g->access);
    if (err)
        return err;
    struct tsn_case_work w = {.config = g->config, .c = *c, .facts = tsn_case_facts(c)};
    json_t *values = tsn_case_values(&w);
    g->values = values;
    err = ask_all(g, arena, action, args, diag);
    json_decref(values);
    json_decref(w.facts);
    return err;
}

/* A report that came in with another case brings that case's embargo and classification along,
 * whenever it was attached and whenever they began. */
static tsn_err gate_homes(struct tsn_store *st, struct tsn_arena *arena, struct gate *g,
                          const char *case_id, const struct tsn_action *action,
                          const json_t *args, struct tsn_diag *diag)
{
    struct tsn_rec_track *rows;
    size_t n;
    tsn_err err = tsn_track_list(st, arena, case_id, TSN_TRACK_LINK, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_rec_report r;
        struct tsn_rec_case home;
        if (strcmp(rows[i].state, "attached") != 0)
            continue;
        err = tsn_store_get(st, arena, &tsn_table_report, rows[i].subject, &r);
        if (!err && r.case_id && strcmp(r.case_id, case_id) != 0) {
            err = tsn_store_get(st, arena, &tsn_table_case, r.case_id, &home);
            if (!err)
                err = gate_case(st, arena, g, &home, action, args, diag);
        }
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    return err;
}

tsn_err tsn_access_gate(void *user, struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_action *action, const char *case_id,
                        const json_t *args, int64_t now_ms, struct tsn_diag *diag)
{
    const struct tsn_casework_config *config = user;
    struct tsn_rec_case c;
    struct gate g = {.config = config};
    (void)now_ms;
    if (!case_id)
        return 0;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id, &c);
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    g.case_name = c.name;
    g.ask.house = config ? config->house : NULL;
    g.ask.lead_roles = leads(config);
    g.ask.neutral = !strcmp(action->name, "mail.send") && neutral(config, args);
    if (!strcmp(action->name, "report.update") && tsn_json_str(args, "message", "")[0])
        err = readers(st, arena, case_id, &g.readers);
    if (!err)
        err = gate_case(st, arena, &g, &c, action, args, diag);
    if (!err && !g.ask.neutral)
        err = gate_homes(st, arena, &g, case_id, action, args, diag);
    return err;
}
