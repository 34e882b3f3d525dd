/* judge_int.h - what the files of the judge share; nobody else includes it. */
#pragma once

#include "core/cpe.h"
#include "feed/judge.h"

struct tsn_judged_record {
    const char *id, *source, *publisher, *ns, *title, *url, *severity, *vector, *document;
    json_t *upstream; /* own; NULL = none */
    bool own, vex;
};

struct tsn_finding {
    size_t component, record;
    const char *vuln;
    enum tsn_in in; /* YES or UNKNOWN */
    enum tsn_certainty certainty;
    const char *fixed; /* NULL */
    json_t *evidence;
};

struct tsn_statement {
    size_t component, record;
    bool all; /* it is about the product that the component is */
    const char *vuln, *justification, *pointer;
    enum tsn_stance stance;
    bool trusted;
};

/* One way to a component. */
struct tsn_judge_entry {
    size_t component, next; /* next: index + 1 of the next with this key; 0 = last */
    bool source;            /* by the name of its source package */
};

/* Ways to the components; read by any number of judges at a time. */
struct tsn_judge_index {
    const struct tsn_component *components;
    size_t n;
    json_t *index; /* key -> entry + 1 */
    struct tsn_judge_entry *entries;
    size_t nentries, entries_cap;
};

struct tsn_judge {
    struct tsn_arena *arena;
    const struct tsn_judge_index *ways;
    struct tsn_judge_index *own_ways; /* to be freed; NULL = somebody else's */
    const struct tsn_sbom *sbom;      /* for counts; NULL = an inventory */
    const char *const *trusted;
    struct tsn_sink sink;
    /* what came in */
    const char *document;
    bool own;
    struct tsn_arena *scratch; /* of the record at hand */
    size_t record;             /* of the record at hand; SIZE_MAX: not kept yet */
    struct tsn_record head;    /* copy of the record at hand, in scratch */
    json_t *upstream;          /* of it, own; NULL */
    struct tsn_judged_record *records;
    size_t nrecords, records_cap;
    struct tsn_finding *findings;
    size_t nfindings, findings_cap, first_of_record;
    struct tsn_statement *statements;
    size_t nstatements, statements_cap;
    /* names */
    json_t *ids; /* id -> index */
    size_t *parent;
    const char **name; /* of each id */
    const char **cve;  /* of a root: the CVE in its cluster, or NULL */
    size_t nids, ids_cap;
    json_t *kev, *epss, *ssvc, *rejected;
    size_t seen, withdrawn, claims, unplaced;
};

/* Room for one more in an array that doubles. */
void *tsn_judge_grow(void *p, size_t n, size_t *cap, size_t size);
const char *tsn_judge_kept(struct tsn_judge *j, const char *s);
size_t tsn_judge_keep_record(struct tsn_judge *j); /* the one at hand */
/* Keys of the index besides packages; NULL: the name folds to nothing. */
const char *tsn_judge_name_key(struct tsn_arena *arena, const char *product);
const char *tsn_judge_cpe_key(struct tsn_arena *arena, const struct tsn_cpe *c);
/* Do advisories name this type's source packages? */
bool tsn_judge_by_source(const char *type);

/* judge_claim.c */
void tsn_judge_claim(void *judge, const struct tsn_claim *c);

/* judge_names.c: clusters of names. Two CVEs are never one. */
size_t tsn_judge_id(struct tsn_judge *j, const char *id); /* its number, made on the way */
size_t tsn_judge_root(struct tsn_judge *j, size_t id);
void tsn_judge_same(struct tsn_judge *j, const char *a, const char *b);
/* CVE, then GHSA, then the first in the alphabet. */
const char *tsn_judge_display(struct tsn_judge *j, size_t root);
