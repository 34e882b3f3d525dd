/* seal_state.c - key and state on disk. See seal_state.h. Owns the directory's descriptor. */
#include "sealer/seal_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/rand.h"
#include "core/text.h"

#define LOCK_TRIES 60
#define LOCK_MS    50
#define HEAD       "tocsin-sealer/v1\n"
#define HEAD_LEN   (sizeof(HEAD) - 1)
#define MAC        "mac "
#define MAC_LINE   (sizeof(MAC) - 1 + (size_t)2 * TSN_HASH_LEN + 1)
#define STATE_MAX  4096
#define DERIVE     "tocsin-sealer-state/v1"
#define PATH_LEN   4096

void tsn_seal_state_init(struct tsn_seal_state *st)
{
    memset(st, 0, sizeof(*st));
    st->dir = -1;
}

void tsn_seal_state_free(struct tsn_seal_state *st)
{
    if (st->dir >= 0)
        close(st->dir); /* unlocks */
    tsn_wipe(st->mac_key, sizeof(st->mac_key));
    st->dir = -1;
}

/* --- files -------------------------------------------------------------------------------- */

static tsn_err write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return tsn_err_from_errno(errno);
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

/* A new file with these bytes, synced; `how` is O_EXCL or O_TRUNC. */
static tsn_err write_file(int dir, const char *name, int how, const struct tsn_buf *b)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | how, 0600);
    tsn_err err;

    if (fd < 0)
        return errno == EEXIST ? TSN_EDUP : tsn_err_from_errno(errno);
    err = write_all(fd, b->data, b->len);
    if (!err && fsync(fd) != 0)
        err = tsn_err_from_errno(errno);
    if (close(fd) != 0 && !err)
        err = tsn_err_from_errno(errno);
    return err;
}

/* The same for a file that must not be there: whole or not at all, whenever this process ends. */
static tsn_err make_file(int dir, const char *name, const char *temp, const struct tsn_buf *b)
{
    tsn_err err = write_file(dir, temp, O_TRUNC, b);

    if (!err && linkat(dir, temp, dir, name, 0) != 0)
        err = errno == EEXIST ? TSN_EDUP : tsn_err_from_errno(errno);
    (void)unlinkat(dir, temp, 0);
    return err;
}

static tsn_err read_file(int fd, struct tsn_buf *b)
{
    char chunk[1024];
    tsn_err err = 0;

    while (!err) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tsn_err_from_errno(errno);
        if (n == 0)
            break;
        err = tsn_buf_put(b, chunk, (size_t)n);
    }
    tsn_wipe(chunk, sizeof(chunk));
    return err;
}

/* --- the state ---------------------------------------------------------------------------- */

static tsn_err print_state(struct tsn_buf *out, const struct tsn_seal_state *st,
                           const struct tsn_note_key *key, uint64_t size, const uint8_t *root)
{
    uint8_t mac[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_err err;

    (void)tsn_buf_puts(out, HEAD);
    err = tsn_checkpoint_print(out, key->name, size, root);
    if (err)
        return err;
    tsn_hmac_sha256(mac, st->mac_key, sizeof(st->mac_key), out->data, out->len);
    tsn_hex(hex, mac, sizeof(mac));
    return tsn_buf_printf(out, MAC "%s\n", hex);
}

/* Takes what print_state writes for this key, and nothing else. */
static tsn_err parse_state(struct tsn_seal_state *st, const struct tsn_note_key *key,
                           const struct tsn_buf *b)
{
    struct tsn_checkpoint c;
    struct tsn_buf again;
    tsn_err err = TSN_ETAMPERED;

    if (b->len < HEAD_LEN + MAC_LINE || memcmp(b->data, HEAD, HEAD_LEN) != 0 ||
        tsn_checkpoint_parse(&c, b->data + HEAD_LEN, b->len - HEAD_LEN - MAC_LINE) != 0)
        return err;
    tsn_buf_init(&again, STATE_MAX);
    if (print_state(&again, st, key, c.size, c.root) == 0 && again.len == b->len &&
        tsn_equal_ct(again.data, b->data, b->len)) {
        st->size = c.size;
        memcpy(st->root, c.root, sizeof(st->root));
        err = 0;
    }
    tsn_buf_free(&again);
    return err;
}

/* Opens and locks the directory, so that one sealer at a time signs from this state. */
static tsn_err enter(struct tsn_seal_state *st, const char *path, const uint8_t *seed,
                     struct tsn_diag *diag)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char dir[PATH_LEN];
    int n = slash == path ? 1 : slash ? (int)(slash - path) : 1;

    tsn_hmac_sha256(st->mac_key, seed, TSN_SIGN_KEY_LEN, DERIVE, sizeof(DERIVE) - 1);
    n = snprintf(dir, sizeof(dir), "%.*s", n, slash ? path : ".");
    if (!name[0] || n < 0 || (size_t)n >= sizeof(dir) ||
        !tsn_copy(st->file, sizeof(st->file), name) ||
        (size_t)snprintf(st->temp, sizeof(st->temp), "%s.new", name) >= sizeof(st->temp))
        return tsn_diag_set(diag, TSN_EINPUT, "V022", "%s is not a file name", path);
    st->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (st->dir < 0)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "V022", "%s cannot be opened: %s",
                            dir, tsn_err_text(tsn_err_from_errno(errno)));
    /* After a kill of the core the sealer before this one may not have seen its end yet. */
    for (int i = 0; flock(st->dir, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK || i == LOCK_TRIES)
            return tsn_diag_set(diag, TSN_EBUSY, "V022", "another sealer works in %s", dir);
        (void)poll(NULL, 0, LOCK_MS);
    }
    return 0;
}

