/* vfs_fault.h - a SQLite VFS for tests: calls that fail, and a disk that loses power.
 *
 * Wraps the default VFS. It counts the writes, syncs and truncations of the database and its WAL,
 * and from the nth on (or at the nth alone) returns what a full or broken disk returns. Beside
 * that it keeps what each file holds *for sure*: bytes reach that image only with a sync.
 * vfs_power_cut() puts the files back to their images plus a random part of what was not synced,
 * torn at 512 bytes and in any order, as a disk may.
 *
 * One connection at a time, one thread at a time. Files are found by name.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum vfs_op { VFS_WRITE = 1, VFS_SYNC = 2, VFS_TRUNCATE = 4 };

static struct {
    int ops;       /* which calls count, of enum vfs_op */
    long at;       /* the one that fails, from 1; 0 = none */
    bool for_good; /* and all after it */
    int rc;
    long calls; /* so far */
    long hits;  /* failures given */
    bool torn;  /* a failing write leaves half of its bytes, as a full disk does */
} vfs_plan;

static bool vfs_fails(enum vfs_op op)
{
    if (!(vfs_plan.ops & (int)op))
        return false;
    vfs_plan.calls++;
    if (vfs_plan.at == 0 || vfs_plan.calls < vfs_plan.at ||
        (!vfs_plan.for_good && vfs_plan.calls > vfs_plan.at))
        return false;
    vfs_plan.hits++;
    return true;
}

/* --- what is on the platter --------------------------------------------------------------- */

struct vfs_pending { /* a write that no sync has covered; len 0 = truncation to `at` */
    struct vfs_pending *next;
    sqlite3_int64 at;
    int len;
    unsigned char *data;
};

struct vfs_image {
    char path[256];
    unsigned char *data;
    sqlite3_int64 size;
    struct vfs_pending *first, **tail;
};

static struct vfs_image vfs_images[16];
static bool vfs_keep_images;

/* What was there before anybody watched is on the platter. */
static void vfs_load(struct vfs_image *m)
{
    FILE *f = fopen(m->path, "rb");

    if (!f)
        return;
    (void)fseek(f, 0, SEEK_END);
    m->size = ftell(f);
    (void)fseek(f, 0, SEEK_SET);
    m->data = malloc((size_t)m->size + 1);
    if (fread(m->data, 1, (size_t)m->size, f) != (size_t)m->size)
        abort();
    (void)fclose(f);
}

static struct vfs_image *vfs_image_of(const char *path)
{
    for (size_t i = 0; i < 16; i++) {
        struct vfs_image *m = &vfs_images[i];

        if (m->path[0] == '\0') {
            (void)snprintf(m->path, sizeof(m->path), "%s", path);
            m->tail = &m->first;
            vfs_load(m);
        }
        if (strcmp(m->path, path) == 0)
            return m;
    }
    abort();
}

static void vfs_pend(const char *path, sqlite3_int64 at, const void *p, int len)
{
    struct vfs_image *m = vfs_image_of(path);
    struct vfs_pending *w = calloc(1, sizeof(*w));

    w->at = at;
    w->len = len;
    if (len > 0) {
        w->data = malloc((size_t)len);
        memcpy(w->data, p, (size_t)len);
    }
    *m->tail = w;
    m->tail = &w->next;
}

static void vfs_put(struct vfs_image *m, sqlite3_int64 at, const unsigned char *p, int len)
{
    if (at + len > m->size) {
        m->data = realloc(m->data, (size_t)(at + len));
        memset(m->data + m->size, 0, (size_t)(at + len - m->size));
        m->size = at + len;
    }
    memcpy(m->data + at, p, (size_t)len);
}

static uint64_t vfs_rng = 1;

static uint32_t vfs_random(uint32_t below)
{
    vfs_rng ^= vfs_rng << 13;
    vfs_rng ^= vfs_rng >> 7;
    vfs_rng ^= vfs_rng << 17;
    return (uint32_t)(vfs_rng >> 33) % below;
}

/* All of it (a sync), or what a power cut happens to leave of it. */
static void vfs_settle(struct vfs_image *m, bool all)
{
    struct vfs_pending *w = m->first, *next;
    uint32_t keep = vfs_random(4); /* 0: nothing got through; 3: nearly all of it */

    for (; w; w = next) {
        next = w->next;
        if (w->len == 0) {
            if ((all || vfs_random(2)) && w->at < m->size)
                m->size = w->at;
        } else if (all) {
            vfs_put(m, w->at, w->data, w->len);
        } else {
            for (int at = 0; at < w->len; at += 512) {
                int n = w->len - at < 512 ? w->len - at : 512;

                if (vfs_random(100) < (keep == 3 ? 95 : keep * 40))
                    vfs_put(m, w->at + at, w->data + at, n);
            }
        }
        free(w->data);
        free(w);
    }
    m->first = NULL;
    m->tail = &m->first;
}

static void vfs_power_cut(uint64_t seed)
{
    vfs_rng = seed * 2654435769u + 1;
    for (size_t i = 0; i < 16 && vfs_images[i].path[0]; i++) {
        struct vfs_image *m = &vfs_images[i];
        FILE *f;

        vfs_settle(m, false);
        f = fopen(m->path, "wb");
        if (!f || (m->size > 0 && fwrite(m->data, 1, (size_t)m->size, f) != (size_t)m->size) ||
            fclose(f) != 0)
            abort();
    }
}

