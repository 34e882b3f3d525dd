/* advisory_life.c - the verbs. Store thread; everything in the caller's transaction. */
#include "advisory/advisory_life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/advisory_diff.h"
#include "advisory/advisory_model.h"
#include "advisory/advisory_row.h"
#include "advisory/csaf_check.h"
#include "advisory/lint_other.h"
#include "advisory/tell.h"
#include "casework/track.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_advisory.h"
#include "store/record_case.h"

#define CSAF_MAX ((size_t)64 << 20)

struct tsn_advisory_env tsn_advisory_env;

static bool in(const struct tsn_advisory_work *w, const char *state)
{
    return strcmp(w->a.state ? w->a.state : "draft", state) == 0;
}

static const char *arg(const struct tsn_advisory_work *w, const char *key,
                       const char *otherwise)
{
    return tsn_json_str(w->ask->args, key, otherwise);
}

/* Who wrote since the last release: they may not approve. */
static void wrote(struct tsn_advisory_work *w)
{
    json_t *list = json_object_get(w->life, "authors");
    const char *who = tsn_advisory_by(w);
    size_t i;
    json_t *x;
    if (!list) {
        list = json_array();
        json_object_set_new(w->life, "authors", list);
    }
    json_array_foreach(list, i, x)
    {
        if (strcmp(json_string_value(x), who) == 0) {
            return;
        }
    }
    json_array_append_new(list, json_string(who));
}

/* The states on the way back to where one may write. */
static tsn_err reopen(struct tsn_advisory_work *w)
{
    tsn_err err = 0;
    if (in(w, "in_review")) {
        err = tsn_advisory_work_move(w, "changes_requested", "edited");
    }
    if (!err && (in(w, "final") || in(w, "interim"))) {
        err = tsn_advisory_work_move(w, "updating", NULL);
    } else if (!err && !in(w, "draft") && !in(w, "updating")) {
        err = tsn_advisory_work_move(w, "draft", "edited");
    }
    w->a.publish_at = 0;
    json_object_del(w->life, "approved");
    return err;
}

/* --- new and edit ---------------------------------------------------------------------------- */

/* "ACME-SA-2026-001" from the counter of the year. */
static tsn_err new_name(struct tsn_advisory_work *w)
{
    char when[25];
    int64_t n = 0;
    tsn_time_format(when, w->ask->now_ms);
    const char *prefix = tsn_advisory_env.publisher->prefix;
    prefix = prefix ? prefix : "SA";
    tsn_err err = tsn_store_next(w->st, tsn_arena_printf(w->arena, "advisory-%.4s", when), &n);
    w->a.name = tsn_arena_printf(w->arena, "%s-%.4s-%03lld", prefix, when, (long long)n);
    return err;
}

static tsn_err from_case(struct tsn_advisory_work *w, const struct tsn_rec_case *c)
{
    json_t *facts = NULL, *model = NULL;
    tsn_err err =
        c->facts && *c->facts ? tsn_json_parse(c->facts, strlen(c->facts), &facts, w->diag) : 0;
    if (!err) {
        const struct tsn_advisory_wish wish = {.rcase = c,
                                               .facts = facts,
                                               .args = w->ask->args,
                                               .products = tsn_advisory_env.products,
                                               .publisher = tsn_advisory_env.publisher,
                                               .name = w->a.name};
        err = tsn_advisory_model(&wish, &model, w->diag);
    }
    if (!err) {
        json_decref(w->model);
        w->model = model;
        wrote(w);
        err = tsn_advisory_work_render(w, arg(w, "change", NULL));
    }
    json_decref(facts);
    return err;
}

