/* casework.c - cases: opening, finding, JSON, and what every change needs.
 *
 * Owns nothing: rows and entries are the store's, strings the arena's. Store thread inside an
 * apply (or the reader's thread for find and JSON), pure otherwise. */
#include "casework/case_int.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "casework/customers.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

const char *tsn_case_actor(struct tsn_arena *arena, const struct tsn_case_by *by)
{
    if (by->actor && by->actor->person)
        return tsn_arena_printf(arena, "u:%s", by->actor->person);
    return by->service ? by->service : "svc:tocsin";
}

json_t *tsn_case_facts(const struct tsn_rec_case *c)
{
    json_t *facts = NULL;
    if (c->facts && tsn_json_parse(c->facts, strlen(c->facts), &facts, NULL) == 0 &&
        json_is_object(facts))
        return facts;
    json_decref(facts);
    return json_object();
}

tsn_err tsn_case_bad(struct tsn_diag *diag, const char *where, const char *fmt, ...)
{
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return tsn_diag_set(diag, TSN_EINPUT, "R060", "%s: %s", where, what);
}

bool tsn_case_word(const char *s, size_t max)
{
    size_t n = 0;
    for (; s && s[n]; n++) {
        char c = s[n];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.' || c == '+';
        if (!ok || n >= max)
            return false;
    }
    return n > 0;
}

tsn_err tsn_case_load(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                      struct tsn_rec_case *out, struct tsn_diag *diag)
{
    if (!case_id)
        return tsn_diag_set(diag, TSN_EINPUT, "R064", "this run has no case");
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id, out);
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(diag, err, "R064", "there is no case %s", case_id);
    return err;
}

tsn_err tsn_case_save(struct tsn_store *st, struct tsn_arena *arena, struct tsn_rec_case *c,
                      const json_t *facts, int64_t seq, struct tsn_diag *diag)
{
    char *text = tsn_json_text(facts);
    if (strlen(text) > TSN_CASE_FACTS_MAX) {
        free(text);
        tsn_diag_set(diag, TSN_ETOOBIG, "R065", "the facts of %s are over %u bytes", c->name,
                     TSN_CASE_FACTS_MAX);
        tsn_diag_hint(diag, "put long text into notes; they live in the log");
        return TSN_ETOOBIG;
    }
    c->facts = tsn_arena_strdup(arena, text);
    free(text);
    if (seq >= 0)
        c->updated_seq = seq;
    return tsn_store_put(st, &tsn_table_case, c);
}

tsn_err tsn_case_append(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_rec_case *c, const struct tsn_case_by *by,
                        struct tsn_append *in, int64_t *seq)
{
    in->actor = tsn_case_actor(arena, by);
    in->auth = by->actor && by->actor->auth ? by->actor->auth : "svc";
    in->case_id = c->id;
    in->run = by->run;
    in->case_chain = true;
    in->step = by->step;
    if (!in->tlp)
        in->tlp = c->tlp;
    return tsn_store_append(st, in, seq);
}

/* --- opening ------------------------------------------------------------------------------ */

static tsn_err next_name(struct tsn_store *st, struct tsn_arena *arena, const char *prefix,
                         int64_t now_ms, const char **out)
{
    char stamp[25];
    tsn_time_format(stamp, now_ms);
    char *year = tsn_arena_strndup(arena, stamp, 4);
    int64_t n = 0;
    tsn_err err = tsn_store_next(st, tsn_arena_printf(arena, "case-%s", year), &n);
    if (err)
        return err;
    *out =
        tsn_arena_printf(arena, "%s-%s-%04lld", prefix ? prefix : "PSIRT", year, (long long)n);
    return 0;
}

