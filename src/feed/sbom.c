/* sbom.c - CycloneDX and SPDX as one list of components. Pure; any JSON is survived.
 *
 * Sources: CycloneDX 1.2 to 1.7 JSON schemas, SPDX 2.3 clause 7, SPDX 3.0 software profile. */
#include <string.h>
#include <strings.h>
#include "core/json.h"
#include "feed/component.h"
#include "feed/purl.h"

#define LINT_MAX 200

struct reading {
    struct tsn_arena *arena;
    struct tsn_sbom *out;
    size_t cap;
    json_t *places;                     /* key and version -> index: the same component once */
    const char *os_family, *os_release; /* CycloneDX component of type operating-system */
    bool full;
};

static void drop(void *json)
{
    json_decref(json);
}

static void lint(struct reading *r, const char *component, const char *problem)
{
    if (json_array_size(r->out->lint) < LINT_MAX) {
        json_array_append_new(
            r->out->lint, json_pack("{s:s,s:s}", "component", component, "problem", problem));
    }
}

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* Types that the purl specification has; others are odd but usable. */
static bool known_type(const char *type)
{
    static const char types[] =
        " alpm apk bazel bitbucket bitnami brew cargo cocoapods composer conan conda cpan cran "
        "deb "
        "docker gem generic git github githubactions gitlab golang hackage hex huggingface "
        "julia "
        "luarocks maven mlflow npm nuget oci opam otp pub pypi qpkg rpm swid swift vcpkg "
        "vscode-extension yocto chrome-extension ";
    size_t n = strlen(type);
    for (const char *p = types; (p = strstr(p, type)) != NULL; p += n) {
        if (p[-1] == ' ' && p[n] == ' ') {
            return true;
        }
    }
    return false;
}

/* "gnutls28", "krb5@1.18.3-6", "openssl-3.0.7-18.el9.src.rpm". */
static void source_of(struct reading *r, struct tsn_component *c, const char *upstream)
{
    size_t n = strlen(upstream);
    char *s = tsn_arena_strdup(r->arena, upstream);
    if (n > 8 && strcmp(s + n - 8, ".src.rpm") == 0) {
        s[n - 8] = '\0';
        char *release = strrchr(s, '-');
        if (release) {
            *release = '\0';
            char *version = strrchr(s, '-');
            if (version) {
                *release = '-';
                *version = '\0';
                c->source_version = version + 1;
            }
        }
    } else {
        char *at = strchr(s, '@');
        if (at) {
            *at = '\0';
            c->source_version = at + 1;
        }
    }
    c->source = s;
}

/* ".el9_2", "+deb11u3", "~deb12u1": the release in a version, or "". */
static const char *release_in_version(struct tsn_arena *arena, const struct tsn_component *c)
{
    static const char *const marks[] = {".el", "deb", ".fc", ".amzn", ".oe"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        for (const char *p = c->version; (p = strstr(p, marks[i])) != NULL; p++) {
            const char *d = p + strlen(marks[i]);
            size_t n = strspn(d, "0123456789");
            bool deb = strcmp(marks[i], "deb") == 0;
            if (n && n <= 2 && !(deb && (p == c->version || !strchr("+~", p[-1])))) {
                return d[n] == '_' && d[n + 1] >= '0' && d[n + 1] <= '9'
                           ? tsn_arena_printf(arena, "%.*s.%.*s", (int)n, d,
                                              (int)strspn(d + n + 1, "0123456789"), d + n + 1)
                           : tsn_arena_strndup(arena, d, n);
            }
        }
    }
    return "";
}