static tsn_err find_of_case(struct tsn_advisory_work *w, const char *case_id, const char *name)
{
    const struct tsn_filter filters[] = {
        {.column = "case_id", .cmp = TSN_CMP_EQ, .text = case_id},
        {.column = "name", .cmp = TSN_CMP_EQ, .text = name},
    };
    const struct tsn_list how = {.filters = filters,
                                 .nfilters = name ? 2 : 1,
                                 .order = "updated_at",
                                 .descending = true,
                                 .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(w->st, w->arena, &tsn_table_advisory, &how, &rows, &n);
    if (!err && n == 0) {
        return TSN_ENOTFOUND;
    }
    return err ? err : tsn_advisory_work_open(w, ((struct tsn_rec_advisory *)rows)->id);
}

tsn_err tsn_advisory_draft(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                           const struct tsn_advisory_ask *ask, json_t **result,
                           struct tsn_diag *diag)
{
    struct tsn_advisory_work w = {.st = st, .arena = arena, .ask = ask, .diag = diag};
    struct tsn_rec_case c;
    const char *name = arg(&w, "name", NULL);
    /* People ask for one more; steps for theirs, unless they say so. */
    bool another = strcmp(ask->verb, "new") == 0 || tsn_json_bool(ask->args, "another", false);
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id, &c);
    if (!err) {
        err = another && !name ? TSN_ENOTFOUND : find_of_case(&w, case_id, name);
    }
    if (err == TSN_ENOTFOUND && name) {
        err = tsn_diag_set(diag, err, "D005", "the case has no advisory `%.60s`", name);
    } else if (err == TSN_ENOTFOUND) {
        char *id = tsn_arena_alloc(arena, TSN_ULID_LEN + 1);
        tsn_id_new(id);
        w.a = (struct tsn_rec_advisory){.id = id, .case_id = case_id, .state = "draft"};
        w.life = json_object();
        err = new_name(&w);
    } else if (!err) {
        err = reopen(&w);
    }
    if (!err) {
        err = from_case(&w, &c);
    }
    if (!err) {
        err = tsn_advisory_work_save(&w, "advisory.drafted");
    }
    if (!err) {
        *result = tsn_advisory_work_view(&w);
    }
    tsn_advisory_work_free(&w);
    return err;
}

/* edit { set: { member: value or null }, change }: members of the model as data. */
static tsn_err edit(struct tsn_advisory_work *w)
{
    const json_t *set = json_object_get(w->ask->args, "set");
    union tsn_json_read r = {.in = set};
    const char *key;
    json_t *value;
    if (!json_is_object(set) || json_object_size(set) == 0) {
        tsn_diag_hint(w->diag,
                      "set: { title: \"...\", summary: \"...\", vulnerabilities: [...] }");
        return tsn_diag_set(w->diag, TSN_EINPUT, "D002", "nothing to set was given");
    }
    tsn_err err = reopen(w);
    if (!w->model) {
        w->model = json_object();
    }
    json_object_foreach(r.out, key, value)
    {
        if (strcmp(key, "tracking") == 0) {
            err = tsn_diag_set(w->diag, TSN_EINPUT, "D002",
                               "`tracking` is computed: version, dates and history");
        } else if (json_is_null(value)) {
            json_object_del(w->model, key);
        } else {
            json_object_set(w->model, key, value);
        }
    }
    wrote(w);
    if (!err) {
        err = tsn_advisory_work_render(w, arg(w, "change", NULL));
    }
    return err ? err : tsn_advisory_work_save(w, "advisory.edited");
}

/* --- review ---------------------------------------------------------------------------------- */

static tsn_err review(struct tsn_advisory_work *w)
{
    tsn_err err = tsn_advisory_texts_ok(w);
    if (err) {
        return err;
    }
    if (in(w, "changes_requested")) {
        err = tsn_advisory_work_move(w, "draft", NULL);
    }
    if (!err) {
        err = tsn_advisory_work_move(w, "in_review", arg(w, "note", NULL));
    }
    return err ? err : tsn_advisory_work_save(w, "advisory.in_review");
}

static tsn_err changes(struct tsn_advisory_work *w)
{
    const char *note = arg(w, "note", "");
    if (strlen(note) < 3) {
        return tsn_diag_set(w->diag, TSN_EINPUT, "D002", "say what must change: note");
    }
    json_object_set_new(w->life, "asked",
                        json_pack("{s:s,s:s}", "by", tsn_advisory_by(w), "note", note));
    tsn_err err = tsn_advisory_work_move(w, "changes_requested", note);
    return err ? err : tsn_advisory_work_save(w, "advisory.changes_requested");
}

