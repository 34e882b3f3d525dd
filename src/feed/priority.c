/* priority.c - see priority.h. The tables are casework/ssvc.h's. */
#include <string.h>
#include "casework/ssvc.h"
#include "core/json.h"
#include "feed/priority.h"

static const struct tsn_ssvc_table *table_of(const char *id)
{
    const struct tsn_ssvc_table *t = tsn_ssvc_find(id, NULL);
    return t ? t : &tsn_ssvc_tables[0];
}

/* Its points in order: publicly exposed, in KEV, automatable, technical impact; the last runs fastest. */
static size_t outcome(const struct tsn_priority_inputs *in)
{
    size_t row = (size_t)in->exposed << 3 | (size_t)in->kev << 2 |
                 (size_t)in->automatable << 1 | (size_t)in->total;
    return (size_t)(table_of(TSN_PRIORITY_BOD)->rows[row] - '0');
}

const char *tsn_priority_band(const struct tsn_priority_inputs *in)
{
    return tsn_ssvc_points[table_of(TSN_PRIORITY_BOD)->outcome].values[outcome(in)].name;
}

int tsn_priority_days(const struct tsn_priority_inputs *in)
{
    const char *band = tsn_priority_band(in); /* "14 days"; "fix on system upgrade" is 0 */
    int days = 0;
    for (; *band >= '0' && *band <= '9'; band++) {
        days = days * 10 + (*band - '0');
    }
    return days;
}

/* The value of one decision point in CISA's form: a list of objects with one member. */
static const char *point(const json_t *ssvc, const char *name)
{
    size_t i;
    json_t *o;
    json_array_foreach(json_object_get(ssvc, "options"), i, o)
    {
        const char *v = tsn_json_str(o, name, NULL);
        if (v) {
            return v;
        }
    }
    return NULL;
}

static bool has(const char *vector, const char *metric)
{
    return strstr(vector, metric) != NULL;
}

void tsn_priority_from(struct tsn_priority_inputs *in, const json_t *ssvc, const char *vector,
                       const char *exposure)
{
    const char *a = point(ssvc, "Automatable"), *t = point(ssvc, "Technical Impact");
    bool four = strncmp(vector, "CVSS:4", 6) == 0;
    in->exposed = !*exposure || strcmp(exposure, "internet") == 0;
    in->exposed_by = *exposure ? "inventory" : "assumed";
    in->automatable_by = a ? "ssvc" : *vector ? "vector" : "assumed";
    in->automatable = a ? strcmp(a, "yes") == 0
                      : *vector
                          ? has(vector, "AV:N") && has(vector, "/PR:N") && has(vector, "/UI:N")
                          : true;
    in->total_by = t ? "ssvc" : *vector ? "vector" : "assumed";
    in->total = t          ? strcmp(t, "total") == 0
                : !*vector ? true
                : four ? has(vector, "/VC:H") && has(vector, "/VI:H") && has(vector, "/VA:H")
                       : has(vector, "/C:H") && has(vector, "/I:H") && has(vector, "/A:H");
}

static json_t *bod(const struct tsn_priority_inputs *in)
{
    return json_pack("{s:s,s:i,s:s,s:b,s:b,s:s,s:b,s:s,s:b,s:s}", "band", tsn_priority_band(in),
                     "days", tsn_priority_days(in), "table", "BOD 26-04", "kev", in->kev,
                     "exposed", in->exposed, "exposed_by", in->exposed_by, "automatable",
                     in->automatable, "automatable_by", in->automatable_by, "total", in->total,
                     "total_by", in->total_by);
}

static void give(json_t *given, const struct tsn_ssvc_table *t, const char *name,
                 const char *value)
{
    char word[64];
    for (uint8_t i = 0; i < t->n && value; i++) {
        tsn_ssvc_word(tsn_ssvc_points[t->points[i]].name, word);
        if (strcmp(word, name) == 0) {
            json_object_set_new(given, name, json_string(value));
        }
    }
}

/* What we know, in the words of SSVC; what nobody said is left out. */
static json_t *given_of(const struct tsn_priority_inputs *in, const struct tsn_ssvc_table *t,
                        const json_t *ssvc, const json_t *product)
{
    json_t *given = json_object();
    const char *exposure = tsn_json_str(product, "exposure", "");
    const char *mission = tsn_json_str(product, "mission", NULL);
    const char *said = point(ssvc, "Exploitation");
    char exploitation[64];
    tsn_ssvc_word(said ? said : "none", exploitation);
    give(given, t, "exploitation",
         in->kev                               ? "active"
         : strcmp(exploitation, "poc") == 0    ? "public-poc"
         : strcmp(exploitation, "active") == 0 ? "active"
                                               : exploitation);
    give(given, t, "automatable", in->automatable ? "yes" : "no");
    give(given, t, "technical-impact", in->total ? "total" : "partial");
    give(given, t, "publicly-exposed", in->exposed ? "yes" : "no");
    give(given, t, "in-kev", in->kev ? "yes" : "no");
    give(given, t, "system-exposure",
         in->exposed                         ? "open"
         : strcmp(exposure, "isolated") == 0 ? "small"
                                             : "controlled");
    give(given, t, "public-safety-impact",
         tsn_json_bool(product, "safety", false) ? "significant" : "minimal");
    give(given, t, "mission-and-well-being-impact", mission);
    return given;
}

/* The worst of what the missing points leave open: outcomes stand from the least to the most. */
static const char *worst(const json_t *decided)
{
    const json_t *possible = json_object_get(decided, "possible");
    size_t n = json_array_size(possible);
    return tsn_json_str(decided, "outcome",
                        n ? json_string_value(json_array_get(possible, n - 1)) : "");
}

static int days_of(const char *outcome)
{
    static const struct {
        const char *outcome;
        int days;
    } all[] = {{"immediate", 3}, {"act", 3},        {"out-of-cycle", 14},
               {"attend", 14},   {"scheduled", 60}, {"track*", 60}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].outcome, outcome) == 0) {
            return all[i].days;
        }
    }
    return 0;
}

json_t *tsn_priority_json(const struct tsn_priority_inputs *in, const char *table,
                          const json_t *ssvc, const json_t *product)
{
    json_t *out = bod(in), *decided = NULL;
    if (!table || strcmp(table, TSN_PRIORITY_BOD) == 0) {
        return out;
    }
    const struct tsn_ssvc_table *t = table_of(table);
    json_t *given = given_of(in, t, ssvc, product);
    if (tsn_ssvc_decide(t, given, &decided, NULL) == 0) {
        const char *band = worst(decided);
        json_object_set_new(out, "band", json_string(band));
        json_object_set_new(out, "days", json_integer(days_of(band)));
        json_object_set_new(out, "table", json_string(t->name));
        json_object_set_new(out, "ssvc", decided);
    }
    json_decref(given);
    return out;
}
