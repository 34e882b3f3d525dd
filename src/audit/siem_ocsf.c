/* siem_ocsf.c - OCSF 1.8.0: which class an entry is, and the attributes that class requires.
 *
 * Source: schema.ocsf.io 1.8.0. Pure. Classes whose required attributes are sealed in an entry (the addresses
 * of an e-mail, the finding of a vulnerability) are not used: such steps are API Activity.
 */
#include <stdio.h>
#include <string.h>

#include "audit/siem_int.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

enum class {
    EVENT_LOG = 1008,
    INCIDENT = 2005,
    ACCOUNT = 3001,
    AUTHENTICATION = 3002,
    ENTITY = 3004,
    LIFECYCLE = 6002,
    API = 6003,
    DATASTORE = 6005,
    REMEDIATION = 7001
};

/* The first row that fits: kind, or its beginning where it ends in a dot. */
static const struct {
    const char *kind;
    enum class class;
    int activity;
} map[] = {
    {"case.created", INCIDENT, 1},
    {"case.closed", INCIDENT, 3},
    {"case.", INCIDENT, 2},
    {"auth.logout", AUTHENTICATION, 2},
    {"auth.", AUTHENTICATION, 1},
    {"user.created", ACCOUNT, 1},
    {"user.invited", ACCOUNT, 1},
    {"user.disabled", ACCOUNT, 5},
    {"user.", ACCOUNT, 99},
    {"token.created", ENTITY, 1},
    {"token.revoked", ENTITY, 4},
    {"token.", ENTITY, 3},
    {"role.", ENTITY, 3},
    {"config.", ENTITY, 3},
    {"secret.", ENTITY, 3},
    {"playbook.revoked", LIFECYCLE, 2},
    {"playbook.", LIFECYCLE, 1},
    {"plugin.", LIFECYCLE, 3},
    {"node.lost", LIFECYCLE, 4},
    {"node.", LIFECYCLE, 3},
    {"schema.", LIFECYCLE, 99},
    {"access.", DATASTORE, 1},
    {"audit.query", DATASTORE, 4},
    {"audit.read", DATASTORE, 4},
    {"audit.erase", EVENT_LOG, 2},
    {"audit.export", EVENT_LOG, 3},
    {"audit.key.", EVENT_LOG, 5},
    {"audit.epoch.", EVENT_LOG, 5},
    {"audit.start", EVENT_LOG, 6},
    {"audit.stop", EVENT_LOG, 7},
    {"audit.", EVENT_LOG, 99},
    {"clock.step", EVENT_LOG, 99},
    {"action.look", API, 2},
    {"trigger.", API, 1},
    {"report.received", API, 1},
    {"run.opened", API, 1},
    {"run.started", API, 1},
    {"step.intent", API, 1},
    {"task.asked", API, 1},
    {"approval.requested", API, 1},
    {"clock.started", API, 1},
    {"advisory.drafted", API, 1},
    {"", API, 3},
};

static bool fits(const char *row, const char *kind)
{
    size_t n = strlen(row);

    return n == 0 || row[n - 1] == '.' ? strncmp(row, kind, n) == 0 : strcmp(row, kind) == 0;
}

/* A step's result that contained something: isolate 1, evict 2, restore 3, harden 4. */
static int remediation_of(const struct tsn_entry *e)
{
    static const struct {
        const char *verb;
        int activity;
    } verbs[] = {{".isolate", 1}, {".block", 1},   {".contain", 1}, {".revoke", 2},
                 {".evict", 2},   {".restore", 3}, {".patch", 4},   {".harden", 4}};

    if (strcmp(e->kind, "step.result") != 0 || !e->reason || !e->idem)
        return 0;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strstr(e->reason, verbs[i].verb))
            return verbs[i].activity;
    }
    return 0;
}

