/* judge_names.c - clusters of names of one vulnerability: union-find over aliases, never over
 * `upstream` or `related`, and never with two CVEs in one. */
#include <string.h>
#include "core/json.h"
#include "feed/judge_int.h"

static bool is_cve(const char *id)
{
    return strncmp(id, "CVE-", 4) == 0;
}

size_t tsn_judge_id(struct tsn_judge *j, const char *id)
{
    json_t *at = json_object_get(j->ids, id);
    if (at) {
        return (size_t)json_integer_value(at);
    }
    if (j->nids == j->ids_cap) {
        j->ids_cap = j->ids_cap ? j->ids_cap * 2 : 256;
        j->parent = tsn_realloc(j->parent, j->ids_cap * sizeof *j->parent);
        j->name = tsn_realloc(j->name, j->ids_cap * sizeof *j->name);
        j->cve = tsn_realloc(j->cve, j->ids_cap * sizeof *j->cve);
    }
    size_t n = j->nids++;
    json_object_set_new(j->ids, id, json_integer((json_int_t)n));
    j->name[n] = tsn_arena_strdup(j->arena, id);
    j->parent[n] = n;
    j->cve[n] = is_cve(id) ? j->name[n] : NULL;
    return n;
}

size_t tsn_judge_root(struct tsn_judge *j, size_t id)
{
    while (j->parent[id] != id) {
        j->parent[id] = j->parent[j->parent[id]];
        id = j->parent[id];
    }
    return id;
}

void tsn_judge_same(struct tsn_judge *j, const char *a, const char *b)
{
    size_t x = tsn_judge_root(j, tsn_judge_id(j, a)), y = tsn_judge_root(j, tsn_judge_id(j, b));
    if (x == y || (j->cve[x] && j->cve[y])) {
        return; /* an id with two CVEs is related to the second, not the same */
    }
    size_t low = x < y ? x : y, high = x < y ? y : x;
    j->parent[high] = low;
    j->cve[low] = j->cve[low] ? j->cve[low] : j->cve[high];
}

const char *tsn_judge_display(struct tsn_judge *j, size_t root)
{
    const char *best = j->cve[root];
    for (size_t i = 0; !j->cve[root] && i < j->nids; i++) {
        if (tsn_judge_root(j, i) != root) {
            continue;
        }
        bool ghsa = strncmp(j->name[i], "GHSA-", 5) == 0;
        bool had = best && strncmp(best, "GHSA-", 5) == 0;
        if (!best || (ghsa && !had) || (ghsa == had && strcmp(j->name[i], best) < 0)) {
            best = j->name[i];
        }
    }
    return best;
}
