/* tocsin_verify.c - tocsin-verify PATH: JSON lines here, everything else in verify_bundle.c.
 *
 * Stops at the first finding. Memory: one record a chain. See tocsin_verify.h.
 */
#include "verify/tocsin_verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: tocsin-verify PATH [--trust KEY|FILE]... [--witness KEY|FILE]...\n"
    "                          [--at-least N] [--remember FILE]\n"
    "PATH: a bundle, tiles or a proof; or the JSON lines of `tocsin audit export` (- = stdin)\n"
    "exits: 0 verified, 20 tampered, 21 cannot tell, 22 unusable\n";

/* --- JSON lines: the whole log, unsigned --------------------------------------------------------- */

static void line_bad(int64_t at, const char *what)
{
    finding(UNUSABLE, "-", "line %lld: %s", (long long)at, what);
}

static void take_row(const struct row *row, int64_t at, struct tree *tree)
{
    static struct entry e;
    unsigned char leaf[HASH];
    char text[2 * HASH + 1];
    int64_t prev;

    if (row->seq != at)
        finding(TAMPERED, "V002",
                "entry %lld: it stands at another position: one is missing, or moved",
                (long long)at);
    if (row->not_text)
        finding(TAMPERED, "V001", "entry %lld: it is not an entry", (long long)at);
    leaf_of(leaf, row->entry, row->entry_len);
    hex(text, leaf);
    if (strcmp(row->leaf, text) != 0)
        finding(TAMPERED, "V004", "entry %lld: its text does not have its leaf hash",
                (long long)at);
    log_add(at, row->entry, row->entry_len, false, &e, leaf, &prev);
    if (row->prev != prev)
        finding(TAMPERED, "V003", "entry %lld: its stored link leads elsewhere", (long long)at);
    if (row->gone)
        log_gone(&e);
    log_erase(&e);
    tree_add(tree, leaf);
}

static void verify_lines(FILE *f)
{
    struct row row = {.is_head = false};
    struct tree tree = {.size = 0};
    unsigned char root[HASH];
    char *line = NULL, text[2 * HASH + 1];
    size_t cap = 0;
    ssize_t len;
    int64_t n = 0, lost;
    size_t erased;

    while ((len = getline(&line, &cap, f)) > 0) {
        if (row.is_head)
            line_bad(n + 2, "there is more behind the head");
        if (line[len - 1] != '\n' || !row_parse(&row, line, (size_t)len - 1))
            line_bad(n + 1, "not a line of `tocsin audit export`, or cut");
        if (row.is_head)
            continue;
        take_row(&row, n++, &tree);
        if (n == memory_size()) {
            tree_root(&tree, root);
            memory_probe(root);
        }
    }
    free(line);
    if (ferror(f))
        line_bad(n + 1, strerror(errno));
    tree_root(&tree, root);
    hex(text, root);
    if (row.is_head && row.size != n)
        finding(TAMPERED, "V005", "entry %lld: the head has another number of entries",
                (long long)(n < row.size ? n : row.size));
    if (row.is_head && strcmp(row.root, text) != 0)
        finding(TAMPERED, "V005", "entry %lld: the root is not that of the head", (long long)n);
    log_closes();
    erased = log_erased(&lost);
    if (lost >= 0)
        finding(TAMPERED, "V009",
                "entry %lld: what it commits to is gone, and nothing says why",
                (long long)lost);
    if (!row.is_head)
        finding(n ? CANNOT_TELL : UNUSABLE, "V011",
                "entry %lld: there is no head: a cut would not show", (long long)n);
    settle_unsigned(n);
    printf("VERIFIED  %lld entries, root %s\n", (long long)n, text);
    if (erased)
        printf("erased    %zu payloads, each covered by an audit.erase entry\n", erased);
    puts("not proved: that the whole log was not exchanged (compare size and root with ones "
         "you");
    puts("kept, or a signed checkpoint), the sealed payloads, and that statements are true");
}

/* --- the command line -------------------------------------------------------------------------------- */

struct options {
    const char *path, *remember, *at_least;
};

static bool take_option(struct options *o, const char *name, const char *value, bool keys)
{
    if (strcmp(name, "--trust") == 0) {
        if (keys)
            keys_add(value, 1);
    } else if (strcmp(name, "--witness") == 0) {
        if (keys)
            keys_add(value, 4);
    } else if (strcmp(name, "--at-least") == 0) {
        o->at_least = value;
    } else if (strcmp(name, "--remember") == 0) {
        o->remember = value;
    } else {
        return false;
    }
    return true;
}

/* Twice: a wrong command line is said before a wrong key. */
static bool take_options(struct options *o, int argc, char **argv, bool keys)
{
    o->path = NULL;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (o->path)
                return false;
            o->path = argv[i];
        } else if (i + 1 == argc || !take_option(o, argv[i], argv[i + 1], keys)) {
            return false;
        } else {
            i++;
        }
    }
    return o->path != NULL;
}

int main(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(usage, stdout) == EOF;
    struct options o = {NULL, NULL, NULL};
    FILE *f;

    if (!take_options(&o, argc, argv, false) || !take_options(&o, argc, argv, true) ||
        !o.path) {
        (void)fputs(usage, stderr);
        return UNUSABLE;
    }
    if (o.at_least)
        at_least_set(o.at_least);
    if (o.remember)
        memory_read(o.remember);
    if (bundle_takes(o.path)) {
        bundle_verify(o.path);
    } else {
        f = strcmp(o.path, "-") == 0 ? stdin : fopen(o.path, "rb");
        if (!f)
            finding(UNUSABLE, "V118", "%s: %s", o.path, strerror(errno));
        verify_lines(f);
        if (f != stdin)
            (void)fclose(f);
    }
    log_free();
    return VERIFIED;
}
