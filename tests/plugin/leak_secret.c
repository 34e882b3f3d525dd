/* leak_secret.c - a C plugin that says its secrets everywhere; for tests/e2e/test_secrets.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tocsin/plugin.h"

static int begin(const struct tocsin_host *host)
{
    /* At hand before the first call. */
    return host->secret("key") && !host->secret("plain") && !host->secret("nobody") ? 0 : 1;
}

static void start(struct tocsin_call *call)
{
    const char *key = call->host->secret("key");
    char text[600];

    fprintf(stderr, "to stderr: %s\n", key);
    printf("to stdout: %s\n", key);
    call->host->log(TOCSIN_LOG_INFO, key);
    if (strstr(call->args, "crash")) {
        fprintf(stderr, "abort: %s\n", key);
        abort();
    }
    snprintf(text, sizeof(text), "{\"code\":\"no\",\"message\":\"%s\",\"said\":\"%s\"}", key,
             key);
    call->host->complete(call->handle, strstr(call->args, "fail") ? TOCSIN_FAILED : TOCSIN_OK,
                         text, strlen(text));
}

static const struct tocsin_action look = {TOCSIN_ACTION_HEAD,
                                          TOCSIN_EFFECT_NONE,
                                          0,
                                          0,
                                          0,
                                          0,
                                          "look",
                                          "says what it should not",
                                          NULL,
                                          NULL,
                                          start,
                                          NULL,
                                          NULL};
static const struct tocsin_action *const actions[] = {&look, NULL};
static const struct tocsin_plugin plugin = {
    TOCSIN_PLUGIN_HEAD, "leakc", "1", "Apache-2.0", actions, begin, NULL};

const struct tocsin_plugin *tocsin_plugin_entry(void)
{
    return &plugin;
}