tsn_err tsn_case_open(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_casework_config *config, const struct tsn_case_new *in,
                      int64_t now_ms, struct tsn_rec_case *out)
{
    char id[TSN_ULID_LEN + 1];
    tsn_id_new(id);
    memset(out, 0, sizeof *out);
    const char *prefix = config ? config->case_prefix : NULL;
    tsn_err err = next_name(st, arena, prefix, now_ms, &out->name);
    if (err)
        return err;
    out->id = tsn_arena_strdup(arena, id);
    out->kind = tsn_arena_strdup(arena, in->kind);
    out->state = "open";
    out->phase = "NEW";
    out->severity = tsn_arena_strdup(arena, in->severity);
    out->tlp = tsn_arena_strdup(arena, in->tlp);
    out->product = tsn_arena_strdup(arena, in->product);
    out->title = tsn_arena_strdup(arena, in->title ? in->title : "");
    out->opened_at = now_ms;
    if (in->facts) {
        char *facts = tsn_json_text(in->facts);
        out->facts = tsn_arena_strdup(arena, facts);
        free(facts);
    } else {
        out->facts = "{}";
    }

    /* Kind and severity are not secret; title and product are committed to and sealed. */
    struct tsn_field fields[2] = {
        {.name = "subject", .data = out->title, .len = strlen(out->title)}};
    size_t n = 1;
    if (out->product)
        fields[n++] = (struct tsn_field){
            .name = "args", .data = out->product, .len = strlen(out->product)};
    struct tsn_append a = TSN_APPEND_INIT;
    a.kind = "case.created";
    a.reason = out->kind;
    a.to = out->severity ? out->severity : "none";
    a.fields = fields;
    a.nfields = n;
    struct tsn_case_by by = {.actor = in->by, .service = "svc:intake"};
    err = tsn_case_append(st, arena, out, &by, &a, &out->updated_seq);
    if (err)
        return err;
    tsn_fault("casework.opened");
    return tsn_store_insert(st, &tsn_table_case, out);
}

/* --- finding ------------------------------------------------------------------------------ */

static tsn_err find_prefix(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                           struct tsn_rec_case *out, struct tsn_diag *diag)
{
    struct tsn_filter filter = {.column = "name", .cmp = TSN_CMP_PREFIX, .text = ref};
    struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = 6, .order = "name"};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_case, &how, &rows, &n);
    if (err)
        return err;
    if (n == 0)
        return TSN_ENOTFOUND;
    struct tsn_rec_case *c = rows;
    if (n > 1) {
        tsn_diag_set(diag, TSN_ECONFLICT, "H024", "`%s` fits more than one case", ref);
        tsn_diag_hint(diag, "write more of it: %s, %s%s", c[0].name, c[1].name,
                      n > 2 ? ", ..." : "");
        return TSN_ECONFLICT;
    }
    *out = c[0];
    return 0;
}

tsn_err tsn_case_find(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                      struct tsn_rec_case *out, struct tsn_diag *diag)
{
    tsn_err err = TSN_ENOTFOUND;
    if (!ref || !ref[0] || strlen(ref) > 100)
        goto out;
    /* People type names in lower case too; ids and names are stored in upper case. */
    char *upper = tsn_arena_strdup(arena, ref);
    for (char *p = upper; *p; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    if (tsn_id_valid(upper)) {
        err = tsn_store_get(st, arena, &tsn_table_case, upper, out);
        if (err != TSN_ENOTFOUND)
            goto out;
    }
    const char *tries[2] = {ref, upper};
    for (size_t i = 0; i < (strcmp(ref, upper) ? 2 : 1); i++) {
        err = tsn_store_find(st, arena, &tsn_table_case, "name", tries[i], out);
        if (err == TSN_ENOTFOUND)
            err = find_prefix(st, arena, tries[i], out, diag);
        if (err != TSN_ENOTFOUND)
            goto out;
    }
out:
    if (err == TSN_ENOTFOUND) {
        tsn_diag_set(diag, err, "H023", "there is no case `%s`", ref ? ref : "");
        tsn_diag_hint(diag, "`tocsin case list` shows them");
    }
    return err;
}

/* --- JSON --------------------------------------------------------------------------------- */

static void put_str(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, json_string(s));
}