/* 1 success, 2 failure, 0 unknown, 99 another; of incidents 1 new, 2 in progress, 5 closed. */
static int status_of(const struct tsn_entry *e, enum class class, int activity)
{
    const char *o = e->outcome;

    if (class == INCIDENT)
        return activity == 1 ? 1 : activity == 3 ? 5 : 2;
    if (strcmp(e->kind, "auth.failed") == 0)
        return 2;
    if (!o || strcmp(o, "na") == 0 || strcmp(o, "unknown") == 0)
        return 0;
    if (strcmp(o, "ok") == 0)
        return 1;
    return strcmp(o, "cancelled") == 0 ? 99 : 2;
}

/* Informational 1, low 2, medium 3, high 4; of our severities 3 to 6. */
static int severity_of(const struct tsn_entry *e)
{
    int s = tsn_siem_severity(e);

    return s >= 6 ? 1 : s == 5 ? 2 : s == 4 ? 3 : 4;
}

/* A person is a user, everything else an application. */
static json_t *actor_of(const struct tsn_entry *e)
{
    const char *a = e->actor ? e->actor : "none";

    if (strncmp(a, "u:", 2) == 0 || strncmp(a, "op:", 3) == 0)
        return json_pack("{s:{s:s}}", "user", "uid", a);
    return json_pack("{s:s, s:s}", "app_uid", a, "app_name", "tocsin");
}

static json_t *product_of(const struct tsn_siem_site *site)
{
    return json_pack("{s:s, s:s, s:s}", "name", "tocsin", "vendor_name", "tocsin", "version",
                     site->version);
}

static void put_text(json_t *v, const char *key, const char *value)
{
    if (value)
        json_object_set_new(v, key, json_string(value));
}

static void put_int(json_t *v, const char *key, int64_t value)
{
    if (value >= 0)
        json_object_set_new(v, key, json_integer(value));
}

/* An actor is an attribute of most classes; these have it by the profile `host`. */
static bool by_profile(enum class class)
{
    return class == INCIDENT || class == LIFECYCLE || class == REMEDIATION;
}

static json_t *metadata_of(const struct tsn_siem_site *site, const struct tsn_entry *e,
                           enum class class)
{
    char when[25];
    json_t *v = json_pack("{s:s, s:o, s:s, s:I, s:I, s:s, s:s}", "version", "1.8.0", "product",
                          product_of(site), "uid", e->id, "sequence", (json_int_t)e->seq,
                          "logged_time", (json_int_t)e->time_ms, "log_name",
                          site->origin ? site->origin : "tocsin", "event_code", e->kind);

    tsn_time_format(when, e->time_ms);
    json_object_set_new(v, "original_time", json_string(when));
    put_text(v, "correlation_uid", e->case_id);
    if (by_profile(class))
        json_object_set_new(v, "profiles", json_pack("[s]", "host"));
    return v;
}

static json_t *unmapped_of(const struct tsn_siem_row *row, const char *leaf)
{
    const struct tsn_entry *e = row->entry;
    json_t *v = json_object();
    char hex[2 * TSN_HASH_LEN + 1];

    tsn_hex(hex, e->rprev, TSN_HASH_LEN);
    put_text(v, "run", e->run);
    put_text(v, "chain", e->chain);
    put_int(v, "rseq", e->rseq);
    put_text(v, "rprev", hex);
    put_text(v, "step", e->step);
    put_int(v, "attempt", e->attempt > 0 ? e->attempt : -1);
    put_text(v, "idem", e->idem);
    put_text(v, "outcome", e->outcome);
    put_text(v, "reason", e->reason);
    put_text(v, "from", e->from);
    put_text(v, "to", e->to);
    put_text(v, "tlp", e->tlp);
    put_text(v, "leaf", leaf);
    put_int(v, "checkpoint_size", row->checkpoint);
    put_int(v, "bracket_from", row->after_ms);
    put_int(v, "bracket_to", row->before_ms);
    if (row->open)
        json_object_set(v, "open", (json_t *)(uintptr_t)row->open);
    return json_pack("{s:o}", "tocsin", v);
}

/* The sender's address, when what stands sealed was opened for this reader. */
static json_t *source_of(const struct tsn_siem_row *row)
{
    const char *peer = tsn_json_str(json_object_get(row->open, "src"), "peer", NULL);

    return json_pack("{s:s}", "name", peer ? peer : "unknown");
}

