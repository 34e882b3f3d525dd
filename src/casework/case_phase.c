/* case_phase.c - which requirements of the visible phase a case meets. Store thread. */
#include "casework/case_work.h"

#include <string.h>
#include "casework/phase.h"
#include "core/json.h"
#include "store/record_case.h"

static bool has(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_string(v))
        return json_string_length(v) > 0;
    if (json_is_object(v) || json_is_array(v))
        return json_is_object(v) ? json_object_size(v) > 0 : json_array_size(v) > 0;
    return json_is_number(v) || json_is_true(v);
}

static bool affected_closed(const json_t *facts)
{
    const json_t *set = json_object_get(facts, "affected");
    const char *key;
    json_t *v;
    if (!json_is_object(set) || !tsn_json_bool(facts, "affected_closed", false))
        return false;
    json_object_foreach((json_t *)(uintptr_t)set, key, v)
    {
        const char *status =
            json_is_string(v) ? json_string_value(v) : tsn_json_str(v, "status", "");
        if (!strcmp(status, "under_investigation"))
            return false;
    }
    return json_object_size(set) > 0;
}

static const struct tsn_rec_track *row(const struct tsn_rec_track *rows, size_t n,
                                       const char *track, const char *subject)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(rows[i].track, track) && !strcmp(rows[i].subject, subject))
            return &rows[i];
    return NULL;
}

/* Every report that is attached turned out to be nothing we work on. */
static bool rejected(const struct tsn_rec_track *rows, size_t n)
{
    size_t attached = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].track, "link") != 0 || strcmp(rows[i].state, "attached") != 0)
            continue;
        const struct tsn_rec_track *r = row(rows, n, "report", rows[i].subject);
        bool out = r && !strcmp(r->state, "invalid");
        if (r && !strcmp(r->state, "closed")) {
            json_t *data = tsn_track_data(r);
            out = tsn_json_bool(data, "rejected", false);
            json_decref(data);
        }
        if (!out)
            return false;
        attached++;
    }
    return attached > 0;
}

uint32_t tsn_case_have(const struct tsn_case_work *w, const struct tsn_rec_track *rows,
                       size_t n)
{
    const json_t *f = w->facts, *report = json_object_get(f, TSN_FACT_REPORT);
    const json_t *contact = json_object_get(report, "contact");
    bool upstream = !strcmp(w->c.kind, "upstream");
    uint32_t have = 0;
    const struct {
        uint32_t bit;
        bool set;
    } bits[] = {
        {TSN_HAVE_SOURCE, report || upstream || row(rows, n, "link", "")},
        {TSN_HAVE_TIME, w->c.opened_at > 0},
        {TSN_HAVE_PRODUCT, (w->c.product && w->c.product[0]) || has(f, "products")},
        {TSN_HAVE_CONTACT, upstream || has(contact, "mail") || has(contact, "phone") ||
                               has(contact, "name") || tsn_json_bool(f, "anonymous", false)},
        {TSN_HAVE_REPRODUCED,
         tsn_json_bool(f, "reproduced", false) || tsn_json_bool(f, "disputed", false)},
        {TSN_HAVE_CWE, has(f, "cwe")},
        {TSN_HAVE_CVSS, has(f, "cvss")},
        {TSN_HAVE_OWNER, has(f, "owner")},
        {TSN_HAVE_AFFECTED, affected_closed(f)},
        {TSN_HAVE_SSVC, has(f, "ssvc")},
        {TSN_HAVE_TARGET, has(f, "target_date")},
        {TSN_HAVE_ETA, has(f, "fix_eta")},
        {TSN_HAVE_CVE, has(f, "cve_drafted") || tsn_json_bool(f, "no_cve", false)},
        {TSN_HAVE_NOTICES, tsn_json_bool(f, "notices_drafted", false)},
        {TSN_HAVE_DEPLOYED, has(f, "feedback")},
        {TSN_HAVE_APPROVAL, has(f, "done_by")},
        {TSN_HAVE_REJECTED, rejected(rows, n)},
        {TSN_HAVE_EMBARGO, w->c.embargo && tsn_embargo_on(w->c.embargo)},
        {TSN_HAVE_MANUAL, !strcmp(tsn_json_str(f, "workflow", ""), "manual")},
    };
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        have |= bits[i].set ? bits[i].bit : 0;
    const struct tsn_rec_track *facts = row(rows, n, "facts", "");
    unsigned letters = facts ? tsn_facts_bits(facts->state) : 0;
    have |= letters & TSN_FACT_F ? TSN_HAVE_FIX : 0;
    have |= letters & TSN_FACT_D ? TSN_HAVE_DEPLOYED : 0;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(rows[i].track, "cve") && strcmp(rows[i].state, "none") != 0 &&
            strcmp(rows[i].state, "reserved") != 0)
            have |= TSN_HAVE_CVE;
        if (strcmp(rows[i].track, "document") != 0)
            continue;
        bool out = tsn_document_out(rows[i].state);
        if (out && strcmp(rows[i].state, "publishing") != 0)
            have |= TSN_HAVE_PUBLISHED;
        if (out || !strcmp(rows[i].state, "approved") || !strcmp(rows[i].state, "scheduled"))
            have |= TSN_HAVE_ADVISORY;
    }
    return have;
}
