/* package.c - one key for a package, from the names that purl types and OSV ecosystems give it.
 * Sources: purl type definitions, the OSV schema's list of ecosystems. Pure. */
#include <string.h>
#include <strings.h>
#include "core/buf.h"
#include "feed/component.h"
#include "feed/purl.h"

static const struct {
    const char *ecosystem, *type, *family;
} ecosystems[] = {
    {"AlmaLinux", "rpm", "almalinux"},
    {"Alpaquita", "apk", "alpaquita"},
    {"Alpine", "apk", "alpine"},
    {"Azure Linux", "rpm", "azurelinux"},
    {"BellSoft Hardened Containers", "apk", "bellsoft"},
    {"Bioconductor", "bioconductor", ""},
    {"Bitnami", "bitnami", ""},
    {"CRAN", "cran", ""},
    {"Chainguard", "apk", "chainguard"},
    {"ConanCenter", "conan", ""},
    {"Debian", "deb", "debian"},
    {"Echo", "deb", "echo"},
    {"GHC", "ghc", ""},
    {"GitHub Actions", "githubactions", ""},
    {"Go", "golang", ""},
    {"Hackage", "hackage", ""},
    {"Hex", "hex", ""},
    {"Julia", "julia", ""},
    {"Linux", "linux", ""},
    {"Mageia", "rpm", "mageia"},
    {"Maven", "maven", ""},
    {"MinimOS", "apk", "minimos"},
    {"NuGet", "nuget", ""},
    {"OSS-Fuzz", "generic", ""},
    {"Packagist", "composer", ""},
    {"Photon OS", "rpm", "photon"},
    {"Pub", "pub", ""},
    {"PyPI", "pypi", ""},
    {"Red Hat", "rpm", "redhat"},
    {"Rocky Linux", "rpm", "rocky"},
    {"RubyGems", "gem", ""},
    {"Root", "deb", "root"},
    {"SUSE", "rpm", "suse"},
    {"SwiftURL", "swift", ""},
    {"Ubuntu", "deb", "ubuntu"},
    {"VSCode", "vscode-extension", ""},
    {"Wolfi", "apk", "wolfi"},
    {"crates.io", "cargo", ""},
    {"npm", "npm", ""},
    {"opam", "opam", ""},
    {"openEuler", "rpm", "openeuler"},
    {"openSUSE", "rpm", "opensuse"},
    /* As other feeds call them. */
    {"composer", "composer", ""},
    {"pip", "pypi", ""},
    {"rust", "cargo", ""},
    {"erlang", "hex", ""},
    {"actions", "githubactions", ""},
    {"swift", "swift", ""},
};

/* Names that SBOM tools write for one distribution. */
static const struct {
    const char *name, *family;
} families[] = {
    {"alma", "almalinux"},
    {"rhel", "redhat"},
    {"redhatenterpriselinux", "redhat"},
    {"rockylinux", "rocky"},
    {"rocky-linux", "rocky"},
    {"sles", "suse"},
    {"sle", "suse"},
    {"opensuse-leap", "opensuse"},
    {"opensuse-tumbleweed", "opensuse"},
    {"photon-os", "photon"},
    {"amazonlinux", "amazon"},
    {"amzn", "amazon"},
    {"oraclelinux", "oracle"},
    {"ol", "oracle"},
};

static const struct {
    const char *family, *name, *number;
} codenames[] = {
    {"debian", "buster", "10"},    {"debian", "bullseye", "11"},
    {"debian", "bookworm", "12"},  {"debian", "trixie", "13"},
    {"debian", "forky", "14"},     {"debian", "duke", "15"},
    {"debian", "stretch", "9"},    {"debian", "jessie", "8"},
    {"debian", "wheezy", "7"},     {"debian", "squeeze", "6"},
    {"debian", "lenny", "5"},      {"debian", "etch", "4"},
    {"debian", "sarge", "3.1"},    {"debian", "woody", "3.0"},
    {"debian", "sid", "sid"},      {"debian", "unstable", "sid"},
    {"ubuntu", "trusty", "14.04"}, {"ubuntu", "xenial", "16.04"},
    {"ubuntu", "bionic", "18.04"}, {"ubuntu", "focal", "20.04"},
    {"ubuntu", "jammy", "22.04"},  {"ubuntu", "noble", "24.04"},
    {"ubuntu", "plucky", "25.04"}, {"ubuntu", "questing", "25.10"},
};

static const char *lowered(struct tsn_arena *arena, const char *s)
{
    char *out = tsn_arena_strdup(arena, s);
    for (char *p = out; *p; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
    }
    return out;
}

const char *tsn_release_number(const char *family, const char *release)
{
    for (size_t i = 0; i < sizeof codenames / sizeof codenames[0]; i++) {
        if (strcmp(codenames[i].family, family) == 0 &&
            strcasecmp(codenames[i].name, release) == 0) {
            return codenames[i].number;
        }
    }
    return release;
}

