/* text.h - small text helpers: hex, base64, Crockford base32, suggestions, UTF-8.
 * Pure; any thread. Output arrays are the caller's and sized as stated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

void tsn_hex(char *out, const void *p, size_t n); /* out: 2n+1 bytes, lower case */
tsn_err tsn_unhex(void *out, size_t n, const char *hex, size_t hex_len); /* exactly n bytes */
int tsn_hex_digit(char c); /* 0 to 15, either case; -1: none */
/* In place (RFC 3986 2.1); a plus stays a plus. False: a % that is none, or a zero byte. */
bool tsn_percent_decode(char *s);
size_t tsn_base64(char *out, const void *p, size_t n); /* out: 4*((n+2)/3)+1 */
tsn_err tsn_unbase64(void *out, size_t cap, size_t *n_out, const char *s, size_t len);
bool tsn_utf8_valid(const char *s, size_t n);
/* The candidate nearest to `word` (edit distance at most a third of its length), or NULL. */
const char *tsn_suggest(const char *word, const char *const *candidates, size_t n);
/* Copies at most cap-1 bytes and terminates; returns false when it had to cut. */
bool tsn_copy(char *out, size_t cap, const char *s);
/* Whole-string decimal integer within [min,max]. */
tsn_err tsn_parse_int(const char *s, int64_t min, int64_t max, int64_t *out);
/* True when s has only bytes 0x21-0x7E and a length of 1 to max. */
bool tsn_word_ok(const char *s, size_t max);
/* One plain address, local@domain. */
bool tsn_mail_ok(const char *s);
