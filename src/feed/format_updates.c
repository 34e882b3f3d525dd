/* format_updates.c - what repositories and vendors say of updates: rpm's updateinfo, apt's package lists as
 * source_repo.c makes them, Ubuntu's notices, Cisco's openVuln. Pure. */
#include <string.h>
#include <strings.h>
#include "core/json.h"
#include "feed/format.h"
#include "feed/xml_tree.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* Older than what fixes it: affected, though nobody says so. */
static struct tsn_claim older(const char *vuln, const struct tsn_package *package,
                              const char *fixed, const char *pointer)
{
    return (struct tsn_claim){.stance = TSN_STANCE_AFFECTED,
                              .vuln = vuln,
                              .package = *package,
                              .inferred = true,
                              .span = TSN_SPAN_BOUNDS,
                              .bounds = {.to = fixed},
                              .fixed = fixed,
                              .pointer = pointer};
}

/* --- rpm: <update> ------------------------------------------------------------------------------- */

/* The distribution by how it names its advisories. */
static const char *family_of_id(const char *id)
{
    static const struct {
        const char *begins, *family;
    } all[] = {
        {"ALAS", "amazon"},         {"ALSA", "almalinux"},    {"ALBA", "almalinux"},
        {"ALEA", "almalinux"},      {"RLSA", "rocky"},        {"RLBA", "rocky"},
        {"RLEA", "rocky"},          {"RHSA", "redhat"},       {"RHBA", "redhat"},
        {"RHEA", "redhat"},         {"ELSA", "oracle"},       {"ELBA", "oracle"},
        {"FEDORA", "fedora"},       {"openSUSE", "opensuse"}, {"SUSE", "suse"},
        {"openEuler", "openeuler"}, {"MGASA", "mageia"},      {"bottlerocket", "bottlerocket"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strncmp(id, all[i].begins, strlen(all[i].begins)) == 0) {
            return all[i].family;
        }
    }
    return "";
}

/* "7.el8_4" is of release 8, "1.amzn2" of 2, "1.fc38" of 38; "" where it does not say. */
static const char *release_of(struct tsn_arena *arena, const char *release)
{
    static const char *const marks[] = {".el", ".amzn", ".fc", ".oe"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *at = strstr(release, marks[i]);
        if (at) {
            at += strlen(marks[i]);
            return tsn_arena_strndup(arena, at, strspn(at, "0123456789"));
        }
    }
    return "";
}

static void update_packages(struct tsn_arena *arena, const struct tsn_xml *update,
                            const char *family, const char *vuln, const struct tsn_sink *sink)
{
    const struct tsn_xml *list = tsn_xml_child(update, "pkglist");
    for (const struct tsn_xml *c = tsn_xml_child(list, "collection"); c; c = tsn_xml_again(c)) {
        const struct tsn_xml *m = tsn_xml_child(c, "module");
        const char *module =
            m ? tsn_arena_printf(arena, "%s:%s:%s:%s", tsn_xml_attr(m, "name"),
                                 tsn_xml_attr(m, "stream"), tsn_xml_attr(m, "version"),
                                 tsn_xml_attr(m, "context"))
              : NULL;
        const char *before = "";
        for (const struct tsn_xml *p = tsn_xml_child(c, "package"); p; p = tsn_xml_again(p)) {
            const char *name = tsn_xml_attr(p, "name"), *version = tsn_xml_attr(p, "version"),
                       *release = tsn_xml_attr(p, "release"), *epoch = tsn_xml_attr(p, "epoch");
            if (!*name || !*version || !*release ||
                strcmp(tsn_xml_attr(p, "arch"), "src") == 0) {
                continue;
            }
            const char *evr = tsn_arena_printf(arena, "%s%s%s-%s", epoch, *epoch ? ":" : "",
                                               version, release);
            const char *key = tsn_arena_printf(arena, "%s %s", name, evr);
            if (strcmp(key, before) == 0) {
                continue; /* the same for another architecture */
            }
            before = key;
            const struct tsn_package package = {.type = "rpm",
                                                .family = family,
                                                .release = release_of(arena, release),
                                                .name = name,
                                                .scheme = TSN_SCHEME_RPM};
            struct tsn_claim claim = older(vuln, &package, evr, "pkglist");
            claim.module = module;
            sink->claim(sink->user, &claim);
        }
    }
}

/* Only what is said to be of security says that older packages are affected. */
static tsn_err one_update(struct tsn_arena *arena, const struct tsn_xml *u,
                          const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const char *id = tsn_xml_text(u, "id");
    struct tsn_record r = tsn_record_of(id, "updateinfo");
    const struct tsn_xml *updated = tsn_xml_child(u, "updated"),
                         *issued = tsn_xml_child(u, "issued");
    json_t *upstream = tsn_format_strings(arena);
    if (!*id) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "an <update> has no <id>");
    }
    const struct tsn_xml *refs = tsn_xml_child(u, "references");
    for (const struct tsn_xml *x = tsn_xml_child(refs, "reference"); x; x = tsn_xml_again(x)) {
        const char *ref = tsn_xml_attr(x, "id");
        if (strncmp(ref, "CVE-", 4) == 0) {
            json_array_append_new(upstream, json_string(ref));
        }
    }
    r.upstream = upstream;
    r.publisher = tsn_xml_attr(u, "from");
    r.title = tsn_xml_text(u, "title");
    r.severity = tsn_xml_text(u, "severity");
    r.modified = tsn_xml_attr(updated ? updated : issued, "date");
    sink->record(sink->user, &r);
    if (strcasecmp(tsn_xml_attr(u, "type"), "security") == 0) {
        update_packages(arena, u, family_of_id(id), id, sink);
    }
    return 0;
}

