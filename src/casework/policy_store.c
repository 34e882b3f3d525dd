/* policy_store.c - versions of policy documents: adopted, proposed, decided. Store thread. */
#include "casework/policy.h"

#include <string.h>
#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

static tsn_err log_policy(struct tsn_store *st, struct tsn_arena *arena, const char *kind,
                          const struct tsn_rec_policy *r, const char *from, const char *actor,
                          const char *auth, const char *reason, int64_t *seq)
{
    struct tsn_field fields[2] = {{"args", r->digest, strlen(r->digest)}};
    size_t n = 1;
    if (reason)
        fields[n++] = (struct tsn_field){"note", reason, strlen(reason)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = kind;
    a.actor = actor;
    a.auth = auth;
    a.outcome = "ok";
    a.reason = r->name;
    a.from = from;
    a.to = tsn_arena_printf(arena, "%s@%lld", r->name, (long long)r->version);
    a.fields = fields;
    a.nfields = n;
    return tsn_store_append(st, &a, seq);
}

static tsn_err in_force(struct tsn_store *st, struct tsn_arena *arena, const char *name,
                        struct tsn_rec_policy *out)
{
    struct tsn_filter f[2] = {{"name", TSN_CMP_EQ, name, 0},
                              {"state", TSN_CMP_EQ, "approved", 0}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .limit = 1};
    void *rows;
    size_t n;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_policy, &how, &rows, &n);
    if (!err && n == 0)
        return TSN_ENOTFOUND;
    if (!err)
        *out = *(struct tsn_rec_policy *)rows;
    return err;
}

static void fill(struct tsn_arena *arena, const struct tsn_policy *p,
                 struct tsn_rec_policy *out)
{
    char id[TSN_ULID_LEN + 1];
    tsn_id_new(id);
    *out = (struct tsn_rec_policy){.id = tsn_arena_strdup(arena, id),
                                   .name = p->name,
                                   .kind = tsn_policy_kind_names[p->kind],
                                   .owner = p->owner,
                                   .title = p->title,
                                   .digest = p->digest,
                                   .body = p->text,
                                   .version = p->version};
}

static bool known_text(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_policy *p)
{
    struct tsn_filter f[2] = {{"name", TSN_CMP_EQ, p->name, 0},
                              {"digest", TSN_CMP_EQ, p->digest, 0}};
    int64_t n = 0;
    (void)arena;
    return tsn_store_count(st, &tsn_table_policy, f, 2, &n) == 0 && n > 0;
}

tsn_err tsn_policy_propose(struct tsn_store *st, struct tsn_arena *arena, const char *file,
                           const char *text, const char *actor, const char *auth,
                           int64_t now_ms, struct tsn_rec_policy *out, struct tsn_diag *diag)
{
    struct tsn_policy *p;
    struct tsn_rec_policy now;
    tsn_err err = tsn_policy_parse(arena, file, text, strlen(text), &p, diag);
    if (err)
        return err;
    err = in_force(st, arena, p->name, &now);
    if (err && err != TSN_ENOTFOUND)
        return err;
    if (!err && !strcmp(now.digest, p->digest))
        return tsn_diag_set(diag, TSN_ECONFLICT, "W021", "%s@%lld is in force with this text",
                            now.name, (long long)now.version);
    if (!err && p->version <= now.version) {
        tsn_diag_set(diag, TSN_ECONFLICT, "W022", "%s is in force with version %lld", p->name,
                     (long long)now.version);
        tsn_diag_hint(diag, "raise `version:` to %lld", (long long)now.version + 1);
        return TSN_ECONFLICT;
    }
    fill(arena, p, out);
    out->state = "proposed";
    out->proposed_by = actor;
    out->proposed_at = now_ms;
    err = log_policy(st, arena, "policy.proposed", out, err ? "none" : NULL, actor, auth, NULL,
                     NULL);
    return err ? err : tsn_store_insert(st, &tsn_table_policy, out);
}

static tsn_err adopt(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_policy *p,
                     int64_t now_ms)
{
    struct tsn_rec_policy r;
    fill(arena, p, &r);
    r.state = "approved";
    r.proposed_by = r.decided_by = "svc:config";
    r.proposed_at = r.decided_at = now_ms;
    tsn_err err =
        log_policy(st, arena, "policy.adopted", &r, "none", "svc:config", "svc", NULL, NULL);
    return err ? err : tsn_store_insert(st, &tsn_table_policy, &r);
}