tsn_err tsn_seal_state_create(struct tsn_seal_state *st, const char *path,
                              const struct tsn_note_key *key, const uint8_t *seed,
                              struct tsn_diag *diag)
{
    struct tsn_buf b;
    tsn_err err = enter(st, path, seed, diag);

    if (err)
        return err;
    tsn_sha256_once(st->root, "", 0);
    tsn_buf_init(&b, STATE_MAX);
    err = print_state(&b, st, key, 0, st->root);
    if (!err)
        err = make_file(st->dir, st->file, st->temp, &b);
    if (!err && fsync(st->dir) != 0)
        err = tsn_err_from_errno(errno);
    tsn_buf_free(&b);
    if (err)
        tsn_diag_set(diag, err, "V022", "%s cannot be made: %s", path, tsn_err_text(err));
    return err;
}

tsn_err tsn_seal_state_open(struct tsn_seal_state *st, const char *path,
                            const struct tsn_note_key *key, const uint8_t *seed,
                            struct tsn_diag *diag)
{
    struct tsn_buf b;
    tsn_err err = enter(st, path, seed, diag);
    int fd;

    if (err)
        return err;
    fd = openat(st->dir, st->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "V022",
                            "%s cannot be read: %s; a sealer never starts from nothing", path,
                            tsn_err_text(tsn_err_from_errno(errno)));
    tsn_buf_init(&b, STATE_MAX);
    err = read_file(fd, &b);
    close(fd);
    if (err)
        tsn_diag_set(diag, err, "V022", "%s cannot be read: %s", path, tsn_err_text(err));
    else if (parse_state(st, key, &b) != 0)
        err = tsn_diag_set(diag, TSN_ETAMPERED, "V022",
                           "%s is damaged, was edited, or belongs to another key", path);
    tsn_buf_free(&b);
    return err;
}

bool tsn_seal_state_unused(const char *path)
{
    struct tsn_checkpoint c;
    struct tsn_buf b;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool unused = false;

    if (fd < 0)
        return false;
    tsn_buf_init(&b, STATE_MAX);
    unused = read_file(fd, &b) == 0 && b.len >= HEAD_LEN + MAC_LINE &&
             memcmp(b.data, HEAD, HEAD_LEN) == 0 &&
             tsn_checkpoint_parse(&c, b.data + HEAD_LEN, b.len - HEAD_LEN - MAC_LINE) == 0 &&
             c.size == 0;
    close(fd);
    tsn_buf_free(&b);
    return unused;
}

tsn_err tsn_seal_state_keep(struct tsn_seal_state *st, const struct tsn_note_key *key,
                            uint64_t size, const uint8_t root[TSN_HASH_LEN],
                            struct tsn_diag *diag)
{
    struct tsn_buf b;
    tsn_err err;

