/* publish_meta.c - where all is: provider-metadata.json of both editions, the key, security.txt.
 *
 * Sources: CSAF 2.0 section 7.1 (requirements 7 to 10 and 20) and the same of CSAF 2.1, RFC 9116. Pure. */
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "advisory/publish_tree.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"

#define DAY_MS     INT64_C(86400000)
#define EXPIRES_MS (180 * DAY_MS) /* RFC 9116 advises less than a year */
#define RENEW_MS   (30 * DAY_MS)

static const char *key_url(struct tsn_site *t)
{
    return tsn_arena_printf(t->arena, "%s/.well-known/csaf/openpgp/%s.asc", t->config->url,
                            t->config->key);
}

static const char *metadata_url(struct tsn_site *t, enum tsn_csaf_version edition)
{
    return tsn_arena_printf(t->arena, "%s/%s/provider-metadata.json", t->config->url,
                            tsn_site_base(edition));
}

/* Feed and folder of what is for everybody, as each edition writes them. */
static json_t *distributions(struct tsn_site *t, enum tsn_csaf_version edition)
{
    const char *label = tsn_site_open_label(edition);
    const char *folder =
        tsn_arena_printf(t->arena, "%s/%s/%s/", t->config->url, tsn_site_base(edition), label);
    const char *feed = tsn_arena_printf(t->arena, "%scsaf-feed-tlp-%s.json", folder, label);
    if (edition == TSN_CSAF_21) {
        return json_pack("[{s:{s:s,s:s}},{s:{s:[{s:s,s:s,s:s,s:s}]}}]", "directory",
                         "tlp_label", "CLEAR", "url", folder, "rolie", "feeds", "last_updated",
                         tsn_site_newest(t, edition, label), "summary", "TLP:CLEAR advisories",
                         "tlp_label", "CLEAR", "url", feed);
    }
    return json_pack("[{s:s},{s:{s:[{s:s,s:s,s:s}]}}]", "directory_url", folder, "rolie",
                     "feeds", "summary", "TLP:WHITE advisories", "tlp_label", "WHITE", "url",
                     feed);
}

static void provider(struct tsn_site *t, enum tsn_csaf_version edition)
{
    const struct tsn_publisher *p = t->publisher;
    bool v21 = edition == TSN_CSAF_21;
    json_t *own = json_pack("{s:s,s:s,s:s}", "category", p->category ? p->category : "vendor",
                            "name", p->name, "namespace", p->namespace_url);
    if (p->contact) {
        json_object_set_new(own, "contact_details", json_string(p->contact));
    }
    json_t *v = json_pack(
        "{s:s,s:s,s:b,s:b,s:s,s:o,s:s,s:o}", "canonical_url", metadata_url(t, edition),
        "last_updated", tsn_site_newest(t, edition, NULL), "list_on_CSAF_aggregators", 1,
        "mirror_on_CSAF_aggregators", 1, "metadata_version", v21 ? "2.1" : "2.0", "publisher",
        own, "role", t->public_key ? "csaf_trusted_provider" : "csaf_provider", "distributions",
        distributions(t, edition));
    if (v21) {
        json_object_set_new(
            v, "$schema",
            json_string("https://docs.oasis-open.org/csaf/csaf/v2.1/schema/provider.json"));
    }
    if (t->public_key) {
        json_object_set_new(
            v, "public_openpgp_keys",
            json_pack("[{s:s,s:s}]", "fingerprint", t->config->key, "url", key_url(t)));
    }
    tsn_site_add_json(t,
                      tsn_arena_printf(t->arena, TSN_SITE_PUBLIC "/%s/provider-metadata.json",
                                       tsn_site_base(edition)),
                      v);
}

int64_t tsn_site_expires(const char *text)
{
    int64_t sec, nsec;
    char when[64];
    const char *p = text ? strstr(text, "\nExpires: ") : NULL;
    if (!p || sscanf(p + 10, "%63s", when) != 1 || !tsn_csaf_time(when, &sec, &nsec)) {
        return 0;
    }
    return sec * 1000;
}

static void security(struct tsn_site *t)
{
    struct tsn_buf b;
    int64_t until = tsn_site_expires(t->security);
    char when[25];
    if (until < t->now_ms + RENEW_MS || until > t->now_ms + EXPIRES_MS) {
        until = (t->now_ms + EXPIRES_MS) / DAY_MS * DAY_MS;
    }
    tsn_time_format(when, until);
    const char *contact =
        t->publisher->contact ? t->publisher->contact : t->publisher->namespace_url;
    bool uri = strstr(contact, "://") || strncmp(contact, "mailto:", 7) == 0;
    tsn_buf_init(&b, 1u << 16);
    tsn_buf_printf(&b, "Contact: %s%s\n", uri ? "" : "mailto:", contact);
    tsn_buf_printf(&b, "Expires: %.19sZ\n", when);
    tsn_buf_printf(&b, "Canonical: %s/.well-known/security.txt\n", t->config->url);
    if (t->config->languages) {
        tsn_buf_printf(&b, "Preferred-Languages: %s\n", t->config->languages);
    }
    if (t->public_key) {
        tsn_buf_printf(&b, "Encryption: %s\n", key_url(t));
    }
    if (t->config->policy) {
        tsn_buf_printf(&b, "Policy: %s\n", t->config->policy);
    }
    for (size_t i = 0; i < 2; i++) {
        tsn_buf_printf(&b, "CSAF: %s\n", metadata_url(t, i ? TSN_CSAF_21 : TSN_CSAF_20));
    }
    tsn_site_add(t, TSN_SITE_PUBLIC "/.well-known/security.txt", b.data, b.len);
    tsn_buf_free(&b);
}

void tsn_site_metadata(struct tsn_site *t)
{
    if (t->public_key) {
        tsn_site_add(t,
                     tsn_arena_printf(t->arena, "%s/.well-known/csaf/openpgp/%s.asc",
                                      TSN_SITE_PUBLIC, t->config->key),
                     t->public_key, strlen(t->public_key));
    }
    provider(t, TSN_CSAF_21);
    provider(t, TSN_CSAF_20);
    security(t);
}
