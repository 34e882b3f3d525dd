/* pluginhost.h - inside tocsin-plugin-host: one shared object, its calls, the protocol on two
 * descriptors. One library a process, so what is shared is static. */
#pragma once

#include "core/json.h"
#include "core/mem.h"
#include "tocsin/plugin.h"

/* An action as far as the library knew the struct; the rest is 0. */
struct tsn_ph_action {
    struct tocsin_action a;
    json_t *args;    /* its schema of arguments, checked; NULL: anything goes. Of the arena */
    int64_t running; /* owned by hostcall.c, under its lock */
};

struct tsn_ph_lib {
    struct tsn_arena *arena;
    void *dl;
    struct tocsin_plugin p;
    struct tsn_ph_action *actions;
    size_t nactions;
};

/* Loads and checks; code R054 says what is wrong. The library stays mapped for good: its threads
 * may run on. Main thread. */
tsn_err tsn_ph_load(struct tsn_ph_lib **out, const char *path, struct tsn_diag *diag);
/* The manifest, which people have reviewed, must say of each action what the library says. */
tsn_err tsn_ph_agree(const struct tsn_ph_lib *lib, const char *manifest, struct tsn_diag *diag);
void tsn_ph_unload(struct tsn_ph_lib *lib);

/* Messages go to out_fd; a byte is written to wake_fd (eventfd) after each completion. */
void tsn_ph_open(struct tsn_ph_lib *lib, int out_fd, int wake_fd);
/* One message of the core. An error: it is not the protocol, or the plugin cannot work. */
tsn_err tsn_ph_message(const json_t *m, struct tsn_diag *diag);
/* Starts the calls that have room. Main thread. */
void tsn_ph_pump(void);
/* The core has hung up: tells the plugin; true when no call is open. */
bool tsn_ph_close(void);