/* Exactly what was shown, by somebody who did not write it. */
static tsn_err approve(struct tsn_advisory_work *w)
{
    const char *digest = arg(w, "digest", NULL), *who = tsn_advisory_by(w);
    size_t i;
    json_t *x;
    if (!w->ask->by || !w->ask->by->person) {
        return tsn_diag_set(w->diag, TSN_EDENIED, "A005", "only a person approves an advisory");
    }
    if (in(w, "scheduled")) { /* approved already; its instant must not be lost by this */
        return tsn_diag_set(w->diag, TSN_ECONFLICT, "D101", "%s is scheduled", w->a.name);
    }
    if (!digest || strcmp(digest, w->a.digest) != 0) {
        tsn_diag_hint(w->diag, "tocsin show %s", w->a.name);
        return tsn_diag_set(w->diag, TSN_ECONFLICT, "D103",
                            digest ? "%s has changed since %.80s was shown"
                                   : "an approval of %s names the digest that was shown%.0s",
                            w->a.name, digest ? digest : "");
    }
    json_array_foreach(json_object_get(w->life, "authors"), i, x)
    {
        if (strcmp(json_string_value(x), who) == 0) {
            return tsn_diag_set(w->diag, TSN_EDENIED, "D102",
                                "%s wrote %s and may not approve it", who, w->a.name);
        }
    }
    tsn_err err = tsn_advisory_work_move(w, "approved", arg(w, "note", NULL));
    if (!err) {
        json_object_set_new(w->life, "approved",
                            json_pack("{s:s,s:s,s:I}", "by", who, "digest", w->a.digest, "at",
                                      (json_int_t)w->ask->now_ms));
        err = tsn_advisory_work_save(w, "advisory.approved");
    }
    return err;
}

/* --- publication ------------------------------------------------------------------------------ */

/* A version must say something new: asked before an instant is promised. */
static tsn_err says_new(struct tsn_advisory_work *w)
{
    struct tsn_rec_release last;
    json_t *before = NULL;
    tsn_err err = tsn_advisory_last(w->st, w->arena, w->a.id, &last);
    if (err) {
        return err == TSN_ENOTFOUND ? 0 : err;
    }
    err = tsn_json_parse(last.csaf, strlen(last.csaf), &before, w->diag);
    if (!err && tsn_advisory_diff(before, w->csaf, NULL) == TSN_DIFF_NONE) {
        err = tsn_diag_set(w->diag, TSN_ECONFLICT, "D104",
                           "%s says what version %s says: a new version would say nothing new",
                           w->a.name, last.version);
    }
    json_decref(before);
    return err;
}

/* The document as released becomes a row for ever. */
static tsn_err commit_release(struct tsn_advisory_work *w, const char *status,
                              const char *change)
{
    struct tsn_rec_release r, last;
    char *csaf = NULL, *model = NULL, hex[2 * TSN_HASH_LEN + 1];
    uint8_t hash[TSN_HASH_LEN];
    tsn_err err = tsn_advisory_last(w->st, w->arena, w->a.id, &last);
    bool first = err == TSN_ENOTFOUND;
    size_t n = first || err ? 0 : strtoul(strrchr(last.id, ':') + 1, NULL, 10);
    err = first ? 0 : err;
    json_t *whole = NULL;
    struct tsn_buf csaf21;
    tsn_buf_init(&csaf21, CSAF_MAX);
    err = err ? err : says_new(w);
    if (!err) {
        tsn_advisory_release(w->csaf, change, status, w->ask->now_ms);
        err = tsn_advisory_accepted(w->csaf, w->diag);
    }
    if (!err) {
        const json_t *doc = json_object_get(w->csaf, "document");
        whole = w->model ? json_copy(w->model) : json_object();
        tsn_advisory_model_track(whole, w->csaf);
        csaf = tsn_json_text(w->csaf);
        model = tsn_json_text(whole);
        /* What 2.1 does not take stays out of its tree; 2.0 is the document of record. */
        if (tsn_advisory_as(whole, tsn_advisory_env.publisher, TSN_AS_CSAF_21, &csaf21, NULL)) {
            csaf21.len = 0;
        }
        tsn_sha256_once(hash, csaf, strlen(csaf));
        tsn_hex(hex, hash, sizeof hash);
        r = (struct tsn_rec_release){
            .id = tsn_arena_printf(w->arena, "%s:%06zu", w->a.id, n + 1),
            .advisory = w->a.id,
            .name = w->a.name,
            .version = tsn_json_str(json_object_get(doc, "tracking"), "version", ""),
            .tlp = tsn_json_str(json_object_get(json_object_get(doc, "distribution"), "tlp"),
                                "label", "RED"),
            .state = tsn_advisory_env.tree ? "committed" : "out",
            .digest = tsn_arena_printf(w->arena, "sha256:%s", hex),
            .csaf = csaf,
            .model = model,
            .csaf21 = csaf21.len ? csaf21.data : NULL,
            .released_at = w->ask->now_ms};
        tsn_fault("advisory.release");
        err = tsn_store_insert(w->st, &tsn_table_release, &r);
    }
    free(csaf);
    free(model);
    tsn_buf_free(&csaf21);
    json_decref(whole);
    return err;
}