static void take_purl(struct reading *r, struct tsn_component *c, const char *written)
{
    struct tsn_package p;
    struct tsn_purl parts;
    struct tsn_buf b;
    const char *version, *why;
    if (!*written) {
        r->out->no_purl++;
        lint(r, c->shown, "it has no purl");
        return;
    }
    if (!tsn_package_of_purl(r->arena, written, &p, &version)) {
        r->out->bad_purl++;
        lint(r, c->shown, "its purl cannot be read");
        return;
    }
    (void)tsn_purl_parse(r->arena, written, TSN_PURL_LOOSE, &parts, &why);
    if (!known_type(parts.type)) {
        r->out->unknown_type++;
        lint(r, c->shown, "its purl has a type that does not exist");
    }
    tsn_buf_init(&b, 8 * TSN_PURL_MAX);
    tsn_purl_print(&parts, &b);
    c->purl = tsn_arena_strdup(r->arena, b.data);
    tsn_buf_free(&b);
    c->type = p.type;
    c->family = p.family;
    c->release = p.release;
    c->name = p.name;
    c->version = *version ? version : c->version;
    const char *v;
    c->arch = (v = tsn_purl_qualifier(&parts, "arch")) ? v : "";
    if ((v = tsn_purl_qualifier(&parts, "upstream")) && *c->family) {
        source_of(r, c, v);
    }
    c->epoch = strchr(c->version, ':') != NULL;
    if (*c->family && !*c->release) {
        c->release = release_in_version(r->arena, c);
        c->guessed_release = *c->release != '\0';
    }
}

/* One more component, or one more time the same one. */
static void add(struct reading *r, struct tsn_component *c, const char *purl)
{
    r->out->seen++;
    take_purl(r, c, purl);
    if (!*c->version) {
        r->out->no_version++;
        lint(r, c->shown, "it has no version");
    }
    const char *id =
        *c->purl ? c->purl
                 : tsn_arena_printf(r->arena, "%s\n%s\n%s", c->shown, c->version, c->vendor);
    json_t *at = json_object_get(r->places, id);
    if (at) {
        r->out->components[json_integer_value(at)].times++;
        r->out->duplicates++;
        return;
    }
    if (r->out->n == TSN_COMPONENTS_MAX) {
        r->full = true;
        return;
    }
    if (r->out->n == r->cap) {
        /* Old arrays stay in the arena: doubled, so at most as much again. */
        size_t cap = r->cap ? r->cap * 2 : 256;
        struct tsn_component *more = tsn_arena_alloc(r->arena, cap * sizeof *more);
        if (r->cap) {
            memcpy(more, r->out->components, r->cap * sizeof *more);
        }
        r->out->components = more;
        r->cap = cap;
    }
    json_object_set_new(r->places, id, json_integer((json_int_t)r->out->n));
    c->times = 1;
    c->whole = r->out->whole;
    r->out->components[r->out->n++] = *c;
}

static const struct tsn_component empty = {.ref = "",
                                           .shown = "",
                                           .version = "",
                                           .purl = "",
                                           .type = "",
                                           .family = "",
                                           .release = "",
                                           .name = "",
                                           .source = "",
                                           .source_version = "",
                                           .arch = "",
                                           .vendor = ""};

/* --- CycloneDX ------------------------------------------------------------------------------ */

/* Ids of what the patches of a pedigree repair. */
static void patches(struct reading *r, struct tsn_component *c, const json_t *pedigree)
{
    const json_t *list = json_object_get(pedigree, "patches");
    size_t i, k, max = 0;
    json_t *p, *issue;
    json_array_foreach(list, i, p)
    {
        max += json_array_size(json_object_get(p, "resolves"));
    }
    const char **ids = tsn_arena_alloc(r->arena, (max + 1) * sizeof *ids);
    json_array_foreach(list, i, p)
    {
        json_array_foreach(json_object_get(p, "resolves"), k, issue)
        {
            const char *id = text(issue, "id");
            if (*id) {
                ids[c->nfixes++] = id;
            }
        }
    }
    c->fixes = ids;
}

