/* box_explain.c - from Lua's own words to a message with a code, a place and a hint.
 *
 * Reads the coroutine's stack, which lua_resume leaves as it was at the error. Allocates nothing
 * in Lua while it looks (the state may be at its cap) and never calls __tostring.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "worker/box_int.h"

/* --- source lines --------------------------------------------------------------------------- */

/* Copies line `line` of source into out (cut to cap); false when there is none. */
static bool source_line(const char *source, int line, char *out, size_t cap)
{
    const char *p = source;
    for (int i = 1; p && i < line; i++) {
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    if (!p || line < 1)
        return false;
    size_t n = strcspn(p, "\r\n");
    if (n >= cap)
        n = cap - 1;
    /* Not in the middle of a character. */
    while (n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80)
        n--;
    memcpy(out, p, n);
    out[n] = '\0';
    return true;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *find_word(const char *line, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = line; n && (p = strstr(p, word)); p++) {
        if ((p == line || !word_char(p[-1])) && !word_char(p[n]))
            return p;
    }
    return NULL;
}

/* --- syntax --------------------------------------------------------------------------------- */

/* "... near 'title'" -> title; false for <eof> and symbols, which no missing comma explains. */
static bool near_token(const char *message, char *out, size_t cap)
{
    const char *p = strstr(message, " near ");
    if (!p || p[6] != '\'')
        return false;
    p += 7;
    const char *end = strrchr(p, '\'');
    if (!end || end == p || (size_t)(end - p) >= cap)
        return false;
    memcpy(out, p, (size_t)(end - p));
    out[end - p] = '\0';
    return word_char(out[0]) || out[0] == '"' || out[0] == '\'' || out[0] == '{' ||
           out[0] == '[';
}

/* A table or an argument list was expected to end where another value begins: the comma between
 * them is missing, and it belongs behind what stands before. */
static bool missing_comma(struct tsn_box_error *e, const char *source, const char *message)
{
    char token[120], line[200];
    if ((!strstr(message, "'}' expected") && !strstr(message, "')' expected")) ||
        !near_token(message, token, sizeof token) ||
        !source_line(source, e->line, line, sizeof line))
        return false;
    static const char *const words[] = {"then",  "do",     "end",    "else", "elseif",
                                        "until", "local",  "return", "if",   "for",
                                        "while", "repeat", "break"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(token, words[i]) == 0)
            return false;
    }
    const char *at = strstr(line, token);
    if (at && strspn(line, " \t") != (size_t)(at - line)) {
        while (at > line && (at[-1] == ' ' || at[-1] == '\t'))
            at--;
        e->col = (int)(at - line) + 1;
    } else {
        int n = e->line;
        do {
            if (!source_line(source, --n, line, sizeof line))
                return false;
        } while (strspn(line, " \t") == strlen(line) && n > 1);
        e->line = n;
        size_t len = strlen(line);
        while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
            len--;
        e->col = (int)len + 1;
    }
    tsn_copy(e->text, sizeof e->text, "a comma is missing");
    snprintf(e->hint, sizeof e->hint, "put `,` at the end of line %d, before `%.80s`", e->line,
             token);
    if (at && e->col <= (int)(at - line) + 1)
        snprintf(e->hint, sizeof e->hint, "put `,` before `%.80s`", token);
    return true;
}

void tsn_box_explain_syntax(struct tsn_box_error *e, const char *file, const char *source,
                            const char *message)
{
    memset(e, 0, sizeof *e);
    tsn_copy(e->code, sizeof e->code, "L001");
    tsn_copy(e->file, sizeof e->file, file);
    /* "customer-incident.lua:5: message"; the name may hold colons, so count from its own. */
    const char *p = message;
    for (const char *q = strchr(message, ':'); q; q = strchr(q + 1, ':')) {
        size_t digits = strspn(q + 1, "0123456789");
        if (digits && q[1 + digits] == ':' && q[2 + digits] == ' ') {
            int64_t line = 0;
            char number[16];
            snprintf(number, sizeof number, "%.*s", (int)(digits < 9 ? digits : 9), q + 1);
            if (tsn_parse_int(number, 1, 100000000, &line) == 0)
                e->line = (int)line;
            p = q + 3 + digits;
            break;
        }
    }
    if (!missing_comma(e, source, p)) {
        tsn_copy(e->text, sizeof e->text, p);
        e->col = 0;
    }
    source_line(source, e->line, e->source, sizeof e->source);
}

/* --- run time ------------------------------------------------------------------------------- */

/* Widens the last name of the expression at `at` to the left: contact -> report.contact. */
static void whole_expression(const char *line, const char *at, size_t n, char *out, size_t cap)
{
    const char *from = at;
    while (from > line && (word_char(from[-1]) || from[-1] == '.' || from[-1] == ':'))
        from--;
    while (*from == '.' || *from == ':' || isdigit((unsigned char)*from))
        from++;
    if (from > at)
        from = at;
    snprintf(out, cap, "%.*s", (int)(at - from) + (int)n, from);
}

