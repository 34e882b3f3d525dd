/* csaf_render_int.h - inside of tsn_csaf_render: members, lists, notes and the vulnerabilities.
 * Pure; any thread. */
#pragma once

#include "advisory/advisory.h"

/* Sets a member when the text is there and not empty. */
void tsn_render_put(json_t *o, const char *key, const char *value);
/* Sets a list when it has items; takes it. */
void tsn_render_put_list(json_t *o, const char *key, json_t *list);
/* A list, or one thing as a list of one; new reference. */
json_t *tsn_render_list(const json_t *v);
json_t *tsn_render_note(const char *category, const char *title, const char *text);
/* Texts become notes of `category`; objects are notes already. */
void tsn_render_notes(json_t *out, const json_t *v, const char *category, const char *title);
json_t *tsn_render_references(const json_t *v);
json_t *tsn_render_acks(const json_t *v);

/* One vulnerability of the model; every = all product ids, fallback = text where it has no note.
 * *out: new reference, also on failure. */
tsn_err tsn_render_vulnerability(const json_t *vuln, json_t *every, const char *fallback,
                                 enum tsn_csaf_version version, json_t **out,
                                 struct tsn_diag *diag);
