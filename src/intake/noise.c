/* noise.c - phrases and facts of a report against rules that are data. Pure. */
#include "intake/noise.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/embed.h"
#include "core/json.h"
#include "core/text.h"

#define DETAIL_BYTES 200

/* --- the rules --- */

static const char *const facts[] = {"no-product", "no-detail", "bulk", "given", "specific"};

static bool rule_ok(const json_t *rule)
{
    const json_t *any = json_object_get(rule, "any"), *word;
    const char *name = tsn_json_str(rule, "name", NULL),
               *fact = tsn_json_str(rule, "fact", NULL);
    int64_t weight = tsn_json_int(rule, "weight", 99);
    bool good = false;
    size_t i;

    if (!name || !tsn_word_ok(name, 40) || weight < -10 || weight > 10)
        return false;
    for (i = 0; fact && i < sizeof(facts) / sizeof(facts[0]); i++)
        good = good || strcmp(facts[i], fact) == 0;
    json_array_foreach(any, i, word)
    {
        if (json_string_length(word) < 3)
            return false;
    }
    return weight == 0 || (good && !any) || (!fact && json_array_size(any) > 0);
}

static tsn_err put(json_t *out, const json_t *list, struct tsn_diag *diag)
{
    json_t *rule, *had;
    size_t i, k;

    json_array_foreach(list, i, rule)
    {
        if (!rule_ok(rule)) {
            tsn_diag_set(diag, TSN_EINPUT, "S052", "rule %zu of `noise` cannot be used", i + 1);
            tsn_diag_hint(diag, "name, weight from -10 to 10, and `any`: phrases of at least 3 "
                                "bytes (or weight 0 alone, which switches a rule off)");
            return TSN_EINPUT;
        }
        json_array_foreach(out, k, had)
        {
            if (strcmp(tsn_json_str(had, "name", ""), tsn_json_str(rule, "name", "")) == 0)
                break;
        }
        if (k < json_array_size(out))
            json_array_set(out, k, rule);
        else
            json_array_append(out, rule);
    }
    return 0;
}

tsn_err tsn_noise_rules(const json_t *own, json_t **out, struct tsn_diag *diag)
{
    json_t *shipped = NULL, *all = json_array();
    tsn_err err = tsn_json_parse((const char *)tsn_noise_data[0].data, tsn_noise_data[0].len,
                                 &shipped, diag);

    if (!err)
        err = put(all, shipped, diag);
    if (!err)
        err = put(all, own, diag);
    json_decref(shipped);
    if (err) {
        json_decref(all);
        return err;
    }
    *out = all;
    return 0;
}

/* --- what is looked at --- */

/* Lower case, every run of blanks one blank: a mail breaks lines anywhere. */
static void put_plain(struct tsn_buf *b, const char *s)
{
    for (bool blank = true; *s; s++) {
        bool now = strchr(" \t\r\n", *s) != NULL;

        if (!now)
            tsn_buf_putc(b, *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s);
        else if (!blank)
            tsn_buf_putc(b, ' ');
        blank = now;
    }
    tsn_buf_putc(b, ' ');
}

static bool says(const char *text, const json_t *phrases)
{
    const json_t *one;
    struct tsn_buf b;
    bool found = false;
    size_t i;

    json_array_foreach(phrases, i, one)
    {
        tsn_buf_init(&b, 4096);
        put_plain(&b, json_string_value(one));
        if (b.len > 1)
            b.data[b.len - 1] = '\0'; /* the last blank */
        found = found || strstr(text, b.data);
        tsn_buf_free(&b);
    }
    return found;
}

/* A configured product by id or name, as the form chooses it or as words of the text. */
static bool names_ours(const char *text, const json_t *ours, const json_t *report)
{
    static const char *const keys[] = {"id", "name"};
    const char *said = tsn_json_str(report, "product", NULL);
    const json_t *p;
    size_t i;

    if (json_array_size(ours) == 0)
        return said != NULL;
    json_array_foreach(ours, i, p)
    {
        for (size_t k = 0; k < 2; k++) {
            const char *name = tsn_json_str(p, keys[k], NULL);
            json_t *phrase = name ? json_pack("[s]", name) : NULL;
            bool found = name && ((said && strcasecmp(said, name) == 0) ||
                                  (strlen(name) >= 3 && says(text, phrase)));

            json_decref(phrase);
            if (found)
                return true;
        }
    }
    return false;
}

static bool has(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    return v && !(json_is_array(v) && json_array_size(v) == 0);
}

struct seen {
    const char *text;
    bool ours, exact, bulk, given, files;
    size_t len;
};

static bool fact_holds(const struct seen *s, const char *fact)
{
    if (strcmp(fact, "no-product") == 0)
        return !s->ours;
    if (strcmp(fact, "no-detail") == 0)
        return s->len < DETAIL_BYTES && !s->exact && !s->files;
    if (strcmp(fact, "bulk") == 0)
        return s->bulk;
    if (strcmp(fact, "given") == 0)
        return s->given;
    return s->ours && s->exact;
}

int64_t tsn_noise_of(const json_t *rules, const json_t *ours, const json_t *report,
                     json_t **reasons)
{
    const json_t *mail = json_object_get(report, "mail"), *rule;
    const char *automatic = tsn_json_str(mail, "automatic", "");
    struct seen s = {.exact = has(report, "version") || has(report, "versions") ||
                              has(report, "cvss") || has(report, "cves"),
                     .bulk = strcmp(automatic, "list") == 0 || strcmp(automatic, "bulk") == 0,
                     .given = has(report, "noise"),
                     .files = has(report, "files") || has(mail, "attachments") ||
                              has(report, "indicators"),
                     .len = strlen(tsn_json_str(report, "text", ""))};
    struct tsn_buf b;
    int64_t score = 0;
    size_t i;

    tsn_buf_init(&b, (size_t)1 << 20);
    put_plain(&b, tsn_json_str(report, "title", ""));
    put_plain(&b, tsn_json_str(report, "text", ""));
    s.text = b.data;
    s.ours = names_ours(s.text, ours, report);
    *reasons = s.given ? json_copy(json_object_get(report, "noise")) : json_array();
    json_array_foreach(rules, i, rule)
    {
        const char *fact = tsn_json_str(rule, "fact", NULL);
        int64_t weight = tsn_json_int(rule, "weight", 0);

        if (weight == 0 ||
            !(fact ? fact_holds(&s, fact) : says(s.text, json_object_get(rule, "any"))))
            continue;
        score += weight;
        if (weight > 0 && !(fact && strcmp(fact, "given") == 0)) /* those stand there already */
            json_array_append(*reasons, json_object_get(rule, "name"));
    }
    tsn_buf_free(&b);
    return score > 0 ? score : 0;
}
