/* httpc.h - outbound transfers: libcurl multi in the loop, HTTP and SMTP.
 *
 * Address guard (OPENSOCKET and PREREQ callbacks): refuses loopback, private, link-local, CGNAT,
 * multicast, unspecified, ULA, mapped and NAT64 forms unless `reach` lists the exact address
 * ("127.0.0.1:8443" or "127.0.0.1"). No netrc, protocols limited, redirects are
 * followed by us per hop, at most `redirects`. Byte cap counts after decompression.
 * Proxies: the one of tsn_httpc_proxy and no other; the environment's are not looked at. Through it the guard
 * cannot see where a name leads, so that is the proxy's to refuse; addresses that are not public never go there.
 * Loop thread only. Everything in a request is copied by start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"

struct tsn_loop;
struct tsn_httpc;
tsn_err tsn_httpc_open(struct tsn_httpc **out, struct tsn_loop *loop);
/* Pending transfers end inside: TSN_ECANCELLED, or TSN_EOUTCOME when something was sent. */
void tsn_httpc_close(struct tsn_httpc *c);

/* For http and https; mail goes straight. */
struct tsn_proxy {
    const char *url;      /* http://host:port or https://host:port; NULL = none */
    const char *user;     /* Basic authentication (RFC 9110 11.7); NULL = none */
    const char *password; /* a handle (core/secret.h), looked up at each request */
    const char *const
        *direct; /* NULL-terminated: names (with all below them), addresses, networks */
};
/* Before the first transfer; borrowed until close. */
void tsn_httpc_proxy(struct tsn_httpc *c, const struct tsn_proxy *proxy);
/* Can an entry of `direct` ever match? Pure. */
bool tsn_proxy_direct_ok(const char *entry);
/* The origin of a web address, "https://host:443", lower case; false: it is none. Pure. */
bool tsn_url_origin(const char *url, char *out, size_t cap);

struct tsn_header {
    const char *name, *value;
};

struct tsn_xfer_request {
    const char *url;    /* http(s):// or smtp(s):// */
    const char *method; /* NULL = GET; ignored for smtp */
    const struct tsn_header *headers;
    size_t nheaders;
    const void *body; /* request body, or the whole message for smtp */
    size_t body_len;
    const char *const *reach;    /* NULL-terminated exact addresses the guard lets through */
    int64_t timeout_ms;          /* whole transfer; 0 = 30 s */
    int64_t connect_ms;          /* 0 = 10 s */
    size_t max_bytes;            /* of the answer; 0 = 16 MiB */
    int redirects;               /* 0 = none */
    const char *mail_from;       /* smtp: envelope */
    const char *const *rcpt;     /* smtp: NULL-terminated */
    const char *user, *password; /* smtp AUTH or basic auth; may be NULL */
    int starttls;                /* smtp: 1 = required */
    const char *ca_file;         /* smtp: who vouches for the server; NULL = the system's */
    /* Gets the bytes of a 200 instead of the result, on the loop thread, with the `user` of start. False:
     * not now; they come again after tsn_xfer_resume. */
    bool (*take)(const char *p, size_t n, void *user);
};

struct tsn_xfer_result {
    tsn_err err;      /* 0: an answer came (any status). TSN_EOUTCOME: sent, answer lost */
    int status;       /* HTTP or SMTP code, 0 = none */
    const char *body; /* NUL-terminated */
    size_t len;
    const char *effective_url, *etag, *last_modified, *content_type, *retry_after,
        *link; /* "" if none */
    struct tsn_diag diag;
};

struct tsn_xfer;
/* done runs later on the loop thread, exactly once, never inside start. */
tsn_err tsn_xfer_start(struct tsn_httpc *c, const struct tsn_xfer_request *req,
                       void (*done)(const struct tsn_xfer_result *r, void *user), void *user,
                       struct tsn_xfer **out, struct tsn_diag *diag);
void tsn_xfer_resume(struct tsn_xfer *x); /* not from inside `take` */
void tsn_xfer_cancel(struct tsn_xfer *x); /* done is not called */
