/* log.h - the debug log: one JSON object a line on stderr, ids but never bodies or secrets.
 *
 * Not the audit log. Events are `noun.past` ("run.parked"). Any thread; one write a line.
 */
#pragma once

enum tsn_log_level { TSN_LOG_DEBUG, TSN_LOG_INFO, TSN_LOG_WARN, TSN_LOG_ERROR };

void tsn_log_level_set(enum tsn_log_level least);
void tsn_log_open(int fd); /* where lines go; 2 at start, -1 = nowhere */
/* Key and value strings in turn, closed by NULL: tsn_log(TSN_LOG_INFO, "run.parked", "run", id,
 * NULL). A NULL value leaves the pair out. */
void tsn_log(enum tsn_log_level level, const char *event, ...) __attribute__((sentinel));
/* Ends the process after one line: for what only a bug can break. */
_Noreturn void tsn_panic(const char *file, int line, const char *what);
#define TSN_ASSERT(cond) ((cond) ? (void)0 : tsn_panic(__FILE__, __LINE__, #cond))