static void vfs_forget(void)
{
    for (size_t i = 0; i < 16 && vfs_images[i].path[0]; i++) {
        vfs_settle(&vfs_images[i], true);
        free(vfs_images[i].data);
        memset(&vfs_images[i], 0, sizeof(vfs_images[i]));
    }
    vfs_keep_images = false;
}

/* --- the VFS ------------------------------------------------------------------------------ */

struct vfs_file {
    sqlite3_file base;
    const char *path;
    bool watched;
    sqlite3_file *real; /* behind this struct */
};

#define VFS_REAL(f) (((struct vfs_file *)(f))->real)

static int vfs_close(sqlite3_file *f)
{
    return VFS_REAL(f)->pMethods->xClose(VFS_REAL(f));
}

static int vfs_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return VFS_REAL(f)->pMethods->xRead(VFS_REAL(f), p, n, at);
}

static int vfs_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct vfs_file *v = (struct vfs_file *)f;
    bool fails = v->watched && vfs_fails(VFS_WRITE);

    if (fails && vfs_plan.torn && n > 1)
        n /= 2;
    else if (fails)
        return vfs_plan.rc;
    if (v->watched && vfs_keep_images)
        vfs_pend(v->path, at, p, n);
    int rc = VFS_REAL(f)->pMethods->xWrite(VFS_REAL(f), p, n, at);
    return fails ? vfs_plan.rc : rc;
}

static int vfs_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct vfs_file *v = (struct vfs_file *)f;

    if (v->watched && vfs_fails(VFS_TRUNCATE))
        return vfs_plan.rc;
    if (v->watched && vfs_keep_images)
        vfs_pend(v->path, size, NULL, 0);
    return VFS_REAL(f)->pMethods->xTruncate(VFS_REAL(f), size);
}

static int vfs_sync(sqlite3_file *f, int flags)
{
    struct vfs_file *v = (struct vfs_file *)f;

    if (v->watched && vfs_fails(VFS_SYNC))
        return vfs_plan.rc; /* and nothing is known of what was written before */
    if (v->watched && vfs_keep_images)
        vfs_settle(vfs_image_of(v->path), true);
    return VFS_REAL(f)->pMethods->xSync(VFS_REAL(f), flags);
}

static int vfs_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return VFS_REAL(f)->pMethods->xFileSize(VFS_REAL(f), size);
}

static int vfs_lock(sqlite3_file *f, int level)
{
    return VFS_REAL(f)->pMethods->xLock(VFS_REAL(f), level);
}

static int vfs_unlock(sqlite3_file *f, int level)
{
    return VFS_REAL(f)->pMethods->xUnlock(VFS_REAL(f), level);
}

static int vfs_check_lock(sqlite3_file *f, int *out)
{
    return VFS_REAL(f)->pMethods->xCheckReservedLock(VFS_REAL(f), out);
}

static int vfs_control(sqlite3_file *f, int op, void *arg)
{
    return VFS_REAL(f)->pMethods->xFileControl(VFS_REAL(f), op, arg);
}

static int vfs_sector(sqlite3_file *f)
{
    return VFS_REAL(f)->pMethods->xSectorSize(VFS_REAL(f));
}

static int vfs_traits(sqlite3_file *f)
{
    (void)f;
    return 0; /* promise nothing: no atomic writes, no ordering */
}

static int vfs_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return VFS_REAL(f)->pMethods->xShmMap(VFS_REAL(f), page, size, extend, out);
}

static int vfs_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return VFS_REAL(f)->pMethods->xShmLock(VFS_REAL(f), at, n, flags);
}

static void vfs_shm_barrier(sqlite3_file *f)
{
    VFS_REAL(f)->pMethods->xShmBarrier(VFS_REAL(f));
}

static int vfs_shm_unmap(sqlite3_file *f, int remove)
{
    return VFS_REAL(f)->pMethods->xShmUnmap(VFS_REAL(f), remove);
}

static const sqlite3_io_methods vfs_methods = {
    .iVersion = 2,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check_lock,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector,
    .xDeviceCharacteristics = vfs_traits,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

static sqlite3_vfs *vfs_default;
static sqlite3_vfs vfs_shim;

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct vfs_file *v = (struct vfs_file *)f;
    int rc;

    (void)vfs;
    memset(v, 0, sizeof(*v));
    v->real = (sqlite3_file *)(v + 1);
    v->path = name;
    v->watched = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0;
    rc = vfs_default->xOpen(vfs_default, name, v->real, flags, out);
    if (v->real->pMethods)
        v->base.pMethods = &vfs_methods;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    /* Gone for the tests' purposes only when the file was emptied and synced before. */
    if (vfs_keep_images)
        vfs_pend(name, 0, NULL, 0);
    return vfs_default->xDelete(vfs_default, name, sync);
}

/* Registers "fault" once. */
static void vfs_register(void)
{
    if (vfs_default)
        return;
    vfs_default = sqlite3_vfs_find(NULL);
    vfs_shim = *vfs_default;
    vfs_shim.zName = "fault";
    vfs_shim.pNext = NULL;
    vfs_shim.szOsFile = (int)sizeof(struct vfs_file) + vfs_default->szOsFile;
    vfs_shim.xOpen = vfs_open;
    vfs_shim.xDelete = vfs_delete;
    if (sqlite3_vfs_register(&vfs_shim, 0) != SQLITE_OK)
        abort();
}
