/* assess_trust.c - whose signature counts, what is too old, what was seen before. See assess.h. */
#include "cli/assess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

void tsn_assess_init(struct tsn_assess *j, struct tsn_arena *arena)
{
    memset(j, 0, sizeof(*j));
    j->arena = arena;
    j->at_least = -1;
    j->what = "";
    tsn_diag_init(&j->diag);
    tsn_diag_init(&j->cannot_why);
}

void tsn_assess_free(struct tsn_assess *j)
{
    free(j->note);
    free(j->old_note);
    j->note = j->old_note = NULL;
}

tsn_err tsn_assess_find(struct tsn_assess *j, enum tsn_verdict verdict, const char *code,
                        const char *fmt, ...)
{
    va_list ap;
    char what[300];

    if (!j->diag.code[0]) {
        va_start(ap, fmt);
        (void)vsnprintf(what, sizeof(what), fmt, ap);
        va_end(ap);
        j->verdict = verdict;
        (void)tsn_diag_set(&j->diag, TSN_ETAMPERED, code, "%s", what);
    }
    return TSN_ETAMPERED;
}

void tsn_assess_cannot(struct tsn_assess *j, const char *code, const char *fmt, ...)
{
    va_list ap;
    char what[300];

    if (j->cannot)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    j->cannot = true;
    (void)tsn_diag_set(&j->cannot_why, TSN_ENOTFOUND, code, "%s", what);
}

/* --- keys ---------------------------------------------------------------------------------- */

static tsn_err add_key(struct tsn_assess *j, const char *text, size_t len,
                       enum tsn_note_type type)
{
    bool log = type == TSN_NOTE_ED25519;
    size_t *n = log ? &j->ntrust : &j->nwitness;
    struct tsn_note_key key;

    if (tsn_note_key_parse(&key, text, len) != 0)
        return tsn_assess_find(j, TSN_UNUSABLE, "V112", "not a verifier key: %.*s",
                               len < 80 ? (int)len : 80, text);
    if (key.type != type)
        return 0;
    if (*n == TSN_ASSESS_KEYS)
        return tsn_assess_find(j, TSN_UNUSABLE, "V112", "more than %d keys", TSN_ASSESS_KEYS);
    (log ? j->trust : j->witness)[(*n)++] = key;
    return 0;
}

/* One line of a file: a key, `log KEY`, `witness NAME KEY`, or what is not about keys. */
static tsn_err key_line(struct tsn_assess *j, const char *line, size_t len,
                        enum tsn_note_type type)
{
    char text[1024], *at = text, *word, *last = NULL, *save = NULL;
    int words = 0;

    while (len > 0 && strchr(" \t\r", line[0]))
        line++, len--;
    while (len > 0 && strchr(" \t\r", line[len - 1]))
        len--;
    if (len == 0 || line[0] == '#')
        return 0;
    if (len >= sizeof(text))
        return tsn_assess_find(j, TSN_UNUSABLE, "V112", "a line of over 1,000 bytes is no key");
    memcpy(text, line, len);
    text[len] = '\0';
    if (strncmp(text, "group ", 6) == 0 || strncmp(text, "quorum ", 7) == 0)
        return 0;
    if (strncmp(text, "log ", 4) != 0 && strncmp(text, "witness ", 8) != 0)
        return add_key(j, text, len, type);
    if ((text[0] == 'w') != (type == TSN_NOTE_COSIGNATURE))
        return 0;
    while ((word = strtok_r(at, " ", &save)) != NULL) {
        at = NULL;
        if (++words <= 3)
            last = word;
    }
    return add_key(j, last ? last : "", last ? strlen(last) : 0, type);
}

tsn_err tsn_assess_keys(struct tsn_assess *j, const char *value, enum tsn_note_type type)
{
    struct tsn_buf file;
    struct stat info;
    tsn_err err = 0;

    if (stat(value, &info) != 0 || !S_ISREG(info.st_mode))
        return add_key(j, value, strlen(value), type);
    tsn_buf_init(&file, 1u << 20);
    if (tsn_buf_read_file(&file, value) != 0)
        err = tsn_assess_find(j, TSN_UNUSABLE, "V112", "%s cannot be read", value);
    for (size_t at = 0; !err && at < file.len;) {
        const char *end = memchr(file.data + at, '\n', file.len - at);
        size_t len = end ? (size_t)(end - (file.data + at)) : file.len - at;

        err = key_line(j, file.data + at, len, type);
        at += len + 1;
    }
    tsn_buf_free(&file);
    return err;
}

/* --- checkpoints --------------------------------------------------------------------------- */

tsn_err tsn_assess_checkpoint(struct tsn_assess *j, const char *p, size_t n)
{
    free(j->note);
    j->note = tsn_alloc(n + 1);
    memcpy(j->note, p, n);
    j->note_len = n;
    if (tsn_note_parse(&j->parsed, j->note, n) != 0)
        return tsn_assess_find(j, TSN_TAMPERED, "V111", "the checkpoint is not a signed note");
    if (tsn_checkpoint_parse(&j->cp, j->parsed.text, j->parsed.len) != 0 || j->cp.extended)
        return tsn_assess_find(j, TSN_TAMPERED, "V111",
                               "the checkpoint is not origin, size and root");
    j->have_cp = true;
    return 0;
}