    tsn_buf_init(&b, STATE_MAX);
    err = print_state(&b, st, key, size, root);
    if (!err)
        err = tsn_fault_err("sealer.persist");
    if (!err)
        err = write_file(st->dir, st->temp, O_TRUNC, &b);
    tsn_buf_free(&b);
    if (!err)
        tsn_fault("sealer.written");
    if (!err && renameat(st->dir, st->temp, st->dir, st->file) != 0)
        err = tsn_err_from_errno(errno);
    if (err) /* the old state stands */
        return tsn_diag_set(diag, err, "V024", "the state cannot be written: %s",
                            tsn_err_text(err));
    /* From here on a start may find the old state or the new one. */
    if (tsn_fault_err("sealer.renamed") || fsync(st->dir) != 0)
        return tsn_diag_set(diag, TSN_EOUTCOME, "V024", "the state may not be on disk");
    st->size = size;
    memmove(st->root, root, TSN_HASH_LEN);
    tsn_fault("sealer.persisted");
    return 0;
}

tsn_err tsn_seal_state_hand_over(struct tsn_seal_state *st, const struct tsn_note_key *key,
                                 const uint8_t *seed, struct tsn_diag *diag)
{
    uint8_t before[TSN_HASH_LEN];
    tsn_err err;

    memcpy(before, st->mac_key, sizeof(before));
    tsn_hmac_sha256(st->mac_key, seed, TSN_SIGN_KEY_LEN, DERIVE, sizeof(DERIVE) - 1);
    err = tsn_seal_state_keep(st, key, st->size, st->root, diag);
    if (err && err != TSN_EOUTCOME)
        memcpy(st->mac_key, before, sizeof(before));
    tsn_wipe(before, sizeof(before));
    return err;
}

/* --- the key ------------------------------------------------------------------------------ */

tsn_err tsn_seal_key_make(struct tsn_note_key *key, uint8_t seed[TSN_SIGN_KEY_LEN],
                          const char *origin, struct tsn_diag *diag)
{
    uint8_t pub[TSN_SIGN_KEY_LEN];

    tsn_rand_bytes(seed, TSN_SIGN_KEY_LEN);
    tsn_sign_public(pub, seed);
    if (tsn_note_key_make(key, origin, TSN_NOTE_ED25519, pub) != 0)
        return tsn_diag_set(diag, TSN_EINPUT, "V023",
                            "an origin is 1 to %d bytes without spaces and without '+'",
                            TSN_NOTE_NAME_MAX);
    return 0;
}

tsn_err tsn_seal_key_write(const char *path, const struct tsn_note_key *key,
                           const uint8_t seed[TSN_SIGN_KEY_LEN], struct tsn_diag *diag)
{
    char temp[PATH_LEN];
    struct tsn_buf b;
    tsn_err err;

    if ((size_t)snprintf(temp, sizeof(temp), "%s.making", path) >= sizeof(temp))
        return tsn_diag_set(diag, TSN_ETOOBIG, "V023", "%s is too long a path", path);
    tsn_buf_init(&b, STATE_MAX);
    err = tsn_note_secret_print(&b, key, seed);
    if (!err)
        err = tsn_buf_putc(&b, '\n');
    if (!err)
        err = make_file(AT_FDCWD, path, temp, &b);
    if (b.len)
        tsn_wipe(b.data, b.len);
    tsn_buf_free(&b);
    if (err)
        tsn_diag_set(diag, err, "V023", "%s cannot be made: %s", path, tsn_err_text(err));
    return err;
}

tsn_err tsn_seal_key_read(struct tsn_note_key *key, uint8_t seed[TSN_SIGN_KEY_LEN],
                          const char *path, struct tsn_diag *diag)
{
    struct tsn_buf b;
    struct stat meta;
    tsn_err err = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return tsn_diag_set(diag, tsn_err_from_errno(errno), "V023", "%s cannot be read: %s",
                            path, tsn_err_text(tsn_err_from_errno(errno)));
    tsn_buf_init(&b, STATE_MAX);
    if (fstat(fd, &meta) != 0 || (meta.st_mode & 077) != 0)
        err = tsn_diag_set(diag, TSN_EDENIED, "V023", "%s is open to others: chmod 600", path);
    if (!err)
        err = read_file(fd, &b);
    close(fd);
    if (!err && (b.len == 0 || b.data[b.len - 1] != '\n' ||
                 tsn_note_secret_parse(key, seed, b.data, b.len - 1) != 0 ||
                 key->type != TSN_NOTE_ED25519))
        err = tsn_diag_set(diag, TSN_EINPUT, "V023", "%s does not hold a signing key", path);
    if (b.len)
        tsn_wipe(b.data, b.len);
    tsn_buf_free(&b);
    return err;
}
