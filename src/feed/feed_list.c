/* feed_list.c - changes.csv and the paths in it. Pure; any thread.
 *
 * Lists of real providers are unsorted, quoted or not, and give paths from wherever their author
 * stood; a path is data of a stranger, so it may only lead below the provider's own address. */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "feed/feed_int.h"

/* One field; *pp moves behind it and its separator. Returns false at the end of the record. */
static bool field(struct tsn_arena *arena, const char **pp, const char *end, char **out)
{
    const char *p = *pp;
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    if (p < end && *p == '"') {
        char *text = tsn_arena_alloc(arena, (size_t)(end - p) + 1);
        size_t n = 0;
        for (p++; p < end; p++) {
            if (*p == '"') {
                if (p + 1 < end && p[1] == '"') {
                    p++;
                } else {
                    p++;
                    break;
                }
            }
            text[n++] = *p;
        }
        text[n] = '\0';
        *out = text;
        while (p < end && *p != ',' && *p != '\n') {
            p++;
        }
    } else {
        const char *start = p;
        while (p < end && *p != ',' && *p != '\n') {
            p++;
        }
        size_t n = (size_t)(p - start);
        while (n > 0 && isspace((unsigned char)start[n - 1])) {
            n--;
        }
        *out = tsn_arena_strndup(arena, start, n);
    }
    bool more = p < end && *p == ',';
    *pp = p < end ? p + 1 : p;
    return more;
}

static bool looks_like_time(const char *s)
{
    return strlen(s) >= 10 && isdigit((unsigned char)s[0]) && isdigit((unsigned char)s[3]) &&
           s[4] == '-' && s[7] == '-' && strlen(s) <= 64;
}

/* A row path,time of one line; false: none. */
static bool csv_row(struct tsn_arena *arena, const char *p, size_t n, char **path, char **time)
{
    /* A quote that never ends would swallow the list: a record ends with its line. */
    const char *end = p + n;
    char *rest = NULL;
    *path = *time = NULL;
    bool more = field(arena, &p, end, path);
    if (more) {
        more = field(arena, &p, end, time);
    }
    while (more) {
        more = field(arena, &p, end, &rest);
    }
    return **path && *time && looks_like_time(*time) && tsn_utf8_valid(*path, strlen(*path));
}

/* The latest time of a path counts, wherever it stands: for each path the place of its line, by a
 * hash, so that a list of any length is handed out in slices. */
struct latest {
    struct place {
        uint64_t hash;
        size_t at; /* of the line, + 1; 0 = free */
    } * places;
    size_t n, mask;
};

static uint64_t hash_of(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a, 64 bits */
    for (; *s; s++) {
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    }
    return h;
}

static struct place *place_of(struct latest *l, uint64_t hash)
{
    size_t i = hash & l->mask;
    while (l->places[i].at && l->places[i].hash != hash) {
        i = (i + 1) & l->mask;
    }
    return &l->places[i];
}

static void grow(struct latest *l)
{
    struct latest old = *l;
    l->mask = l->mask ? l->mask * 2 + 1 : 1023;
    l->places = tsn_alloc((l->mask + 1) * sizeof *l->places);
    for (size_t i = 0; old.places && i <= old.mask; i++) {
        if (old.places[i].at) {
            *place_of(l, old.places[i].hash) = old.places[i];
        }
    }
    free(old.places);
}

static void forget(void *memo)
{
    struct latest *l = memo;
    free(l->places);
    free(l);
}

static void look_through(struct tsn_page_text *in)
{
    struct latest *l = tsn_alloc(sizeof *l);
    struct tsn_page_text all = *in;
    const char *line;
    size_t n, at;
    while (at = all.at, tsn_page_line(&all, &line, &n)) {
        struct tsn_arena *a = tsn_arena_new();
        char *path, *time, *path0, *time0;
        if (csv_row(a, line, n, &path, &time)) {
            if ((l->n + 1) * 2 > l->mask) {
                grow(l);
            }
            uint64_t hash = hash_of(path);
            struct place *p = place_of(l, hash);
            struct tsn_page_text before = *in;
            before.at = p->at ? p->at - 1 : 0;
            bool later =
                !p->at || (tsn_page_line(&before, &line, &n) &&
                           csv_row(a, line, n, &path0, &time0) && strcmp(time, time0) > 0);
            l->n += !p->at;
            if (later) {
                *p = (struct place){hash, at + 1};
            }
        }
        tsn_arena_destroy(a);
    }
    if (!l->places) {
        grow(l);
    }
    in->memo = l;
    in->forget = forget;
}

void tsn_feed_csv_slice(struct tsn_arena *arena, struct tsn_page_text *in,
                        struct tsn_feed_rows *out)
{
    const char *line;
    size_t n, at;
    if (!in->begun) {
        in->begun = true;
        if (in->len >= 3 && memcmp(in->text, "\xEF\xBB\xBF", 3) == 0) {
            in->at = 3;
        }
        look_through(in);
    }
    while (!tsn_page_full(in, out, 0) && (at = in->at, tsn_page_line(in, &line, &n))) {
        char *path, *time;
        if (n == 0) {
            continue;
        }
        if (!csv_row(arena, line, n, &path, &time)) {
            out->bad += *path || time;
        } else if (place_of(in->memo, hash_of(path))->at == at + 1) {
            tsn_feed_row_add(arena, out, &(struct tsn_feed_row){.path = path, .time = time});
        }
    }
}

