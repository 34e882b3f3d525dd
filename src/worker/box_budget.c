/* box_budget.c - the CPU budget: a timer on the thread's own clock, whose signal hooks Lua.
 *
 * A count hook costs 1.4 to 2.6 times the time of pure computation; a signal costs nothing until
 * it comes. lua_sethook may be called from a signal handler (Lua's own interpreter does so). The
 * timer repeats and the hook stays, so a loop around pcall does not survive either. Main thread.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include "worker/box_int.h"

static struct tsn_box *volatile active;
static timer_t timer;
static bool have_timer;

static void hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    tsn_box_poll(L);
}

static void on_signal(int number)
{
    struct tsn_box *box = active;
    (void)number;
    if (box && box->running) {
        box->spent = 1;
        lua_sethook(box->running, hook,
                    LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
    }
}

const char *tsn_budget_init(void)
{
    static const clockid_t clocks[] = {CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID,
                                       CLOCK_MONOTONIC};
    struct sigaction sa;
    struct sigevent ev;

    if (have_timer)
        return "";
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_signal;
    sa.sa_flags = SA_RESTART;
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGVTALRM, &sa, NULL) != 0)
        return "no signal handler for the CPU budget";
    memset(&ev, 0, sizeof ev);
    ev.sigev_notify = SIGEV_SIGNAL;
    ev.sigev_signo = SIGVTALRM;
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        if (timer_create(clocks[i], &ev, &timer) == 0) {
            have_timer = true;
            return i < 2 ? "" : "the CPU budget of playbooks counts wall time";
        }
    }
    return "no timer: the CPU budget of playbooks is not kept here";
}

static void arm(int64_t ms, int64_t every_ms)
{
    struct itimerspec it;
    if (!have_timer)
        return;
    it.it_value.tv_sec = ms / 1000;
    it.it_value.tv_nsec = (ms % 1000) * 1000000;
    it.it_interval.tv_sec = 0;
    it.it_interval.tv_nsec = every_ms * 1000000;
    timer_settime(timer, 0, &it, NULL);
}

void tsn_budget_begin(struct tsn_box *box, lua_State *L, int64_t cpu_ms)
{
    box->spent = 0;
    box->running = L;
    active = box;
    arm(cpu_ms, 5);
}

/* A signal that comes between the two lines finds nobody to hook. */
void tsn_budget_end(struct tsn_box *box)
{
    active = NULL;
    arm(0, 0);
    lua_sethook(box->running, NULL, 0, 0);
    box->running = NULL;
}
