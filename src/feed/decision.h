/* decision.h - what a difference in our matches leads to: nothing, a line in a digest, a run, an event
 * for the run that is at work.
 *
 * Each difference is a row that is decided once, with what it was decided from, so that it can be
 * computed again years later. In order: what may not start anything (a hint, a first load), the
 * rules, then what slows down: quiet periods, a storm of the feed, budgets. The urgent band passes
 * these three, never the entry in the log.
 *
 * A rule: { name, when: { FIELD: VALUE }, verdict: run|hold|digest|ignore, reason, quiet_ms, burst,
 * per_hour, lua }; the first that fits decides, none means run. FIELD is one of the inputs: feed trust
 * advisory severity score epss kev band days certainty exposure products owners cves kind cause
 * withdrawn. VALUE is a scalar or an array of them (any); a text may begin with >= <= > < or !=. Of
 * an input that is a list any member may fit. `lua` names a function of the predicates' file that has to say true
 * as well; its answers come beside the inputs, as "lua": { NAME: true | false | "why it failed" }. Pure but for what says otherwise. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct tsn_decide_config {
    const char *priority;                 /* table of priority.h; NULL = the usual */
    int64_t quiet_ms, quiet_max_ms;       /* after the last change; after the first */
    int64_t burst, per_hour;              /* runs; per_hour 0 = no budget */
    int64_t storm_per_hour, storm_factor; /* of a feed's decisions; per_hour 0 = never */
    int64_t group_ms;                     /* of digests; 0 = a day */
    const json_t *rules;                  /* borrowed; NULL = none */
    const char *lua_name, *lua; /* file of predicates: its name, its text; NULL = none */
    const char *lua_sha256;     /* of the text, in hex */
};

/* The first rule whose `when` holds; NULL = none. */
const json_t *tsn_decide_rule(const json_t *rules, const json_t *inputs);
/* Functions whose answers the choice of a rule may need and that `inputs` has not; NULL = none. */
json_t *tsn_decide_asks(const json_t *rules, const json_t *inputs);
/* Why this rule's function failed: then it decides nothing, a person does. NULL = it did not. */
const char *tsn_decide_lua_failed(const json_t *rule, const json_t *inputs);
/* What the rules would say: { verdict, rule, reason }. */
json_t *tsn_decide_would(const json_t *rules, const json_t *inputs);
/* Is `when` readable? Else what is wrong, for the configuration. */
const char *tsn_decide_when_bad(const json_t *when);
/* Tokens left of a bucket that held `tokens` at `then_ms`. */
double tsn_decide_tokens(double tokens, int64_t then_ms, int64_t now_ms, int64_t burst,
                         int64_t per_hour);
