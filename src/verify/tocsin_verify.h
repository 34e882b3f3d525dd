/* tocsin_verify.h - tocsin-verify: a second opinion about what `tocsin audit export` writes: JSON
 * lines, bundles, tiles, single proofs.
 *
 * Shares no code with tocsin and links libcrypto alone, so that an error or a lie in tocsin's own
 * verifier does not repeat here. Written from docs/audit.md. Exits: 0 verified, 20 tampered,
 * 21 cannot tell, 22 unusable. One thread; the first finding ends it, so nothing returns an error:
 * what is wrong is said by finding(), which does not come back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH 32

enum { VERIFIED = 0, TAMPERED = 20, CANNOT_TELL = 21, UNUSABLE = 22 };

/* --- verify_base.c: hashing, text, files --- */

_Noreturn void finding(int verdict, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void *need(size_t n);                      /* zeroed memory */
void *more(void *p, size_t old, size_t n); /* a larger copy; frees p */
void sha256(unsigned char out[HASH], const void *p, size_t n);
void leaf_of(unsigned char out[HASH], const void *text, size_t n); /* SHA-256(0x00 || text) */
void join(unsigned char out[HASH], const unsigned char *left, const unsigned char *right);
void hex(char out[2 * HASH + 1], const unsigned char *p);
/* Strict base64; the length, or -1. `out` holds len / 4 * 3 bytes. */
long unbase64(unsigned char *out, const char *s, size_t len);
/* Decimal without sign and leading zeros, below 2^63. */
bool decimal_of(const char *s, size_t len, int64_t *out);

struct bytes {
    char *p; /* NUL-terminated behind n; free it */
    size_t n;
};
bool read_file(struct bytes *out, const char *root, const char *name); /* false: cannot */
/* The line at *at without its end, and *at behind it; false: no whole line is left. */
bool next_line(const struct bytes *b, size_t *at, const char **line, size_t *len);

/* A tree that grows leaf by leaf; zeroed = empty. */
struct tree {
    uint64_t size;
    int n;
    unsigned char peak[64][HASH];
};
void tree_add(struct tree *t, const unsigned char *leaf);
void tree_root(const struct tree *t, unsigned char out[HASH]);

/* --- verify_files.c: what was handed out, a folder or a tar file --- */

bool files_is_tar(const char *path);
void files_open(const char *path); /* lists everything below it, by name in byte order */
void files_close(void);
size_t files_count(void);
const char *files_name(size_t i);
bool files_has(const char *name);
/* TAMPERED with `code` when it is not there; V110 when it is not what the manifest lists. */
struct bytes files_read(const char *name, const char *code);
/* The manifest's lines from `at` on must list every file; its bytes must stay until files_rest. */
void files_listed(const struct bytes *manifest, size_t at);
void files_rest(void); /* reads what nobody asked for, for its hash */

/* --- verify_json.c: one line of the JSON export --- */

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

#define COMMITS 6

struct entry {
    int64_t seq, rseq, ref, rlen; /* ref, rlen: -1 absent */
    char kind[513], node[513], chain[40], run[27], case_id[27], from[513];
    char rprev[2 * HASH + 1], rlast[2 * HASH + 1]; /* rlast "" absent */
    char boot[9];
    int64_t boot_ns; /* -1: too large to compare */
    struct {
        char name[16], value[2 * HASH + 1];
    } commit[COMMITS];
    int ncommits;
};

/* NULL, or what is wrong with the text. */
const char *entry_parse(struct entry *out, const char *text, size_t len);

/* --- verify_log.c: entries in their order --- */

/* Takes entry `at` in; its chain must continue. `part`: chains may begin anywhere. *e is filled.
 * `prev` gets the position of the chain's entry before, -1 (NULL allowed). */
void log_add(int64_t at, const char *text, size_t len, bool part, struct entry *e,
             unsigned char leaf[HASH], int64_t *prev);
void log_closes(void); /* every closed run was told to its case */
/* What the entry commits to does not stand beside it any more: an audit.erase behind must say why. */
void log_gone(const struct entry *e);
void log_erase(const struct entry *e);
size_t log_erased(int64_t *lost); /* how many are covered; *lost: the first that is not, -1 */
bool log_has_chain(const char *name);
void log_free(void);

/* --- verify_note.c: who signed --- */

struct checkpoint {
    struct bytes note; /* the whole */
    size_t text_len;
    char origin[256];
    int64_t size;
    unsigned char root[HASH];
};
void keys_add(const char *value, int type); /* key or file of keys; 1 log, 4 witness */
void checkpoint_parse(struct checkpoint *out, struct bytes note); /* takes the bytes */
/* The memory: read before anything else, checked and kept at the end. */
void memory_read(const char *path);
int64_t memory_size(void); /* -1 = none */
void memory_probe(const unsigned char *root);
void at_least_set(const char *text);
/* Signatures, age, memory. `why_not`: complete NULL, else why it cannot tell, with its code. */
void settle(const struct checkpoint *c, const char *code, const char *why_not);

/* The same for JSON lines, which no key has signed; the memory is only compared. */
void settle_unsigned(int64_t size);

/* --- verify_bundle.c: what was handed out --- */

bool bundle_takes(const char *path);
void bundle_verify(const char *path);
