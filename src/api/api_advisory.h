/* api_advisory.h - routes about advisories and the published tree. Private to src/api. */
#pragma once

#include "api/api_impl.h"

/* act_advisory.c */
tsn_read_fn tsn_read_advisory_diff, tsn_read_advisory_versions, tsn_read_advisory_as,
    tsn_read_advisory_notices;
void tsn_act_advisory_new(struct tsn_req *req);
void tsn_act_advisory(struct tsn_req *req);
void tsn_act_advisory_get(struct tsn_req *req);
void tsn_act_advisory_put(struct tsn_req *req);
void tsn_act_advisory_as(struct tsn_req *req);

/* act_customer.c */
void tsn_act_customers(struct tsn_req *req);
void tsn_act_customer_get(struct tsn_req *req);
void tsn_act_customer_new(struct tsn_req *req);
void tsn_act_customer_put(struct tsn_req *req);
void tsn_act_customer_remove(struct tsn_req *req);

/* act_public.c: the published tree. NULL where the path is not in it. */
const struct tsn_route *tsn_public_route(const struct tsn_api *api, const char *method,
                                         const char *path);
void tsn_act_public(struct tsn_req *req);
