/* form_texts.c - the words of the public pages: one file a language, chosen by the browser. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "form/form_int.h"

const char *const tsn_languages[TSN_LANGUAGES] = {"en", "de", "zh", "ja"};

static tsn_err load_one(const char *dir, const char *language, json_t **out,
                        struct tsn_diag *diag)
{
    struct tsn_buf b, path;
    tsn_err err;

    tsn_buf_init(&b, (size_t)1 << 20);
    tsn_buf_init(&path, 4096);
    tsn_buf_printf(&path, "%s/%s.json", dir, language);
    err = tsn_buf_read_file(&b, path.data);
    if (!err)
        err = tsn_json_parse(b.data, b.len, out, diag);
    if (!err && !json_is_object(*out))
        err = TSN_EINPUT;
    if (err) {
        tsn_diag_set(diag, err, "S051", "the form's texts %s cannot be used", path.data);
        tsn_diag_hint(diag, "a JSON object of texts; form: texts: names the folder");
    }
    tsn_buf_free(&b);
    tsn_buf_free(&path);
    return err;
}

tsn_err tsn_texts_load(const char *dir, json_t *out[TSN_LANGUAGES], struct tsn_diag *diag)
{
    const char *key;
    json_t *value;
    tsn_err err = 0;

    for (size_t i = 0; i < TSN_LANGUAGES && !err; i++)
        err = load_one(dir, tsn_languages[i], &out[i], diag);
    if (err)
        return err;
    json_object_foreach(out[0], key, value)
    {
        for (size_t i = 0; i < TSN_LANGUAGES && !err; i++) {
            if (tsn_json_str(out[i], key, NULL))
                continue;
            err = tsn_diag_set(diag, TSN_EINPUT, "S051", "%s/%s.json has no text `%s`", dir,
                               tsn_languages[i], key);
            tsn_diag_hint(diag, "each language has every text of en.json");
        }
    }
    return err;
}

size_t tsn_texts_find(const char *tag, size_t len)
{
    size_t n = 0;

    while (n < len && tag[n] != '-' && tag[n] != '_')
        n++;
    for (size_t i = 0; i < TSN_LANGUAGES; i++) {
        if (strlen(tsn_languages[i]) == n && strncasecmp(tag, tsn_languages[i], n) == 0)
            return i;
    }
    return TSN_LANGUAGES;
}

size_t tsn_texts_choose(const char *accept)
{
    size_t best = 0;
    double most = 0;

    for (const char *p = accept ? accept : ""; *p;) {
        size_t item = strcspn(p, ","), skip = strspn(p, " \t"),
               tag = strcspn(p + skip, ",; \t"), at = tsn_texts_find(p + skip, tag);
        const char *q = memmem(p, item, "q=", 2);
        double weight = q ? strtod(q + 2, NULL) : 1;

        if (at < TSN_LANGUAGES && weight > most) {
            most = weight;
            best = at;
        }
        p += item;
        p += *p == ',';
    }
    return best;
}
