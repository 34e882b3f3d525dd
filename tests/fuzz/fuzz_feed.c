/* Everything that upstream bytes reach: formats and the judge, SBOMs, revisions, lists, names, versions,
 * ranges. Whatever the bytes: no crash, no hang, and an order that turns round with its sides. */
#include "fuzz.h"

#include <jansson.h>
#include "core/cpe.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/format.h"
#include "feed/judge.h"
#include "feed/purl.h"
#include "feed/source.h"
#include "feed/vers.h"

static const char small_sbom[] =
    "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"metadata\":{\"component\":{"
    "\"name\":"
    "\"gw\",\"version\":\"1\",\"bom-ref\":\"r\",\"purl\":\"pkg:generic/"
    "gw@1\"}},\"components\":["
    "{\"name\":\"x\",\"version\":\"1.0\",\"purl\":\"pkg:golang/x@v1.0.0\"},{\"name\":\"a\","
    "\"purl\":\"pkg:npm/a@1.0.0\",\"cpe\":\"cpe:2.3:a:v:a:1.0.0:*:*:*:*:*:*:*\"},{\"name\":"
    "\"s\",\"purl\":\"pkg:deb/debian/s@1-1?upstream=src&distro=debian-12\"},{\"name\":\"c\","
    "\"purl\":\"pkg:rpm/redhat/c@1-1.el9?arch=x86_64\"},{\"name\":\"box\",\"version\":\"2\","
    "\"supplier\":{\"name\":\"Acme\"}},{\"name\":\"m\",\"purl\":\"pkg:apk/alpine/m@1-r0\"}]}";