bool tsn_release_fits(const char *advisory, const char *component)
{
    size_t n = strlen(advisory);
    if (n == 0 || strcmp(advisory, component) == 0) {
        return true;
    }
    /* Debian 11 in "11.5", Alpine 3.16 in "3.16.2", RHEL 9 in "9.2". */
    return strncmp(component, advisory, n) == 0 && component[n] == '.';
}

static const char *family_of(struct tsn_arena *arena, const char *name)
{
    const char *low = lowered(arena, name);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strcmp(families[i].name, low) == 0) {
            return families[i].family;
        }
    }
    return low;
}

/* "22.04:LTS", "Pro:22.04:LTS", "v3.19", "enterprise_linux:9::appstream", "Leap 15.6": the number
 * in it. */
static const char *release_in(struct tsn_arena *arena, const char *family, const char *s)
{
    const char *known = tsn_release_number(family, s);
    if (known != s) {
        return known;
    }
    for (const char *p = s; *p; p++) {
        if (*p >= '0' && *p <= '9') {
            return tsn_arena_strndup(arena, p, strspn(p, "0123456789."));
        }
    }
    return tsn_arena_strndup(arena, s, strcspn(s, ":"));
}

bool tsn_package_of_osv(struct tsn_arena *arena, const char *ecosystem, const char *name,
                        struct tsn_package *out)
{
    size_t n = strcspn(ecosystem, ":");
    for (size_t i = 0; i < sizeof ecosystems / sizeof ecosystems[0]; i++) {
        if (strlen(ecosystems[i].ecosystem) != n ||
            strncasecmp(ecosystems[i].ecosystem, ecosystem, n) != 0) {
            continue;
        }
        *out = (struct tsn_package){
            .type = ecosystems[i].type,
            .family = ecosystems[i].family,
            .release =
                ecosystem[n] ? release_in(arena, ecosystems[i].family, ecosystem + n + 1) : "",
            .name = name,
            .scheme = tsn_scheme_find(ecosystems[i].type),
        };
        if (out->scheme == TSN_SCHEME_NONE) {
            out->scheme = tsn_scheme_find(ecosystem);
        }
        return true;
    }
    return false;
}

static bool distribution(const char *type)
{
    return strcmp(type, "deb") == 0 || strcmp(type, "rpm") == 0 || strcmp(type, "apk") == 0 ||
           strcmp(type, "alpm") == 0;
}

/* "debian-11", "rhel-9.2", "bookworm", "alpine-v3.18.3". */
static const char *release_of_distro(struct tsn_arena *arena, const char *family,
                                     const char *distro)
{
    const char *dash = strrchr(distro, '-');
    const char *tail = dash ? dash + 1 : distro;
    return release_in(arena, family, *tail == 'v' ? tail + 1 : tail);
}

bool tsn_package_of_purl(struct tsn_arena *arena, const char *text, struct tsn_package *out,
                         const char **version)
{
    struct tsn_purl p;
    const char *why;
    if (tsn_purl_parse(arena, text, TSN_PURL_LOOSE, &p, &why) != 0) {
        return false;
    }
    /* Written by some tools for what the type apk is. */
    if (strcmp(p.type, "alpine") == 0) {
        p.type = "apk";
        p.ns = "alpine";
    }
    *out = (struct tsn_package){.type = p.type,
                                .family = "",
                                .release = "",
                                .name = p.name,
                                .scheme = tsn_scheme_find(p.type)};
    *version = p.version ? p.version : "";
    if (distribution(p.type)) {
        const char *distro = tsn_purl_qualifier(&p, "distro");
        const char *named = p.ns                          ? p.ns
                            : strcmp(p.type, "deb") == 0  ? "debian"
                            : strcmp(p.type, "apk") == 0  ? "alpine"
                            : strcmp(p.type, "alpm") == 0 ? "arch"
                                                          : "";
        out->family = family_of(arena, named);
        out->release = distro ? release_of_distro(arena, out->family, distro) : "";
        const char *epoch = tsn_purl_qualifier(&p, "epoch");
        if (epoch && strcmp(p.type, "rpm") == 0 && **version && !strchr(*version, ':')) {
            *version = tsn_arena_printf(arena, "%s:%s", epoch, *version);
        }
        return true;
    }
    if (p.ns) {
        /* Maven's coordinates have a colon, the others a slash. */
        out->name = tsn_arena_printf(arena, "%s%c%s", p.ns,
                                     strcmp(p.type, "maven") == 0 ? ':' : '/', p.name);
    }
    return true;
}

const char *tsn_package_key(struct tsn_arena *arena, const struct tsn_package *p)
{
    char *out = tsn_arena_printf(arena, "%s/%s\n%s", p->type, p->family, p->name);
    bool pypi = strcmp(p->type, "pypi") == 0;
    char *to = out;
    for (const char *s = out; *s; s++) {
        char c = *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s;
        if (pypi && (c == '_' || c == '.' || c == '-')) {
            /* PEP 503: a run of them is one dash. */
            if (to > out && to[-1] == '-') {
                continue;
            }
            c = '-';
        }
        *to++ = c;
    }
    *to = '\0';
    return out;
}
