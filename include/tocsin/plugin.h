/* plugin.h - the C ABI of tocsin's plugins: what a shared object must export and what it is given.
 *
 * The shared object exports one symbol, tocsin_plugin_entry. A child process of its own
 * (tocsin-plugin-host) loads it; the core of tocsin never does. docs/plugin-abi.md explains all
 * of it, plugins/example-c is a model. Compiles alone as C11 and as C++.
 *
 * Rules that keep old plugins running:
 *   - every struct begins with its size as its maker knew it, and only grows at its end;
 *     nobody reads a member beyond the size the other side gave: TOCSIN_HAS asks;
 *   - numbers of enums are never used again, and 0 is none of them;
 *   - the host refuses another major and a higher minor; a lower minor is as good as its own.
 * 1.0 had no probe; 1.1 added it. 1.2 added secret.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TOCSIN_ABI_MAJOR 1
#define TOCSIN_ABI_MINOR 2

/* True when the maker of *p (a struct T) knew this member. */
#define TOCSIN_HAS(T, p, member) ((p)->size >= offsetof(struct T, member) + sizeof((p)->member))

#if defined(__GNUC__)
#define TOCSIN_EXPORT __attribute__((visibility("default")))
#else
#define TOCSIN_EXPORT
#endif

enum tocsin_effect {
    TOCSIN_EFFECT_NONE = 1,    /* a look-up: changes nothing outside */
    TOCSIN_EFFECT_EXTERNAL = 2 /* changes something outside */
};

/* What tocsin does when nobody can know whether an external call took effect. */
enum tocsin_doubt {
    TOCSIN_DOUBT_ASK = 1,         /* asks a person */
    TOCSIN_DOUBT_REPEAT_SAFE = 2, /* calls again with the same key; a repeat must be harmless */
    TOCSIN_DOUBT_PROBE = 3        /* asks the plugin's probe function, else a person */
};

/* How a call ended. If in doubt between RETRY and UNKNOWN, say UNKNOWN. */
enum tocsin_status {
    TOCSIN_OK = 1,     /* done; the JSON object is the result */
    TOCSIN_FAILED = 2, /* it did not happen and will not */
    TOCSIN_RETRY = 3,  /* nothing happened, later it may work */
    TOCSIN_UNKNOWN = 4 /* it may have happened */
};

enum tocsin_level {
    TOCSIN_LOG_DEBUG = 1,
    TOCSIN_LOG_INFO = 2,
    TOCSIN_LOG_WARN = 3,
    TOCSIN_LOG_ERROR = 4
};

/* What the host can do for a plugin. Lives as long as the process. Any thread may call any of
 * them. */
struct tocsin_host {
    uint32_t size;
    uint32_t abi_major, abi_minor;
    uint32_t reserved; /* 0 */

    /* One line (cut at 4,000 bytes) for tocsin's log. No secrets, no bodies. */
    void (*log)(uint32_t level, const char *text);
    /* Zeroed memory in the call's arena: freed as a whole after the call was completed. NULL
     * when the call is over or would hold more than 64 MiB. */
    void *(*alloc)(uint64_t call, size_t n);
    /* A value from the plugin's `settings` in tocsin.yaml: text as it is, everything else as
     * JSON; NULL when it is not set. Stays valid. */
    const char *(*setting)(const char *name);
    /* Ends a call. json (UTF-8, len bytes, an object; NULL = {}) is copied: for TOCSIN_OK the
     * result, else {"code": "...", "message": "..."}. The first completion counts and returns 0;
     * for a call that is over it is logged, dropped, and -1 comes back. The call's struct and
     * arena must not be touched afterwards. */
    int (*complete)(uint64_t call, uint32_t status, const char *json, size_t len);
    /* since 1.2: the value behind a setting that is a handle (`key: secret:NAME` in tocsin.yaml);
     * NULL when the setting is none, or nobody has set the secret. Stays valid. Ask at each use:
     * the value may be replaced. Never log it, never put it into a result. */
    const char *(*secret)(const char *setting);
};

/* One call. Made by the host; lives until it is completed, and for as long as a start, cancel or
 * probe function that was given it has not returned. */
struct tocsin_call {
    uint32_t size;
    uint32_t attempt; /* from 1 */
    uint64_t handle;  /* for alloc and complete; never used twice */
    const struct tocsin_host *host;
    const char *action;  /* without the plugin's name: "apply" */
    const char *key;     /* idempotency key: the same for each try of the same step */
    const char *run;     /* which run asks; for the outside system's own log */
    const char *case_id; /* may be NULL */
    const char *args;    /* a JSON object, terminated; "{}" for a probe */
    size_t args_len;
    void *state; /* the plugin's own, NULL at first */
};

struct tocsin_action {
    uint32_t size;
    uint32_t effect;      /* enum tocsin_effect */
    uint32_t doubt;       /* enum tocsin_doubt; 0 when the effect is NONE */
    uint32_t timeout_ms;  /* proposed; the manifest's `timeout` rules. 0 = 60 s */
    uint32_t concurrency; /* calls of this action at once; 0 = as many as the manifest allows */
    uint32_t secret;      /* 1: arguments are shown as *** */
    const char *name;     /* a-z, 0-9, _ ; "apply" */
    const char *summary;  /* one line */
    /* JSON Schema texts (objects), or NULL. Arguments that do not fit theirs never reach start;
     * docs/plugin-abi.md has the keywords, others are refused. */
    const char *args_schema, *result_schema;
    /* Begins the call and returns quickly: it runs on the thread that reads for all calls. What
     * takes time belongs on a thread of the plugin. May complete the call itself. */
    void (*start)(struct tocsin_call *call);
    /* Nobody waits any more. Returns 0: it will still be completed, soon. 1: given up, the host
     * ends it as unknown and the plugin touches it never again. NULL is like 0. */
    int (*cancel)(struct tocsin_call *call);
    /* since 1.1: did the call with this key take effect? Completed like any other call: OK with
     * {"happened": true or false, and members of its result}, else UNKNOWN. May be NULL. */
    void (*probe)(struct tocsin_call *call);
};

/* Constant, as is all it points to. The first three members are the same in every major. */
struct tocsin_plugin {
    uint32_t size;
    uint32_t abi_major, abi_minor;              /* what it needs; TOCSIN_PLUGIN_HEAD */
    uint32_t reserved;                          /* 0 */
    const char *name;                           /* as in manifest.yaml */
    const char *version;                        /* of the plugin */
    const char *licence;                        /* SPDX: "Apache-2.0" */
    const struct tocsin_action *const *actions; /* ends with NULL */
    /* Once, before the first call; settings are there. Not 0: the plugin cannot work (say why
     * with host->log); the process ends and is started again later. May be NULL. */
    int (*init)(const struct tocsin_host *host);
    /* Once, when tocsin hangs up. Do not count on it: a crash does not call it. May be NULL. */
    void (*stop)(void);
};

#define TOCSIN_PLUGIN_HEAD                                                                     \
    (uint32_t)sizeof(struct tocsin_plugin), TOCSIN_ABI_MAJOR, TOCSIN_ABI_MINOR, 0
#define TOCSIN_ACTION_HEAD (uint32_t)sizeof(struct tocsin_action)

/* The one exported symbol. Its name and signature are the same in every major. */
TOCSIN_EXPORT const struct tocsin_plugin *tocsin_plugin_entry(void);

#ifdef __cplusplus
}
#endif
