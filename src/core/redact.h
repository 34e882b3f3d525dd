/* redact.h - the forms of a secret that are looked for in texts. For secret.c alone; see there. */
#pragma once

#include <stddef.h>

/* At least TSN_SECRET_LEAST bytes. The same value twice is one. Any thread. */
void tsn_redact_add(const char *value, size_t n);
void tsn_redact_clear(void);