static void put_time(json_t *o, const char *key, int64_t ms)
{
    char text[25];
    if (ms <= 0)
        return;
    tsn_time_format(text, ms);
    json_object_set_new(o, key, json_string(text));
}

json_t *tsn_case_json(const struct tsn_rec_case *c)
{
    json_t *o = json_object();
    put_str(o, "id", c->id);
    put_str(o, "name", c->name);
    put_str(o, "kind", c->kind);
    put_str(o, "state", c->state);
    put_str(o, "severity", c->severity);
    put_str(o, "tlp", c->tlp);
    put_str(o, "product", c->product);
    put_str(o, "resolution", c->resolution);
    put_str(o, "phase", c->phase);
    put_str(o, "embargo", c->embargo);
    put_str(o, "access", c->access);
    put_str(o, "title", c->title);
    put_time(o, "opened_at", c->opened_at);
    put_time(o, "closed_at", c->closed_at);
    json_object_set_new(o, "updated_seq", json_integer(c->updated_seq));
    json_t *facts = tsn_case_facts(c);
    put_str(o, "receipt", tsn_json_str(facts, TSN_FACT_RECEIPT, NULL));
    json_t *report = json_object_get(facts, TSN_FACT_REPORT);
    if (report)
        json_object_set(o, "report", report);
    json_object_del(facts, TSN_FACT_REPORT);
    json_object_del(facts, TSN_FACT_RECEIPT);
    json_object_set_new(o, "facts", facts);
    return o;
}

json_t *tsn_case_frozen(const struct tsn_rec_case *c)
{
    static const char *const keys[] = {"id",       "name",    "title",   "kind",
                                       "severity", "product", "receipt", "report"};
    json_t *all = tsn_case_json(c), *out = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *v = json_object_get(all, keys[i]);
        if (v)
            json_object_set(out, keys[i], v);
    }
    json_decref(all);
    return out;
}

/* --- products and customers --------------------------------------------------------------- */

const json_t *tsn_case_product(const struct tsn_casework_config *config, const char *ref)
{
    size_t i;
    json_t *p;
    if (!config || !ref)
        return NULL;
    json_array_foreach(config->products, i,
                       p) if (!strcmp(tsn_json_str(p, "id", ""), ref)) return p;
    json_array_foreach(config->products, i,
                       p) if (!strcasecmp(tsn_json_str(p, "name", ""), ref)) return p;
    return NULL;
}

static bool list_has(const json_t *list, const char *word)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v) if (json_is_string(v) &&
                                       !strcmp(json_string_value(v), word)) return true;
    return false;
}

/* Each address once, whatever its case; notes it. */
static bool said_before(json_t *seen, const char *mail)
{
    char low[256];
    size_t n = 0;
    for (; mail[n] && n + 1 < sizeof low; n++)
        low[n] = (char)tolower((unsigned char)mail[n]);
    low[n] = '\0';
    bool had = json_object_get(seen, low) != NULL;
    json_object_set_new(seen, low, json_true());
    return had;
}

json_t *tsn_case_customers(const struct tsn_casework_config *config, const json_t *products)
{
    json_t *out = json_array(), *all = tsn_customers_now(config), *seen = json_object();
    size_t i, j;
    json_t *customer, *product;
    json_array_foreach(all, i, customer)
    {
        const json_t *theirs = json_object_get(customer, "products");
        const char *mail = tsn_json_str(customer, "mail", NULL);
        bool hit = false;
        json_array_foreach(theirs, j, product) hit =
            hit || (json_is_string(product) && list_has(products, json_string_value(product)));
        if (!hit || !mail || said_before(seen, mail))
            continue;
        json_t *o = json_object();
        put_str(o, "name", tsn_json_str(customer, "name", mail));
        put_str(o, "mail", mail);
        json_array_append_new(out, o);
    }
    json_decref(all);
    json_decref(seen);
    return out;
}
