/* form_site.c - files of the published tree, TLP:CLEAR only, read by the reader thread. */
#include "form/form_site.h"

#include <string.h>

#include "advisory/publish_tree.h"
#include "advisory/site_path.h"
#include "form/form_int.h"
#include "store/reader.h"

#define FILE_MAX ((size_t)64 << 20)

struct file_op {
    struct tsn_op op;
    struct tsn_ask *ask;
    const char *path;
    struct tsn_buf data;
};

static tsn_err read_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct file_op *x = (struct file_op *)op;

    (void)st;
    tsn_buf_clear(&x->data);
    return tsn_buf_read_file(&x->data, x->path);
}

static void read_done(struct tsn_op *op)
{
    static const struct tsn_header extra[] = {
        {"Cache-Control", "max-age=60"},
        {"X-Content-Type-Options", "nosniff"},
        {"Access-Control-Allow-Origin", "*"}, /* CSAF 2.1 requirement 25; keys' directory */
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"}};
    struct file_op *x = (struct file_op *)op;
    struct tsn_ask *a = x->ask;
    struct tsn_form *f = a->form;

    if (op->err) {
        tsn_page_plain(a, 404, "not_found");
    } else {
        tsn_http_answer(a->in, 200, tsn_site_media(a->in->path),
                        x->data.data ? x->data.data : "", x->data.len, extra, 4);
        a->in = NULL;
        tsn_ask_free(a);
    }
    tsn_buf_free(&x->data);
    tsn_op_destroy(op);
    tsn_form_op_done(f);
}

bool tsn_form_site(struct tsn_ask *a)
{
    struct tsn_form *f = a->form;
    const char *path = a->in->path;
    struct file_op *x;

    if (!f->cfg.publish_dir || strcmp(a->in->method, "GET") != 0 || !tsn_site_path_ok(path))
        return false;
    for (const char *const *t = (const char *const[]){"green/", "amber/", "red/", NULL}; *t;
         t++)
        if (strncmp(path, "/.well-known/csaf/", 18) == 0 &&
            strncmp(path + 18, *t, strlen(*t)) == 0)
            return false;
    x = tsn_op_new(sizeof(*x), read_apply, read_done, NULL);
    x->ask = a;
    x->path = tsn_arena_printf(x->op.arena, "%s/%s%s%s", f->cfg.publish_dir, TSN_SITE_PUBLIC,
                               path, path[strlen(path) - 1] == '/' ? "index.html" : "");
    tsn_buf_init(&x->data, FILE_MAX);
    f->under_way++;
    if (tsn_reader_submit(f->cfg.reader, &x->op) != 0) {
        tsn_buf_free(&x->data);
        tsn_op_destroy(&x->op);
        tsn_page_plain(a, 503, "busy");
        tsn_form_op_done(f);
    }
    return true;
}
