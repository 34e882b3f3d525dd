/* http_text.h - the two rules both HTTP sides apply to field names and values. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* An RFC 9110 token (5.6.2): not empty, only its characters. */
bool tsn_http_token_ok(const char *s);
/* No control characters but tab. */
bool tsn_http_value_ok(const char *s, size_t len);