tsn_err tsn_assess_recall(struct tsn_assess *j)
{
    struct tsn_checkpoint c;
    struct tsn_note note;
    struct tsn_buf b;

    if (!j->remember || access(j->remember, F_OK) != 0)
        return 0;
    tsn_buf_init(&b, TSN_NOTE_MAX);
    if (tsn_buf_read_file(&b, j->remember) != 0 || tsn_note_parse(&note, b.data, b.len) != 0 ||
        tsn_checkpoint_parse(&c, note.text, note.len) != 0 || c.extended) {
        tsn_buf_free(&b);
        return tsn_assess_find(j, TSN_UNUSABLE, "V115", "%s is not a checkpoint that was kept",
                               j->remember);
    }
    j->old_size = c.size;
    memcpy(j->old_root, c.root, TSN_HASH_LEN);
    j->old_note = tsn_buf_take(&b, NULL);
    j->have_old = true;
    return 0;
}

static void check_memory(struct tsn_assess *j)
{
    size_t len = j->cp.origin_len;

    if (strncmp(j->old_note, j->cp.origin, len) != 0 || j->old_note[len] != '\n')
        (void)tsn_assess_find(j, TSN_UNUSABLE, "V115", "the memory is of another log");
    else if (j->old_size > j->cp.size)
        (void)tsn_assess_find(j, TSN_TAMPERED, "V115",
                              "a checkpoint of %llu entries was seen before, this one has %llu",
                              (unsigned long long)j->old_size, (unsigned long long)j->cp.size);
    else if ((j->old_size == j->cp.size &&
              memcmp(j->old_root, j->cp.root, TSN_HASH_LEN) != 0) ||
             (j->probed && memcmp(j->old_root, j->probe, TSN_HASH_LEN) != 0))
        (void)tsn_assess_find(j, TSN_TAMPERED, "V115",
                              "the checkpoint of %llu entries seen before is of another log",
                              (unsigned long long)j->old_size);
    else if (j->old_size > 0 && j->old_size < j->cp.size && !j->probed)
        tsn_assess_cannot(j, "V115",
                          "nothing here shows that it continues the checkpoint of %llu entries "
                          "seen before: ask for an export with --since %llu",
                          (unsigned long long)j->old_size, (unsigned long long)j->old_size);
}

static void keep_memory(struct tsn_assess *j)
{
    const char *draft = tsn_arena_printf(j->arena, "%s.new", j->remember);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good =
        fd >= 0 && write(fd, j->note, j->note_len) == (ssize_t)j->note_len && fsync(fd) == 0;

    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (!good || rename(draft, j->remember) != 0)
        (void)fprintf(stderr, "warning: %s is not kept: %s\n", j->remember, strerror(errno));
}

/* True: well signed. A bad signature is a finding, whoever else signed. */
static bool signed_by(struct tsn_assess *j, const struct tsn_note_key *key)
{
    tsn_err err = tsn_note_check(&j->parsed, key, NULL);

    if (err == TSN_ETAMPERED)
        (void)tsn_assess_find(j, TSN_TAMPERED, "V111", "the signature of %.200s is wrong",
                              key->name);
    return err == 0;
}

static void check_signatures(struct tsn_assess *j)
{
    for (size_t i = 0; i < j->ntrust; i++) {
        if (!signed_by(j, &j->trust[i]))
            continue;
        j->signed_by++;
        if (strlen(j->trust[i].name) != j->cp.origin_len ||
            memcmp(j->trust[i].name, j->cp.origin, j->cp.origin_len) != 0)
            (void)tsn_assess_find(j, TSN_TAMPERED, "V111", "the signing key is of another log");
    }
    for (size_t i = 0; i < j->nwitness; i++)
        j->cosigned += signed_by(j, &j->witness[i]);
    if (j->ntrust && !j->signed_by)
        tsn_assess_cannot(j, "V112", "no key that you trust has signed it");
    else if (!j->ntrust && !j->own)
        tsn_assess_cannot(j, "V112",
                          "consistent in itself; without --trust anyone can have signed it");
    if (j->cosigned < j->nwitness)
        tsn_assess_cannot(j, "V113", "%zu of %zu witnesses have cosigned it", j->cosigned,
                          j->nwitness);
}

void tsn_assess_settle(struct tsn_assess *j)
{
    if (!j->diag.code[0] && j->have_cp) {
        check_signatures(j);
        if (j->at_least >= 0 && j->cp.size < (uint64_t)j->at_least)
            (void)tsn_assess_find(j, TSN_TAMPERED, "V114",
                                  "%llu entries, and at least %lld were asked for",
                                  (unsigned long long)j->cp.size, (long long)j->at_least);
        if (j->have_old)
            check_memory(j);
    }
    if (j->diag.code[0])
        return; /* the finding's verdict */
    if (j->cannot) {
        j->verdict = TSN_CANNOT_TELL;
        j->diag = j->cannot_why;
        return;
    }
    j->verdict = TSN_VERIFIED;
    if (j->remember)
        keep_memory(j);
}