static const char *const seeds[] = {
    "{\"id\":\"GO-1\",\"modified\":\"2026\",\"aliases\":[\"CVE-2026-1\"],\"affected\":[{"
    "\"package\":{"
    "\"ecosystem\":\"Go\",\"name\":\"x\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{"
    "\"introduced\":\"0\"},{\"fixed\":\"1.2.0\"}]}],\"versions\":[\"1.0.0\"]}]}",
    "{\"dataType\":\"CVE_RECORD\",\"cveMetadata\":{\"cveId\":\"CVE-2026-1\",\"state\":"
    "\"PUBLISHED\"},"
    "\"containers\":{\"cna\":{\"affected\":[{\"vendor\":\"Acme\",\"product\":\"box\","
    "\"packageURL\":\"pkg:npm/a\",\"cpes\":[\"cpe:2.3:a:v:a:*:*:*:*:*:*:*:*\"],\"versions\":[{"
    "\"version\":\"1.0\",\"lessThan\":\"2.0\",\"status\":\"affected\",\"versionType\":"
    "\"semver\","
    "\"changes\":[{\"at\":\"1.5\",\"status\":\"unaffected\"}]}]}]},\"adp\":[{\"metrics\":[{"
    "\"other\":{\"type\":\"ssvc\",\"content\":{\"options\":[{\"Automatable\":\"yes\"}]}}}]}]}}",
    "{\"document\":{\"csaf_version\":\"2.0\",\"category\":\"csaf_vex\",\"title\":\"t\","
    "\"publisher\":{"
    "\"name\":\"R\",\"namespace\":\"https://www.redhat.com\"},\"tracking\":{\"id\":\"R-1\","
    "\"version\":\"1\",\"current_release_date\":\"2026\"}},\"product_tree\":{\"branches\":[{"
    "\"category\":\"vendor\",\"name\":\"Acme\",\"branches\":[{\"category\":\"product_name\","
    "\"name\":\"box\",\"branches\":[{\"category\":\"product_version_range\",\"name\":\"vers:"
    "all/*\","
    "\"product\":{\"product_id\":\"P\",\"name\":\"box\",\"product_identification_helper\":{"
    "\"purl\":\"pkg:rpm/redhat/c@2-1.el9\"}}}]}]}],\"relationships\":[{\"category\":"
    "\"default_component_of\",\"product_reference\":\"P\",\"relates_to_product_reference\":"
    "\"P\","
    "\"full_product_name\":{\"product_id\":\"Q\",\"name\":\"q\"}}]},\"vulnerabilities\":[{"
    "\"cve\":\"CVE-2026-1\",\"product_status\":{\"known_affected\":[\"P\",\"Q\"],\"fixed\":["
    "\"Q\"],"
    "\"first_affected\":[\"P\"]},\"scores\":[{\"cvss_v3\":{\"vectorString\":\"CVSS:3.1\"}}]}]}",
    "{\"ghsa_id\":\"GHSA-x\",\"cve_id\":\"CVE-2026-1\",\"vulnerabilities\":[{\"package\":{"
    "\"ecosystem\":\"npm\",\"name\":\"a\"},\"vulnerable_version_range\":\">= 1.0, < 2.0 || = "
    "3\","
    "\"first_patched_version\":\"2.0\"}]}",
    "{\"format\":\"NVD_CVE\",\"resultsPerPage\":1,\"startIndex\":0,\"totalResults\":3,"
    "\"vulnerabilities\":[{\"cve\":{\"id\":\"CVE-2026-1\",\"sourceIdentifier\":\"x\","
    "\"configurations\":[{\"operator\":\"AND\",\"nodes\":[{\"cpeMatch\":[{\"vulnerable\":true,"
    "\"criteria\":\"cpe:2.3:a:v:a:*:*:*:*:*:*:*:*\",\"versionEndExcluding\":\"2\"}]},{}]}]}}]}",
    "{\"catalogVersion\":\"1\",\"vulnerabilities\":[{\"cveID\":\"CVE-2026-1\",\"dueDate\":"
    "\"2026\"}]}",
    "{\"@context\":\"https://openvex.dev/ns\",\"statements\":[{\"vulnerability\":{\"name\":"
    "\"CVE-2026-1\"},\"products\":[{\"@id\":\"pkg:generic/gw@1\",\"subcomponents\":[{\"@id\":"
    "\"pkg:npm/a@1.0.0\"}]}],\"status\":\"not_affected\",\"justification\":\"x\"}]}",
    "{\"apkurl\":\"x\",\"reponame\":\"main\",\"distroversion\":\"v3.16\",\"packages\":[{"
    "\"pkg\":{"
    "\"name\":\"m\",\"secfixes\":{\"2-r0\":[\"CVE-2026-1 XSA-1\"],\"0\":[\"CVE-2026-2\"]}}}]}",
    "{\"src\":{\"CVE-2026-1\":{\"releases\":{\"bookworm\":{\"status\":\"resolved\","
    "\"fixed_version\":\"2-1\"}}}}}",
    "[01 Jan 2026] DSA-1-1 src - security update\n\t{CVE-2026-1}\n\t[bookworm] - src 2-1\n"
    "\t[bullseye] - src <not-affected> (x)\n",
    "#model_version:v1,score_date:2026\ncve,epss,percentile\nCVE-2026-1,0.5,0.9\n",
    "id: GO-1\nmodified: 2026\naffected:\n- package:\n    ecosystem: Go\n    name: x\n",
    "<rss><channel><item><title>CVE-2026-1</title><guid>1</guid></item></channel></rss>",
    "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>1</id><link "
    "href='x'/></entry></feed>",
    "2026/a.json,2026-01-01T00:00:00Z\n\"2026/b.json\",\"2026-01-02T00:00:00Z\"\n",
    "2026-01-01T00:00:00Z,GO-1\n",
    "[{\"new\":[{\"cveId\":\"CVE-2026-12345\",\"dateUpdated\":\"2026\"}],\"updated\":[]}]",
    "{\"feed\":{\"entry\":[{\"id\":\"a\",\"updated\":\"2026\",\"link\":[{\"rel\":\"hash\","
    "\"href\":"
    "\"https://a/x.sha256\"}],\"content\":{\"src\":\"https://a/x.json\"}}]}}",
    "{\"distributions\":[{\"rolie\":{\"feeds\":[{\"url\":\"https://a/"
    "f\"}]}},{\"directory_url\":"
    "\"https://a/d\"}],\"publisher\":{\"namespace\":\"https://a\"}}",
    "Contact: x\nCSAF: https://a/pmd.json\n",
    "{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[{\"SPDXID\":\"a\",\"name\":\"n\","
    "\"versionInfo\":"
    "\"1\",\"externalRefs\":[{\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:npm/"
    "a@1\"}]}]}",
    "<?xml "
    "version='1.0'?><cvrfdoc><DocumentTracking><Identification><ID>X</ID></Identification>"
    "</DocumentTracking><ProductTree><Branch Type='Vendor' Name='V'><Branch Type='Product "
    "Name' "
    "Name='openSUSE Leap 15.6'><FullProductName ProductID='L'>openSUSE Leap "
    "15.6</FullProductName>"
    "</Branch><FullProductName ProductID='P' CPE='c'>bash-5.1-2.1</FullProductName></Branch>"
    "<Relationship ProductReference='P' RelatesToProductReference='L'><FullProductName "
    "ProductID='R'>x</FullProductName></Relationship></"
    "ProductTree><Vulnerability><CVE>CVE-2026-1"
    "</CVE><ProductStatuses><Status Type='Fixed'><ProductID>R</ProductID></Status><Status "
    "Type='Known Affected'><ProductID>P</ProductID></Status></ProductStatuses></Vulnerability>"
    "</cvrfdoc>",
    "<updates><update type='security'><id>ALSA-1</id><updated "
    "date='2026'/><references><reference "
    "id='CVE-2026-1'/></references><pkglist><collection><module name='a' stream='b'/><package "
    "name='c' version='1' release='1.el9' epoch='0' arch='x'/></collection></pkglist></update>"
    "</updates>",
    "<repomd><data type='updateinfo'><checksum "
    "type='sha256'>00112233445566778899aabbccddeeff001122"
    "33445566778899aabbccddeeff</checksum><location href='repodata/u.xml.gz'/></data></repomd>",
    "Origin: Debian\nCodename: bookworm-security\nVersion: 12\nValid-Until: Sat, 28 Nov 2099 "
    "00:00:00 "
    "UTC\nAcquire-By-Hash: yes\nSHA256:\n "
    "00112233445566778899aabbccddeeff00112233445566778899aabbccdd"
    "eeff 900 main/binary-amd64/Packages.xz\n",
    "Package: a\nSource: src (1-1)\nVersion: 1-1+b1\n\nPackage: b\nVersion: 2\n",
    "{\"tocsin\":\"apt\",\"suite\":\"bookworm-security\",\"family\":\"debian\",\"release\":"
    "\"12\","
    "\"source\":\"src\",\"version\":\"2-1\"}",
    "{\"DocumentTracking\":{\"Identification\":{\"ID\":{\"Value\":\"2026-Nov\"}}},"
    "\"ProductTree\":{"
    "\"FullProductName\":[{\"ProductID\":\"1\",\"Value\":\"box\"}]},\"Vulnerability\":[{"
    "\"CVE\":"
    "\"CVE-2026-1\",\"ProductStatuses\":[{\"Type\":3,\"ProductID\":[\"1\"]}],\"Remediations\":["
    "{"
    "\"Type\":2,\"ProductID\":[\"1\"],\"FixedBuild\":\"10.0.1\"}]}]}",
    "{\"value\":[{\"ID\":\"2026-Nov\",\"CurrentReleaseDate\":\"2026\"}],\"@odata.nextLink\":"
    "\"https://"
    "a.example/x/2\"}",
    "{\"notices\":[{\"id\":\"USN-1-1\",\"cves_ids\":[\"CVE-2026-1\"],\"release_packages\":{"
    "\"jammy\":[{"
    "\"name\":\"src\",\"version\":\"2\",\"is_source\":true}]}}],\"offset\":0,\"limit\":1,"
    "\"total_results\":2}",
    "{\"id\":\"USN-1-1\",\"cves_ids\":[\"CVE-2026-1\"],\"release_packages\":{\"jammy\":[{"
    "\"name\":"
    "\"src\",\"version\":\"2\",\"is_source\":true}]}}",
    "{\"advisories\":[{\"advisoryId\":\"c-1\",\"advisoryTitle\":\"t\",\"lastUpdated\":\"2026\","
    "\"csafUrl\":\"https://a.example/c.json\",\"productNames\":[\"Cisco IOS "
    "15.2(7)E\"]}],\"paging\":"
    "{\"next\":\"/x?p=2\"}}",
    "{\"advisoryId\":\"c-1\",\"advisoryTitle\":\"t\",\"cves\":[\"CVE-2026-1\"],"
    "\"productNames\":["
    "\"Cisco IOS 15.2(7)E\",\"NA\"]}",
    "{\"access_token\":\"x\"}",
    "{\"path\":\"a\",\"time\":\"1\",\"document\":{\"id\":\"GO-1\",\"modified\":\"2026\"}}\n{}"
    "\n",
    "{\"assets\":[{\"name\":\"all_CVEs.zip\",\"browser_download_url\":\"https://a.example/"
    "z\"}]}",
    "pkg:npm/%40angular/core@16.2.0?a=b&c=d#e/f",
    "vers:npm/>=1.0.0|<2.0.0|!=1.5.0",
    "cpe:2.3:a:disney:where\\'s_my_perry\\?_free:1.5.1:*:*:*:*:android:*:*",
    "cpe:/a:hp:insight_diagnostics:7.4.0.1570:-:~~online~win2003~x64~",
    "1:2.0~rc1-1+deb11u21:2.0-1",
    "1.0.0-alpha.1+b1.0.0-alpha.beta",
    small_sbom,
};
const char *fuzz_seed(size_t i, size_t *len)
{
    if (i >= sizeof seeds / sizeof seeds[0]) {
        return NULL;
    }
    *len = strlen(seeds[i]);
    return seeds[i];
}