static void cyclone_one(struct reading *r, const json_t *o)
{
    struct tsn_component c = empty;
    const char *group = text(o, "group"), *name = text(o, "name"), *type = text(o, "type");
    const char *cpe = text(o, "cpe");
    c.ref = text(o, "bom-ref");
    c.shown = *group ? tsn_arena_printf(r->arena, "%s/%s", group, name) : name;
    c.version = text(o, "version");
    c.vendor = tsn_json_str(json_object_get(o, "supplier"), "name",
                            tsn_json_str(json_object_get(o, "manufacturer"), "name",
                                         tsn_json_str(o, "publisher", group)));
    if (strcmp(type, "operating-system") == 0 && !*r->os_family) {
        r->os_family = name;
        r->os_release = c.version;
    }
    if (strcmp(type, "file") == 0 && !*text(o, "purl") && !*cpe) {
        r->out->files++;
        return;
    }
    if (*cpe) {
        const char **cpes = tsn_arena_alloc(r->arena, sizeof *cpes);
        cpes[0] = cpe;
        c.cpes = cpes;
        c.ncpes = 1;
    }
    patches(r, &c, json_object_get(o, "pedigree"));
    add(r, &c, text(o, "purl"));
}

static void cyclone_list(struct reading *r, const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        if (json_is_object(o)) {
            cyclone_one(r, o);
            cyclone_list(r, json_object_get(o, "components"));
        }
    }
}

static void cyclone(struct reading *r, const json_t *doc)
{
    const json_t *root = json_object_get(json_object_get(doc, "metadata"), "component");
    r->out->format = "CycloneDX";
    r->out->spec = text(doc, "specVersion");
    r->out->vex = json_object_get(doc, "vulnerabilities");
    if (json_is_object(root)) {
        const char *group = text(root, "group"), *name = text(root, "name");
        r->out->name = *group ? tsn_arena_printf(r->arena, "%s/%s", group, name) : name;
        r->out->version = text(root, "version");
        r->out->purl = text(root, "purl");
        cyclone_one(r, root);
        cyclone_list(r, json_object_get(root, "components"));
    }
    cyclone_list(r, json_object_get(doc, "components"));
}

/* --- SPDX ----------------------------------------------------------------------------------- */

/* "Organization: Red Hat (secalert@redhat.com)" */
static const char *who(struct tsn_arena *arena, const char *s)
{
    const char *colon = strstr(s, ": ");
    const char *p = colon ? colon + 2 : s;
    if (strcmp(s, "NOASSERTION") == 0 || strncmp(s, "Person", 6) == 0) {
        return "";
    }
    size_t n = strcspn(p, "(");
    while (n && p[n - 1] == ' ') {
        n--;
    }
    return tsn_arena_strndup(arena, p, n);
}

static void spdx_one(struct reading *r, const json_t *o)
{
    struct tsn_component c = empty;
    const json_t *refs = json_object_get(o, "externalRefs");
    const char **cpes = tsn_arena_alloc(r->arena, (json_array_size(refs) + 1) * sizeof *cpes);
    const char *purl = "";
    size_t i;
    json_t *x;
    c.ref = text(o, "SPDXID");
    c.shown = text(o, "name");
    c.version = text(o, "versionInfo");
    c.vendor = who(r->arena, text(o, "supplier"));
    json_array_foreach(refs, i, x)
    {
        const char *type = text(x, "referenceType"), *at = text(x, "referenceLocator");
        if (strstr(type, "purl")) {
            purl = *purl ? purl : at;
        } else if (strstr(type, "cpe22Type") || strstr(type, "cpe23Type")) {
            cpes[c.ncpes++] = at;
        }
    }
    c.cpes = cpes;
    if (strcmp(text(o, "primaryPackagePurpose"), "OPERATING-SYSTEM") == 0 && !*r->os_family) {
        r->os_family = c.shown;
        r->os_release = c.version;
    }
    add(r, &c, purl);
}

static void spdx2(struct reading *r, const json_t *doc)
{
    const json_t *packages = json_object_get(doc, "packages");
    const char *root = tsn_json_str(doc, "name", "");
    size_t i;
    json_t *o;
    r->out->format = "SPDX";
    r->out->spec =
        text(doc, "spdxVersion") + (strncmp(text(doc, "spdxVersion"), "SPDX-", 5) == 0 ? 5 : 0);
    r->out->name = root;
    r->out->files = json_array_size(json_object_get(doc, "files"));
    json_array_foreach(packages, i, o)
    {
        if (json_is_object(o)) {
            spdx_one(r, o);
        }
    }
}

