/* What a worker that is taken over could ask of the kernel: each system call there is, from a process that gave
 * away what a worker gives away, is refused by death but for the list here. The list is written a second time
 * on purpose: whoever lets one more through must say so in both places.
 *
 * Not in sanitizer builds, whose run time needs more, nor where the kernel has no filter. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sandbox/sandbox_util.h"
#include "core/confine.h"

#define LAST_CALL 470

static const int allowed[] = {
    SYS_read,
    SYS_write,
    SYS_writev,
    SYS_readv,
    SYS_poll,
    SYS_ppoll,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_close,
    SYS_lseek,
    SYS_fstat,
    SYS_newfstatat,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_timer_create,
    SYS_timer_settime,
    SYS_timer_gettime,
    SYS_timer_delete,
    SYS_setitimer,
    SYS_getitimer,
    SYS_exit,
    SYS_exit_group,
    SYS_getpid,
    SYS_restart_syscall,
    SYS_gettid,
    SYS_getrusage,
    SYS_sched_yield,
    SYS_rseq,
    SYS_membarrier,
    SYS_sysinfo,
    SYS_mmap,
    SYS_mprotect,
};

/* The status of a child that confined itself and made this call. 70: it has no filter here. */
static int asks(long number, long a, long b, long c)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const struct tsn_confine limits = {.role = TSN_ROLE_LUA, .channel_fd = -1, .files = 8};
        char weaker[400];
        static const int signals[] = {SIGSEGV, SIGILL, SIGBUS, SIGFPE};
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
            (void)signal(signals[i], SIG_DFL); /* cmocka's would go on with the tests in here */
        alarm(5);
        if (tsn_confine(&limits, weaker, sizeof weaker) || weaker[0])
            _exit(70);
        (void)syscall(number, a, b, c, 0L, -1L, 0L);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool refused(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void need_filter(void)
{
#ifdef TOCSIN_SANITIZED
    skip();
#else
    int status = asks(SYS_getpid, 0, 0, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 70) {
        print_message("skipped: this kernel does not take the filter\n");
        skip();
    }
#endif
}

static void every_call_but_the_list_is_refused(void **unused)
{
    size_t let = 0;
    (void)unused;
    need_filter();
    for (long number = 0; number <= LAST_CALL; number++) {
        bool may = false;
        /* uretprobe and uprobe belong to probes that the kernel planted; it never filters them. */
        if (number == 335 || number == 336)
            continue;
        for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
            may = may || allowed[i] == number;
        let += may;
        /* tgkill(0, ...): no process of its own. */
        if (refused(asks(number, 0, -1, 0)) == may)
            fail_msg("system call %ld is %s", number, may ? "refused" : "let through");
    }
    assert_int_equal(let, sizeof allowed / sizeof allowed[0]);
}

static void nothing_becomes_code(void **unused)
{
    (void)unused;
    need_filter();
    assert_true(refused(asks(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC)));
    assert_true(refused(asks(SYS_mprotect, 0, 4096, PROT_EXEC)));
    assert_false(refused(asks(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE)));
}

/* The core is the parent and runs as the same user. */
static void it_cannot_signal_the_core(void **unused)
{
    (void)unused;
    need_filter();
    assert_true(refused(asks(SYS_tgkill, getpid(), getpid(), SIGTERM)));
    assert_true(refused(asks(SYS_kill, getpid(), SIGTERM, 0)));
    assert_true(refused(asks(SYS_tkill, getpid(), SIGTERM, 0)));
    assert_true(refused(asks(SYS_ptrace, 16, getpid(), 0)));
}

static void it_can_still_abort(void **unused)
{
    int status = 0;
    (void)unused;
    need_filter();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct tsn_confine limits = {.role = TSN_ROLE_LUA, .channel_fd = -1, .files = 8};
        char weaker[400];
        (void)signal(SIGABRT, SIG_DFL);
        (void)tsn_confine(&limits, weaker, sizeof weaker);
        abort();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_but_the_list_is_refused),
        cmocka_unit_test(nothing_becomes_code),
        cmocka_unit_test(it_cannot_signal_the_core),
        cmocka_unit_test(it_can_still_abort),
    };
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
