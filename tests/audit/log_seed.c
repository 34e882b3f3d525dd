/* log_seed.c - writes a log from JSON lines, so that a test can have any history it wants.
 *
 * log_seed DATABASE KEYFILE <LINES: one object a line with what tsn_store_append takes: at (ms since
 * 1970), kind, actor, auth, case, run, case_chain, playbook, step, attempt, idem, outcome, reason,
 * from, to, tlp, ret, ref, fields {name: text or JSON}. `{"case_row":{id, name, ...}}` puts a row.
 * Prints the number of entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "store/record_case.h"
#include "store/store.h"

static int64_t now_ms;

static int64_t wall(void *user)
{
    (void)user;
    return now_ms;
}

static int64_t mono(void *user)
{
    (void)user;
    return now_ms;
}

static _Noreturn void die(const char *what, tsn_err err, long line)
{
    (void)fprintf(stderr, "log_seed: line %ld: %s: %s\n", line, what, tsn_err_name(err));
    exit(1);
}

static size_t fields_of(const json_t *v, struct tsn_field *out, char **texts)
{
    const char *name;
    json_t *field;
    size_t n = 0;

    json_object_foreach(json_object_get(v, "fields"), name, field)
    {
        texts[n] =
            json_is_string(field) ? strdup(json_string_value(field)) : tsn_json_text(field);
        out[n] = (struct tsn_field){name, texts[n], strlen(texts[n])};
        if (++n == TSN_ENTRY_FIELDS_MAX)
            break;
    }
    return n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tsn_field *)a)->name, ((const struct tsn_field *)b)->name);
}

static tsn_err append(struct tsn_store *st, const json_t *v)
{
    struct tsn_field fields[TSN_ENTRY_FIELDS_MAX];
    char *texts[TSN_ENTRY_FIELDS_MAX], chain[64];
    struct tsn_append in = TSN_APPEND_INIT;
    uint8_t leaf[TSN_HASH_LEN];
    int64_t rseq;
    size_t n = fields_of(v, fields, texts);
    tsn_err err;

    qsort(fields, n, sizeof(fields[0]), by_name);
    in.kind = tsn_json_str(v, "kind", NULL);
    in.actor = tsn_json_str(v, "actor", "svc:engine");
    in.auth = tsn_json_str(v, "auth", NULL);
    in.case_id = tsn_json_str(v, "case", NULL);
    in.run = tsn_json_str(v, "run", NULL);
    in.case_chain = tsn_json_bool(v, "case_chain", false);
    in.playbook = tsn_json_str(v, "playbook", NULL);
    in.step = tsn_json_str(v, "step", NULL);
    in.attempt = tsn_json_int(v, "attempt", 0);
    in.idem = tsn_json_str(v, "idem", NULL);
    in.outcome = tsn_json_str(v, "outcome", NULL);
    in.reason = tsn_json_str(v, "reason", NULL);
    in.from = tsn_json_str(v, "from", NULL);
    in.to = tsn_json_str(v, "to", NULL);
    in.tlp = tsn_json_str(v, "tlp", NULL);
    in.ret = tsn_json_str(v, "ret", NULL);
    in.ref = tsn_json_int(v, "ref", -1);
    in.fields = fields;
    in.nfields = n;
    if (in.kind && strcmp(in.kind, "run.ended") == 0) {
        (void)snprintf(chain, sizeof(chain), "run:%s", in.run);
        err = tsn_store_chain(st, chain, NULL, &rseq, leaf);
        if (err)
            return err;
        in.rlen = rseq + 1;
        in.rlast = leaf;
    }
    now_ms = tsn_json_int(v, "at", now_ms);
    err = tsn_store_append(st, &in, NULL);
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    return err;
}

static tsn_err case_row(struct tsn_store *st, const json_t *v)
{
    const struct tsn_rec_case c = {.id = tsn_json_str(v, "id", NULL),
                                   .name = tsn_json_str(v, "name", NULL),
                                   .kind = tsn_json_str(v, "kind", "incident"),
                                   .state = tsn_json_str(v, "state", "open"),
                                   .severity = tsn_json_str(v, "severity", NULL),
                                   .tlp = tsn_json_str(v, "tlp", NULL),
                                   .title = tsn_json_str(v, "title", "seeded"),
                                   .facts = tsn_json_str(v, "facts", "{}"),
                                   .opened_at = now_ms};

    return tsn_store_put(st, &tsn_table_case, &c);
}

int main(int argc, char **argv)
{
    const struct tsn_clock_source source = {wall, mono, NULL};
    struct tsn_store *st;
    struct tsn_diag diag;
    struct tsn_tree head;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    long n = 0;
    tsn_err err;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: log_seed DATABASE KEYFILE <LINES\n");
        return 2;
    }
    tsn_crypto_init();
    tsn_json_init();
    tsn_log_open(-1);
    tsn_diag_init(&diag);
    tsn_clock_set(&source);
    const struct tsn_store_config sc = {.path = argv[1], .key_file = argv[2], .create = true};
    err = tsn_store_open(&st, &sc, &diag);
    if (err)
        die(diag.what, err, 0);
    err = tsn_store_begin(st);
    while (!err && (len = getline(&line, &cap, stdin)) >= 0) {
        json_t *v = NULL;
        const json_t *row;

        err = tsn_json_parse(line, (size_t)len, &v, &diag);
        row = json_object_get(v, "case_row");
        if (!err)
            err = row ? case_row(st, row) : append(st, v);
        json_decref(v);
        if (err)
            die(diag.what, err, n + 1);
        if (++n % 4000 == 0) {
            err = tsn_store_commit(st);
            if (!err)
                err = tsn_store_begin(st);
        }
    }
    if (!err)
        err = tsn_store_commit(st);
    if (err)
        die("commit", err, n);
    tsn_store_head(st, &head);
    (void)printf("%llu\n", (unsigned long long)head.size);
    tsn_store_close(st);
    free(line);
    return 0;
}
