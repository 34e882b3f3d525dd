/* Deterministic simulation of the engine: thousands of seeds, each a life of one run of everything
 * a playbook may do, with crashes, lost workers, delayed, late and unknown completions, people who
 * take their time and clocks that step.
 *
 * After the faults stop: every run is over; what it returned is what a life without faults returns;
 * no effect without its intent on record; nothing that must not be repeated happened twice; what was
 * to be taken back was; the log verifies. A quarter more lives have workers that lie; there only the
 * effects and the log are judged. Each life is a process and a store of its own. The first seed that fails is named:
 *
 *   test_sim_engine            SIM_SEEDS seeds (default 250), from SIM_FIRST (default 1)
 *   SIM_HOSTILE=1 test_sim_engine SEED    with workers that lie
 *   test_sim_engine SEED       that one, twice: the histories must be equal (SIM_HISTORY=1 shows them)
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "sim_life.h"
#include "store/verify_store.h"
#include "worker/box.h"

/* --- a life in a process of its own, with a store of its own: nothing of one reaches the next */

static char template_dir[64]; /* an empty store, copied for each life */
static char life_dir[64];
static pid_t main_pid;

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", life_dir, name);
    f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
}

static void store_paths(const char *dir, char db[128], char key[128])
{
    snprintf(db, 128, "%s/sim.db", dir);
    snprintf(key, 128, "%s/sim.key", dir);
}

static struct tsn_store *open_store(const char *dir)
{
    char db[128], key[128];
    /* Nobody else has the file: it is locked once. */
    struct tsn_store_config config = {
        .path = db, .key_file = key, .create = true, .vfs = "unix-excl"};
    struct tsn_store *st;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    store_paths(dir, db, key);
    if (tsn_store_open(&st, &config, &diag)) {
        fprintf(stderr, "store: %s %s\n", diag.code, diag.what);
        exit(1);
    }
    return st;
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ssize_t n = in < 0 || out < 0 ? -1 : 0;

    while (n >= 0 && (n = read(in, bytes, sizeof(bytes))) > 0)
        if (write(out, bytes, (size_t)n) != n)
            n = -1;
    if (n < 0)
        abort();
    close(in);
    close(out);
}

static void copy_store(void)
{
    char from[2][128], to[2][128];

    store_paths(template_dir, from[0], from[1]);
    store_paths(life_dir, to[0], to[1]);
    for (int i = 0; i < 2; i++)
        copy_file(from[i], to[i]);
}

static void check_log(struct tsn_store *st)
{
    struct tsn_verify_result v;

    if (tsn_store_verify(st, NULL, NULL, &v) || v.verdict != TSN_VERIFIED)
        sim_die("the log: %s %s", v.diag.code, v.diag.what);
}

static void make_dir(char dir[64])
{
    snprintf(dir, 64, "%s/tsn-sim-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir))
        exit(1);
}

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d && (e = readdir(d)) != NULL)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    if (rmdir(dir))
        fprintf(stderr, "%s is still there\n", dir);
}

static void clean(void)
{
    remove_dir(life_dir);
}

static void child(const struct sim_scene *scene, uint64_t seed, bool faults, bool hostile,
                  int out)
{
    struct sim_life life = {0, 0, 0};
    struct tsn_store *st;

    make_dir(life_dir);
    atexit(clean);
    copy_store();
    write_file("main.lua", scene->text);
    if (scene->children) {
        write_file("child.lua", sim_child_text);
        write_file("broken.lua", sim_broken_text);
    }
    st = open_store(life_dir);
    sim_live(scene, life_dir, seed, st, faults, hostile, &life);
    check_log(st);
    tsn_store_close(st);
    if (write(out, &life, sizeof(life)) != (ssize_t)sizeof(life))
        exit(1);
    exit(0);
}

static struct sim_life live_apart(const struct sim_scene *scene, uint64_t seed, bool faults,
                                  bool hostile)
{
    struct sim_life life = {0, 0, 0};
    int fds[2], status = 1;
    pid_t pid;

    if (pipe(fds))
        abort();
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        child(scene, seed, faults, hostile, fds[1]);
    close(fds[1]);
    if (pid < 0 || read(fds[0], &life, sizeof(life)) != (ssize_t)sizeof(life) ||
        waitpid(pid, &status, 0) != pid || status != 0) {
        (void)waitpid(pid, &status, 0);
        fprintf(stderr, "seed %llu (%s) failed; again: %stest_sim_engine %llu\n",
                (unsigned long long)seed, scene->name, hostile ? "SIM_HOSTILE=1 " : "",
                (unsigned long long)seed);
        exit(1);
    }
    close(fds[0]);
    return life;
}

static void remove_template(void)
{
    if (getpid() == main_pid)
        remove_dir(template_dir);
}

static void make_template(void)
{
    main_pid = getpid();
    make_dir(template_dir);
    atexit(remove_template);
    tsn_store_close(open_store(template_dir));
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* Same visible history with faults as without: what a life without any of that scene looks like. */
static uint64_t plain_history(const struct sim_scene *scene)
{
    static uint64_t known[16];
    size_t n;
    const struct sim_scene *all = sim_scenes(&n);
    uint64_t *at = &known[scene - all];

    if (*at == 0)
        *at = live_apart(scene, 1, false, false).history;
    return *at;
}

static uint64_t one_seed(uint64_t seed)
{
    const struct sim_scene *scene = sim_scene_of(seed);
    struct sim_life life = live_apart(scene, seed, true, false);

    if (!scene->cancelled && life.history != plain_history(scene)) {
        fprintf(stderr,
                "seed %llu (%s): its history is another than without faults\n"
                "again: SIM_HISTORY=1 test_sim_engine %llu\n",
                (unsigned long long)seed, scene->name, (unsigned long long)seed);
        exit(1);
    }
    return life.crashes;
}

int main(int argc, char **argv)
{
    uint64_t first = number_of("SIM_FIRST", 1), n = number_of("SIM_SEEDS", 250), crashes = 0;

    tsn_json_init();
    tsn_crypto_init();
    tsn_log_open(getenv("SIM_LOG") ? 2 : -1);
    (void)tsn_box_init();
    make_template();
    if (argc > 1)
        first = strtoull(argv[1], NULL, 10);
    for (uint64_t seed = first; seed < first + (argc > 1 ? 1 : 16); seed++) {
        const struct sim_scene *scene = sim_scene_of(seed);

        if (live_apart(scene, seed, true, false).trace !=
            live_apart(scene, seed, true, false).trace) {
            fprintf(stderr, "seed %llu made two histories\n", (unsigned long long)seed);
            return 1;
        }
    }
    if (argc > 1) {
        if (getenv("SIM_HOSTILE"))
            (void)live_apart(sim_scene_of(first), first, true, true);
        else
            (void)one_seed(first);
        return 0;
    }
    for (uint64_t seed = first; seed < first + n; seed++)
        crashes += one_seed(seed);
    /* Workers that lie: the core goes on, does nothing without an intent, and its log verifies. */
    for (uint64_t seed = first; seed < first + n / 4; seed++)
        (void)live_apart(sim_scene_of(seed), seed, true, true);
    printf("%llu seeds, %llu crashes\n", (unsigned long long)(n + n / 4),
           (unsigned long long)crashes);
    return 0;
}
