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

static bool when_fits(const json_t *rule, const json_t *inputs)
{
    json_t *when = json_object_get(rule, "when"), *want;
    const char *field;
    json_object_foreach(when, field, want)
    {
        if (!holds(json_object_get(inputs, field), want)) {
            return false;
        }
    }
    return true;
}

const char *tsn_decide_lua_failed(const json_t *rule, const json_t *inputs)
{
    const char *name = tsn_json_str(rule, "lua", NULL);
    return name ? tsn_json_str(json_object_get(inputs, "lua"), name, NULL) : NULL;
}

const json_t *tsn_decide_rule(const json_t *rules, const json_t *inputs)
{
    const json_t *answers = json_object_get(inputs, "lua");
    size_t i;
    json_t *rule;
    json_array_foreach(rules, i, rule)
    {
        const char *lua = tsn_json_str(rule, "lua", NULL);
        if (when_fits(rule, inputs) &&
            (!lua || !json_is_false(json_object_get(answers, lua)))) {
            return rule;
        }
    }
    return NULL;
}

json_t *tsn_decide_asks(const json_t *rules, const json_t *inputs)
{
    json_t *out = NULL, *rule;
    size_t i;
    json_array_foreach(rules, i, rule)
    {
        const char *lua = tsn_json_str(rule, "lua", NULL);
        if (!when_fits(rule, inputs)) {
            continue;
        }
        if (!lua) {
            break; /* it decides where none before it does */
        }
        if (!json_object_get(json_object_get(inputs, "lua"), lua)) {
            out = out ? out : json_array();
            json_array_append_new(out, json_string(lua));
        }
    }
    return out;
}

json_t *tsn_decide_would(const json_t *rules, const json_t *inputs)
{
    const char *trust = tsn_json_str(inputs, "trust", "");
    bool low = strcmp(trust, "hint") == 0 || strcmp(trust, "enrichment") == 0;
    const json_t *rule = low ? NULL : tsn_decide_rule(rules, inputs);
    const char *failed = tsn_decide_lua_failed(rule, inputs);
    const char *verdict = low ? "ignore" : tsn_json_str(rule, "verdict", "run");
    verdict = failed ? tsn_json_bool(inputs, "urgent", false) ? "run" : "hold" : verdict;
    if (strcmp(verdict, "run") == 0 &&
        (tsn_json_bool(inputs, "withdrawn", false) ||
         json_array_size(json_object_get(inputs, "products")) == 0)) {
        verdict = "ignore";
    }
    return json_pack("{s:s,s:s*,s:s*}", "verdict", verdict, "rule",
                     tsn_json_str(rule, "name", NULL), "reason",
                     low      ? "its feed may raise questions, not start runs"
                     : failed ? failed
                              : tsn_json_str(rule, "reason", NULL));
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