static const char *status_of(const struct tsn_advisory_work *w)
{
    return tsn_json_str(w->life, "status", "final");
}

tsn_err tsn_advisory_begin(struct tsn_advisory_work *w)
{
    const char *status = status_of(w);
    w->a.publish_at = 0;
    tsn_err err = tsn_advisory_work_move(w, "publishing", NULL);
    if (err == TSN_ECONFLICT && strcmp(w->diag->code, "W002") == 0) {
        err =
            tsn_diag_set(w->diag, err, "D105",
                         "%s is under embargo: nothing is published before it ends", w->a.name);
        tsn_diag_hint(w->diag, "End the embargo first, or publish --at its end.");
    }
    if (!err) {
        err = commit_release(w, status, tsn_json_str(w->life, "change", NULL));
    }
    if (!err && !tsn_advisory_env.tree) {
        err = tsn_advisory_work_move(w, status, NULL);
        json_object_del(w->life, "authors");
    }
    if (!err) {
        err = tsn_advisory_work_save(w, tsn_advisory_env.tree ? "advisory.publishing"
                                                              : "advisory.published");
    }
    return err;
}

static tsn_err when(struct tsn_advisory_work *w, int64_t *at)
{
    int64_t sec, nsec;
    const char *text = arg(w, "at", NULL);
    *at = w->ask->now_ms;
    if (!text) {
        return 0;
    }
    if (!tsn_csaf_time(text, &sec, &nsec)) {
        tsn_diag_hint(w->diag, "2026-12-01T14:00:00Z");
        return tsn_diag_set(w->diag, TSN_EINPUT, "D106",
                            "\"%.60s\" is not a moment with a zone", text);
    }
    *at = sec * 1000 + nsec / 1000000;
    return 0;
}

/* `to`: what follows the files, cve and mail; the files themselves (csaf and web) are one tree that nothing
 * can be left out of, for records and mails name them. */
static tsn_err ways(struct tsn_advisory_work *w)
{
    static const char *const known[] = {"csaf", "web", "cve", "mail"};
    const json_t *to = json_object_get(w->ask->args, "to");
    bool seen[4] = {0};
    size_t i;
    json_t *v;
    json_object_del(w->life, "to");
    if (!to) {
        return 0;
    }
    json_array_foreach(to, i, v)
    {
        size_t k = 0;
        while (k < 4 && strcmp(known[k], json_is_string(v) ? json_string_value(v) : "") != 0) {
            k++;
        }
        if (k == 4) {
            break;
        }
        seen[k] = true;
    }
    if (!json_is_array(to) || i < json_array_size(to) || !seen[0] || !seen[1]) {
        tsn_diag_hint(w->diag, "csaf,web and then cve, mail or both");
        return tsn_diag_set(w->diag, TSN_EINPUT, "D112",
                            "`to` is csaf and web, and what follows them: cve, mail");
    }
    json_object_set_new(w->life, "to", json_deep_copy(to));
    return 0;
}

/* publish { at?, status?, change?, to? }: what was approved, now or then. */
static tsn_err publish(struct tsn_advisory_work *w)
{
    const json_t *approved = json_object_get(w->life, "approved");
    const char *status = arg(w, "status", "final");
    int64_t at;
    tsn_err err = when(w, &at);
    if (!err && strcmp(status, "final") != 0 && strcmp(status, "interim") != 0) {
        err = tsn_diag_set(w->diag, TSN_EINPUT, "D002", "status is final or interim");
    }
    if (!err && !in(w, "approved")) {
        tsn_diag_hint(w->diag, "tocsin advisory review %s, then tocsin advisory approve %s",
                      w->a.name, w->a.name);
        err = tsn_diag_set(w->diag, TSN_ECONFLICT, "D101", "%s is %s, not approved", w->a.name,
                           w->a.state ? w->a.state : "draft");
    }
    if (!err &&
        strcmp(tsn_json_str(approved, "digest", ""), arg(w, "digest", w->a.digest)) != 0) {
        err = tsn_diag_set(w->diag, TSN_ECONFLICT, "D103", "%s is not what was approved",
                           w->a.name);
    }
    if (!err) {
        err = says_new(w);
    }
    if (!err) {
        err = ways(w);
    }
    if (!err) {
        json_object_set_new(w->life, "status", json_string(status));
        if (arg(w, "change", NULL)) {
            json_object_set_new(w->life, "change", json_string(arg(w, "change", "")));
        }
        err = tsn_advisory_work_move(w, "scheduled", NULL);
    }
    if (!err && at > w->ask->now_ms) {
        w->a.publish_at = at;
        return tsn_advisory_work_save(w, "advisory.scheduled");
    }
    return err ? err : tsn_advisory_begin(w);
}

