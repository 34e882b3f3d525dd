/* sealing_copy.c - copies of checkpoints that leave the machine: a file, syslog, mail. Loop thread.
 *
 * A copy is a help, not a promise: one that fails is logged and nothing waits for it. The file gets
 * each note followed by an empty line; syslog one RFC 5424 line with size and root.
 */
#include "seal/sealing_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"

static void failed(const char *where, const char *why)
{
    tsn_log(TSN_LOG_WARN, "seal.not_copied", "to", where, "why", why, NULL);
}

struct file_copy {
    uv_work_t work;
    char *path, *text;
    int error;
};

/* A thread of libuv's pool: the loop writes no files. */
static void write_copy(uv_work_t *work)
{
    struct file_copy *f = work->data;
    size_t len = strlen(f->text);
    int fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, f->text, len) != (ssize_t)len || fsync(fd) != 0)
        f->error = errno ? errno : EIO;
    if (fd >= 0)
        (void)close(fd);
}

static void wrote_copy(uv_work_t *work, int status)
{
    struct file_copy *f = work->data;

    if (status != 0 || f->error)
        failed(f->path, f->error ? strerror(f->error) : "cancelled");
    free(f->path);
    free(f->text);
    free(f);
}

static void copy_to_file(struct tsn_sealing *s)
{
    struct file_copy *f = tsn_alloc(sizeof(*f));
    size_t cap = strlen(s->note) + 2;

    f->work.data = f;
    f->path = tsn_strdup(s->copy_file);
    f->text = tsn_alloc(cap);
    (void)snprintf(f->text, cap, "%s\n", s->note);
    if (uv_queue_work(tsn_loop_uv(s->config.loop), &f->work, write_copy, wrote_copy) != 0)
        wrote_copy(&f->work, -1);
}

/* The address is numeric (the configuration sees to it), so nothing waits for a name. */
static void copy_to_syslog(struct tsn_sealing *s)
{
    char host[64], time[25], line[1024], root[4 * ((TSN_HASH_LEN + 2) / 3) + 1];
    const char *colon = strrchr(s->copy_syslog, ':');
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_DGRAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                    *to = NULL;
    int fd, n;

    if (!colon)
        return;
    n = (int)(colon - s->copy_syslog);
    if (n > 2 && s->copy_syslog[0] == '[')
        (void)snprintf(host, sizeof(host), "%.*s", n - 2, s->copy_syslog + 1);
    else
        (void)snprintf(host, sizeof(host), "%.*s", n, s->copy_syslog);
    if (getaddrinfo(host, colon + 1, &hints, &to) != 0) {
        failed(s->copy_syslog, "not a numeric address");
        return;
    }
    tsn_time_format(time, s->sealed_at_ms);
    tsn_base64(root, s->root, TSN_HASH_LEN);
    /* Facility 13 (log audit), severity 5 (notice). */
    n = snprintf(line, sizeof(line),
                 "<109>1 %s - tocsin - audit.checkpoint [tocsin@32473 origin=\"%s\" "
                 "size=\"%llu\" root=\"%s\"]",
                 time, s->name, (unsigned long long)s->size, root);
    fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || sendto(fd, line, (size_t)n, MSG_NOSIGNAL, to->ai_addr, to->ai_addrlen) != n)
        failed(s->copy_syslog, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    freeaddrinfo(to);
}

void tsn_sealing_copy(struct tsn_sealing *s)
{
    if (s->copy_file)
        copy_to_file(s);
    if (s->copy_syslog)
        copy_to_syslog(s);
    if (s->config.copy)
        s->config.copy(s->note, (int64_t)s->size, s->config.user);
}
