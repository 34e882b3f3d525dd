/* vince.h - CERT/CC's coordination platform VINCE, by its API: our status and statement for a case, a
 * vulnerability report, and looking at a case.
 *
 * vince.case{ case, part } is a look-up; vince.status and vince.report change something over there and
 * have no key for repeating, so a lost answer is for a person (doubt `ask`). The token is read once
 * from its file and is in no entry and no answer. Loop thread.
 * Source: VINCE API (https://vuls.cert.org/confluence/display/VIN/VINCE+API), 2024. */
#pragma once

#include "action/action.h"

struct tsn_httpc;
struct tsn_vince_config {
    const char *url;   /* ends in "/vince/comm/api/" or where a simulator is; NULL = not used */
    const char *token; /* a handle (core/secret.h) */
    const char *const *reach; /* as for http.request */
};
/* The config is borrowed. Nothing is registered without a url. */
tsn_err tsn_vince_register(struct tsn_registry *r, struct tsn_httpc *c,
                           const struct tsn_vince_config *config);
