/* site_path.c - names of published files. Pure. */
#include "advisory/site_path.h"

#include <stddef.h>
#include <string.h>

static bool plain(const char *path)
{
    for (const char *p = path; *p; p++) {
        bool ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                  (*p >= '0' && *p <= '9') || strchr("+-._/", *p);
        if (!ok || (*p == '/' && p[1] == '.' && p[2] == '.') || (*p == '/' && p[1] == '/'))
            return false;
    }
    return strlen(path) < 512;
}

bool tsn_site_path_ok(const char *path)
{
    static const char *const folders[] = {"/.well-known/csaf/", "/.well-known/openpgpkey/",
                                          "/advisories/"};
    bool ours = strcmp(path, "/.well-known/security.txt") == 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        ours = ours || strncmp(path, folders[i], strlen(folders[i])) == 0;
    return ours && plain(path);
}

const char *tsn_site_media(const char *path)
{
    static const char *const types[][2] = {
        {".json", "application/json"},       {".html", "text/html; charset=utf-8"},
        {".csv", "text/csv; charset=utf-8"}, {".atom", "application/atom+xml"},
        {".rss", "application/rss+xml"},     {".asc", "text/plain; charset=utf-8"},
    };
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t k = strlen(types[i][0]);
        if (n > k && strcmp(path + n - k, types[i][0]) == 0)
            return types[i][1];
    }
    /* draft-koch-openpgp-webkey-service 3.1: keys are sent as bytes. */
    if (strncmp(path, "/.well-known/openpgpkey/", 24) == 0 && strstr(path, "/hu/"))
        return "application/octet-stream";
    return "text/plain; charset=utf-8";
}