/* Formats and the judge over a small SBOM. */
static void try_document(const char *text, size_t len)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_diag d;
    struct tsn_sbom sbom;
    enum tsn_format format;
    json_t *doc = NULL, *facts = NULL;
    tsn_diag_init(&d);
    (void)tsn_json_parse(small_sbom, sizeof small_sbom - 1, &doc, &d);
    if (tsn_sbom_read(arena, doc, &sbom, &d) == 0) {
        struct tsn_judge *j = tsn_judge_new(arena, &sbom, NULL);
        tsn_judge_document(j, "fuzz", false);
        (void)tsn_format_read_text("fuzz", text, len, tsn_judge_sink(j), &format, &d);
        json_decref(tsn_judge_result(j));
        tsn_judge_free(j);
    }
    json_decref(doc);
    if (tsn_document_facts("fuzz", text, len, &facts, &d) == 0) {
        json_decref(facts);
    }
    tsn_arena_destroy(arena);
}

/* The same bytes as an SBOM, and as two revisions of a CSAF document. */
static void try_json(const char *text, size_t len)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_diag d;
    struct tsn_sbom sbom;
    json_t *doc = NULL, *diff = NULL;
    tsn_diag_init(&d);
    if (tsn_json_parse(text, len, &doc, &d) == 0) {
        (void)tsn_sbom_read(arena, doc, &sbom, &d);
        (void)tsn_csaf_diff(doc, doc, &diff, &d);
    }
    json_decref(diff);
    json_decref(doc);
    tsn_arena_destroy(arena);
}