static void required(json_t *v, enum class class, const struct tsn_siem_site *site,
                     const struct tsn_siem_row *row)
{
    const struct tsn_entry *e = row->entry;

    switch (class) {
    case EVENT_LOG:
        put_text(v, "log_name", site->origin ? site->origin : "tocsin");
        put_text(v, "log_provider", "tocsin");
        json_object_set_new(v, "device",
                            json_pack("{s:s, s:i}", "hostname",
                                      site->host ? site->host : "unknown", "type_id", 1));
        break;
    case INCIDENT:
        json_object_set_new(v, "finding_info_list",
                            json_pack("[{s:s, s:s}]", "uid", e->case_id ? e->case_id : e->id,
                                      "title", e->kind));
        json_object_set_new(v, "assignee_group", json_pack("{s:s}", "name", "PSIRT"));
        break;
    case ACCOUNT:
        /* Whose account is sealed; the entry is what names it. */
        json_object_set_new(v, "user", json_pack("{s:s}", "uid", e->id));
        break;
    case AUTHENTICATION:
        json_object_set_new(v, "user", json_pack("{s:s}", "uid", e->actor ? e->actor : "none"));
        json_object_set_new(v, "service", json_pack("{s:s}", "name", "tocsin"));
        json_object_set_new(v, "src_endpoint", source_of(row));
        break;
    case ENTITY:
        json_object_set_new(v, "entity",
                            json_pack("{s:s, s:s}", "uid", e->id, "type", e->kind));
        break;
    case LIFECYCLE:
        json_object_set_new(v, "app", product_of(site));
        break;
    case API:
        json_object_set_new(v, "api", json_pack("{s:s}", "operation", e->kind));
        json_object_set_new(v, "src_endpoint", source_of(row));
        break;
    case DATASTORE:
        json_object_set_new(v, "src_endpoint", source_of(row));
        json_object_set_new(v, "database",
                            json_pack("{s:s, s:i}", "name", "tocsin", "type_id", 1));
        break;
    case REMEDIATION:
        put_text(v, "command_uid", e->idem);
        break;
    }
}

tsn_err tsn_siem_ocsf(struct tsn_buf *out, const struct tsn_siem_site *site,
                      const struct tsn_siem_row *row)
{
    const struct tsn_entry *e = row->entry;
    char hex[2 * TSN_HASH_LEN + 1], raw[2 * TSN_HASH_LEN + 1], message[600];
    uint8_t digest[TSN_HASH_LEN];
    size_t i = 0;
    int activity = remediation_of(e);
    enum class class = REMEDIATION;
    json_t *v;
    tsn_err err;

    if (!activity) {
        while (!fits(map[i].kind, e->kind))
            i++; /* the last row fits everything */
        class = map[i].class;
        activity = map[i].activity;
    }
    tsn_siem_leaf(row, hex);
    tsn_siem_message(e, message, sizeof(message));
    tsn_sha256_once(digest, row->text, row->text_len);
    tsn_hex(raw, digest, sizeof(digest));
    v = json_pack("{s:i, s:i, s:i, s:i, s:I, s:i, s:i, s:s, s:o, s:o, s:s#, s:{s:i, s:s}, s:o}",
                  "activity_id", activity, "category_uid", (int)class / 1000, "class_uid",
                  (int)class, "type_uid", (int)class * 100 + activity, "time",
                  (json_int_t)e->time_ms, "severity_id", severity_of(e), "status_id",
                  status_of(e, class, activity), "message", message, "actor", actor_of(e),
                  "metadata", metadata_of(site, e, class), "raw_data", row->text,
                  (int)row->text_len, "raw_data_hash", "algorithm_id", 3, "value", raw,
                  "unmapped", unmapped_of(row, hex));
    if (!v)
        return TSN_EBUG;
    if (activity == 99)
        put_text(v, "activity_name", e->kind);
    if (tsn_json_int(v, "status_id", 0) == 99)
        put_text(v, "status", e->outcome);
    required(v, class, site, row);
    err = tsn_json_write(out, v);
    json_decref(v);
    return err;
}
