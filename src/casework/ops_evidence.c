/* ops_evidence.c - evidence of a case: bytes that came with it, hashed, sealed, with a custody log.
 *
 * The row `attachment` holds the bytes under the key of the case; every time somebody takes them into
 * hand is an entry. A legal hold keeps everything; without one a lead may erase evidence, and then
 * hash and log stay. Store thread. */
#include "casework/living.h"
#include "casework/retention.h"

#include <stdlib.h>
#include <string.h>
#include "core/crypto.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

#define EVIDENCE_MAX ((size_t)8 << 20)

static tsn_err log_custody(struct tsn_case_work *w, const char *kind, const char *digest,
                           const char *name, const char *note)
{
    struct tsn_field fields[2];
    size_t n = 0;
    if (note)
        fields[n++] = (struct tsn_field){"note", note, strlen(note)};
    fields[n++] = (struct tsn_field){"subject", name, strlen(name)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = kind;
    a.reason = "custody";
    a.to = digest;
    a.outcome = "ok";
    a.fields = fields;
    a.nfields = n;
    w->dirty = true;
    return tsn_case_append(w->st, w->arena, &w->c, &w->by, &a, &w->seq);
}

/* evidence.add{ name, type, base64, note } */
static tsn_err op_add(struct tsn_case_work *w, const json_t *args, json_t **result,
                      struct tsn_diag *diag)
{
    const char *name = tsn_json_str(args, "name", ""), *text = tsn_json_str(args, "base64", "");
    size_t len = strlen(text), n = 0;
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1], id[TSN_ULID_LEN + 1];
    if (strlen(name) > 255 || strchr(name, '/') || name[0] == '.')
        return tsn_case_bad(diag, "evidence.add", "`name` is a file name without a folder");
    if (len / 4 * 3 > EVIDENCE_MAX)
        return tsn_diag_set(diag, TSN_ETOOBIG, "W040",
                            "one piece of evidence has at most 8 MiB");
    uint8_t *bytes = tsn_alloc(len + 4);
    tsn_err err = tsn_unbase64(bytes, len + 4, &n, text, len);
    if (!err)
        tsn_sha256_once(hash, bytes, n);
    tsn_wipe(bytes, len + 4);
    free(bytes);
    if (err)
        return tsn_case_bad(diag, "evidence.add", "`base64` is not base64");
    tsn_hex(hex, hash, sizeof hash);
    tsn_id_new(id);
    const char *digest = tsn_arena_printf(w->arena, "sha256:%s", hex);
    struct tsn_rec_attachment a = {.id = id,
                                   .case_id = w->c.id,
                                   .digest = digest,
                                   .type =
                                       tsn_json_str(args, "type", "application/octet-stream"),
                                   .name = name,
                                   .body = text,
                                   .added_by = tsn_case_actor(w->arena, &w->by),
                                   .size = (int64_t)n,
                                   .added_at = w->now_ms};
    struct tsn_track_how how = {.label = name};
    err = log_custody(w, "evidence.added", digest, name, tsn_json_str(args, "note", NULL));
    if (!err)
        err = tsn_store_insert(w->st, &tsn_table_attachment, &a);
    if (!err)
        err = tsn_track_put(w, TSN_TRACK_ATTACHMENT, a.id, "kept", &how);
    if (!err)
        *result = json_pack("{s:s, s:s, s:s, s:I}", "id", tsn_living_evidence_id(w->arena, id),
                            "evidence", id, "digest", digest, "size", (json_int_t)n);
    return err;
}

static tsn_err find(struct tsn_case_work *w, const json_t *args, struct tsn_rec_attachment *out,
                    struct tsn_diag *diag)
{
    const char *id = tsn_json_str(args, "evidence", "");
    tsn_err err = tsn_store_get(w->st, w->arena, &tsn_table_attachment, id, out);
    if (err == TSN_ENOTFOUND || (!err && strcmp(out->case_id, w->c.id) != 0))
        return tsn_diag_set(diag, TSN_ENOTFOUND, "W041", "%s has no evidence `%.40s`",
                            w->c.name, id);
    return err;
}

/* evidence.read{ evidence, reason }: the bytes; that they were handed out is an entry. */
static tsn_err op_read(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    struct tsn_rec_attachment a = {0};
    tsn_err err = find(w, args, &a, diag);
    if (!err && !a.body)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "W043", "this evidence was erased");
    if (!err)
        err = log_custody(w, "evidence.read", a.digest, a.name,
                          tsn_json_str(args, "reason", NULL));
    if (!err)
        *result = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id",
                            tsn_living_evidence_id(w->arena, a.id), "evidence", a.id, "name",
                            a.name, "type", a.type, "digest", a.digest, "base64", a.body);
    return err;
}

/* evidence.erase{ evidence, reason, basis }: basis court or law is stronger than what is to be kept. */
static tsn_err op_erase(struct tsn_case_work *w, const json_t *args, json_t **result,
                        struct tsn_diag *diag)
{
    struct tsn_rec_attachment a = {0};
    tsn_err err = find(w, args, &a, diag);
    if (!err && tsn_json_bool(w->facts, "legal_hold", false)) {
        err = tsn_diag_set(diag, TSN_EDENIED, "W042", "%s is under legal hold", w->c.name);
        tsn_diag_hint(diag, "case.hold with off=true ends it");
    }
    const char *basis = tsn_json_str(args, "basis", "");
    if (!err && basis[0] && strcmp(basis, "court") != 0 && strcmp(basis, "law") != 0)
        err = tsn_case_bad(diag, "evidence.erase", "`basis` is court or law");
    if (!err && !basis[0])
        err = tsn_retention_allows(w->st, w->arena, w->config, &w->c, w->now_ms, diag);
    if (!err && a.body) {
        struct tsn_track_how how = {.label = a.name,
                                    .note = tsn_json_str(args, "reason", NULL)};
        a.body = NULL;
        err = tsn_store_put(w->st, &tsn_table_attachment, &a);
        if (!err)
            err = tsn_track_move(w, TSN_TRACK_ATTACHMENT, a.id, "erased", &how, diag);
    }
    if (!err)
        *result = json_pack("{s:s, s:s}", "evidence", a.id, "state", "erased");
    return err;
}

/* case.hold{ reason, off }: nothing of the case is erased, whatever retention says. */
static tsn_err op_hold(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    bool off = tsn_json_bool(args, "off", false);
    bool was = tsn_json_bool(w->facts, "legal_hold", false);
    (void)diag;
    json_object_set_new(w->facts, "legal_hold", json_boolean(!off));
    tsn_err err = tsn_case_log(w, "case.hold", "legal-hold", was ? "on" : "off",
                               off ? "off" : "on", "note", tsn_json_str(args, "reason", ""));
    if (!err)
        *result = json_pack("{s:b}", "legal_hold", !off);
    return err;
}

const struct tsn_case_op tsn_ops_evidence[] = {
    {"evidence.add", "Keep bytes: hashed, sealed, with a custody log", TSN_OP_WORK,
     "name! base64! type note", op_add},
    {"evidence.read", "Hand the bytes out; that is an entry", TSN_OP_WORK, "evidence! reason!",
     op_read},
    {"evidence.erase", "Destroy the bytes; hash and log stay", TSN_OP_LEAD,
     "evidence! reason! basis", op_erase},
    {"case.hold", "Legal hold: nothing is erased", TSN_OP_LEAD, "reason! off", op_hold},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
