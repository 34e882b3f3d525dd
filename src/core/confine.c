/* confine.c - limits and system-call filters of children. Runs once, in the child's main thread. */
#include "core/confine.h"

#include <dirent.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/text.h"

/* What a Lua worker may still do. Everything else ends it. */
static const int lua_allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(readv),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(timer_create),
    SCMP_SYS(timer_settime),
    SCMP_SYS(timer_gettime),
    SCMP_SYS(timer_delete),
    SCMP_SYS(setitimer),
    SCMP_SYS(getitimer),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrusage),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(sysinfo), /* glibc's qsort asks how much memory there is */
#ifdef TOCSIN_SANITIZED
    /* The sanitizers' run time reads maps, starts helpers for stack traces and leak checks. */
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(wait4),
    SCMP_SYS(ptrace),
    SCMP_SYS(prctl),
    SCMP_SYS(getdents64),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(getppid),
    SCMP_SYS(uname),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(kill),
    SCMP_SYS(access),
    SCMP_SYS(process_vm_readv),
#endif
};

/* What the sealer needs beside it: to open, sync and rename its state, and to put a new key in its
 * place whole (link, unlink). Still nothing that reaches
 * another process or the network. */
static const int sealer_allowed[] = {
    SCMP_SYS(openat),    SCMP_SYS(fsync),  SCMP_SYS(flock),  SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(rename), SCMP_SYS(linkat), SCMP_SYS(unlinkat),
};

/* What no plugin needs and an attacker would like. */
static const int exec_denied[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(quotactl),
    SCMP_SYS(acct),
};

static void weaken(char *weaker, size_t cap, const char *what)
{
    size_t n = cap ? strlen(weaker) : 0;

    if (n < cap)
        snprintf(weaker + n, cap - n, "%s%s", n ? "; " : "", what);
}

static void limit(int what, rlim_t value, const char *name, char *weaker, size_t cap)
{
    struct rlimit r = {value, value}, now;
    char text[64];

    /* Never raise: an unprivileged child could not, and a lower limit is what was asked for. */
    if (getrlimit(what, &now) == 0 && now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
        r.rlim_cur = r.rlim_max = now.rlim_max;
    if (setrlimit(what, &r) == 0)
        return;
    snprintf(text, sizeof(text), "no limit on %s", name);
    weaken(weaker, cap, text);
}

/* Descriptors that slipped through without close-on-exec. */
static void close_others(int keep, int passed)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *e;
    int64_t fd;

    if (!dir)
        return;
    while ((e = readdir(dir)) != NULL) {
        if (tsn_parse_int(e->d_name, 3, 1 << 20, &fd) == 0 &&
            (fd < keep || fd > keep + passed) && fd != dirfd(dir))
            close((int)fd);
    }
    closedir(dir);
}

/* Memory may grow, but nothing becomes executable. */
static int allow_memory(scmp_filter_ctx ctx)
{
#ifdef TOCSIN_SANITIZED
    (void)ctx;
    return 0;
#else
    int bad = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

    return bad ? bad
               : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
#endif
}

/* abort() and raise() signal this very process. The core runs as the same user, so a tgkill without a
 * look at its first argument would end it. */
static int allow_own_signals(scmp_filter_ctx ctx)
{
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

static int load_filter(enum tsn_role role)
{
    scmp_filter_ctx ctx;
    int bad = 0;

    switch (role) {
    case TSN_ROLE_LUA:
    case TSN_ROLE_SEALER:
        ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
        if (!ctx)
            return -1;
        for (size_t i = 0; !bad && i < sizeof(lua_allowed) / sizeof(lua_allowed[0]); i++)
            bad = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, lua_allowed[i], 0);
        for (size_t i = 0; !bad && role == TSN_ROLE_SEALER &&
                           i < sizeof(sealer_allowed) / sizeof(sealer_allowed[0]);
             i++) {
            bad = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, sealer_allowed[i], 0);
            if (bad == -EEXIST) /* the sanitizers' list has it */
                bad = 0;
        }
        if (!bad)
            bad = allow_memory(ctx);
        if (!bad)
            bad = allow_own_signals(ctx);
        break;
    case TSN_ROLE_EXEC:
    default:
        ctx = seccomp_init(SCMP_ACT_ALLOW);
        if (!ctx)
            return -1;
        for (size_t i = 0; !bad && i < sizeof(exec_denied) / sizeof(exec_denied[0]); i++)
            bad = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), exec_denied[i], 0);
        break;
    }
    if (!bad)
        bad = seccomp_load(ctx);
    seccomp_release(ctx);
    return bad;
}

tsn_err tsn_confine(const struct tsn_confine *c, char *weaker, size_t cap)
{
    if (cap)
        weaker[0] = '\0';
    close_others(c->channel_fd, c->passed);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        weaken(weaker, cap, "does not die with its parent");
        /* A parent that was gone before sends no signal: callers see the end of their channel. */
#ifndef TOCSIN_SANITIZED
    if (c->role != TSN_ROLE_EXEC && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        weaken(weaker, cap, "can be dumped");
    if (c->memory_bytes)
        limit(RLIMIT_AS, c->memory_bytes, "memory", weaker, cap);
#endif
    limit(RLIMIT_CORE, 0, "core files", weaker, cap);
    if (c->cpu_seconds)
        limit(RLIMIT_CPU, c->cpu_seconds, "processor time", weaker, cap);
    if (c->files)
        limit(RLIMIT_NOFILE, c->files, "open files", weaker, cap);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        weaken(weaker, cap, "may gain privileges");
    if (load_filter(c->role) != 0)
        weaken(weaker, cap, "no system-call filter: the kernel refused it");
    return 0;
}