/* resume { note }: what follows publication stopped; it goes on with what is left, in a new run. */
static tsn_err resume(struct tsn_advisory_work *w)
{
    struct tsn_rec_release r;
    bool due = false, held = false;
    tsn_err err = tsn_advisory_last(w->st, w->arena, w->a.id, &r);
    if (!err) {
        err = tsn_advisory_follows(w->st, w->arena, &r, &due, &held);
    }
    if (err == TSN_ENOTFOUND || (!err && !held)) {
        return tsn_diag_set(w->diag, TSN_ECONFLICT, "D101",
                            "%s is %s, and nothing of its publication has stopped", w->a.name,
                            w->a.state ? w->a.state : "draft");
    }
    json_object_del(w->life, "publication");
    return err ? err : tsn_advisory_work_save(w, "advisory.resumed");
}

/* ahead {}: those on a list with `before` who accepted the terms are told, the others are asked. */
static tsn_err ahead(struct tsn_advisory_work *w)
{
    const char *run = NULL;
    if (!in(w, "approved") && !in(w, "scheduled")) {
        return tsn_diag_set(w->diag, TSN_ECONFLICT, "D101",
                            "%s is %s: only what is approved is told ahead", w->a.name,
                            w->a.state ? w->a.state : "draft");
    }
    tsn_err err =
        tsn_tell_start(w->st, w->arena, &w->a, NULL, w->ask->by, w->ask->now_ms, &run, w->diag);
    if (!err && !run) {
        return tsn_diag_set(w->diag, TSN_ECONFLICT, "D109",
                            "nobody is to be told of %s ahead, or everybody was", w->a.name);
    }
    w->run = run;
    tsn_advisory_told_ahead(w->life, run, w->ask->now_ms);
    return err ? err : tsn_advisory_work_save(w, "advisory.ahead");
}

static tsn_err unschedule(struct tsn_advisory_work *w)
{
    if (!in(w, "scheduled")) { /* what is in review must not be approved by this */
        return tsn_diag_set(w->diag, TSN_ECONFLICT, "D101", "%s is %s, not scheduled",
                            w->a.name, w->a.state ? w->a.state : "draft");
    }
    w->a.publish_at = 0;
    tsn_err err = tsn_advisory_work_move(w, "approved", arg(w, "note", NULL));
    return err ? err : tsn_advisory_work_save(w, "advisory.unscheduled");
}

/* withdraw { reason } and supersede { reason, by }: one more version that says so, at once. */
static tsn_err end(struct tsn_advisory_work *w, const char *state, const char *title,
                   const char *prefix)
{
    const char *reason = arg(w, "reason", "");
    if (strlen(reason) < 3) {
        return tsn_diag_set(w->diag, TSN_EINPUT, "D002", "say why: reason");
    }
    if (!in(w, "final") && !in(w, "interim")) {
        return tsn_diag_set(w->diag, TSN_ECONFLICT, "D101", "%s is %s: only what is out ends",
                            w->a.name, w->a.state);
    }
    json_t *notes = json_object_get(w->model, "notes");
    notes = json_is_array(notes) ? json_deep_copy(notes) : json_array();
    json_array_insert_new(
        notes, 0,
        json_pack("{s:s,s:s,s:s}", "category", "description", "title", title, "text", reason));
    json_object_set_new(w->model, "notes", notes);
    json_object_set_new(
        w->model, "title",
        json_string(tsn_arena_printf(w->arena, "%s: %s", prefix,
                                     tsn_json_str(w->model, "title", w->a.name))));
    json_object_set_new(w->model, "ended",
                        json_string(state)); /* a profile of its own in 2.1 */
    const char *by = arg(w, "by", NULL);
    if (by) {
        json_t *refs = json_object_get(w->model, "references");
        refs = json_is_array(refs) ? json_deep_copy(refs) : json_array();
        json_array_append_new(refs, json_pack("{s:s,s:s,s:s}", "category", "external",
                                              "summary", "Superseding Document", "url", by));
        json_object_set_new(w->model, "references", refs);
    }
    tsn_err err = tsn_advisory_work_render(w, reason);
    if (!err) {
        json_object_set_new(w->life, "status", json_string("final"));
        err = commit_release(w, "final", reason);
    }
    if (!err) {
        err = tsn_advisory_work_move(w, state, reason);
    }
    return err ? err
               : tsn_advisory_work_save(w, tsn_arena_printf(w->arena, "advisory.%s", state));
}

