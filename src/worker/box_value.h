/* box_value.h - values between Lua and JSON.
 *
 * To JSON: numbers (finite), strings (UTF-8 without NUL), booleans, lists without holes, tables
 * with string keys; everything else is refused with the path of the place. An empty table is {},
 * unless it came from an empty JSON list or json.list made it. To Lua: null is nil.
 */
#pragma once

#include <jansson.h>
#include <lua.h>
#include <stddef.h>

/* jansson's iterators and reference counts take no const; nothing is changed through it. */
static inline json_t *tsn_value_unconst(const json_t *v)
{
    union {
        const json_t *in;
        json_t *out;
    } u = {v};
    return u.out;
}

#define TSN_VALUE_DEPTH 32
#define TSN_VALUE_NODES 100000
#define TSN_VALUE_BYTES (1u << 20)

struct tsn_value_error {
    char path[160]; /* "args.rules[2].name" */
    char what[120]; /* "is a function" */
};

/* New reference, or NULL with *e filled. Raises nothing and allocates nothing in Lua. `root` is
 * how the path begins. */
json_t *tsn_value_from_lua(lua_State *L, int idx, const char *root, struct tsn_value_error *e);
/* A text that JSON can hold: bytes that are not UTF-8 become '?'. New reference. */
json_t *tsn_worker_text(const char *s);
/* Pushes one value. JUMPS when out of memory. */
void tsn_value_push(lua_State *L, const json_t *v);