tsn_err tsn_read_updateinfo(struct tsn_arena *arena, const struct tsn_xml *root,
                            const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const struct tsn_xml *u =
        strcmp(root->name, "update") == 0 ? root : tsn_xml_child(root, "update");
    tsn_err err = u ? 0 : tsn_diag_set(diag, TSN_EINPUT, "F110", "there is no <update> in it");
    for (; u && !err; u = u == root ? NULL : tsn_xml_again(u)) {
        err = one_update(arena, u, sink, diag);
    }
    return err;
}

/* --- apt ------------------------------------------------------------------------------------------- */

/* { tocsin: "apt", suite, family, release, source, version }: in a suite of security updates an older
 * version of that source package misses one. Which flaw it was the advisories say. */
tsn_err tsn_read_apt(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                     struct tsn_diag *diag)
{
    const char *suite = text(doc, "suite"), *source = text(doc, "source"),
               *version = text(doc, "version");
    (void)diag;
    const char *id = tsn_arena_printf(arena, "%s/%s", suite, source);
    struct tsn_record r = tsn_record_of(id, "apt");
    r.publisher = text(doc, "origin");
    r.title = tsn_arena_printf(arena, "%s %s in %s", source, version, suite);
    r.modified = version;
    sink->record(sink->user, &r);
    if (strstr(suite, "security")) {
        const struct tsn_package package = {.type = "deb",
                                            .family = text(doc, "family"),
                                            .release = text(doc, "release"),
                                            .name = source,
                                            .scheme = TSN_SCHEME_DEB};
        const struct tsn_claim c = older(id, &package, version, "Packages");
        sink->claim(sink->user, &c);
    }
    return 0;
}

/* --- Ubuntu's notices ---------------------------------------------------------------------------------- */

tsn_err tsn_read_usn(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                     struct tsn_diag *diag)
{
    const char *id = text(doc, "id"), *codename;
    struct tsn_record r = tsn_record_of(id, "usn");
    json_t *packages, *p, *cves = json_object_get(doc, "cves_ids");
    size_t i;
    (void)diag;
    r.publisher = "Ubuntu";
    r.upstream = json_is_array(cves) ? cves : NULL;
    r.title = text(doc, "title");
    r.modified = text(doc, "published");
    sink->record(sink->user, &r);
    json_object_foreach(json_object_get(doc, "release_packages"), codename, packages)
    {
        json_array_foreach(packages, i, p)
        {
            if (!tsn_json_bool(p, "is_source", false) || !*text(p, "version")) {
                continue;
            }
            const struct tsn_package package = {.type = "deb",
                                                .family = "ubuntu",
                                                .release =
                                                    tsn_release_number("ubuntu", codename),
                                                .name = text(p, "name"),
                                                .scheme = TSN_SCHEME_DEB};
            const struct tsn_claim c =
                older(id, &package, text(p, "version"),
                      tsn_arena_printf(arena, "/release_packages/%s/%zu", codename, i));
            sink->claim(sink->user, &c);
        }
    }
    return 0;
}

/* --- Cisco's openVuln ------------------------------------------------------------------------------------ */

/* A product and its release in one name: "Cisco IOS 15.2(7)E". */
static void product_name(struct tsn_arena *arena, const char *name, const char *vuln,
                         const char *pointer, const struct tsn_sink *sink)
{
    const char *said = strncmp(name, "Cisco ", 6) == 0 ? name + 6 : name;
    const char *space = strrchr(said, ' ');
    bool versioned = space && space[1] >= '0' && space[1] <= '9';
    const struct tsn_claim c = {
        .stance = TSN_STANCE_AFFECTED,
        .vuln = vuln,
        .vendor = "Cisco",
        .product = versioned ? tsn_arena_strndup(arena, said, (size_t)(space - said)) : said,
        .span = versioned ? TSN_SPAN_EXACT : TSN_SPAN_ALL,
        .version = versioned ? space + 1 : NULL,
        .pointer = pointer};
    sink->claim(sink->user, &c);
}

tsn_err tsn_read_openvuln(struct tsn_arena *arena, const json_t *doc,
                          const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const char *id = text(doc, "advisoryId");
    struct tsn_record r = tsn_record_of(id, "openvuln");
    json_t *p, *cves = tsn_format_strings(arena);
    size_t i;
    (void)diag;
    json_array_foreach(json_object_get(doc, "cves"), i, p)
    {
        if (json_string_value(p) && strncmp(json_string_value(p), "CVE-", 4) == 0) {
            json_array_append(cves, p);
        }
    }
    r.publisher = "Cisco";
    r.ns = "https://www.cisco.com";
    r.upstream = cves;
    r.title = text(doc, "advisoryTitle");
    r.url = text(doc, "publicationUrl");
    r.modified = text(doc, "lastUpdated");
    r.severity = text(doc, "sir");
    sink->record(sink->user, &r);
    json_array_foreach(json_object_get(doc, "productNames"), i, p)
    {
        if (json_string_value(p) && strcmp(json_string_value(p), "NA") != 0) {
            product_name(arena, tsn_arena_strdup(arena, json_string_value(p)), id,
                         tsn_arena_printf(arena, "/productNames/%zu", i), sink);
        }
    }
    return 0;
}
