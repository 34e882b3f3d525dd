/* decision.c - rules and budgets of decisions; see decision.h. Pure. */
#include "feed/decision.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/json.h"

static const char *const fields[] = {
    "feed",   "trust", "advisory", "severity",  "score",    "epss",
    "kev",    "band",  "days",     "certainty", "exposure", "products",
    "owners", "cves",  "kind",     "cause",     "withdrawn"};

/* ">= 7.5" -> comparison and the rest. */
enum relation { EQ, NE, LT, LE, GT, GE };

static enum relation relation_of(const char **text)
{
    static const struct {
        const char *sign;
        enum relation is;
    } signs[] = {{">=", GE}, {"<=", LE}, {"!=", NE}, {">", GT}, {"<", LT}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t n = strlen(signs[i].sign);
        if (strncmp(*text, signs[i].sign, n) == 0) {
            *text += n + strspn(*text + n, " ");
            return signs[i].is;
        }
    }
    return EQ;
}

static bool number_of(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end;
}

/* severity is an order too */
static int severity_of(const char *s)
{
    static const char *const words[] = {"low", "medium", "high", "critical"};
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(words[i], s) == 0) {
            return i;
        }
    }
    return -1;
}

static bool ordered(enum relation r, double a, double b)
{
    return r == LT ? a < b : r == LE ? a <= b : r == GT ? a > b : r == GE ? a >= b : false;
}

static bool text_holds(const char *have, const char *want)
{
    enum relation r = relation_of(&want);
    double a, b;
    if (r == EQ || r == NE) {
        return (strcmp(have, want) == 0) == (r == EQ);
    }
    if (number_of(have, &a) && number_of(want, &b)) {
        return ordered(r, a, b);
    }
    return severity_of(have) >= 0 && severity_of(want) >= 0 &&
           ordered(r, severity_of(have), severity_of(want));
}

static bool number_holds(double have, const char *want)
{
    enum relation r = relation_of(&want);
    double b;
    if (!number_of(want, &b)) {
        return r == NE;
    }
    bool same = !(have < b) && !(have > b);
    return r == EQ ? same : r == NE ? !same : ordered(r, have, b);
}

static bool scalar_holds(const json_t *have, const char *want)
{
    if (json_is_string(have)) {
        return text_holds(json_string_value(have), want);
    }
    if (json_is_number(have)) {
        return number_holds(json_number_value(have), want);
    }
    if (json_is_boolean(have)) {
        return text_holds(json_is_true(have) ? "true" : "false", want);
    }
    return strncmp(want, "!=", 2) == 0; /* not known: only different from something */
}

/* Any member may fit; "!=" is for all of them. */
static bool one_holds(const json_t *have, const char *want)
{
    bool none = strncmp(want, "!=", 2) == 0;
    size_t i;
    json_t *v;
    if (!json_is_array(have)) {
        return scalar_holds(have, want);
    }
    json_array_foreach(have, i, v)
    {
        if (scalar_holds(v, want) != none) {
            return !none;
        }
    }
    return none;
}

static bool holds(const json_t *have, const json_t *want)
{
    size_t i;
    json_t *v;
    if (!json_is_array(want)) {
        return one_holds(have, json_string_value(want));
    }
    json_array_foreach(want, i, v)
    {
        if (one_holds(have, json_string_value(v))) {
            return true;
        }
    }
    return false;
}

const json_t *tsn_decide_rule(const json_t *rules, const json_t *inputs)
{
    size_t i;
    json_t *rule;
    json_array_foreach(rules, i, rule)
    {
        json_t *when = json_object_get(rule, "when"), *want;
        const char *field;
        bool fits = true;
        json_object_foreach(when, field, want)
        {
            fits = fits && holds(json_object_get(inputs, field), want);
        }
        if (fits) {
            return rule;
        }
    }
    return NULL;
}

const char *tsn_decide_when_bad(const json_t *when)
{
    const char *field;
    json_t *want, *v;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)when, field, want)
    {
        bool known = false;
        for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++) {
            known = known || strcmp(fields[k], field) == 0;
        }
        if (!known) {
            return field;
        }
        if (json_is_array(want) ? json_array_size(want) == 0 : !json_is_string(want)) {
            return field;
        }
        json_array_foreach(want, i, v)
        {
            if (!json_is_string(v)) {
                return field;
            }
        }
    }
    return NULL;
}

double tsn_decide_tokens(double tokens, int64_t then_ms, int64_t now_ms, int64_t burst,
                         int64_t per_hour)
{
    double more =
        now_ms > then_ms ? (double)(now_ms - then_ms) * (double)per_hour / 3600000 : 0;
    return tokens + more > (double)burst ? (double)burst : tokens + more;
}
