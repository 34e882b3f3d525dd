/* config_int.h - what the files of the configuration loader share; nobody else includes it.
 *
 * Each take_* function reads one section of the file into the result and says in diag what is
 * wrong, with the place of the very value. Any thread; blocks only where config.c opens files. */
#pragma once

#include "cli/config.h"
#include "core/yaml.h"

struct tsn_conf {
    struct tsn_arena *arena;
    const struct tsn_yaml *root;
    struct tsn_config *out;
    struct tsn_diag *diag;
    bool without_secrets; /* files of secrets are not opened */
};

#define TSN_CONF_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The member of the root as a map or list; *out NULL when it is absent. C013 when needed. */
tsn_err tsn_conf_map(struct tsn_conf *c, const char *key, const struct tsn_yaml **out);
tsn_err tsn_conf_list(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, const struct tsn_yaml **out, size_t *n);
/* Each item must be a map. */
tsn_err tsn_conf_item(struct tsn_conf *c, const struct tsn_yaml *item, const char *what);

/* --- values: NULL members stay as they are; every error has the place of the value ---------- */

/* Text that is not empty and has no control characters, at most max bytes. */
tsn_err tsn_conf_text(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, size_t max, const char **out);
/* An id: letters, digits, - _ . ; begins with a letter or digit; at most 64. C039 */
tsn_err tsn_conf_name(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, const char **out);
tsn_err tsn_conf_name_ok(struct tsn_conf *c, const struct tsn_yaml *node);
/* One of a few words. C030 */
tsn_err tsn_conf_word(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      const char *const *words, size_t n, const char **out);
/* A path, made absolute. */
tsn_err tsn_conf_path(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, const char **out);
/* A list of exact addresses, with or without port. C037 */
tsn_err tsn_conf_reach(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                       const char *const **out);
/* "127.0.0.1:8420" "[::1]:0"; none gives NULL. C038 */
tsn_err tsn_conf_listen(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                        const char **out);
/* http:// or https:// (folder: ending in '/'), or with smtp: smtp:// or smtps://. C036 */
enum tsn_conf_url { TSN_URL_WEB, TSN_URL_FOLDER, TSN_URL_SMTP };
tsn_err tsn_conf_url(struct tsn_conf *c, const struct tsn_yaml *map, const char *key, bool need,
                     enum tsn_conf_url kind, const char **out);
/* local@domain; with `named` also Name <local@domain>. C042 */
tsn_err tsn_conf_mail(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                      bool need, bool named, const char **out);
/* cases: roles: { ROLE: { sees: assigned|product|open|all, may: [ OPERATION or DOMAIN ] } } */
tsn_err tsn_conf_roles(struct tsn_conf *c, const struct tsn_yaml *map);
tsn_err tsn_conf_duration(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                          bool need, int64_t min_ms, int64_t max_ms, int64_t *out);
/* "Acme <a@b.example>" to "a@b.example". */
const char *tsn_conf_address(struct tsn_arena *arena, const char *from);
/* A secret's handle: `key` has secret:NAME or credential:NAME, or `file_key` a file that holds it. C040,
 * C041, C047. */
tsn_err tsn_conf_secret(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                        const char *file_key, bool need, const char **handle);
/* Handles among free-form values. */
tsn_err tsn_conf_handles(struct tsn_conf *c, const struct tsn_yaml *node);
tsn_err tsn_conf_handle(struct tsn_conf *c, const struct tsn_yaml *at, const char *text);
/* A list of words as member `key` of `into`, empty where there is none. config_publish.c */
tsn_err tsn_conf_words(struct tsn_conf *c, const struct tsn_yaml *item, const char *key,
                       json_t *into);
/* Member `attach` of `o` names renderings. C030 */
tsn_err tsn_conf_forms(struct tsn_conf *c, const struct tsn_yaml *item, const json_t *o);
/* YAML as JSON: unquoted numbers, true, false and null are such; new reference. */
json_t *tsn_conf_json(const struct tsn_yaml *node);

/* --- sections ------------------------------------------------------------------------------ */

tsn_err tsn_conf_people(struct tsn_conf *c);
tsn_err tsn_conf_products(struct tsn_conf *c);
tsn_err tsn_conf_customers(struct tsn_conf *c);
tsn_err tsn_conf_rules(struct tsn_conf *c);
tsn_err tsn_conf_schedules(struct tsn_conf *c);
tsn_err tsn_conf_hooks(struct tsn_conf *c);
tsn_err tsn_conf_noise(struct tsn_conf *c);
tsn_err tsn_conf_feeds(struct tsn_conf *c);
tsn_err tsn_conf_decisions(struct tsn_conf *c); /* config_decide.c */
tsn_err tsn_conf_plugins(struct tsn_conf *c);
tsn_err tsn_conf_audit(struct tsn_conf *c);
tsn_err tsn_conf_policies(struct tsn_conf *c);
tsn_err tsn_conf_vince(struct tsn_conf *c);
tsn_err tsn_conf_mail_section(struct tsn_conf *c);
tsn_err tsn_conf_form(struct tsn_conf *c); /* after the mail section */
tsn_err tsn_conf_publisher(struct tsn_conf *c);
tsn_err tsn_conf_publish(struct tsn_conf *c);
/* The start of names: at most 32 characters. C043 */
tsn_err tsn_conf_prefix(struct tsn_conf *c, const struct tsn_yaml *map, const char **out);

tsn_err tsn_conf_secrets(struct tsn_conf *c);
tsn_err tsn_conf_exec(struct tsn_conf *c);
tsn_err tsn_conf_http(struct tsn_conf *c);
