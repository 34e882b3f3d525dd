/* marks.c - see marks.h. The file: a head, then TSN_MARKS_MAX slots; the machine's own byte order, because no
 * other machine reads it. */
#include "engine/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/id.h"
#include "core/mem.h"

#define MAGIC "TSNMARK1"
#define STACK ((size_t)64 << 10)

enum { FREE, ACTIVE, SUSPECT };

struct slot {
    char id[TSN_ULID_LEN + 1];
    uint8_t state, count;
};
struct file {
    char magic[8];
    int32_t died; /* signal that ended the last life; 0 = not known */
    struct slot slots[TSN_MARKS_MAX];
};
struct tsn_marks {
    struct file *file;
    size_t active, suspects;
    size_t hint; /* where to look for a free slot first */
    stack_t old_stack;
    char stack[STACK];
};

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
#define NSIGNALS (sizeof(signals) / sizeof(signals[0]))
static struct sigaction before[NSIGNALS];
static volatile int32_t *died;

/* Says so, and leaves the rest to whoever was there before: a sanitizer, or the end of the process. */
static void dying(int sig, siginfo_t *info, void *context)
{
    (void)context;
    if (died)
        *died = sig;
    for (size_t i = 0; i < NSIGNALS; i++)
        if (signals[i] == sig)
            (void)sigaction(sig, &before[i], NULL);
    /* A fault comes again when this returns; what was sent must be sent again, by abort() or from outside (the
     * watchdog of systemd): it waits until we return and then ends us. */
    if (info->si_code <= 0)
        (void)raise(sig);
}

static void watch(struct tsn_marks *m)
{
    struct sigaction act = {.sa_sigaction = dying, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t own = {.ss_sp = m->stack, .ss_size = sizeof(m->stack)};

    (void)sigemptyset(&act.sa_mask);
    (void)sigaltstack(NULL, &m->old_stack);
    if (m->old_stack.ss_flags & SS_DISABLE)
        (void)sigaltstack(&own, NULL);
    died = &m->file->died;
    for (size_t i = 0; i < NSIGNALS; i++)
        (void)sigaction(signals[i], &act, &before[i]);
}

static void unwatch(struct tsn_marks *m)
{
    for (size_t i = 0; i < NSIGNALS; i++)
        (void)sigaction(signals[i], &before[i], NULL);
    died = NULL;
    if (m->old_stack.ss_flags & SS_DISABLE) {
        stack_t off = {.ss_flags = SS_DISABLE};

        (void)sigaltstack(&off, NULL);
    }
}

/* What was marked when the last life ended counts. */
static void settle(struct tsn_marks *m)
{
    struct file *f = m->file;
    unsigned more = f->died ? TSN_MARKS_CRASH : TSN_MARKS_GONE;

    for (size_t i = 0; i < TSN_MARKS_MAX; i++) {
        struct slot *s = &f->slots[i];

        if (s->state == ACTIVE) {
            s->count = (uint8_t)(s->count + more > UINT8_MAX ? UINT8_MAX : s->count + more);
            s->state = SUSPECT;
        }
        s->id[TSN_ULID_LEN] = '\0';
        if (s->state != SUSPECT || !tsn_id_valid(s->id))
            *s = (struct slot){.state = FREE};
        m->suspects += s->state == SUSPECT;
    }
    f->died = 0;
}

tsn_err tsn_marks_open(struct tsn_marks **out, const char *path, struct tsn_diag *diag)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct tsn_marks *m;
    struct stat st;
    void *map = MAP_FAILED;

    *out = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0 &&
        (st.st_size == (off_t)sizeof(struct file) ||
         /* Not a hole: a full disk must say so here, not by SIGBUS later. */
         (ftruncate(fd, 0) == 0 && posix_fallocate(fd, 0, (off_t)sizeof(struct file)) == 0)))
        map = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        tsn_err err = tsn_err_from_errno(errno);

        if (fd >= 0)
            close(fd);
        return tsn_diag_set(diag, err, "S024", "%.200s cannot be used: %s", path,
                            tsn_err_text(err));
    }
    close(fd);
    m = tsn_alloc(sizeof(*m));
    m->file = map;
    if (memcmp(m->file->magic, MAGIC, sizeof(m->file->magic)) != 0) {
        memset(m->file, 0, sizeof(*m->file));
        memcpy(m->file->magic, MAGIC, sizeof(m->file->magic));
    }
    settle(m);
    watch(m);
    *out = m;
    return 0;
}

void tsn_marks_close(struct tsn_marks *m)
{
    if (!m)
        return;
    unwatch(m);
    for (size_t i = 0; i < TSN_MARKS_MAX; i++) {
        struct slot *s = &m->file->slots[i];

        if (s->state == ACTIVE)
            s->state = s->count ? SUSPECT : FREE;
    }
    (void)munmap(m->file, sizeof(*m->file));
    free(m);
}

static struct slot *suspect(const struct tsn_marks *m, const char *run_id)
{
    if (!m || m->suspects == 0)
        return NULL;
    for (size_t i = 0; i < TSN_MARKS_MAX; i++) {
        struct slot *s = &m->file->slots[i];

        if (s->state == SUSPECT && strcmp(s->id, run_id) == 0)
            return s;
    }
    return NULL;
}

unsigned tsn_marks_set(struct tsn_marks *m, const char *run_id)
{
    struct slot *s = suspect(m, run_id);

    if (!m)
        return 0;
    for (size_t i = 0; i < TSN_MARKS_MAX && !s; i++) {
        struct slot *at = &m->file->slots[(m->hint + i) % TSN_MARKS_MAX];

        if (at->state == FREE)
            s = at;
    }
    if (!s)
        return 0;
    if (s->state == SUSPECT)
        m->suspects--;
    else
        s->count = 0;
    memcpy(s->id, run_id, TSN_ULID_LEN);
    s->state = ACTIVE; /* last: a slot that is half written does not count */
    m->active++;
    m->hint = (size_t)(s - m->file->slots) + 1;
    return (unsigned)m->hint;
}

void tsn_marks_clear(struct tsn_marks *m, unsigned mark)
{
    if (!m || mark == 0 || m->file->slots[mark - 1].state != ACTIVE)
        return;
    m->file->slots[mark - 1].state = FREE;
    m->active--;
}

unsigned tsn_marks_count(const struct tsn_marks *m, const char *run_id)
{
    const struct slot *s = suspect(m, run_id);

    return s ? s->count : 0;
}

size_t tsn_marks_active(const struct tsn_marks *m)
{
    return m ? m->active : 0;
}
