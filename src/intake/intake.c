/* intake.c - reports on their way in: checked, made into one operation, answered after the commit.
 *
 * Owns the snapshot of which playbook each rule starts; the loop thread writes it, the store's
 * thread copies from it. Everything else here is loop thread, but for apply_report. */
#include "intake/intake_int.h"
#include "intake/noise.h"

#include <string.h>
#include "casework/case_reporter.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "core/rand.h"
#include "core/text.h"
#include "store/record_case.h"

#define KEY_MAX 255

/* --- open, close -------------------------------------------------------------------------- */

tsn_err tsn_intake_open(struct tsn_intake **out, const struct tsn_intake_config *config)
{
    for (size_t i = 0; i < config->nrules; i++) {
        size_t same = 0;
        for (size_t j = 0; j < config->nrules; j++)
            same += !strcmp(config->rules[i].on, config->rules[j].on);
        if (same > TSN_RULES_MAX)
            return TSN_ETOOBIG;
    }
    struct tsn_intake *in = tsn_alloc(sizeof *in);
    in->config = *config;
    in->targets = tsn_alloc((config->nrules + 1) * sizeof *in->targets);
    if (pthread_mutex_init(&in->lock, NULL)) {
        free(in->targets);
        free(in);
        return TSN_EIO;
    }
    *out = in;
    tsn_intake_refresh(in);
    return 0;
}

static void intake_free(struct tsn_intake *in)
{
    pthread_mutex_destroy(&in->lock);
    free(in->targets);
    free(in);
}

void tsn_intake_close(struct tsn_intake *in)
{
    if (!in)
        return;
    in->closed = true;
    if (in->in_flight == 0)
        intake_free(in);
}

void tsn_intake_hold(struct tsn_intake *in)
{
    in->in_flight++;
}

void tsn_intake_release(struct tsn_intake *in)
{
    in->in_flight--;
    if (in->closed && in->in_flight == 0)
        intake_free(in);
}

/* A recipe that is too long never is: 16 parts is what a playbook may have. */
static void take_key(struct tsn_rule_target *t, const struct tsn_playbook *p)
{
    const json_t *recipe = json_object_get(p->meta, "key");
    if (!json_is_array(recipe))
        return;
    char *text = tsn_json_text(recipe);
    if (!tsn_copy(t->key, sizeof t->key, text)) {
        tsn_log(TSN_LOG_ERROR, "playbook.key_too_long", "playbook", p->name, NULL);
        t->key[0] = '\0';
    }
    free(text);
}

void tsn_intake_target(const struct tsn_intake *in, const struct tsn_playbook *p,
                       struct tsn_rule_target *out)
{
    memset(out, 0, sizeof *out);
    out->found = tsn_copy(out->hash, sizeof out->hash, p->hash);
    snprintf(out->name, sizeof out->name, "%s", p->name);
    snprintf(out->title, sizeof out->title, "%s@%lld", p->name, (long long)p->version);
    snprintf(out->policy, sizeof out->policy, "%s",
             tsn_json_str(p->meta, "concurrency", "join"));
    out->epoch = in->config.engine ? tsn_engine_epoch(in->config.engine) : 0;
    take_key(out, p);
}

void tsn_intake_refresh(struct tsn_intake *in)
{
    bool known =
        in->config.playbook || !in->config.engine || tsn_engine_ready(in->config.engine);
    for (size_t i = 0; i < in->config.nrules; i++) {
        const char *name = in->config.rules[i].run;
        const struct tsn_playbook *p = NULL;
        struct tsn_rule_target fresh;
        memset(&fresh, 0, sizeof fresh);
        if (in->config.playbook)
            p = in->config.playbook(name, in->config.playbook_user);
        else if (in->config.engine)
            p = tsn_engine_playbook(in->config.engine, name);
        if (p)
            tsn_intake_target(in, p, &fresh);
        pthread_mutex_lock(&in->lock);
        in->targets[i] = fresh;
        pthread_mutex_unlock(&in->lock);
    }
    pthread_mutex_lock(&in->lock);
    in->known = known;
    pthread_mutex_unlock(&in->lock);
}

