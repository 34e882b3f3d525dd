/* component.h - what is in a product: components read from an SBOM, and the keys they are found by.
 * Pure, any thread.
 *
 * CycloneDX JSON 1.2 to 1.7, SPDX JSON 2.2, 2.3 and the packages of 3.0. What cannot be matched
 * (no purl, no version, a purl that is none) is counted and named: silence would read as "safe". */
#pragma once

#include <jansson.h>
#include "core/diag.h"
#include "core/mem.h"
#include "feed/version.h"

#define TSN_COMPONENTS_MAX 1000000

/* What a component is part of: one release of a product, or what an SBOM describes. */
struct tsn_whole {
    const char *product;               /* id in the inventory; "" */
    const char *name, *version, *purl; /* "" */
};

struct tsn_component {
    const struct tsn_whole *whole;
    const char *ref;      /* bom-ref or SPDXID; "" */
    const char *shown;    /* group and name as written */
    const char *version;  /* of the purl, with an rpm's epoch; else as written; "" */
    const char *purl;     /* canonical; "" = it has none that can be read */
    const char *type;     /* of the purl: "golang"; "" without purl */
    const char *family;   /* distribution: "debian"; "" where the type is not one's */
    const char *release;  /* of it: "11", "9.2"; "" = not said */
    bool guessed_release; /* read off the version or the SBOM's operating system */
    const char *name;     /* whole name as its ecosystem spells it: "golang.org/x/net" */
    const char *source, *source_version; /* distribution's source package; "" = the same */
    const char *arch;
    const char *vendor;      /* supplier, publisher or group: for matching by names */
    const char *const *cpes; /* as written */
    size_t ncpes;
    const char *const *fixes; /* ids that its pedigree's patches resolve */
    size_t nfixes;
    bool epoch;   /* its version says an epoch */
    size_t times; /* how often it occurs */
};

struct tsn_sbom {
    const char *format, *spec;         /* "CycloneDX" "1.6" */
    const char *name, *version, *purl; /* of what the SBOM describes; "" */
    struct tsn_whole *whole;           /* the same, as its components point to it */
    struct tsn_component *components;
    size_t n;
    const json_t
        *vex; /* CycloneDX vulnerabilities[], borrowed from the document; NULL = none */
    size_t seen, files, no_purl, bad_purl, unknown_type, no_version, duplicates;
    json_t *lint; /* [{ component, problem }], at most 200; deferred to the arena */
};

/* Everything in the arena or borrowed from `doc`, which must outlive *out. TSN_EINPUT: I001 not an
 * SBOM that is read, I002 nothing in it is a component, I003 too many. */
tsn_err tsn_sbom_read(struct tsn_arena *arena, const json_t *doc, struct tsn_sbom *out,
                      struct tsn_diag *diag);

/* --- keys --------------------------------------------------------------------------------- */

struct tsn_package {
    const char *type, *family; /* "deb" "debian"; family "" */
    const char *release;       /* "12", "v3.19" without the v, "9"; "" = any */
    const char *name;
    enum tsn_scheme scheme;
};
/* From an OSV ecosystem and name. False: the ecosystem is not known. In the arena. */
bool tsn_package_of_osv(struct tsn_arena *arena, const char *ecosystem, const char *name,
                        struct tsn_package *out);
/* From a purl; *version gets its version, an rpm's epoch in front. Loose. */
bool tsn_package_of_purl(struct tsn_arena *arena, const char *purl, struct tsn_package *out,
                         const char **version);
/* One text for a package, whatever its version: equal for all spellings of one name. */
const char *tsn_package_key(struct tsn_arena *arena, const struct tsn_package *package);
/* Codename or number of a distribution's release as a number: "bullseye" is "11". Borrowed. */
const char *tsn_release_number(const char *family, const char *release);
/* Is a component of this release meant? An advisory for 9 means 9.2 too, one for 9.2 not 9.4. */
bool tsn_release_fits(const char *advisory, const char *component);
