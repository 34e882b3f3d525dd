/* mutant.c - tocsin as if one call of the audit writer were not in its source. Test builds alone
 * (TOCSIN_MUTANT); asked by tsn_store_append before anything else.
 *
 * TOCSIN_AUDIT_DROP   KIND: every entry of a kind; or SITE@KIND, SITE one offset in this program's
 *                     file (hex): those of a kind whose writing passes through that return address
 * TOCSIN_AUDIT_SEEN   a file that gets a line for each entry: PROGRAM KIND OFFSET OFFSET ...
 *
 * The return addresses of the callers are read off the frame pointers, so a build that is asked for
 * sites needs -fno-omit-frame-pointer (cmake -DTOCSIN_MUTANT=ON). Offsets count from the start of
 * the program's file, as objdump and addr2line print them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 5

extern const char __executable_start;
bool tsn_mutated(const char *kind);

#ifdef TOCSIN_MUTANT_SITES
static int callers(uintptr_t out[FRAMES])
{
    uintptr_t *frame = __builtin_frame_address(0), *next;
    int n = 0;

    for (; n < FRAMES; frame = next) {
        out[n++] = frame[1] - (uintptr_t)&__executable_start;
        next = (uintptr_t *)frame[0];
        /* Below the first of our frames nothing says where the next one is. */
        if (next <= frame || (uintptr_t)next - (uintptr_t)frame > 1u << 20 ||
            (uintptr_t)next % 8)
            break;
    }
    return n;
}
#else
static int callers(uintptr_t out[FRAMES])
{
    (void)out;
    return 0;
}
#endif

bool tsn_mutated(const char *kind)
{
    const char *drop = getenv("TOCSIN_AUDIT_DROP"), *seen = getenv("TOCSIN_AUDIT_SEEN"), *at;
    uintptr_t site[FRAMES] = {0};
    int n = drop || seen ? callers(site) : 0;
    FILE *f = seen ? fopen(seen, "ae") : NULL;
    char line[256];
    int len;

    if (f) {
        len = snprintf(line, sizeof(line), "%s %s", program_invocation_short_name, kind);
        for (int i = 0; i < n; i++)
            len += snprintf(line + len, sizeof(line) - (size_t)len, " %lx",
                            (unsigned long)site[i]);
        (void)fprintf(f, "%s\n", line);
        (void)fclose(f);
    }
    at = drop ? strchr(drop, '@') : NULL;
    if (!drop || strcmp(at ? at + 1 : drop, kind) != 0)
        return false;
    for (int i = 0; at && i < n; i++)
        if (site[i] == strtoul(drop, NULL, 16))
            return true;
    return !at;
}
