/* csaf_check.h - inside of tsn_csaf_check: the findings list, formats, and the groups of tests.
 * Pure; any thread, but one check at a time per struct. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_CSAF_FINDINGS_MAX 500 /* a hostile document must not fill memory with findings */

/* jansson's iterators take no const, but change nothing. */
union tsn_json_read {
    const json_t *in;
    json_t *out;
};

struct tsn_csaf_check {
    const json_t *doc; /* borrowed */
    json_t *findings;  /* array */
    json_t *ids;       /* product id -> times defined (integer) */
    json_t *groups;    /* group id -> array of product ids, borrowed by the object */
    const json_t *document, *tracking, *tree, *vulns; /* parts of doc, NULL when absent */
    const char *category;                             /* of the document, "" when absent */
    const char *status;                               /* draft interim final, "" when absent */
    size_t limit;                                     /* findings past this many are dropped */
    size_t dropped;
    bool closed;  /* objects may have no other members (2.1) */
    json_t *last; /* the finding made last, borrowed; NULL when it was dropped */
};

/* Fills `c`: the parts of the document, its ids and groups. End gives the findings away. */
void tsn_csaf_begin(struct tsn_csaf_check *c, const json_t *doc);
void tsn_csaf_mandatory(struct tsn_csaf_check *c);
json_t *tsn_csaf_end(struct tsn_csaf_check *c);

/* One finding; pointer and message are printf-like. Past the maximum it is dropped. */
void tsn_csaf_find(struct tsn_csaf_check *c, const char *test, const char *pointer,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The one change that mends the last finding: op "replace", "add" or "remove" of RFC 6902; takes
 * `value`, NULL for remove. */
void tsn_csaf_fix(struct tsn_csaf_check *c, const char *op, const char *path, json_t *value);

/* csaf_schema.c: JSON schema of the document's version; CVSS objects are reported as 6.1.8. */
void tsn_csaf_schema(struct tsn_csaf_check *c);
void tsn_csaf_tests_ids(struct tsn_csaf_check *c);     /* 6.1.1-5 23-25 29 32 33 */
void tsn_csaf_tests_product(struct tsn_csaf_check *c); /* 6.1.6 7 11-13 31 */
void tsn_csaf_tests_score(struct tsn_csaf_check *c);   /* 6.1.9 10 */
void tsn_csaf_tests_version(struct tsn_csaf_check *c); /* 6.1.14 16-22 30 */
void tsn_csaf_tests_profile(struct tsn_csaf_check *c); /* 6.1.15 26-28 */

/* One optional or informative test; the lists end with a NULL id. */
struct tsn_csaf_test {
    const char *id;
    void (*run)(struct tsn_csaf_check *c);
};
extern const struct tsn_csaf_test tsn_csaf_optional_doc[];     /* 6.2.4-15 20 */
extern const struct tsn_csaf_test tsn_csaf_optional_product[]; /* 6.2.1-3 16-19 */
extern const struct tsn_csaf_test tsn_csaf_informative[];      /* 6.3.1-11 */
void tsn_csaf_spelling(struct tsn_csaf_check *c);              /* 6.3.8 */

/* Optional metrics that only the properties name count as if the vector named them; scores anew. */
struct tsn_cvss;
void tsn_csaf_complete(const json_t *cvss, struct tsn_cvss *v);

/* Why there is such a test, in a sentence; "" for an id that is not known (csaf_why.c). */
const char *tsn_csaf_why(const char *test);

/* Calls fn for every full_product_name_t of the tree with its JSON pointer. */
typedef void tsn_csaf_product_fn(struct tsn_csaf_check *c, const json_t *product,
                                 const char *pointer);
void tsn_csaf_products(struct tsn_csaf_check *c, tsn_csaf_product_fn *fn);
/* Adds the ids of obj.product_ids and of its group_ids as members of `set` (an object). */
void tsn_csaf_refs(struct tsn_csaf_check *c, const json_t *obj, json_t *set);

/* Does this name of a version speak of several (6.1.31)? */
bool tsn_csaf_names_range(const char *name);

/* csaf_formats.c: whole-string formats. */
bool tsn_csaf_is_uri(const char *s);
bool tsn_csaf_is_time(const char *s);
bool tsn_csaf_is_lang(const char *s);
bool tsn_csaf_is_version(const char *s);
bool tsn_csaf_is_cpe(const char *s);
bool tsn_csaf_is_purl_shape(const char *s); /* the schema's pattern */
bool tsn_csaf_is_purl(const char *s);       /* the purl specification */
bool tsn_csaf_is_cve(const char *s);
bool tsn_csaf_is_cwe(const char *s);
bool tsn_csaf_is_hash(const char *s);
bool tsn_csaf_is_hash_lower(const char *s);  /* 2.1 */
bool tsn_csaf_is_algorithm(const char *s);   /* 2.1 */
bool tsn_csaf_is_sharing_id(const char *s);  /* 2.1: UUID version 4, all 0 or all f */
bool tsn_csaf_is_cwe_version(const char *s); /* 2.1: "4.13" */
bool tsn_csaf_is_ratio(const char *s);       /* 2.1: "0.25" */
bool tsn_csaf_is_trimmed(const char *s);     /* tracking id */
bool tsn_csaf_is_category(const char *s);

/* A moment as seconds since 1970 and nanoseconds; false when it is not RFC 3339. */
bool tsn_csaf_time(const char *s, int64_t *sec, int64_t *nsec);

/* csaf_lists.c: registries as facts. */
bool tsn_csaf_lang_exists(const char *tag);
enum tsn_cwe_known { TSN_CWE_UNKNOWN, TSN_CWE_OTHER_NAME, TSN_CWE_OK };
enum tsn_cwe_known tsn_csaf_cwe_known(const char *id, const char *name);
/* The same in one version of CWE ("4.13"); versions that the tables do not have count as any. */
enum tsn_cwe_known tsn_csaf_cwe_known_in(const char *id, const char *name, const char *version);
/* The newest version of CWE in which this is the name of that weakness, or NULL. */
const char *tsn_csaf_cwe_version(const char *id, const char *name);
/* The official name of a frequent weakness, or NULL. */
const char *tsn_csaf_cwe_name(const char *id);
