/* form_limit.h - how often one network may knock: the public form's limits, without puzzles.
 *
 * Addresses are grouped (IPv4 whole, IPv6 by /56), hashed under a key that dies with the process, and
 * forgotten after an hour; nothing of them is written. A full table forgets the quietest first. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tsn_form_knock {
    TSN_KNOCK_REPORT,  /* a report or message sent */
    TSN_KNOCK_RECEIPT, /* a receipt that does not exist */
    TSN_KNOCKS
};

#define TSN_LIMIT_SLOTS 4096

struct tsn_form_limit {
    uint8_t key[32];
    int64_t per_hour[TSN_KNOCKS]; /* of one network */
    int64_t all_per_hour;         /* reports of all together; 0 = no limit */
    int64_t hour_at, all;
    struct {
        uint64_t who;
        int64_t since; /* 0 = free */
        uint32_t n[TSN_KNOCKS];
    } slot[TSN_LIMIT_SLOTS];
};
struct tsn_form_limit *tsn_form_limit_new(int64_t reports, int64_t receipts, int64_t all);
/* May this network do it once more? Asks only. */
bool tsn_form_limit_ok(struct tsn_form_limit *l, const char *address, enum tsn_form_knock what,
                       int64_t now_ms);
void tsn_form_limit_count(struct tsn_form_limit *l, const char *address,
                          enum tsn_form_knock what, int64_t now_ms);
