/* child_log.c - stderr of children, line by line into the log. Owns nothing; loop thread only.
 *
 * A child is not trusted: a flood must not fill the disk of the host, so a minute holds a
 * limited number of lines and a line a limited number of characters.
 */
#include "proc/child_log.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"

#define LINES_A_MINUTE 300

void tsn_child_log_init(struct tsn_child_log *log, const char *name)
{
    memset(log, 0, sizeof(*log));
    log->name = name;
    log->window_ms = tsn_clock_mono_ms();
}

static void tell_dropped(struct tsn_child_log *log)
{
    if (log->dropped == 0)
        return;
    char n[16];
    snprintf(n, sizeof(n), "%u", log->dropped);
    tsn_log(TSN_LOG_WARN, "child.stderr_dropped", "name", log->name, "lines", n, NULL);
    log->dropped = 0;
}

static void write_line(struct tsn_child_log *log)
{
    int64_t now = tsn_clock_mono_ms();
    if (now - log->window_ms >= 60000) {
        tell_dropped(log);
        log->window_ms = now;
        log->in_window = 0;
    }
    if (log->len > 0 && log->in_window++ < LINES_A_MINUTE) {
        log->line[log->len] = '\0';
        if (!tsn_utf8_valid(log->line, log->len))
            for (size_t i = 0; i < log->len; i++)
                if ((unsigned char)log->line[i] >= 0x80)
                    log->line[i] = '?';
        tsn_log(TSN_LOG_INFO, "child.stderr", "name", log->name, "text", log->line, "cut",
                log->cut ? "yes" : NULL, NULL);
    } else if (log->len > 0) {
        log->dropped++;
    }
    log->len = 0;
    log->cut = 0;
}

void tsn_child_log_add(struct tsn_child_log *log, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n')
            write_line(log);
        else if (log->len == TSN_CHILD_LOG_LINE)
            log->cut = 1;
        else
            log->line[log->len++] = p[i] ? p[i] : '?';
    }
}

void tsn_child_log_end(struct tsn_child_log *log)
{
    write_line(log);
    tell_dropped(log);
}
