/* config_audit.c - `audit:`: who signs checkpoints, who witnesses them, where copies go. Owns
 * nothing; any thread. */
#include "cli/config_int.h"

#include <string.h>

#include "audit/note.h"

static tsn_err take_witness(struct tsn_conf *c, const struct tsn_yaml *item,
                            struct tsn_witness_config *w)
{
    static const char *const known[] = {"key", "url", "reach"};
    static const char *const none[] = {NULL};
    struct tsn_note_key key;
    tsn_err err = tsn_conf_item(c, item, "witnesses");

    w->reach = none;
    if (!err)
        err = tsn_yaml_known(item, "witnesses", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_text(c, item, "key", true, 400, &w->key);
    if (!err && (tsn_note_key_parse(&key, w->key, strlen(w->key)) != 0 ||
                 key.type != TSN_NOTE_COSIGNATURE)) {
        err = tsn_yaml_fail(tsn_yaml_find(item, "key"), c->diag, TSN_EINPUT, "K200",
                            "this is not the key of a witness");
        tsn_diag_hint(c->diag, "it is the line that `tocsin witness init` printed there");
    }
    if (!err)
        err = tsn_conf_url(c, item, "url", true, TSN_URL_WEB, &w->url);
    return err ? err : tsn_conf_reach(c, item, "reach", &w->reach);
}

static tsn_err take_witnesses(struct tsn_conf *c, const struct tsn_yaml *map)
{
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, map, "witnesses", false, &list, &n);
    struct tsn_witness_config *w = tsn_arena_alloc(c->arena, (n + 1) * sizeof(*w));

    for (const struct tsn_yaml *i = list; i && !err; i = i->next)
        err = take_witness(c, i, &w[at++]);
    c->out->sealing.witnesses = w;
    c->out->sealing.nwitnesses = at;
    c->out->sealing.quorum = (int64_t)at;
    return err ? err
               : tsn_yaml_int(map, "quorum", false, 0, (int64_t)at, &c->out->sealing.quorum,
                              c->diag);
}

static tsn_err take_copies(struct tsn_conf *c, const struct tsn_yaml *map)
{
    static const char *const known[] = {"every", "file", "syslog", "mail"};
    const struct tsn_yaml *copies = tsn_yaml_find(map, "copies");
    struct tsn_sealing_config *s = &c->out->sealing;
    tsn_err err;

    if (!copies)
        return 0;
    if (copies->type != TSN_YAML_MAP)
        return tsn_yaml_fail(copies, c->diag, TSN_EINPUT, "C014",
                             "`copies` must be a group of settings");
    err = tsn_yaml_known(copies, "copies", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_duration(c, copies, "every", false, 1000, INT64_C(30) * 86400 * 1000,
                                &s->every_ms);
    if (!err)
        err = tsn_conf_path(c, copies, "file", false, &s->copy_file);
    if (!err)
        err = tsn_conf_listen(c, copies, "syslog", &s->copy_syslog);
    return err ? err : tsn_conf_mail(c, copies, "mail", false, false, &c->out->copy_mail);
}

/* A folder of ours, or `unix:/PATH`, the socket of a sealer that another user runs. */
static tsn_err take_sealer(struct tsn_conf *c, const struct tsn_yaml *map,
                           struct tsn_sealing_config *s)
{
    const char *text = NULL;
    tsn_err err = tsn_conf_text(c, map, "sealer", false, 4000, &text);

    if (err || !text || strncmp(text, "unix:", 5) != 0)
        return err ? err : tsn_conf_path(c, map, "sealer", false, &s->dir);
    s->socket = text + 5;
    if (text[5] == '/' && strlen(text) < 100)
        return 0;
    err = tsn_yaml_fail(tsn_yaml_find(map, "sealer"), c->diag, TSN_EINPUT, "K202",
                        "the sealer's socket must be an absolute path of less than 95 bytes");
    tsn_diag_hint(c->diag, "unix:/run/tocsin-sealer.sock");
    return err;
}

tsn_err tsn_conf_audit(struct tsn_conf *c)
{
    static const char *const known[] = {"origin", "sealer",         "witnesses", "quorum",
                                        "wait",   "without_quorum", "copies"};
    static const char *const ways[] = {"ask", "go"};
    struct tsn_sealing_config *s = &c->out->sealing;
    const char *without = "ask";
    const struct tsn_yaml *map;
    tsn_err err = tsn_conf_map(c, "audit", &map);

    s->origin = tsn_arena_printf(c->arena, "%s/tocsin/main/audit", c->out->domain);
    s->dir = tsn_arena_printf(c->arena, "%s/sealer", c->out->data_dir);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "audit", known, TSN_CONF_COUNT(known), c->diag);
    if (!err)
        err = tsn_conf_text(c, map, "origin", false, 200, &s->origin);
    if (!err && !tsn_note_name_ok(s->origin, strlen(s->origin)))
        err = tsn_yaml_fail(tsn_yaml_find(map, "origin"), c->diag, TSN_EINPUT, "K201",
                            "an origin has no spaces and no `+`");
    if (!err)
        err = take_sealer(c, map, s);
    if (!err)
        err = take_witnesses(c, map);
    if (!err)
        err =
            tsn_conf_duration(c, map, "wait", false, 100, INT64_C(86400) * 1000, &s->cover_ms);
    if (!err && tsn_yaml_find(map, "without_quorum"))
        err = tsn_conf_word(c, map, "without_quorum", ways, TSN_CONF_COUNT(ways), &without);
    if (!err)
        err = take_copies(c, map);
    s->without = strcmp(without, "go") == 0 ? TSN_NO_COVER_GO : TSN_NO_COVER_ASK;
    return err;
}
