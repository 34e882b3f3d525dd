/* config_exec.c - the `exec:` section: programs that playbooks may start. Owns nothing; all in the arena. */
#include "cli/config_int.h"

#include <string.h>
#include <unistd.h>

static tsn_err take_words(struct tsn_conf *c, const struct tsn_yaml *i,
                          struct tsn_exec_config *e)
{
    const char *program = NULL, *const *args = NULL, **words;
    size_t n = 0;
    tsn_err err = tsn_conf_text(c, i, "program", true, 1000, &program);
    if (!err && tsn_yaml_find(i, "args"))
        err = tsn_yaml_strs(c->arena, i, "args", true, &args, &n, c->diag);
    if (err)
        return err;
    if (program[0] != '/' || access(program, X_OK) != 0) {
        tsn_diag_hint(c->diag, "/usr/bin/whois, nothing behind it; its words stand in args");
        return tsn_yaml_fail(tsn_yaml_find(i, "program"), c->diag, TSN_EINPUT, "C041",
                             "`%.200s` is not the absolute path of a program that is there",
                             program);
    }
    words = tsn_arena_alloc(c->arena, (n + 2) * sizeof(*words));
    words[0] = program;
    for (size_t k = 0; k < n; k++) {
        size_t len = strlen(args[k]);
        bool hole = strchr(args[k], '{') || strchr(args[k], '}');
        /* Half a word from outside is how one argument becomes another. */
        if (hole && !(len > 2 && args[k][0] == '{' && args[k][len - 1] == '}' &&
                      !strchr(args[k] + 1, '{') && strchr(args[k], '}') == args[k] + len - 1)) {
            tsn_diag_hint(c->diag, "[ \"--host\", \"{host}\" ]: one word, one value");
            return tsn_yaml_fail(tsn_yaml_find(i, "args"), c->diag, TSN_EINPUT, "C014",
                                 "`%.100s`: a placeholder is a whole word", args[k]);
        }
        words[k + 1] = args[k];
    }
    e->words = words;
    return 0;
}

static tsn_err take_size(struct tsn_conf *c, const struct tsn_yaml *i, const char *key,
                         int64_t most, int64_t *out)
{
    const char *text = NULL;
    int64_t n = 0;
    tsn_err err = tsn_conf_text(c, i, key, false, 20, &text);
    if (err || !text)
        return err;
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    for (size_t k = 0; k < digits && n < most; k++)
        n = n * 10 + (text[k] - '0');
    n *= strcmp(unit, "MiB") == 0 ? 1 << 20 : strcmp(unit, "KiB") == 0 ? 1 << 10 : 0;
    if (n <= 0 || n > most)
        return tsn_yaml_fail(tsn_yaml_find(i, key), c->diag, TSN_EINPUT, "C021",
                             "`%s` is a size such as 64KiB or 256MiB", key);
    *out = n;
    return 0;
}

tsn_err tsn_conf_exec(struct tsn_conf *c)
{
    static const char *const known[] = {"name",   "summary", "program",   "args",
                                        "effect", "doubt",   "timeout",   "memory",
                                        "cpu",    "output",  "processes", "input"};
    static const char *const effects[] = {"read", "write", "send"}, *const doubts[] = {
                                                                        "ask", "repeat_safe"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, c->root, "exec", false, &list, &n);
    struct tsn_exec_config *all = tsn_arena_alloc(c->arena, (n + 1) * sizeof(*all));
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_exec_config *e = &all[at++];
        const char *effect = "write", *doubt = "ask";
        int64_t cpu_ms = 30000, output = 256 << 10;
        e->memory = (int64_t)256 << 20;
        e->timeout_ms = 60000;
        e->summary = "";
        err = tsn_conf_item(c, i, "exec");
        if (!err)
            err = tsn_yaml_known(i, "exec", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &e->name);
        for (size_t k = 0; k + 1 < at && !err; k++)
            if (strcmp(all[k].name, e->name) == 0)
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EDUP, "C032",
                                    "`%s` stands in exec twice", e->name);
        if (!err)
            err = tsn_conf_text(c, i, "summary", false, 200, &e->summary);
        if (!err)
            err = take_words(c, i, e);
        if (!err && tsn_yaml_find(i, "effect"))
            err = tsn_conf_word(c, i, "effect", effects, 3, &effect);
        if (!err && tsn_yaml_find(i, "doubt"))
            err = tsn_conf_word(c, i, "doubt", doubts, 2, &doubt);
        if (!err)
            err = tsn_conf_duration(c, i, "timeout", false, 100, INT64_C(3600) * 1000,
                                    &e->timeout_ms);
        if (!err)
            err = tsn_conf_duration(c, i, "cpu", false, 1000, INT64_C(3600) * 1000, &cpu_ms);
        if (!err)
            err = take_size(c, i, "memory", (int64_t)16 << 30, &e->memory);
        if (!err)
            err = take_size(c, i, "output", (int64_t)1 << 20, &output);
        e->processes = 64;
        if (!err)
            err = tsn_yaml_int(i, "processes", false, 1, 100000, &e->processes, c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "input", false, &e->input);
        e->reads = strcmp(effect, "read") == 0;
        e->sends = strcmp(effect, "send") == 0;
        e->repeat_safe = strcmp(doubt, "repeat_safe") == 0;
        e->cpu_s = (cpu_ms + 999) / 1000;
        e->output = (size_t)output;
    }
    c->out->exec = all;
    c->out->nexec = at;
    return err;
}