static tsn_err withdraw(struct tsn_advisory_work *w)
{
    return end(w, "withdrawn", "Reasoning for Withdrawal", "WITHDRAWN");
}

static tsn_err supersede(struct tsn_advisory_work *w)
{
    if (!tsn_csaf_is_uri(arg(w, "by", ""))) {
        return tsn_diag_set(w->diag, TSN_EINPUT, "D002", "by is the URL of what replaces it");
    }
    return end(w, "superseded", "Reasoning for Supersession", "SUPERSEDED");
}

tsn_err tsn_advisory_approved(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_advisory_ask *ask, struct tsn_diag *diag)
{
    struct tsn_advisory_work w = {.st = st, .arena = arena, .ask = ask, .diag = diag};
    tsn_err err = tsn_advisory_work_open(&w, ask->ref);
    err = err ? err : tsn_advisory_texts_ok(&w);
    if (!err && in(&w, "scheduled")) {
        err = tsn_advisory_work_move(&w, "approved", NULL);
    } else if (!err && !in(&w, "approved")) {
        if (in(&w, "changes_requested")) {
            err = tsn_advisory_work_move(&w, "draft", NULL);
        }
        err = err ? err : tsn_advisory_work_move(&w, "in_review", NULL);
        err = err ? err : tsn_advisory_work_move(&w, "approved", NULL);
    }
    if (!err) {
        json_object_set_new(w.life, "approved",
                            json_pack("{s:s,s:s,s:I}", "by", tsn_advisory_by(&w), "digest",
                                      w.a.digest, "at", (json_int_t)ask->now_ms));
        err = tsn_advisory_work_save(&w, "advisory.approved");
    }
    tsn_advisory_work_free(&w);
    return err;
}

/* --- the table --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    tsn_err (*fn)(struct tsn_advisory_work *w);
    const char *keys[6];
} verbs[] = {
    {"edit", edit, {"set", "change"}},
    {"review", review, {"note"}},
    {"changes", changes, {"note"}},
    {"approve", approve, {"digest", "note"}},
    {"publish", publish, {"at", "status", "change", "digest", "to"}},
    {"unschedule", unschedule, {"note"}},
    {"resume", resume, {"note"}},
    {"ahead", ahead, {"note"}},
    {"withdraw", withdraw, {"reason"}},
    {"supersede", supersede, {"reason", "by"}},
};

tsn_err tsn_advisory_act(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_advisory_ask *ask, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_advisory_work w = {.st = st, .arena = arena, .ask = ask, .diag = diag};
    if (strcmp(ask->verb, "new") == 0) {
        return tsn_advisory_draft(st, arena, ask->ref, ask, result, diag);
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, ask->verb) != 0) {
            continue;
        }
        size_t n = 0;
        while (verbs[i].keys[n]) {
            n++;
        }
        tsn_err err =
            json_is_object(ask->args) ? tsn_json_known(ask->args, verbs[i].keys, n, diag) : 0;
        if (!err) {
            err = tsn_advisory_work_open(&w, ask->ref);
        }
        if (!err) {
            err = verbs[i].fn(&w);
        }
        if (!err) {
            *result = tsn_advisory_work_view(&w);
            if (w.run) {
                json_object_set_new(*result, "run", json_string(w.run));
            }
        }
        tsn_advisory_work_free(&w);
        return err;
    }
    return tsn_diag_set(diag, TSN_ENOTFOUND, "D101", "an advisory cannot be told to `%.40s`",
                        ask->verb);
}
