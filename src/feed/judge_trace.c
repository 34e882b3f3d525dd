/* judge_trace.c - what one document left in a judge, as JSON that is stored, and the way back: traces
 * of many documents in one judge are judged together, without reading the documents again. */
#include <string.h>
#include "core/json.h"
#include "feed/judge_int.h"

#define TEXT_OR_NULL(s) ((s) ? json_string(s) : json_null())

static json_t *records_of(const struct tsn_judge *j)
{
    json_t *out = json_array();
    for (size_t i = 0; i < j->nrecords; i++) {
        const struct tsn_judged_record *r = &j->records[i];
        json_t *o =
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "id", r->id, "source", r->source,
                      "publisher", r->publisher, "ns", r->ns, "title", r->title, "url", r->url,
                      "severity", r->severity, "vector", r->vector, "vex", r->vex);
        if (r->upstream) {
            json_object_set(o, "upstream", r->upstream);
        }
        json_array_append_new(out, o);
    }
    return out;
}

static json_t *same_of(struct tsn_judge *j)
{
    json_t *out = json_array();
    for (size_t i = 0; i < j->nids; i++) {
        size_t root = tsn_judge_root(j, i);
        if (root != i) {
            json_array_append_new(out, json_pack("[s,s]", j->name[root], j->name[i]));
        }
    }
    return out;
}

json_t *tsn_judge_trace(struct tsn_judge *j)
{
    size_t nrejected = json_object_size(j->rejected);
    const char *id;
    json_t *v;
    if (j->nfindings == 0 && j->nstatements == 0 && nrejected == 0) {
        return NULL;
    }
    json_t *findings = json_array(), *statements = json_array(), *rejected = json_array();
    for (size_t i = 0; i < j->nfindings; i++) {
        const struct tsn_finding *f = &j->findings[i];
        json_array_append_new(findings, json_pack("[I,I,s,i,i,o,O]", (json_int_t)f->component,
                                                  (json_int_t)f->record, f->vuln, (int)f->in,
                                                  (int)f->certainty, TEXT_OR_NULL(f->fixed),
                                                  f->evidence));
    }
    for (size_t i = 0; i < j->nstatements; i++) {
        const struct tsn_statement *s = &j->statements[i];
        json_array_append_new(statements,
                              json_pack("[I,I,b,s,o,s,i,b]", (json_int_t)s->component,
                                        (json_int_t)s->record, s->all, s->vuln,
                                        TEXT_OR_NULL(s->justification), s->pointer,
                                        (int)s->stance, s->trusted));
    }
    json_object_foreach(j->rejected, id, v)
    {
        json_array_append_new(rejected, json_string(id));
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "records", records_of(j), "findings", findings,
                     "statements", statements, "same", same_of(j), "rejected", rejected);
}

/* --- the way back ----------------------------------------------------------------------------- */

static const char *str_at(const json_t *row, size_t i)
{
    return json_string_value(json_array_get(row, i));
}

static size_t num_at(const json_t *row, size_t i)
{
    return (size_t)json_integer_value(json_array_get(row, i));
}

static void load_records(struct tsn_judge *j, const json_t *list)
{
    size_t i;
    json_t *r;
    json_array_foreach(list, i, r)
    {
        json_t *upstream = json_object_get(r, "upstream");
        j->records =
            tsn_judge_grow(j->records, j->nrecords, &j->records_cap, sizeof *j->records);
        j->records[j->nrecords++] = (struct tsn_judged_record){
            .id = tsn_judge_kept(j, tsn_json_str(r, "id", "")),
            .source = tsn_judge_kept(j, tsn_json_str(r, "source", "")),
            .publisher = tsn_judge_kept(j, tsn_json_str(r, "publisher", "")),
            .ns = tsn_judge_kept(j, tsn_json_str(r, "ns", "")),
            .title = tsn_judge_kept(j, tsn_json_str(r, "title", "")),
            .url = tsn_judge_kept(j, tsn_json_str(r, "url", "")),
            .severity = tsn_judge_kept(j, tsn_json_str(r, "severity", "")),
            .vector = tsn_judge_kept(j, tsn_json_str(r, "vector", "")),
            .document = j->document,
            .upstream = json_is_array(upstream) ? json_deep_copy(upstream) : NULL,
            .vex = tsn_json_bool(r, "vex", false)};
    }
}

static void load_finding(struct tsn_judge *j, const json_t *row, size_t base, size_t n)
{
    const char *vuln = str_at(row, 2), *fixed = str_at(row, 5);
    size_t certainty = num_at(row, 4);
    json_t *evidence = json_array_get(row, 6);
    if (num_at(row, 0) >= j->ways->n || num_at(row, 1) >= n || !vuln || certainty < TSN_GUESS ||
        certainty > TSN_CERTAIN) {
        return;
    }
    j->findings =
        tsn_judge_grow(j->findings, j->nfindings, &j->findings_cap, sizeof *j->findings);
    j->findings[j->nfindings++] = (struct tsn_finding){
        .component = num_at(row, 0),
        .record = base + num_at(row, 1),
        .vuln = tsn_judge_kept(j, vuln),
        .in = num_at(row, 3) == TSN_IN_YES ? TSN_IN_YES : TSN_IN_UNKNOWN,
        .certainty = (enum tsn_certainty)certainty,
        .fixed = fixed ? tsn_judge_kept(j, fixed) : NULL,
        .evidence = json_is_array(evidence) ? json_deep_copy(evidence) : json_array()};
}

static void load_statement(struct tsn_judge *j, const json_t *row, size_t base, size_t n)
{
    const char *vuln = str_at(row, 3), *why = str_at(row, 4), *pointer = str_at(row, 5);
    size_t stance = num_at(row, 6);
    if (num_at(row, 0) >= j->ways->n || num_at(row, 1) >= n || !vuln ||
        stance > TSN_STANCE_NOT_AFFECTED) {
        return;
    }
    (void)tsn_judge_id(j, vuln);
    j->statements = tsn_judge_grow(j->statements, j->nstatements, &j->statements_cap,
                                   sizeof *j->statements);
    j->statements[j->nstatements++] =
        (struct tsn_statement){.component = num_at(row, 0),
                               .record = base + num_at(row, 1),
                               .all = json_is_true(json_array_get(row, 2)),
                               .vuln = tsn_judge_kept(j, vuln),
                               .justification = why ? tsn_judge_kept(j, why) : NULL,
                               .pointer = tsn_judge_kept(j, pointer),
                               .stance = (enum tsn_stance)stance,
                               .trusted = json_is_true(json_array_get(row, 7))};
}

void tsn_judge_load(struct tsn_judge *j, const char *document, const json_t *trace)
{
    size_t base = j->nrecords, i;
    const json_t *records = json_object_get(trace, "records");
    json_t *row;
    tsn_judge_document(j, document, false);
    load_records(j, records);
    json_array_foreach(json_object_get(trace, "same"), i, row)
    {
        if (str_at(row, 0) && str_at(row, 1)) {
            tsn_judge_same(j, str_at(row, 0), str_at(row, 1));
        }
    }
    json_array_foreach(json_object_get(trace, "findings"), i, row)
    {
        load_finding(j, row, base, json_array_size(records));
    }
    json_array_foreach(json_object_get(trace, "statements"), i, row)
    {
        load_statement(j, row, base, json_array_size(records));
    }
    json_array_foreach(json_object_get(trace, "rejected"), i, row)
    {
        if (json_string_value(row)) {
            json_object_set_new(j->rejected, json_string_value(row), json_true());
        }
    }
}
