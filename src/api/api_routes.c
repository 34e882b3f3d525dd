/* api_routes.c - the table of routes and how a path finds its row.
 *
 * Owns nothing; pure. The table is the interface: method, path, who may, how much body, what
 * answers. No route but POST and DELETE changes anything. Any thread.
 */
#include "api/api_advisory.h"
#include "api/api_case.h"

#include <string.h>

#define V1          "/api/v1"
#define BODY_REPORT ((size_t)1 << 20)
#define BODY_CASE   ((size_t)16 << 20) /* evidence comes along */
#define BODY_MAIL   ((size_t)90 << 20) /* 64 MiB as base64 */
#define BODY_SMALL  ((size_t)64 << 10)

const struct tsn_route tsn_routes[] = {
    {"GET", "/healthz", TSN_NEED_NOTHING, 0, NULL, tsn_act_healthz, NULL},
    {"GET", "/readyz", TSN_NEED_NOTHING, 0, NULL, tsn_act_readyz, NULL},
    {"GET", "/metrics", TSN_NEED_NOTHING, 0, NULL, tsn_act_metrics, NULL},
    {"GET", "/version", TSN_NEED_NOTHING, 0, NULL, tsn_act_version, NULL},

    {"POST", "/hooks/{id}", TSN_NEED_SIGNATURE, BODY_REPORT, NULL, tsn_act_hook, NULL},
    {"GET", V1 "/hooks", TSN_NEED_READ, 0, NULL, tsn_act_hooks, NULL},
    {"POST", V1 "/hooks/{id}/sample", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_hook_sample,
     NULL},

    {"GET", V1 "/me", TSN_NEED_CALLER, 0, NULL, tsn_act_me, NULL},
    {"GET", V1 "/status", TSN_NEED_READ, 0, tsn_read_status, NULL, tsn_finish_status},
    {"GET", V1 "/show/{id}", TSN_NEED_READ, 0, tsn_read_show, NULL, NULL},

    {"POST", V1 "/reports", TSN_NEED_SUBMIT, BODY_CASE, NULL, tsn_act_report, NULL},
    {"GET", V1 "/reports", TSN_NEED_READ, 0, tsn_read_reports, NULL, NULL},
    {"GET", V1 "/cases", TSN_NEED_READ, 0, tsn_read_cases, NULL, NULL},
    {"GET", V1 "/cases/{id}", TSN_NEED_READ, 0, tsn_read_case, NULL, NULL},
    {"GET", V1 "/cases/{id}/timeline", TSN_NEED_READ, 0, tsn_read_timeline, NULL, NULL},
    {"POST", V1 "/cases/{id}/notes", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_note, NULL},

    {"POST", V1 "/cases/{id}/events", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_event, NULL},
    {"POST", V1 "/cases/{id}/act", TSN_NEED_WORK, BODY_CASE, NULL, tsn_act_case, NULL},
    {"GET", V1 "/cases/{id}/tracks", TSN_NEED_READ, 0, tsn_read_tracks, NULL, NULL},
    {"GET", V1 "/cases/{id}/policy", TSN_NEED_READ, 0, tsn_read_case_policy, NULL, NULL},
    {"GET", V1 "/cases/{id}/export", TSN_NEED_READ, 0, tsn_read_case_export, NULL, NULL},
    {"POST", V1 "/cases-act", TSN_NEED_WORK, BODY_CASE, NULL, tsn_act_cases, NULL},
    {"GET", V1 "/search", TSN_NEED_READ, 0, tsn_read_search, NULL, NULL},
    {"GET", V1 "/case-figures", TSN_NEED_READ, 0, tsn_read_figures, NULL, NULL},
    {"GET", V1 "/reports/{id}/duplicates", TSN_NEED_READ, 0, tsn_read_duplicates, NULL, NULL},
    {"GET", V1 "/bounty", TSN_NEED_READ, 0, tsn_read_bounty, NULL, NULL},
    {"GET", V1 "/bounty-announcement", TSN_NEED_READ, 0, tsn_read_bounty_announcement, NULL,
     NULL},
    {"GET", V1 "/clocks", TSN_NEED_READ, 0, tsn_read_clocks, NULL, NULL},
    {"GET", V1 "/policies", TSN_NEED_READ, 0, tsn_read_policies, NULL, NULL},
    {"POST", V1 "/policies", TSN_NEED_WORK, BODY_REPORT, NULL, tsn_act_policy_propose, NULL},
    {"GET", V1 "/policies/{id}", TSN_NEED_READ, 0, tsn_read_policy, NULL, NULL},
    {"POST", V1 "/policies/{id}/decision", TSN_NEED_WORK, BODY_SMALL, NULL,
     tsn_act_policy_decide, NULL},
    {"GET", V1 "/case-operations", TSN_NEED_READ, 0, NULL, tsn_act_case_ops, NULL},

    {"GET", V1 "/runs", TSN_NEED_READ, 0, tsn_read_runs, NULL, NULL},
    {"POST", V1 "/runs", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_run_start, NULL},
    {"GET", V1 "/runs/{id}", TSN_NEED_READ, 0, tsn_read_run, NULL, NULL},
    {"GET", V1 "/runs/{id}/log", TSN_NEED_READ, 0, tsn_read_run_log, NULL, NULL},
    {"GET", V1 "/runs/{id}/steps", TSN_NEED_READ, 0, tsn_read_run_steps, NULL, NULL},
    {"GET", V1 "/runs/{id}/record", TSN_NEED_READ, 0, tsn_read_run_record, NULL, NULL},
    {"POST", V1 "/runs/{id}/cancel", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_run, NULL},
    {"POST", V1 "/runs/{id}/pause", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_run, NULL},
    {"POST", V1 "/runs/{id}/resume", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_run, NULL},
    {"POST", V1 "/runs/{id}/retry", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_run, NULL},
    {"POST", V1 "/runs/{id}/move", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_run_version, NULL},
    {"POST", V1 "/playbooks/{id}/deploy", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_run_version,
     NULL},
    {"POST", V1 "/runs/{id}/resolve", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_resolve, NULL},

    {"POST", V1 "/actions/{id}/look", TSN_NEED_WORK, BODY_REPORT, NULL, tsn_act_look, NULL},
    {"GET", V1 "/tasks", TSN_NEED_READ, 0, tsn_read_tasks, NULL, tsn_finish_tasks},
    {"GET", V1 "/tasks/{id}", TSN_NEED_READ, 0, tsn_read_task, NULL, NULL},
    {"POST", V1 "/tasks/{id}/answer", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_answer, NULL},
    {"POST", V1 "/tasks/{id}/delegate", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_delegate,
     NULL},
    {"POST", V1 "/approvals/{id}/decision", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_decision,
     NULL},

    {"GET", V1 "/feeds", TSN_NEED_READ, 0, NULL, tsn_act_feeds, NULL},
    {"GET", V1 "/feeds/{id}", TSN_NEED_READ, 0, tsn_read_feed, NULL, NULL},
    {"GET", V1 "/feeds/{id}/replay", TSN_NEED_READ, 0, NULL, tsn_act_feed_replay, NULL},
    {"GET", V1 "/feeds/{id}/quarantine", TSN_NEED_READ, 0, tsn_read_quarantine, NULL, NULL},
    {"POST", V1 "/feeds/{id}/retry", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_desk, NULL},
    {"POST", V1 "/feeds/{id}/accept", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_accept,
     NULL},
    {"POST", V1 "/feeds/{id}/add", TSN_NEED_ADMIN, BODY_SMALL, NULL, tsn_act_feed_desk, NULL},
    {"POST", V1 "/feeds/{id}/remove", TSN_NEED_ADMIN, BODY_SMALL, NULL, tsn_act_feed_desk,
     NULL},
    {"POST", V1 "/feeds/{id}/trust", TSN_NEED_ADMIN, BODY_SMALL, NULL, tsn_act_feed_desk, NULL},
    {"POST", V1 "/feeds/{id}/pause", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_desk, NULL},
    {"POST", V1 "/feeds/{id}/resume", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_desk, NULL},
    {"POST", V1 "/feeds/{id}/release", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_desk,
     NULL},
    {"POST", V1 "/decisions/{id}/run", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_decide,
     NULL},
    {"POST", V1 "/decisions/{id}/drop", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_decide,
     NULL},
    {"POST", V1 "/matches/{id}/decide", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_match_decide,
     NULL},
    {"GET", V1 "/decisions", TSN_NEED_READ, 0, tsn_read_decisions, NULL, NULL},
    {"GET", V1 "/decisions/{id}", TSN_NEED_READ, 0, tsn_read_decision, NULL, NULL},
    {"GET", V1 "/matches", TSN_NEED_READ, 0, tsn_read_matches, NULL, NULL},
    {"GET", V1 "/explain/{id}", TSN_NEED_READ, 0, tsn_read_explain, NULL, NULL},
    {"POST", V1 "/products/reload", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_products_reload,
     NULL},
    {"GET", V1 "/products", TSN_NEED_READ, 0, NULL, tsn_act_products, NULL},
    {"POST", V1 "/feeds/{id}/poll", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_feed_poll, NULL},
    {"POST", V1 "/mails", TSN_NEED_SUBMIT, BODY_MAIL, NULL, tsn_act_mail, NULL},
    {"GET", V1 "/keys", TSN_NEED_READ, 0, NULL, tsn_act_keys, NULL},
    {"GET", V1 "/keys/{id}", TSN_NEED_READ, 0, NULL, tsn_act_key_export, NULL},
    {"POST", V1 "/keys", TSN_NEED_WORK, BODY_CASE, NULL, tsn_act_key_import, NULL},
    {"POST", V1 "/keys-rotate", TSN_NEED_ADMIN, BODY_SMALL, NULL, tsn_act_key_rotate, NULL},
    {"GET", V1 "/mails", TSN_NEED_READ, 0, tsn_read_mails, NULL, NULL},
    {"POST", V1 "/mails/{id}/assign", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_mail_decide,
     NULL},
    {"GET", V1 "/playbooks", TSN_NEED_READ, 0, NULL, tsn_act_playbooks, NULL},
    {"GET", V1 "/advisories", TSN_NEED_READ, 0, tsn_read_advisories, NULL, NULL},
    {"GET", V1 "/advisories/{id}", TSN_NEED_READ, 0, NULL, tsn_act_advisory_get, NULL},
    {"PUT", V1 "/advisories/{id}", TSN_NEED_WORK, BODY_REPORT, NULL, tsn_act_advisory_put,
     NULL},
    {"GET", V1 "/advisories/{id}/as", TSN_NEED_READ, 0, NULL, tsn_act_advisory_as, NULL},
    {"GET", V1 "/advisories/{id}/diff", TSN_NEED_READ, 0, tsn_read_advisory_diff, NULL, NULL},
    {"GET", V1 "/advisories/{id}/versions", TSN_NEED_READ, 0, tsn_read_advisory_versions, NULL,
     NULL},
    {"GET", V1 "/advisories/{id}/notices", TSN_NEED_READ, 0, tsn_read_advisory_notices, NULL,
     NULL},
    {"POST", V1 "/advisories/{id}/ahead", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories/{id}/resume", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories", TSN_NEED_WORK, BODY_REPORT, NULL, tsn_act_advisory_new, NULL},
    {"POST", V1 "/advisories/{id}/edit", TSN_NEED_WORK, BODY_REPORT, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories/{id}/review", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories/{id}/changes", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories/{id}/approve", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories/{id}/publish", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories/{id}/unschedule", TSN_NEED_WORK, BODY_SMALL, NULL,
     tsn_act_advisory, NULL},
    {"POST", V1 "/advisories/{id}/withdraw", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"POST", V1 "/advisories/{id}/supersede", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_advisory,
     NULL},
    {"GET", V1 "/customers", TSN_NEED_READ, 0, NULL, tsn_act_customers, NULL},
    {"POST", V1 "/customers", TSN_NEED_WORK, BODY_CASE, NULL, tsn_act_customer_new, NULL},
    {"GET", V1 "/customers/{id}", TSN_NEED_READ, 0, NULL, tsn_act_customer_get, NULL},
    {"PUT", V1 "/customers/{id}", TSN_NEED_WORK, BODY_SMALL, NULL, tsn_act_customer_put, NULL},
    {"DELETE", V1 "/customers/{id}", TSN_NEED_WORK, 0, NULL, tsn_act_customer_remove, NULL},
    {"GET", V1 "/audit/entries", TSN_NEED_READ, 0, NULL, tsn_act_entries, NULL},
    {"POST", V1 "/audit/exports", TSN_NEED_READ, BODY_SMALL, NULL, tsn_act_export, NULL},
    {"POST", V1 "/audit/exports/{id}", TSN_NEED_READ, BODY_SMALL, NULL, tsn_act_export, NULL},
    {"POST", V1 "/audit/erasures", TSN_NEED_PAIR, BODY_SMALL, NULL, tsn_act_erase, NULL},
    {"POST", V1 "/audit/erasures/{id}", TSN_NEED_PAIR, BODY_SMALL, NULL, tsn_act_erase, NULL},
    {"GET", V1 "/audit/reports", TSN_NEED_READ, 0, NULL, tsn_act_reports_list, NULL},
    {"GET", V1 "/audit/reports/{id}", TSN_NEED_READ, 0, NULL, tsn_act_audit_report, NULL},

    {"GET", V1 "/audit/checkpoint", TSN_NEED_READ, 0, NULL, tsn_act_checkpoint, NULL},
    {"POST", V1 "/audit/bundles", TSN_NEED_PAIR, BODY_SMALL, NULL, tsn_act_bundle, NULL},
    {"POST", V1 "/audit/epoch", TSN_NEED_PAIR, BODY_SMALL, NULL, tsn_act_new_epoch, NULL},
    {"POST", V1 "/audit/key", TSN_NEED_PAIR, BODY_SMALL, NULL, tsn_act_rotate, NULL},

    {"POST", V1 "/tokens", TSN_NEED_ADMIN, BODY_SMALL, NULL, tsn_act_token_create, NULL},
    {"DELETE", V1 "/tokens/{id}", TSN_NEED_ADMIN, 0, NULL, tsn_act_token_revoke, NULL},

    {"GET", V1 "/secrets", TSN_NEED_ADMIN, 0, tsn_read_secrets, NULL, tsn_finish_secrets},
    {"POST", V1 "/secrets", TSN_NEED_ADMIN, BODY_SMALL, NULL, tsn_act_secret_set, NULL},
    {"DELETE", V1 "/secrets/{id}", TSN_NEED_ADMIN, 0, NULL, tsn_act_secret_remove, NULL},
};
const size_t tsn_nroutes = sizeof(tsn_routes) / sizeof(tsn_routes[0]);

