/* mime_int.h - what the files of the mail parser share. */
#pragma once

#include <gmime/gmime.h>
#include "core/buf.h"
#include "parser/mime.h"

struct tsn_mime {
    json_t *out, *parts, *crypto, *problems, *keys;
    struct tsn_buf text; /* what a reader sees, parts joined by an empty line */
    size_t nparts;
    int hidden;    /* > 0: words are listed with their part, not joined */
    bool bytes;    /* attachments with their content */
    bool too_many; /* parts or depth: said once */
};

/* A problem of the mail, or of one part (`part` may be NULL). Not repeated for the same part. */
void tsn_mime_problem(struct tsn_mime *m, const char *code, const char *part, const char *text);
/* Strings from outside: made UTF-8, never NULL for s != NULL. New references. */
json_t *tsn_mime_string(const char *s);
json_t *tsn_mime_data(const void *p, size_t n); /* base64 */

/* mime_head.c */
json_t *tsn_mime_headers(struct tsn_mime *m, GMimeMessage *msg);
/* The headers that a protected entity repeats inside (subject, from, to ...), or NULL. */
json_t *tsn_mime_protected(GMimeObject *o);

/* mime_walk.c: `path` is "1.2"; "" for the top. */
void tsn_mime_walk(struct tsn_mime *m, GMimeObject *o, const char *path, int depth);
/* mime_pgp.c: PGP inside a text. True when the text is PGP and must not be shown as it is. */
bool tsn_mime_inline_pgp(struct tsn_mime *m, const char *path, const char *s, size_t n);
/* One public key at [at, at+len) of the part [s, s+n); all armored ones of a part. */
void tsn_mime_key(struct tsn_mime *m, const char *path, const char *s, size_t n, size_t at,
                  size_t len);
void tsn_mime_keys(struct tsn_mime *m, const char *path, const char *s, size_t n);

/* mime_text.c */
/* Any bytes of a stated character set (NULL: none stated) as clean UTF-8 with \n line ends. */
void tsn_mime_utf8(struct tsn_mime *m, const char *path, const char *charset, const char *p,
                   size_t n, struct tsn_buf *out);
void tsn_mime_html_text(const char *p, size_t n, struct tsn_buf *out);
void tsn_mime_charsets(void); /* loads them */