static void try_list(const struct tsn_source *s, int what, const char *text, size_t len)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_feed_rows rows = {0};
    struct tsn_pages pages = {0};
    struct tsn_page_news news = {0};
    struct tsn_diag d;
    struct tsn_feed_row row = {0};
    const struct tsn_page page = {.url = strcmp(s->kind, "rpm") == 0
                                             ? "https://a.example/x/repodata/repomd.xml"
                                             : "https://a.example/x/changes.csv",
                                  .note = "bookworm-security\nDebian\n12",
                                  .what = what};
    struct tsn_page_text in = TSN_PAGE_TEXT(text, len);
    tsn_diag_init(&d);
    in.rows = 3; /* several slices */
    for (size_t at = 0; s->read(arena, &page, &in, &rows, &pages, &news, &d) == 0 &&
                        in.at < len && in.at > at;) {
        at = in.at;
        for (size_t i = 0; i < rows.n; i++) {
            FUZZ_CHECK(rows.rows[i].path && rows.rows[i].time);
        }
        rows.n = 0;
    }
    for (size_t i = 0; i < pages.n; i++) {
        FUZZ_CHECK(tsn_source_url_ok(page.url, pages.pages[i].url));
    }
    if (in.forget) {
        in.forget(in.memo);
    }
    if (s->member && s->member(arena, "2024/CVE-2024-1234.json", text, len, &row)) {
        FUZZ_CHECK(row.path && *row.path && row.body == text);
    }
    tsn_arena_destroy(arena);
}

