/* csaf_ssvc.c - registered SSVC decision points (CERTCC/SSVC, July 2026): their versions with the
 * values in order. Facts only. Read-only; any thread. */
#include <string.h>
#include "advisory/csaf_check21.h"
#include "core/json.h"

/* clang-format off */
static const struct {
    const char *space, *key, *version, *values; /* values: keys in order, blanks around */
} points[] = {
    {"cisa", "BOD2604", "1.0.0", " FSU 60D 14D 3D 3DF "},
    {"cisa", "CISA", "1.1.0", " T T* AT AC "},
    {"cisa", "KEV", "1.0.0", " N Y "},
    {"cisa", "PE", "1.0.0", " N Y "},
    {"cvss", "AC", "3.0.1", " H L "},
    {"cvss", "AR_NoX", "1.1.1", " L M H "},
    {"cvss", "AT", "1.0.0", " P N "},
    {"cvss", "AV", "3.0.1", " P L A N "},
    {"cvss", "CR_NoX", "1.1.1", " L M H "},
    {"cvss", "CVSS", "1.0.0", " N L M H C "},
    {"cvss", "EQ1", "1.0.0", " L M H "},
    {"cvss", "EQ2", "1.0.0", " L H "},
    {"cvss", "EQ3", "1.0.0", " L M H "},
    {"cvss", "EQ4", "1.0.0", " L M H "},
    {"cvss", "EQ5", "1.0.0", " L M H "},
    {"cvss", "EQ6", "1.0.0", " L H "},
    {"cvss", "E_NoX", "2.0.0", " U P A "},
    {"cvss", "IR_NoX", "1.1.1", " L M H "},
    {"cvss", "MSA_NoX", "1.0.1", " N L H S "},
    {"cvss", "MSI_NoX", "1.0.1", " N L H S "},
    {"cvss", "PR", "1.0.1", " H L N "},
    {"cvss", "SC", "1.0.0", " N L H "},
    {"cvss", "UI", "2.0.0", " A P N "},
    {"cvss", "VA", "3.0.0", " N L H "},
    {"cvss", "VC", "3.0.0", " N L H "},
    {"cvss", "VI", "3.0.0", " N L H "},
    {"ssvc", "A", "2.0.0", " N Y "},
    {"ssvc", "COORDINATE", "1.0.1", " D T C "},
    {"ssvc", "DSOI", "1.0.0", " D S O I "},
    {"ssvc", "E", "1.1.0", " N P A "},
    {"ssvc", "EXP", "1.0.1", " S C O "},
    {"ssvc", "HI", "2.0.2", " L M H VH "},
    {"ssvc", "MI", "1.0.0", " N NED MSC MFF MF "},
    {"ssvc", "MI", "2.0.0", " D MSC MEF MF "},
    {"ssvc", "MWI", "1.0.0", " L M H "},
    {"ssvc", "PSI", "2.0.1", " M S "},
    {"ssvc", "PUBLISH", "1.0.0", " N P "},
    {"ssvc", "PVA", "1.0.0", " L A P "},
    {"ssvc", "RC", "1.0.0", " NC C "},
    {"ssvc", "RP", "1.0.0", " Y N "},
    {"ssvc", "SC", "1.0.0", " O M "},
    {"ssvc", "SCON", "1.0.0", " N Y "},
    {"ssvc", "SE", "1.0.0", " A U "},
    {"ssvc", "SI", "2.0.0", " N M R C "},
    {"ssvc", "SI", "2.0.1", " N M R C "},
    {"ssvc", "SINV", "1.0.0", " FR C UU "},
    {"ssvc", "TI", "1.0.0", " P T "},
    {"ssvc", "U", "1.0.1", " L E S "},
    {"ssvc", "VD", "1.0.0", " D C "},
};
/* clang-format on */

/* Position of the key among the values, or -1. */
static long position(const char *values, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = values; *p; p++) {
        if (*p == ' ' && strncmp(p + 1, key, n) == 0 && p[1 + n] == ' ') {
            return (long)(p - values);
        }
    }
    return -1;
}

bool tsn_csaf_ssvc_registered(const char *space, size_t base)
{
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        if (strlen(points[i].space) == base && strncmp(points[i].space, space, base) == 0) {
            return true;
        }
    }
    return false;
}

const char *tsn_csaf_ssvc_wrong(const json_t *selection)
{
    const char *space = tsn_json_str(selection, "namespace", "");
    const char *key = tsn_json_str(selection, "key", ""),
               *version = tsn_json_str(selection, "version", "");
    size_t base = strcspn(space, "/$#"), i;
    bool registered = false, known = false;
    const char *values = NULL;
    for (i = 0; i < sizeof points / sizeof points[0]; i++) {
        if (strlen(points[i].space) != base || strncmp(points[i].space, space, base) != 0) {
            continue;
        }
        registered = true;
        if (strcmp(points[i].key, key) == 0) {
            known = true;
            values = strcmp(points[i].version, version) == 0 ? points[i].values : values;
        }
    }
    if (!registered || (known && !values)) {
        return NULL; /* private, or a version that is not in the table */
    }
    if (!known) {
        return "is no registered decision point";
    }
    long last = -1;
    json_t *v;
    json_array_foreach(json_object_get(selection, "values"), i, v)
    {
        long at = position(values, tsn_json_str(v, "key", ""));
        if (at < 0) {
            return "has a value that the decision point does not have";
        }
        if (at < last) {
            return "has its values in another order than the decision point";
        }
        last = at;
    }
    return NULL;
}