void tsn_feed_csv(struct tsn_arena *arena, const char *text, size_t len,
                  struct tsn_feed_rows *out)
{
    struct tsn_page_text in = TSN_PAGE_TEXT(text, len);
    *out = (struct tsn_feed_rows){0};
    tsn_feed_csv_slice(arena, &in, out);
    in.forget(in.memo);
}

tsn_err tsn_feed_path_ok(const char *path, struct tsn_diag *diag)
{
    size_t n = strlen(path);
    const char *why = NULL;
    if (n == 0 || n > TSN_FEED_PATH_MAX) {
        why = "it is empty or too long";
    } else if (path[0] == '/' || strchr(path, '\\') || strchr(path, ':')) {
        why = "it is absolute or has a scheme";
    } else if (strpbrk(path, "?#%")) {
        why = "it holds ?, # or %";
    } else if (n < 6 || strcasecmp(path + n - 5, ".json") != 0) {
        why = "it does not end in .json";
    }
    for (const char *p = path; !why && *p;) {
        size_t len = strcspn(p, "/");
        if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.')) {
            why = "it has an empty or dot segment";
        }
        for (size_t i = 0; i < len; i++) {
            if ((unsigned char)p[i] < 0x20 || p[i] == 0x7F) {
                why = "it holds a control character";
            }
        }
        p += len + (p[len] == '/');
    }
    return why ? tsn_diag_set(diag, TSN_EINPUT, "F003", "path \"%.120s\" is refused: %s", path,
                              why)
               : 0;
}

/* Bytes that do not stand in a URL as they are. */
static void put_escaped(struct tsn_buf *out, const char *path)
{
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        if (isalnum(c) || strchr("-._~!$&'()*+,;=@/", c)) {
            tsn_buf_putc(out, (char)c);
        } else {
            tsn_buf_printf(out, "%%%02X", c);
        }
    }
}

/* Longest run of first folders of `path` that ends the address: its length in bytes, or 0. */
static size_t overlap(const char *root, const char *path)
{
    size_t best = 0, root_len = strlen(root);
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - path) + 1;
        if (n <= root_len && strncmp(root + root_len - n, path, n) == 0 &&
            (n == root_len || root[root_len - n - 1] == '/')) {
            best = n;
        }
    }
    return best;
}

static const char *year_folder(const char *path)
{
    for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
        if (strlen(p) > 5 && strspn(p, "0123456789") == 4 && p[4] == '/') {
            return p;
        }
    }
    return NULL;
}

bool tsn_feed_resolve(const char *url, const char *path, enum tsn_feed_base base,
                      struct tsn_buf *out)
{
    const char *host = strstr(url, "://");
    const char *root = host ? strchr(host + 3, '/') : NULL; /* "/a/b/" */
    size_t n;
    if (!root) {
        return false;
    }
    tsn_buf_clear(out);
    switch (base) {
    case TSN_FEED_BELOW:
        tsn_buf_puts(out, url);
        put_escaped(out, path);
        break;
    case TSN_FEED_OVERLAP:
        n = overlap(root, path);
        if (n == 0) {
            return false;
        }
        tsn_buf_puts(out, url);
        put_escaped(out, path + n);
        break;
    case TSN_FEED_YEAR: {
        const char *year = year_folder(path);
        if (!year || year == path) {
            return false;
        }
        tsn_buf_puts(out, url);
        put_escaped(out, year);
        break;
    }
    case TSN_FEED_ROOT:
        if (strcmp(root, "/") == 0) {
            return false;
        }
        tsn_buf_put(out, url, (size_t)(root - url) + 1);
        put_escaped(out, path);
        break;
    case TSN_FEED_BASES:
        return false;
    }
    return out->err == 0;
}

tsn_err tsn_feed_hash_fits(const char *file, size_t file_len, const void *p, size_t n,
                           struct tsn_diag *diag)
{
    size_t at = 0, len = 0;
    while (at < file_len && isspace((unsigned char)file[at])) {
        at++;
    }
    while (at + len < file_len && isxdigit((unsigned char)file[at + len])) {
        len++;
    }
    uint8_t want[64], got[64];
    unsigned got_len = 0;
    if ((len != 64 && len != 128) || tsn_unhex(want, len / 2, file + at, len)) {
        return tsn_diag_set(diag, TSN_EINPUT, "F005", "the file with its hash holds none");
    }
    if (!EVP_Digest(p, n, got, &got_len, len == 128 ? EVP_sha512() : EVP_sha256(), NULL)) {
        return tsn_diag_set(diag, TSN_EBUG, "F005", "its hash cannot be computed");
    }
    if (got_len != len / 2 || memcmp(want, got, got_len) != 0) {
        return tsn_diag_set(diag, TSN_ETAMPERED, "F005",
                            "its bytes do not have the hash that stands beside it");
    }
    return 0;
}
