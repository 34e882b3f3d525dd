/* priority.c - see priority.h. The rows are those of the published decision table (SSVC namespace
 * cisa, BOD_26_04 1.0.0). */
#include <string.h>
#include "core/json.h"
#include "feed/priority.h"

/* By kev, exposed, automatable, total as bits 3 to 0. */
static const struct {
    const char *band;
    int days;
} rows[16] = {
    {"fix on system upgrade", 0},
    {"fix on system upgrade", 0},
    {"60 days", 60},
    {"60 days", 60},
    {"60 days", 60},
    {"14 days", 14},
    {"14 days", 14},
    {"3 days", 3},
    {"14 days", 14},
    {"14 days", 14},
    {"14 days", 14},
    {"3 days & forensic investigation", 3},
    {"14 days", 14},
    {"3 days & forensic investigation", 3},
    {"3 days", 3},
    {"3 days & forensic investigation", 3},
};

static size_t row(const struct tsn_priority_inputs *in)
{
    return (size_t)in->kev << 3 | (size_t)in->exposed << 2 | (size_t)in->automatable << 1 |
           (size_t)in->total;
}

const char *tsn_priority_band(const struct tsn_priority_inputs *in)
{
    return rows[row(in)].band;
}

int tsn_priority_days(const struct tsn_priority_inputs *in)
{
    return rows[row(in)].days;
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

json_t *tsn_priority_json(const struct tsn_priority_inputs *in)
{
    return json_pack("{s:s,s:i,s:s,s:b,s:b,s:s,s:b,s:s,s:b,s:s}", "band", tsn_priority_band(in),
                     "days", tsn_priority_days(in), "table", "BOD 26-04", "kev", in->kev,
                     "exposed", in->exposed, "exposed_by", in->exposed_by, "automatable",
                     in->automatable, "automatable_by", in->automatable_by, "total", in->total,
                     "total_by", in->total_by);
}