static void try_lists(const char *text, size_t len)
{
    for (size_t i = 0; tsn_source_kinds[i]; i++) {
        const struct tsn_source *s = tsn_source_find(tsn_source_kinds[i]);
        for (int what = 0; what < 2; what++) {
            try_list(s, what, text, len);
        }
    }
}

/* Short texts: names, versions, ranges, hash files. */
static void try_words(const char *text, size_t len)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_purl purl;
    struct tsn_vers vers;
    struct tsn_cpe cpe;
    struct tsn_buf b;
    struct tsn_diag d;
    const char *why;
    size_t half = strlen(text) / 2;
    char *a = tsn_arena_strndup(arena, text, half);
    tsn_diag_init(&d);
    tsn_buf_init(&b, 1u << 20);
    for (int how = TSN_PURL_FOLD; how <= TSN_PURL_LOOSE; how++) {
        if (tsn_purl_parse(arena, text, (enum tsn_purl_how)how, &purl, &why) == 0) {
            tsn_buf_clear(&b);
            tsn_purl_print(&purl, &b);
        }
    }
    if (tsn_vers_parse(arena, text, &vers, &why) == 0) {
        (void)tsn_vers_has(&vers, "1.0");
    }
    if (tsn_cpe_parse(arena, text, &cpe, &why) == 0) {
        tsn_buf_clear(&b);
        tsn_cpe_print(&cpe, &b);
        (void)tsn_cpe_compare(&cpe, &cpe);
    }
    for (int s = TSN_SCHEME_SEMVER; s <= TSN_SCHEME_DATETIME; s++) {
        int x = tsn_version_compare((enum tsn_scheme)s, a, text + half);
        int y = tsn_version_compare((enum tsn_scheme)s, text + half, a);
        FUZZ_CHECK(x == TSN_VERSION_UNKNOWN || y == TSN_VERSION_UNKNOWN || x == -y);
    }
    (void)tsn_feed_hash_fits(text, len, "x", 1, &d);
    (void)tsn_feed_path_ok(text, &d);
    if (tsn_utf8_valid(text, len)) {
        tsn_feed_fold(text, true, &b);
    }
    tsn_buf_free(&b);
    tsn_arena_destroy(arena);
}

/* `text` is terminated behind `len`. */
static void try_one(const char *text, size_t len)
{
    try_document(text, len);
    try_json(text, len);
    try_lists(text, len);
    if (len < 600) {
        try_words(text, len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        tsn_json_init();
        tsn_crypto_init();
        ready = true;
    }
    /* A block of exactly this size: a byte read too far is seen. */
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    if (size) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    try_one(text, size);
    free(text);
    return 0;
}
