/* bad_describe.c - libraries that say something wrong, or something old, of themselves. Built once
 * for each BAD; see tests/CMakeLists.txt. The memory behind a short struct is poisoned, so that a
 * host that reads beyond the given size crashes or believes nonsense. */
#include <string.h>
#include <tocsin/plugin.h>

/* Names for the preprocessor. */
#define NEW_MAJOR    1
#define OLD_MAJOR    2
#define NEW_MINOR    3
#define OLD_MINOR    4
#define SHORT_PLUGIN 5
#define SHORT_ACTION 6
#define NOTHING      7
#define NO_EFFECT    8
#define NO_DOUBT     9
#define BAD_SCHEMA   10
#define TWICE        11
#define SULKS        12
#define LONGER       13
#define ODD_SCHEMA   14

static void start(struct tocsin_call *call)
{
    call->host->complete(call->handle, TOCSIN_OK, NULL, 0);
}

#if BAD == SULKS
static int sulk(const struct tocsin_host *host)
{
    host->log(TOCSIN_LOG_ERROR, "no disk to write on");
    return 1;
}
#endif

/* What an older or newer compiler of plugin.h would have laid out. */
struct shelf {
    struct tocsin_plugin plugin;
    unsigned char behind[64];
};

const struct tocsin_plugin *tocsin_plugin_entry(void)
{
    static struct tocsin_action first;
    static const struct tocsin_action *list[] = {&first, NULL, NULL};
    static struct shelf shelf;
    struct tocsin_plugin *p = &shelf.plugin;

    memset(&first, 0xa5, sizeof(first));
    memset(&shelf, 0xa5, sizeof(shelf));
    first.size = (uint32_t)sizeof(first);
    first.effect = TOCSIN_EFFECT_EXTERNAL;
    first.doubt = TOCSIN_DOUBT_ASK;
    first.timeout_ms = first.concurrency = first.secret = 0;
    first.name = "act";
    first.summary = "act";
    first.args_schema = first.result_schema = NULL;
    first.start = start;
    p->size = (uint32_t)sizeof(*p);
    p->abi_major = TOCSIN_ABI_MAJOR;
    p->abi_minor = TOCSIN_ABI_MINOR;
    p->reserved = 0;
    p->name = "bad";
    p->version = "1.0.0";
    p->licence = "Apache-2.0";
    p->actions = list;

#if BAD == OLD_MINOR
    /* As 1.0 was: no probe; and from before init, stop and cancel for good measure. */
    p->abi_minor = 0;
    p->size = offsetof(struct tocsin_plugin, init);
    first.size = offsetof(struct tocsin_action, cancel);
    return p;
#else
    p->init = NULL;
    p->stop = NULL;
    first.cancel = NULL;
    first.probe = NULL;
#endif
#if BAD == NEW_MAJOR
    p->abi_major = TOCSIN_ABI_MAJOR + 1;
    memset(&p->name, 0xa5, sizeof(*p) - offsetof(struct tocsin_plugin, name));
#elif BAD == OLD_MAJOR
    p->abi_major = TOCSIN_ABI_MAJOR - 1;
    p->size = 16;
#elif BAD == NEW_MINOR
    p->abi_minor = TOCSIN_ABI_MINOR + 1;
#elif BAD == SHORT_PLUGIN
    p->size = offsetof(struct tocsin_plugin, actions);
#elif BAD == SHORT_ACTION
    first.size = offsetof(struct tocsin_action, start);
#elif BAD == NOTHING
    return NULL;
#elif BAD == NO_EFFECT
    first.effect = 0;
#elif BAD == NO_DOUBT
    first.doubt = 9;
#elif BAD == BAD_SCHEMA
    first.args_schema = "{\"type\":";
#elif BAD == ODD_SCHEMA
    first.args_schema = "{\"properties\":{\"n\":{\"exclusiveMinimum\":0}}}";
#elif BAD == TWICE
    list[1] = &first;
#elif BAD == SULKS
    p->init = sulk;
#elif BAD == LONGER
    p->size = (uint32_t)sizeof(shelf); /* a later header, but nothing of it is needed */
    first.size = (uint32_t)sizeof(first) + 8;
#endif
    return p;
}