tsn_err tsn_policies_start(struct tsn_policies *p, struct tsn_store *st,
                           struct tsn_arena *arena, const struct tsn_policy_file *files,
                           size_t n, int64_t now_ms, struct tsn_diag *diag)
{
    tsn_err err = 0;
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_policy *doc;
        struct tsn_rec_policy now, proposed;
        err = tsn_policy_parse(arena, files[i].file, files[i].text, strlen(files[i].text), &doc,
                               diag);
        if (err)
            break;
        err = in_force(st, arena, doc->name, &now);
        if (err == TSN_ENOTFOUND)
            err = adopt(st, arena, doc, now_ms);
        else if (!err && !known_text(st, arena, doc) && doc->version > now.version)
            err = tsn_policy_propose(st, arena, files[i].file, files[i].text, "svc:config",
                                     "svc", now_ms, &proposed, diag);
    }
    return err ? err : tsn_policies_load(p, st, diag);
}

tsn_err tsn_policy_find(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                        struct tsn_rec_policy *out, struct tsn_diag *diag)
{
    const char *at = strchr(ref, '@');
    int64_t version = 0;
    tsn_err err = TSN_ENOTFOUND;
    if (at && tsn_parse_int(at + 1, 1, 1000000, &version) == 0) {
        struct tsn_filter f[2] = {
            {"name", TSN_CMP_EQ, tsn_arena_strndup(arena, ref, (size_t)(at - ref)), 0},
            {"version", TSN_CMP_EQ, NULL, version}};
        struct tsn_list how = {.filters = f, .nfilters = 2, .limit = 1, .descending = true};
        void *rows;
        size_t n;
        err = tsn_store_list(st, arena, &tsn_table_policy, &how, &rows, &n);
        if (!err && n == 0)
            err = TSN_ENOTFOUND;
        if (!err)
            *out = *(struct tsn_rec_policy *)rows;
    } else if (!at) {
        err = tsn_store_get(st, arena, &tsn_table_policy, ref, out);
    }
    if (err == TSN_ENOTFOUND) {
        tsn_diag_set(diag, err, "W024", "there is no policy `%.80s`", ref);
        tsn_diag_hint(diag, "NAME@VERSION, as `tocsin policy list` shows");
    }
    return err;
}

tsn_err tsn_policy_decide(struct tsn_policies *p, struct tsn_store *st, struct tsn_arena *arena,
                          const char *ref, bool approve, const char *reason, const char *actor,
                          const char *auth, int64_t now_ms, struct tsn_rec_policy *out,
                          struct tsn_diag *diag)
{
    struct tsn_rec_policy old;
    const char *from = "none";
    tsn_err err = tsn_policy_find(st, arena, ref, out, diag);
    if (err)
        return err;
    if (strcmp(out->state, "proposed") != 0)
        return tsn_diag_set(diag, TSN_ECONFLICT, "W025", "%s@%lld is %s already", out->name,
                            (long long)out->version, out->state);
    if (!strcmp(out->proposed_by, actor)) {
        tsn_diag_set(diag, TSN_EDENIED, "W023", "who proposes a policy does not approve it");
        tsn_diag_hint(diag, "another person decides about %s@%lld", out->name,
                      (long long)out->version);
        return TSN_EDENIED;
    }
    err = in_force(st, arena, out->name, &old);
    if (err && err != TSN_ENOTFOUND)
        return err;
    if (!err && approve) {
        if (old.version >= out->version)
            return tsn_diag_set(diag, TSN_ECONFLICT, "W022", "%s@%lld is in force meanwhile",
                                old.name, (long long)old.version);
        from = tsn_arena_printf(arena, "%s@%lld", old.name, (long long)old.version);
        old.state = "retired";
        err = tsn_store_put(st, &tsn_table_policy, &old);
        if (err)
            return err;
    }
    out->state = approve ? "approved" : "rejected";
    out->decided_by = actor;
    out->decided_at = now_ms;
    err = log_policy(st, arena, approve ? "policy.approved" : "policy.rejected", out, from,
                     actor, auth, reason, NULL);
    if (!err)
        err = tsn_store_put(st, &tsn_table_policy, out);
    if (!err && approve)
        err = tsn_policies_load(p, st, diag);
    return err;
}

static void put(json_t *o, const char *key, const char *s)
{
    json_object_set_new(o, key, s ? json_string(s) : json_null());
}

json_t *tsn_policy_json(const struct tsn_rec_policy *r, bool full)
{
    char at[25];
    json_t *o = json_object();
    put(o, "id", r->id);
    put(o, "name", r->name);
    put(o, "kind", r->kind);
    json_object_set_new(o, "version", json_integer(r->version));
    put(o, "state", r->state);
    put(o, "owner", r->owner);
    put(o, "title", r->title);
    put(o, "digest", r->digest);
    put(o, "proposed_by", r->proposed_by);
    put(o, "decided_by", r->decided_by);
    tsn_time_format(at, r->proposed_at);
    put(o, "proposed_at", r->proposed_at ? at : NULL);
    tsn_time_format(at, r->decided_at);
    put(o, "decided_at", r->decided_at ? at : NULL);
    if (full)
        put(o, "body", r->body);
    return o;
}
