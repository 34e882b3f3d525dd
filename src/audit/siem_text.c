/* siem_text.c - CEF:0 (ArcSight Common Event Format 0.1, rev. 25) and RFC 5424. Pure. */
#include <stdio.h>
#include <string.h>

#include "audit/siem_int.h"
#include "core/clock.h"

#define SYSLOG_FACILITY 13 /* log audit */
#define MSGID_MAX       32
#define SEQUENCE_MAX    2147483647

/* --- CEF ------------------------------------------------------------------------------------ */

static void cef_escaped(struct tsn_buf *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\n' || *text == '\r') {
            tsn_buf_puts(out, *text == '\n' ? "\\n" : "\\r");
            continue;
        }
        if (strchr(special, *text))
            tsn_buf_putc(out, '\\');
        tsn_buf_putc(out, *text);
    }
}

static void cef_head(struct tsn_buf *out, const char *text)
{
    cef_escaped(out, text, "\\|");
    tsn_buf_putc(out, '|');
}

static void cef_pair(struct tsn_buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    tsn_buf_printf(out, " %s=", key);
    cef_escaped(out, value, "\\=");
}

static void cef_labelled(struct tsn_buf *out, const char *key, const char *label,
                         const char *value)
{
    if (!value)
        return;
    cef_pair(out, key, value);
    tsn_buf_printf(out, " %sLabel=%s", key, label);
}

static void cef_number(struct tsn_buf *out, const char *key, const char *label, int64_t value)
{
    if (value >= 0)
        tsn_buf_printf(out, " %s=%lld %sLabel=%s", key, (long long)value, key, label);
}

tsn_err tsn_siem_cef(struct tsn_buf *out, const struct tsn_siem_site *site,
                     const struct tsn_siem_row *row)
{
    /* Of our severities: 3 nobody knows, 4 failed, 5 ended, 6 nothing special. */
    static const int level[] = {10, 10, 10, 8, 6, 4, 2, 1};
    const struct tsn_entry *e = row->entry;
    char hex[2 * TSN_HASH_LEN + 1], message[600];

    tsn_siem_leaf(row, hex);
    tsn_siem_message(e, message, sizeof(message));
    tsn_buf_puts(out, "CEF:0|");
    cef_head(out, "tocsin");
    cef_head(out, "tocsin");
    cef_head(out, site->version);
    cef_head(out, e->kind);
    cef_head(out, message);
    tsn_buf_printf(out, "%d|rt=%lld", level[tsn_siem_severity(e)], (long long)e->time_ms);
    cef_pair(out, "dvchost", site->host);
    cef_pair(out, "deviceExternalId", e->node);
    tsn_buf_printf(out, " externalId=%lld", (long long)e->seq);
    cef_pair(out, "suid", e->actor);
    cef_pair(out, "act", e->step);
    cef_pair(out, "outcome", e->outcome);
    cef_pair(out, "reason", e->reason);
    cef_labelled(out, "cs1", "runId", e->run);
    cef_labelled(out, "cs2", "caseId", e->case_id);
    cef_labelled(out, "cs3", "playbook", e->playbook);
    cef_labelled(out, "cs4", "chain", e->chain);
    cef_labelled(out, "cs5", "leafHash", hex);
    cef_labelled(out, "cs6", "tlp", e->tlp);
    cef_number(out, "cn1", "attempt", e->attempt);
    cef_number(out, "cn2", "chainSeq", e->rseq);
    cef_number(out, "cn3", "checkpointSize", row->checkpoint);
    return out->err;
}

/* --- RFC 5424 ------------------------------------------------------------------------------- */

/* A header field: printable ASCII without spaces, cut; "-" for nothing. */
static void syslog_field(struct tsn_buf *out, const char *text, size_t most)
{
    size_t n = 0;

    for (; text && text[n] > 0x20 && text[n] < 0x7f && n < most; n++)
        tsn_buf_putc(out, text[n]);
    tsn_buf_puts(out, n ? " " : "- ");
}

static void syslog_param(struct tsn_buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    tsn_buf_printf(out, " %s=\"", key);
    for (; *value; value++) {
        if (strchr("\"\\]", *value))
            tsn_buf_putc(out, '\\');
        tsn_buf_putc(out, *value);
    }
    tsn_buf_putc(out, '"');
}

static void syslog_number(struct tsn_buf *out, const char *key, int64_t value)
{
    if (value >= 0)
        tsn_buf_printf(out, " %s=\"%lld\"", key, (long long)value);
}

/* Accuracy in microseconds may stand only beside a synchronised clock (7.1.3). */
static void syslog_quality(struct tsn_buf *out, const char *clock)
{
    const char *error = clock ? strchr(clock, ',') : NULL;
    bool synced = clock && clock[0] == 's';

    tsn_buf_printf(out, "[timeQuality tzKnown=\"1\" isSynced=\"%d\"", synced);
    if (synced && error)
        tsn_buf_printf(out, " syncAccuracy=\"%.*s\"", (int)strcspn(error + 1, ","), error + 1);
    tsn_buf_putc(out, ']');
}

tsn_err tsn_siem_syslog(struct tsn_buf *out, const struct tsn_siem_site *site,
                        const struct tsn_siem_row *row)
{
    const struct tsn_entry *e = row->entry;
    char hex[2 * TSN_HASH_LEN + 1], when[25], message[600];

    tsn_siem_leaf(row, hex);
    tsn_siem_message(e, message, sizeof(message));
    tsn_time_format(when, e->time_ms);
    /* .123Z to .123000Z: six digits are the most that is allowed, and what receivers expect. */
    tsn_buf_printf(out, "<%d>1 %.23s000Z ", SYSLOG_FACILITY * 8 + tsn_siem_severity(e), when);
    syslog_field(out, site->host, 255);
    tsn_buf_puts(out, "tocsin ");
    syslog_field(out, e->node, 128);
    syslog_field(out, e->kind, MSGID_MAX);
    syslog_quality(out, e->clock);
    tsn_buf_printf(out, "[meta sequenceId=\"%lld\"]",
                   (long long)(e->seq % SEQUENCE_MAX) + 1); /* seq below is the truth */
    tsn_buf_puts(out, "[origin software=\"tocsin\"");
    syslog_param(out, "swVersion", site->version);
    tsn_buf_printf(out, "][tocsin@%lld seq=\"%lld\"", (long long)site->pen, (long long)e->seq);
    syslog_param(out, "id", e->id);
    syslog_param(out, "case", e->case_id);
    syslog_param(out, "run", e->run);
    syslog_param(out, "chain", e->chain);
    syslog_number(out, "rseq", e->rseq);
    syslog_param(out, "step", e->step);
    syslog_number(out, "attempt", e->attempt);
    syslog_param(out, "actor", e->actor);
    syslog_param(out, "auth", e->auth);
    syslog_param(out, "outcome", e->outcome);
    syslog_param(out, "reason", e->reason);
    syslog_param(out, "from", e->from);
    syslog_param(out, "to", e->to);
    syslog_param(out, "tlp", e->tlp);
    syslog_param(out, "leaf", hex);
    syslog_number(out, "size", row->checkpoint);
    tsn_buf_printf(out, "] %s", message);
    return out->err;
}