/* Does `path` fit `pattern`? The varying part is one whole, not empty segment. */
static bool fits(const char *pattern, const char *path, char *id, size_t id_cap)
{
    const char *hole = strchr(pattern, '{');
    if (!hole)
        return strcmp(pattern, path) == 0;
    size_t head = (size_t)(hole - pattern);
    if (strncmp(pattern, path, head) != 0)
        return false;
    const char *tail = strchr(hole, '}') + 1;
    const char *from = path + head;
    size_t len = strcspn(from, "/");
    if (len == 0 || len >= id_cap || strcmp(from + len, tail) != 0)
        return false;
    memcpy(id, from, len);
    id[len] = '\0';
    return true;
}

const struct tsn_route *tsn_route_find(const char *method, const char *path, bool *path_known,
                                       char *id, size_t id_cap)
{
    *path_known = false;
    id[0] = '\0';
    for (size_t i = 0; i < tsn_nroutes; i++) {
        if (!fits(tsn_routes[i].pattern, path, id, id_cap))
            continue;
        *path_known = true;
        /* HEAD is a GET whose body the server leaves out. */
        if (strcmp(tsn_routes[i].method, method) == 0 ||
            (strcmp(method, "HEAD") == 0 && strcmp(tsn_routes[i].method, "GET") == 0))
            return &tsn_routes[i];
    }
    return NULL;
}

void tsn_route_allow(const char *path, struct tsn_buf *out)
{
    char id[256];
    for (size_t i = 0; i < tsn_nroutes; i++) {
        if (fits(tsn_routes[i].pattern, path, id, sizeof(id)))
            (void)tsn_buf_printf(out, "%s%s", out->len ? ", " : "", tsn_routes[i].method);
    }
}
