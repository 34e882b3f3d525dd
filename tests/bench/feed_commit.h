/* feed_commit.h - documents through both transactions on a store in the working directory. */
#pragma once

#include <jansson.h>
#include <stddef.h>

struct tsn_inventory;
struct tsn_feed_commit {
    char **text;
    const size_t *len;
    size_t n;
    const json_t *products;
    const struct tsn_inventory *inventory;
};
/* Hash, parse, facts, match and both commits of all; seconds. Exits on any error. */
void tsn_feed_commit_all(const struct tsn_feed_commit *in, double *cpu, double *wall);
