/* tocsin_verify.h - tocsin-verify: a second opinion about the file that `tocsin audit export` writes.
 *
 * Shares no code with tocsin and links libcrypto alone, so that an error or a lie in tocsin's own
 * verifier does not repeat here. Written from docs/audit.md. Exits: 0 verified, 20 tampered,
 * 21 cannot tell, 22 unusable. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH 32

/* --- verify_json.c: one line of the export --- */

struct row {
    bool is_head;  /* {root, size}, else {entry, leaf, prev, seq} */
    bool gone;     /* what the entry commits to does not stand beside it any more */
    bool not_text; /* the entry was no text at all: {"hex": ...} */
    char *entry;   /* may hold zero bytes; owned by the reader, valid until the next line */
    size_t entry_len;
    char leaf[2 * HASH + 1], root[2 * HASH + 1];
    int64_t seq, prev, size;
};

/* False: the line is not one that the export writes. `line` is changed. */
bool row_parse(struct row *out, char *line, size_t len);

/* --- verify_entry.c: the text of one entry --- */

struct entry {
    int64_t seq, rseq, ref, rlen; /* ref, rlen: -1 absent */
    char kind[513], node[513], chain[40], run[27], case_id[27], from[513];
    char rprev[2 * HASH + 1], rlast[2 * HASH + 1]; /* rlast "" absent */
    char boot[9];
    int64_t boot_ns; /* -1: too large to compare */
};

/* NULL, or what is wrong with the text. */
const char *entry_parse(struct entry *out, const char *text, size_t len);