bool tsn_intake_known(const struct tsn_intake *in)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&in->lock;
    pthread_mutex_lock(lock);
    bool known = in->known;
    pthread_mutex_unlock(lock);
    return known;
}

/* --- a report ----------------------------------------------------------------------------- */

struct report_op {
    struct tsn_op op; /* first */
    struct tsn_intake *in;
    struct tsn_actor who;
    const char *source, *dedupe, *receipt, *digest;
    json_t *normal, *event, *facts, *files; /* files: with their data; may be NULL */
    int64_t now_ms;
    tsn_engine_done *done;
    void *user;
    /* outputs of apply */
    struct tsn_event_out out;
    const char *answer;
};

static void drop_json(void *p)
{
    json_decref(p);
}

/* "TR-XXXX-XXXX-XXXX-XXXX": 80 random bits, so that nobody can guess another's. */
static const char *new_receipt(struct tsn_arena *arena)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t bits[10];
    char text[24] = "TR";
    size_t at = 2;
    tsn_rand_bytes(bits, sizeof bits);
    for (int i = 0; i < 16; i++) {
        unsigned value = 0;
        for (int b = i * 5; b < i * 5 + 5; b++)
            value = value << 1 | (bits[b / 8] >> (7 - b % 8) & 1u);
        if (i % 4 == 0)
            text[at++] = '-';
        text[at++] = alphabet[value];
    }
    return tsn_arena_strndup(arena, text, at);
}

static tsn_err answer_again(struct tsn_store *st, struct report_op *r,
                            const struct tsn_rec_event *old)
{
    if (!old->digest || strcmp(old->digest, r->digest) != 0) {
        tsn_diag_set(&r->op.diag, TSN_ECONFLICT, "H022",
                     "this idempotency key was used before with another body");
        tsn_diag_hint(&r->op.diag, "use a new key for a new report; nothing was stored");
        return TSN_ECONFLICT;
    }
    struct tsn_append a = TSN_APPEND_INIT;
    int64_t seq;
    a.kind = "trigger.duplicate";
    a.actor =
        r->who.person ? tsn_arena_printf(r->op.arena, "u:%s", r->who.person) : "svc:intake";
    a.auth = r->who.auth;
    a.reason = "report.accepted";
    a.idem = r->dedupe;
    a.ref = old->seq;
    tsn_err err = tsn_store_append(st, &a, &seq);
    r->out.duplicate = true;
    r->out.seq = old->seq;
    r->answer = old->answer;
    return err;
}

/* What both ways in have in common. */
struct arriving {
    struct tsn_arena *arena;
    const char *source, *dedupe, *receipt;
    const json_t *normal, *event, *facts, *files;
    const struct tsn_actor *by;
    int64_t now_ms;
};

/* Store thread. */
static tsn_err write_report(struct tsn_store *st, const struct tsn_intake *in,
                            const struct arriving *r, const char *case_id,
                            struct tsn_event_out *out, const char **answer,
                            struct tsn_diag *diag)
{
    const struct tsn_casework_config *cases = in->config.casework;
    const char *product = tsn_json_str(r->normal, "product", NULL);
    const json_t *known = tsn_case_product(cases, product);

    if (known)
        product = tsn_json_str(known, "id", NULL);
    else if (cases && json_array_size(cases->products) > 0)
        product = NULL; /* the reporter's own words stay in the report */
    struct tsn_case_new open = {.kind = tsn_json_str(r->normal, "kind", "incident"),
                                .title = tsn_json_str(r->normal, "title", ""),
                                .facts = r->facts,
                                .product = product,
                                .by = r->by};
    json_t *kept = json_copy((json_t *)(uintptr_t)r->normal),
           *event = json_copy((json_t *)(uintptr_t)r->event), *reasons;
    int64_t noise =
        tsn_noise_of(in->config.noise, cases ? cases->products : NULL, r->normal, &reasons);
    tsn_arena_defer(r->arena, drop_json, kept);
    tsn_arena_defer(r->arena, drop_json, event);
    if (json_array_size(reasons)) {
        json_object_set(kept, "noise", reasons);
        json_object_set(event, "noise", reasons);
    }
    json_decref(reasons);
    json_object_set_new(event, "rank", json_string(noise >= TSN_NOISE_LOW ? "low" : "normal"));
    struct tsn_event_new ev = {.source = r->source,
                               .kind = case_id ? "report.joined" : "report.accepted",
                               .body = event,
                               .open = case_id ? NULL : &open,
                               .case_id = case_id,
                               .by = r->by,
                               .quiet = case_id != NULL};
    struct tsn_report_part part = {.receipt = r->receipt,
                                   .source = r->source,
                                   .normal = r->normal,
                                   .kept = kept,
                                   .noise = noise};
    tsn_err err =
        tsn_event_write(st, r->arena, in, &ev, r->dedupe, &part, r->now_ms, out, answer, diag);
    return err ? err
               : tsn_case_keep_files(st, r->arena, cases, out->rcase.id, r->files, r->receipt,
                                     r->by, r->now_ms, diag);
}

