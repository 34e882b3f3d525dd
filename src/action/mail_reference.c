/* mail_reference.c - which case a mail belongs to: our reference in its headers.
 *
 * A case number in a subject is no secret: whoever saw one mail can write it. The reference that we
 * put into References can be made by us alone, and mail programs carry it back (RFC 5322 3.6.4).
 */
#include "action/mail_reference.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define TAG_LEN 16

static void tag_of(char tag[TAG_LEN + 1], const uint8_t key[TSN_KEY_LEN], const char *case_name)
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford */
    uint8_t mac[TSN_HASH_LEN];

    tsn_hmac_sha256(mac, key, TSN_KEY_LEN, case_name, strlen(case_name));
    for (int i = 0; i < TAG_LEN; i++) {
        unsigned bit = (unsigned)i * 5, at = bit / 8;
        unsigned two = (unsigned)mac[at] << 8 | mac[at + 1];

        tag[i] = alphabet[two >> (11 - bit % 8) & 31];
    }
    tag[TAG_LEN] = '\0';
}

void tsn_mail_reference(char *out, size_t cap, const uint8_t key[TSN_KEY_LEN],
                        const char *case_name, const char *domain)
{
    char tag[TAG_LEN + 1];

    tag_of(tag, key, case_name);
    (void)snprintf(out, cap, "%s.%s@%s", case_name, tag, domain);
}

const char *tsn_mail_reference_find(struct tsn_arena *arena, const uint8_t key[TSN_KEY_LEN],
                                    const json_t *ids, const char *domain)
{
    size_t i;
    const json_t *one;

    json_array_foreach(ids, i, one)
    {
        const char *id = json_string_value(one), *dot = id ? strchr(id, '.') : NULL;
        char want[400];
        const char *name;

        if (!dot || dot - id > 100)
            continue;
        name = tsn_arena_strndup(arena, id, (size_t)(dot - id));
        tsn_mail_reference(want, sizeof(want), key, name, domain);
        if (strlen(want) == strlen(id) && tsn_equal_ct(want, id, strlen(id)))
            return name;
    }
    return NULL;
}

const char *tsn_mail_sender_hash(struct tsn_arena *arena, const char *address)
{
    char *low = tsn_arena_strdup(arena, address ? address : ""),
         *hex = tsn_arena_alloc(arena, 2 * TSN_HASH_LEN + 1);
    uint8_t hash[TSN_HASH_LEN];

    for (char *c = low; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    }
    tsn_sha256_once(hash, low, strlen(low));
    tsn_hex(hex, hash, sizeof(hash));
    return hex;
}
