/* csaf_render_parts.c - parts that documents and vulnerabilities of CSAF share. Pure. */
#include <string.h>
#include "advisory/csaf_render_int.h"
#include "core/json.h"

/* Sets a member when the text is there and not empty. */
void tsn_render_put(json_t *o, const char *key, const char *value)
{
    if (value && *value) {
        json_object_set_new(o, key, json_string(value));
    }
}

/* Sets a list when it has items; takes it. */
void tsn_render_put_list(json_t *o, const char *key, json_t *list)
{
    if (json_array_size(list) > 0) {
        json_object_set_new(o, key, list);
    } else {
        json_decref(list);
    }
}

/* A list, or one thing as a list of one; borrowed items. */
json_t *tsn_render_list(const json_t *v)
{
    json_t *list = json_array();
    size_t i;
    json_t *item;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item)
        {
            json_array_append(list, item);
        }
    } else if (v && !json_is_null(v)) {
        json_array_append_new(list, json_deep_copy(v));
    }
    return list;
}

json_t *tsn_render_note(const char *category, const char *title, const char *text)
{
    json_t *n = json_object();
    tsn_render_put(n, "category", category);
    tsn_render_put(n, "title", title);
    tsn_render_put(n, "text", text);
    return n;
}

/* Texts become notes of `category`; objects are notes already. */
void tsn_render_notes(json_t *out, const json_t *v, const char *category, const char *title)
{
    json_t *list = tsn_render_list(v), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        if (json_is_object(item)) {
            json_array_append_new(out, tsn_render_note(tsn_json_str(item, "category", category),
                                                       tsn_json_str(item, "title", NULL),
                                                       tsn_json_str(item, "text", NULL)));
        } else if (json_is_string(item) && json_string_length(item) > 0) {
            json_array_append_new(out,
                                  tsn_render_note(category, title, json_string_value(item)));
        }
    }
    json_decref(list);
}

json_t *tsn_render_references(const json_t *v)
{
    json_t *out = json_array(), *list = tsn_render_list(v), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *url =
            json_is_string(item) ? json_string_value(item) : tsn_json_str(item, "url", NULL);
        if (!url || !*url) {
            continue;
        }
        json_t *r = json_object();
        tsn_render_put(r, "category", tsn_json_str(item, "category", "external"));
        tsn_render_put(r, "summary", tsn_json_str(item, "summary", url));
        tsn_render_put(r, "url", url);
        json_array_append_new(out, r);
    }
    json_decref(list);
    return out;
}

json_t *tsn_render_acks(const json_t *v)
{
    static const char *const keys[] = {"names", "organization", "summary", "urls"};
    json_t *out = json_array(), *list = tsn_render_list(v), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_t *a = json_object();
        if (json_is_string(item)) {
            json_object_set_new(a, "names", json_pack("[O]", item));
        }
        for (size_t k = 0; k < 4 && json_is_object(item); k++) {
            const json_t *m = json_object_get(item, keys[k]);
            if ((json_is_string(m) && json_string_length(m) > 0) || json_array_size(m) > 0) {
                json_object_set_new(a, keys[k], json_deep_copy(m));
            }
        }
        if (json_object_size(a) > 0) {
            json_array_append(out, a);
        }
        json_decref(a);
    }
    json_decref(list);
    return out;
}