/* Store thread. */
static tsn_err apply_report(struct tsn_op *op, struct tsn_store *st)
{
    struct report_op *r = (struct report_op *)op;
    struct tsn_rec_event old;
    memset(&r->out, 0, sizeof r->out);
    r->answer = NULL;
    tsn_err err = tsn_store_find(st, op->arena, &tsn_table_event, "dedupe", r->dedupe, &old);
    if (!err)
        return answer_again(st, r, &old);
    if (err != TSN_ENOTFOUND)
        return err;
    return write_report(st, r->in,
                        &(struct arriving){.arena = op->arena,
                                           .source = r->source,
                                           .dedupe = r->dedupe,
                                           .receipt = r->receipt,
                                           .normal = r->normal,
                                           .event = r->event,
                                           .facts = r->facts,
                                           .files = r->files,
                                           .by = &r->who,
                                           .now_ms = r->now_ms},
                        NULL, &r->out, &r->answer, &op->diag);
}

static void report_done(struct tsn_op *op)
{
    struct report_op *r = (struct report_op *)op;
    struct tsn_intake *in = r->in;
    json_t *info = NULL;
    tsn_err err = op->err;
    tsn_fault("intake.committed");
    if (!err && r->answer)
        err = tsn_json_parse(r->answer, strlen(r->answer), &info, &op->diag);
    if (!err) {
        if (!info)
            info = json_object();
        json_object_set_new(info, "duplicate", json_boolean(r->out.duplicate));
        tsn_log(TSN_LOG_INFO, r->out.duplicate ? "report.again" : "report.accepted", "case",
                tsn_json_str(info, "case", NULL), "source", r->source, NULL);
    }
    r->done(err, err ? -1 : r->out.seq, info, err ? &op->diag : NULL, r->user);
    json_decref(info);
    for (size_t i = 0; !err && i < r->out.nwake; i++)
        if (!in->closed && in->config.engine)
            tsn_engine_wake(in->config.engine, r->out.wake[i]);
    tsn_op_destroy(op);
    tsn_intake_release(in);
}

/* The runs' event: the report with what tocsin knows about its arrival. */
static json_t *event_of(const json_t *normal, const char *receipt, const char *source,
                        int64_t now_ms)
{
    char at[25];
    json_t *event = json_deep_copy(normal);
    tsn_time_format(at, now_ms);
    json_object_set_new(event, "receipt", json_string(receipt));
    json_object_set_new(event, "received_at", json_string(at));
    json_object_set_new(event, "source", json_string(source));
    return event;
}

static json_t *facts_of(const json_t *normal, const char *receipt, const char *source)
{
    json_t *facts = json_object(), *report = json_deep_copy(normal);
    json_object_set_new(report, "source", json_string(source));
    json_object_set_new(facts, "report", report);
    json_object_set_new(facts, "receipt", json_string(receipt));
    return facts;
}

tsn_err tsn_report_accept(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_intake *in, const struct tsn_report_new *report,
                          int64_t now_ms, struct tsn_event_out *out, struct tsn_diag *diag)
{
    const char *receipt = new_receipt(arena), *answer = NULL;
    json_t *event, *facts;

    if (!tsn_intake_known(in))
        return tsn_diag_set(diag, TSN_EBUSY, "H025", "tocsin is still starting");
    event = event_of(report->normal, receipt, report->source, now_ms);
    facts = facts_of(report->normal, receipt, report->source);
    tsn_arena_defer(arena, drop_json, event);
    tsn_arena_defer(arena, drop_json, facts);
    return write_report(st, in,
                        &(struct arriving){.arena = arena,
                                           .source = report->source,
                                           .dedupe = tsn_event_dedupe(
                                               arena, "source", report->source, report->key),
                                           .receipt = receipt,
                                           .normal = report->normal,
                                           .event = event,
                                           .facts = facts,
                                           .by = report->by,
                                           .now_ms = now_ms},
                        report->case_id, out, &answer, diag);
}

