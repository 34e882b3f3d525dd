/* child_find.c - where the programs that belong to tocsin are. Pure but for reading links;
 * any thread. */
#include "proc/child.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

tsn_err tsn_child_find(char *out, size_t cap, const char *program, struct tsn_diag *diag)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return tsn_diag_set(diag, TSN_EIO, "S041", "cannot read /proc/self/exe");
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash || strchr(program, '/'))
        return tsn_diag_set(diag, TSN_EBUG, "S041", "not a program name: %s", program);
    *slash = '\0';

    static const char *const places[] = {"", "/../libexec/tocsin"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int len = snprintf(out, cap, "%s%s/%s", self, places[i], program);
        if (len > 0 && (size_t)len < cap && access(out, X_OK) == 0)
            return 0;
    }
    tsn_diag_set(diag, TSN_ENOTFOUND, "S041", "%s is neither beside tocsin (%s) nor in %s/..%s",
                 program, self, self, "/libexec/tocsin");
    tsn_diag_hint(diag, "install tocsin as a whole, or build all of it: ./dev build");
    return TSN_ENOTFOUND;
}