static void spdx3(struct reading *r, const json_t *doc)
{
    size_t i, k;
    json_t *o, *x;
    r->out->format = "SPDX";
    r->out->spec = "3.0";
    json_array_foreach(json_object_get(doc, "@graph"), i, o)
    {
        const char *type = text(o, "type");
        if (strcmp(type, "SpdxDocument") == 0) {
            r->out->name = text(o, "name");
        }
        if (strcmp(type, "software_Package") != 0) {
            continue;
        }
        struct tsn_component c = empty;
        const json_t *ids = json_object_get(o, "externalIdentifier");
        const char **cpes =
            tsn_arena_alloc(r->arena, (json_array_size(ids) + 1) * sizeof *cpes);
        const char *purl = text(o, "software_packageUrl");
        c.ref = text(o, "spdxId");
        c.shown = text(o, "name");
        c.version = text(o, "software_packageVersion");
        json_array_foreach(ids, k, x)
        {
            const char *kind = text(x, "externalIdentifierType"), *id = text(x, "identifier");
            if (strcmp(kind, "packageUrl") == 0 || strcmp(kind, "purl") == 0) {
                purl = *purl ? purl : id;
            } else if (strncmp(kind, "cpe", 3) == 0) {
                cpes[c.ncpes++] = id;
            }
        }
        c.cpes = cpes;
        add(r, &c, purl);
    }
}

/* What has no release of its own is of the operating system that the SBOM names. */
static void settle_releases(struct reading *r)
{
    if (!*r->os_family || !*r->os_release) {
        return;
    }
    for (size_t i = 0; i < r->out->n; i++) {
        struct tsn_component *c = &r->out->components[i];
        if (*c->family && (!*c->release || c->guessed_release) &&
            strncasecmp(c->family, r->os_family, strlen(c->family)) == 0) {
            c->release = tsn_release_number(c->family, r->os_release);
            c->guessed_release = true;
        }
    }
}

tsn_err tsn_sbom_read(struct tsn_arena *arena, const json_t *doc, struct tsn_sbom *out,
                      struct tsn_diag *diag)
{
    struct reading r = {
        .arena = arena, .out = out, .places = json_object(), .os_family = "", .os_release = ""};
    *out = (struct tsn_sbom){.format = "", .spec = "", .name = "", .version = "", .purl = ""};
    out->lint = json_array();
    tsn_arena_defer(arena, drop, out->lint);
    out->whole = tsn_arena_alloc(arena, sizeof *out->whole);
    /* Without bomFormat too: it is forgotten now and then. */
    bool cyclonedx =
        strcmp(text(doc, "bomFormat"), "CycloneDX") == 0 ||
        (json_is_array(json_object_get(doc, "components")) && *text(doc, "specVersion"));
    if (cyclonedx) {
        cyclone(&r, doc);
    } else if (strncmp(text(doc, "spdxVersion"), "SPDX-2", 6) == 0) {
        spdx2(&r, doc);
    } else if (json_is_array(json_object_get(doc, "@graph"))) {
        spdx3(&r, doc);
    }
    json_decref(r.places);
    if (!*out->format) {
        tsn_diag_hint(diag, "CycloneDX JSON 1.2 to 1.7 and SPDX JSON 2.2 to 3.0 are read.");
        return tsn_diag_set(diag, TSN_EINPUT, "I001", "this is not an SBOM");
    }
    if (r.full) {
        return tsn_diag_set(diag, TSN_ETOOBIG, "I003", "the SBOM has more than %d components",
                            TSN_COMPONENTS_MAX);
    }
    if (out->n == 0) {
        tsn_diag_hint(diag, "Have it made with packages, not files only.");
        return tsn_diag_set(diag, TSN_EINPUT, "I002",
                            "nothing in the SBOM is a component (%zu files)", out->files);
    }
    settle_releases(&r);
    *out->whole = (struct tsn_whole){
        .product = "", .name = out->name, .version = out->version, .purl = out->purl};
    return 0;
}