static void fill(struct report_op *r, const struct tsn_actor *who, const char *source,
                 const char *key, json_t *normal)
{
    struct tsn_arena *arena = r->op.arena;
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1], id[TSN_ULID_LEN + 1];
    r->who.person = tsn_arena_strdup(arena, who ? who->person : NULL);
    r->who.auth = tsn_arena_strdup(arena, who && who->auth ? who->auth : "none");
    r->source = tsn_arena_strdup(arena, source);
    r->now_ms = tsn_clock_wall_ms();
    r->receipt = new_receipt(arena);
    r->normal = normal;
    tsn_arena_defer(arena, drop_json, normal);
    tsn_json_digest(hash, normal);
    tsn_hex(hex, hash, TSN_HASH_LEN);
    r->digest = tsn_arena_strdup(arena, hex);
    /* A key belongs to its sender: nobody can block another's by guessing it. */
    if (key && r->who.person) {
        r->dedupe = tsn_event_dedupe(arena, "person", r->who.person, key);
    } else if (key) {
        r->dedupe = tsn_event_dedupe(arena, "source", r->source, key);
    } else {
        tsn_id_new(id);
        r->dedupe = tsn_event_dedupe(arena, "once", r->source, id);
    }
    r->event = event_of(normal, r->receipt, r->source, r->now_ms);
    tsn_arena_defer(arena, drop_json, r->event);
    r->facts = facts_of(normal, r->receipt, r->source);
    tsn_arena_defer(arena, drop_json, r->facts);
}

void tsn_intake_report(struct tsn_intake *in, const struct tsn_actor *who, const char *source,
                       const char *idempotency_key, const json_t *report, tsn_engine_done *done,
                       void *user)
{
    struct tsn_diag diag;
    json_t *normal = NULL;
    tsn_diag_init(&diag);
    tsn_err err = 0;
    if (in->closed)
        err = tsn_diag_set(&diag, TSN_ECLOSED, "H025", "tocsin is stopping");
    else if (idempotency_key && !tsn_word_ok(idempotency_key, KEY_MAX)) {
        err = tsn_diag_set(&diag, TSN_EINPUT, "H026", "the idempotency key cannot be used");
        tsn_diag_hint(&diag, "1 to %d printable ASCII characters, no spaces: a UUID", KEY_MAX);
    }
    if (!err)
        err = tsn_report_check(report, &normal, &diag);
    if (!err) {
        /* Taken before the playbooks are known, a report would start nothing, ever. */
        tsn_intake_refresh(in);
        if (!tsn_intake_known(in))
            err = tsn_diag_set(&diag, TSN_EBUSY, "H025", "tocsin is still starting");
    }
    if (err) {
        json_decref(normal);
        done(err, -1, NULL, &diag, user);
        return;
    }
    struct report_op *r = tsn_op_new(sizeof *r, apply_report, report_done, user);
    r->in = in;
    r->done = done;
    r->user = user;
    fill(r, who, source && source[0] ? source : "api", idempotency_key, normal);
    if (json_object_get(normal, "files")) {
        r->files = json_deep_copy(json_object_get(report, "files"));
        tsn_arena_defer(r->op.arena, drop_json, r->files);
    }
    tsn_fault("intake.before_submit");
    in->in_flight++;
    err = tsn_writer_submit(in->config.writer, &r->op, TSN_LANE_RUNS);
    if (err) {
        in->in_flight--;
        tsn_op_destroy(&r->op);
        tsn_diag_set(&diag, err, "H025", "too busy to take the report now");
        tsn_diag_hint(&diag, "send it again in a moment, with the same idempotency key");
        done(err, -1, NULL, &diag, user);
    }
}
