/* Marks: what was at work when the process died counts, and only that; a file that is damaged counts nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/id.h"
#include "engine/marks.h"

static char path[64];
static char ids[TSN_MARKS_MAX + 2][TSN_ULID_LEN + 1];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/tsn-marks-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < TSN_MARKS_MAX + 2; i++)
        tsn_id_new(ids[i]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static struct tsn_marks *open_marks(void)
{
    struct tsn_marks *m;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    assert_int_equal(tsn_marks_open(&m, path, &diag), 0);
    return m;
}

/* A life that marks `n` runs, comes on with the first of them where asked, and dies by `sig`. */
static void life(size_t n, bool first_comes_on, int sig)
{
    pid_t pid = fork();

    if (pid == 0) {
        signal(sig, SIG_DFL); /* cmocka's own */
        struct tsn_marks *m = open_marks();
        unsigned mark = tsn_marks_set(m, ids[0]);

        for (size_t i = 1; i < n; i++)
            (void)tsn_marks_set(m, ids[i]);
        if (first_comes_on)
            tsn_marks_clear(m, mark);
        if (sig == SIGABRT)
            abort();
        raise(sig);
        _exit(3);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
}

static void a_death_counts_against_what_was_at_work(void **state)
{
    (void)state;
    life(2, true, SIGABRT);
    struct tsn_marks *m = open_marks();
    assert_int_equal(tsn_marks_count(m, ids[0]), 0);
    assert_int_equal(tsn_marks_count(m, ids[1]), TSN_MARKS_CRASH);
    assert_int_equal(tsn_marks_active(m), 0);
    /* It comes on: nothing stands against it any more. */
    unsigned mark = tsn_marks_set(m, ids[1]);
    assert_int_equal(tsn_marks_active(m), 1);
    tsn_marks_clear(m, mark);
    assert_int_equal(tsn_marks_active(m), 0);
    assert_int_equal(tsn_marks_count(m, ids[1]), 0);
    tsn_marks_close(m);
}

static void kill_counts_less(void **state)
{
    (void)state;
    life(1, false, SIGKILL);
    life(1, false, SIGSEGV);
    life(1, false, SIGFPE);
    struct tsn_marks *m = open_marks();
    assert_int_equal(tsn_marks_count(m, ids[0]), TSN_MARKS_GONE + 2 * TSN_MARKS_CRASH);
    assert_true(TSN_MARKS_STUCK >= 5 * TSN_MARKS_GONE &&
                TSN_MARKS_STUCK <= 5 * TSN_MARKS_CRASH);
    tsn_marks_close(m);
}

static void an_orderly_end_counts_nothing(void **state)
{
    (void)state;
    life(1, false, SIGKILL);
    struct tsn_marks *m = open_marks();
    (void)tsn_marks_set(m, ids[0]);
    (void)tsn_marks_set(m, ids[1]);
    tsn_marks_close(m);
    m = open_marks();
    assert_int_equal(tsn_marks_count(m, ids[0]), TSN_MARKS_GONE);
    assert_int_equal(tsn_marks_count(m, ids[1]), 0);
    tsn_marks_close(m);
}

static void too_many_go_unmarked(void **state)
{
    (void)state;
    struct tsn_marks *m = open_marks();
    for (size_t i = 0; i < TSN_MARKS_MAX; i++)
        assert_true(tsn_marks_set(m, ids[i]) > 0);
    assert_int_equal(tsn_marks_set(m, ids[TSN_MARKS_MAX]), 0);
    tsn_marks_clear(m, 17);
    assert_int_equal(tsn_marks_set(m, ids[TSN_MARKS_MAX]), 17);
    tsn_marks_clear(m, 0); /* went unmarked */
    assert_int_equal(tsn_marks_active(m), TSN_MARKS_MAX);
    tsn_marks_close(m);
    assert_int_equal(tsn_marks_set(NULL, ids[0]), 0);
    assert_int_equal(tsn_marks_count(NULL, ids[0]), 0);
}

static void a_damaged_file_counts_nothing(void **state)
{
    (void)state;
    life(3, false, SIGABRT);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 12, SEEK_SET), 0);
    for (int i = 0; i < 3000; i++)
        fputc(0xff, f);
    fclose(f);
    struct tsn_marks *m = open_marks();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tsn_marks_count(m, ids[i]), 0);
    tsn_marks_close(m);
    assert_int_equal(truncate(path, 100), 0);
    m = open_marks();
    assert_true(tsn_marks_set(m, ids[0]) > 0);
    tsn_marks_close(m);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_death_counts_against_what_was_at_work), T(kill_counts_less),
        T(an_orderly_end_counts_nothing),           T(too_many_go_unmarked),
        T(a_damaged_file_counts_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
