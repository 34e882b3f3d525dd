/* csaf_check21.h - inside of tsn_csaf_check for CSAF 2.1: tests that 2.0 does not have, on the
 * document as it is. Pure. */
#pragma once

#include "advisory/csaf_check.h"

bool tsn_csaf_is_21(const json_t *doc);
/* All rules of 2.1 that are errors. */
void tsn_csaf_mandatory21(struct tsn_csaf_check *c);

/* Runs tests of 2.0 over the document as 2.0 would say it; what they find is added with the pointers of
 * 2.1. */
void tsn_csaf_as_20(struct tsn_csaf_check *c, void (*run)(struct tsn_csaf_check *v, void *user),
                    void *user);

void tsn_csaf_tests21_tree(struct tsn_csaf_check *c);    /* 6.1.1 3 13 34 42-44 50 57-59 61 */
void tsn_csaf_tests21_doc(struct tsn_csaf_check *c);     /* 6.1.26 27 37-41 54 55 60.1 */
void tsn_csaf_tests21_vuln(struct tsn_csaf_check *c);    /* 6.1.11 24 35 36 45 52 53 */
void tsn_csaf_tests21_metrics(struct tsn_csaf_check *c); /* 6.1.7 9 10 46-49 51 56 */

/* 6.2.21-30 33-41 47, 6.3.12 14 15 */
void tsn_csaf_recommended21(struct tsn_csaf_check *c);
/* 6.2.31 32 39.5 48 49 54, 6.3.21 22 */
void tsn_csaf_recommended21_tree(struct tsn_csaf_check *c);

/* csaf_ranges21.c: 6.2.50 and 6.3.19 among the branches below `pointer`. */
void tsn_csaf_ranges21(struct tsn_csaf_check *c, const json_t *siblings, const char *pointer);

/* Is the first part of a namespace, that long, a registered one? */
bool tsn_csaf_ssvc_registered(const char *space, size_t base);
/* What is wrong with a selection of SSVC (6.1.48), or NULL. */
const char *tsn_csaf_ssvc_wrong(const json_t *selection);
/* The newest date of the revision history; false without one. */
bool tsn_csaf_newest(const struct tsn_csaf_check *c, int64_t *sec, int64_t *nsec);
/* Is `when` a moment past sec and nsec? */
bool tsn_csaf_past(const char *when, int64_t sec, int64_t nsec);
