/* Archives and compressed files of strangers: whatever the bytes, no crash, no hang, and never more out of
 * them than the limits say. */
#include "fuzz.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>
#include "unpack/packed.h"

#define TOTAL (1u << 20)

/* Made once: zip, tar plain and in each compression, single files. */
static char made[9][4096];
static size_t made_len[9];

static void make(size_t at, bool zip, bool raw, int filter)
{
    struct archive *a = archive_write_new();
    archive_write_add_filter(a, filter);
    archive_write_set_bytes_per_block(a, 0);
    if (zip) {
        archive_write_set_format_zip(a);
    } else if (raw) {
        archive_write_set_format_raw(a);
    } else {
        archive_write_set_format_pax_restricted(a);
    }
    FUZZ_CHECK(archive_write_open_memory(a, made[at], sizeof made[at], &made_len[at]) ==
               ARCHIVE_OK);
    for (int i = 0; i < (raw ? 1 : 2); i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, i ? "2024/b.json" : "a.json");
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_size(e, 8);
        archive_entry_set_perm(e, 0644);
        archive_write_header(a, e);
        archive_write_data(a, "{\"a\":12}", 8);
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
}

const char *fuzz_seed(size_t i, size_t *len)
{
    static bool ready;
    if (!ready) {
        ready = true;
        make(0, true, false, ARCHIVE_FILTER_NONE);
        make(1, false, false, ARCHIVE_FILTER_NONE);
        make(2, false, false, ARCHIVE_FILTER_GZIP);
        make(3, false, false, ARCHIVE_FILTER_XZ);
        make(4, false, false, ARCHIVE_FILTER_ZSTD);
        make(5, false, false, ARCHIVE_FILTER_BZIP2);
        make(6, false, true, ARCHIVE_FILTER_GZIP);
        make(7, false, true, ARCHIVE_FILTER_XZ);
        make(8, false, true, ARCHIVE_FILTER_ZSTD);
    }
    if (i >= sizeof made / sizeof made[0]) {
        return NULL;
    }
    *len = made_len[i];
    return made[i];
}

static uint64_t out, entries;

static bool on_write(void *user, const void *p, size_t n)
{
    (void)user;
    (void)p;
    out += n;
    return true;
}

static bool on_entry(void *user, const char *name, uint64_t size)
{
    (void)user;
    FUZZ_CHECK(!name || tsn_unpack_name(name) == NULL);
    FUZZ_CHECK(!name || size <= TOTAL / 4);
    entries++;
    return true;
}

static void on_refused(void *user, const char *name, const char *why)
{
    (void)user;
    FUZZ_CHECK(name && why && strlen(name) <= 120);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    const struct tsn_unpack_sink sink = {
        .write = on_write, .entry = on_entry, .refused = on_refused};
    if (fd < 0) {
        fd = memfd_create("fuzz", 0);
        FUZZ_CHECK(fd >= 0);
    }
    for (int single = 0; single < 2; single++) {
        const struct tsn_unpack_limits limits = {.entry = TOTAL / 4,
                                                 .total = TOTAL,
                                                 .ratio = 100,
                                                 .count = 1000,
                                                 .slice = TOTAL,
                                                 .batch = 100,
                                                 .single = single};
        out = entries = 0;
        FUZZ_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size &&
                   lseek(fd, 0, SEEK_SET) == 0);
        (void)tsn_unpack_read(fd, &limits, &sink);
        FUZZ_CHECK(out <= TOTAL + 65536 && entries <= 1000);
    }
    return 0;
}
