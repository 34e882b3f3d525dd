/* mail_reference.h - our reference in mails, and how senders are counted. Pure; any thread.
 *
 * "PSIRT-2026-0001.TAG@domain" goes out in References and comes back in the answer; TAG is an
 * HMAC-SHA256, so nobody can make one up.
 */
#pragma once

#include <jansson.h>
#include "core/crypto.h"
#include "core/mem.h"

void tsn_mail_reference(char *out, size_t cap, const uint8_t key[TSN_KEY_LEN],
                        const char *case_name, const char *domain);
/* The case that one of these ids is a true reference to, or NULL. In the arena. */
const char *tsn_mail_reference_find(struct tsn_arena *arena, const uint8_t key[TSN_KEY_LEN],
                                    const json_t *ids, const char *domain);
/* Lower-case address, hashed: how senders are counted and compared. In the arena. */
const char *tsn_mail_sender_hash(struct tsn_arena *arena, const char *address);