/* "attempt to index a nil value (field 'contact')": what was nil, in the author's words. */
static bool nil_value(struct tsn_box_error *e, const char *message)
{
    const char *p = strstr(message, "attempt to ");
    char verb[40], name[80] = "", what[160] = "";
    if (!p || !strstr(p, " a nil value"))
        return false;
    tsn_copy(verb, sizeof verb, p + 11);
    char *cut = strstr(verb, " a nil");
    if (!cut)
        cut = strstr(verb, " on a nil");
    if (cut)
        *cut = '\0';
    const char *quote = strstr(p, " '");
    const char *end = quote ? strchr(quote + 2, '\'') : NULL;
    if (end && (size_t)(end - quote - 2) < sizeof name)
        snprintf(name, sizeof name, "%.*s", (int)(end - quote - 2), quote + 2);
    const char *at = name[0] ? find_word(e->source, name) : NULL;
    if (at) {
        whole_expression(e->source, at, strlen(name), what, sizeof what);
        e->col = (int)(at - e->source) + 1;
    } else {
        snprintf(what, sizeof what, "%s", name[0] ? name : "a value");
    }
    tsn_copy(e->code, sizeof e->code, "R010");
    if (strncmp(verb, "call", 4) == 0) {
        snprintf(e->text, sizeof e->text, "%s is nil, so it cannot be called", what);
        snprintf(e->hint, sizeof e->hint, "is the name spelt right?");
    } else {
        snprintf(e->text, sizeof e->text, "%s is nil here (%s)", what, p);
        if (name[0])
            snprintf(e->hint, sizeof e->hint,
                     "test it first: `if %.120s then ... end`, or give a default with `or`",
                     what);
    }
    return true;
}

/* "file:12: text" -> "text" when file and line are what the stack says. */
static const char *without_place(const struct tsn_box_error *e, const char *message)
{
    char place[260];
    int n = snprintf(place, sizeof place, "%s:%d: ", e->file, e->line);
    if (e->line && strncmp(message, place, (size_t)n) == 0)
        return message + n;
    return message;
}

/* Member of the error table on top, when it is a text. Pushes and pops; the key is found by
 * walking, because making a key could raise. */
static bool member(lua_State *L, const char *key, char *out, size_t cap, int *number)
{
    bool found = false;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), key) == 0) {
            if (number && lua_isinteger(L, -1)) {
                *number = (int)lua_tointeger(L, -1);
                found = true;
            } else if (out && lua_type(L, -1) == LUA_TSTRING) {
                found = tsn_copy(out, cap, lua_tostring(L, -1)) || out[0];
            }
            lua_pop(L, 2);
            return found;
        }
        lua_pop(L, 1);
    }
    return false;
}

static void from_table(struct tsn_box_error *e, lua_State *L)
{
    int line = 0;
    if (!member(L, "message", e->text, sizeof e->text, NULL))
        tsn_copy(e->text, sizeof e->text, "the playbook raised a table without a message");
    if (!member(L, "code", e->code, sizeof e->code, NULL))
        tsn_copy(e->code, sizeof e->code, "R014");
    member(L, "hint", e->hint, sizeof e->hint, NULL);
    if (member(L, "line", NULL, 0, &line) && line > 0 &&
        member(L, "file", e->file, sizeof e->file, NULL))
        e->line = line;
    if (member(L, "col", NULL, 0, &line))
        e->col = line;
}

static void traceback(struct tsn_box_error *e, lua_State *L)
{
    lua_Debug ar;
    size_t len = 0;
    int shown = 0;
    for (int level = 0; lua_getstack(L, level, &ar) && shown < 20; level++) {
        lua_getinfo(L, "Sln", &ar);
        if (ar.source[0] != '@')
            continue;
        int n = snprintf(e->traceback + len, sizeof e->traceback - len, "%s%s:%d in %s",
                         shown ? "\n" : "", ar.source + 1, ar.currentline,
                         ar.name ? ar.name : ar.what);
        if (n < 0 || (size_t)n >= sizeof e->traceback - len) {
            e->traceback[len] = '\0';
            return;
        }
        len += (size_t)n;
        shown++;
    }
}

void tsn_box_explain(struct tsn_box *box, lua_State *L, int status)
{
    struct tsn_box_error *e = &box->error;

    memset(e, 0, sizeof *e);
    e->line = tsn_box_where(L, e->file, sizeof e->file);
    if (!e->file[0])
        tsn_copy(e->file, sizeof e->file, box->main);
    traceback(e, L);
    lua_checkstack(L, 8);
    if (box->fault[0]) {
        tsn_copy(e->code, sizeof e->code, box->fault);
        tsn_copy(e->text, sizeof e->text, box->fault_text);
        tsn_copy(e->hint, sizeof e->hint, box->fault_hint);
        if (box->fault_line)
            e->line = box->fault_line;
        e->killed = strcmp(e->code, "R020") == 0 || strcmp(e->code, "R021") == 0;
    } else if (lua_type(L, -1) == LUA_TTABLE) {
        from_table(e, L);
    }
    const char *source = tsn_json_str(box->files, e->file, NULL);
    if (source)
        source_line(source, e->line, e->source, sizeof e->source);
    if (e->code[0])
        return;
    if (lua_type(L, -1) == LUA_TSTRING) {
        const char *message = without_place(e, lua_tostring(L, -1));
        if (nil_value(e, message))
            return;
        tsn_copy(e->text, sizeof e->text, message);
    } else {
        snprintf(e->text, sizeof e->text, "the playbook raised a %s as an error",
                 lua_typename(L, lua_type(L, -1)));
    }
    tsn_copy(e->code, sizeof e->code, status == LUA_ERRERR ? "R015" : "R014");
}
