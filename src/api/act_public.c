/* act_public.c - the published tree over HTTP: what is TLP:CLEAR for anybody, the rest for people of
 * the house. Files are read by the reader thread, since the loop never waits for a disk.
 */
#include <stdlib.h>
#include <string.h>
#include "advisory/publish_tree.h"
#include "advisory/site_path.h"
#include "api/api_advisory.h"

#define FILE_MAX ((size_t)64 << 20)

static const struct tsn_route open_route = {
    "GET", "/{file}", TSN_NEED_NOTHING, 0, NULL, tsn_act_public, NULL};
static const struct tsn_route closed_route = {"GET", "/{file}",      TSN_NEED_READ, 0,
                                              NULL,  tsn_act_public, NULL};

const struct tsn_route *tsn_public_route(const struct tsn_api *api, const char *method,
                                         const char *path)
{
    static const char *const closed[] = {"green", "amber", "amber+strict", "red"};
    static const char csaf[] = "/.well-known/csaf/", v21[] = "v2.1/";
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!api->config.publish_dir || !get || !tsn_site_path_ok(path))
        return NULL;
    const char *label =
        strncmp(path, csaf, sizeof(csaf) - 1) == 0 ? path + sizeof(csaf) - 1 : "";
    if (strncmp(label, v21, sizeof(v21) - 1) == 0)
        label += sizeof(v21) - 1;
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        size_t n = strlen(closed[i]);
        if (strncmp(label, closed[i], n) == 0 && label[n] == '/')
            return &closed_route;
    }
    return &open_route;
}

/* rd->id: the folder and the path below. */
static tsn_err read_file(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_buf b;
    (void)st;
    tsn_buf_init(&b, FILE_MAX);
    tsn_err err = tsn_buf_read_file(&b, rd->id);
    if (!err)
        *out = json_stringn(b.data ? b.data : "", b.len);
    if (err || !*out)
        err = tsn_diag_set(&rd->op.diag, TSN_ENOTFOUND, "H030", "nothing is published there");
    tsn_buf_free(&b);
    return err;
}

static void answer(struct tsn_req *req, json_t *out)
{
    const struct tsn_header extra[] = {
        {"Cache-Control", "max-age=60"},
        {"X-Content-Type-Options", "nosniff"},
        {"Access-Control-Allow-Origin", "*"}, /* CSAF 2.1 requirement 25 */
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"}};
    if (req->in)
        tsn_http_answer(req->in, 200, tsn_site_media(req->in->path), json_string_value(out),
                        json_string_length(out), extra, 4);
    req->in = NULL;
    tsn_req_end(req);
}

void tsn_act_public(struct tsn_req *req)
{
    const char *path = req->in->path;
    const char *folder = req->route == &closed_route ? TSN_SITE_RESTRICTED : TSN_SITE_PUBLIC;
    req->id = tsn_arena_printf(req->arena, "%s/%s%s%s", req->api->config.publish_dir, folder,
                               path, path[strlen(path) - 1] == '/' ? "index.html" : "");
    tsn_req_read(req, read_file, answer);
}
