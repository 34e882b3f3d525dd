/* api_case.h - what casework adds to the HTTP interface: reads and acts of act_case.c, act_policy.c
 * and the files about the work on a case. Private to src/api; contracts as in api_impl.h. */
#pragma once

#include "api/api_impl.h"

tsn_read_fn tsn_read_tracks, tsn_read_clocks, tsn_read_policies, tsn_read_policy;
/* Who looks, for access.h; strings live as long as the request. */
struct tsn_viewer tsn_auth_viewer(const struct tsn_req *req);
/* Fail as if it were not there when the caller does not see it; what does not exist passes, for
 * those who know how to say so. */
tsn_read_fn tsn_read_seen_task, tsn_read_seen_run;
tsn_read_fn tsn_read_case_policy, tsn_read_case_export, tsn_read_search, tsn_read_figures,
    tsn_read_duplicates; /* read_desk.c */
void tsn_act_cases(struct tsn_req *req);
tsn_read_fn tsn_read_bounty, tsn_read_bounty_announcement; /* read_bounty.c */
void tsn_act_case(struct tsn_req *req);
void tsn_act_case_ops(struct tsn_req *req);
void tsn_act_policy_propose(struct tsn_req *req);
void tsn_act_policy_decide(struct tsn_req *req);
